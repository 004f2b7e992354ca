# SPDX-License-Identifier: MIT
# The launch of every kind of confidential VM, in every dialect of private memory, with and without
# faults; measured as predicted. The guest finds its bytes as they were in its file, and converts
# memory at random while other CPUs touch it.
. "$SUITE/../lib-cc.sh"

# What the launch says of itself: faults were met, and pages came from where they were to come from.
expect_launched() { # expect_launched TECH FAULTS SOURCE
	local line calls pages

	line=$(grep -o "launched: memory is .*" "$T/stderr") || fail "no launch is told"
	case $line in
	"launched: memory is $memory_mode, copied, "*) [ "$3" = copy ] || fail "copied: $line" ;;
	"launched: memory is $memory_mode, "*) [ "$3" = auto ] || fail "not copied: $line" ;;
	*) fail "memory is not $memory_mode: $line" ;;
	esac
	calls=$(sed -n 's/.* \([0-9]*\) populate calls,.*/\1/p' <<< "$line")
	pages=$(sed -n 's/.* \([0-9]*\) pages,.*/\1/p' <<< "$line")
	[ "$1" != sw-protected ] || return 0
	case $2 in
	partial | both) [ "$calls" -ge "$pages" ] || fail "calls were not cut short: $line" ;;
	none) [ "$calls" -lt 64 ] || fail "too many calls: $line" ;;
	esac
	case $2 in
	interrupted | both) grep -q " [1-9][0-9]* retries" <<< "$line" || fail "no retries: $line" ;;
	esac
}

launches() { # launches TECH VCPUS FAULTS SOURCE CONVERSIONS
	local conversions=$5

	echo "$SECONDS s: $1, $2 vCPUs, $conversions conversions, faults: $3, source: $4"
	faults "$3"
	cc_guest "$1" "$2" "test=convert n=$conversions seed=$((7 + $2))" "memory-source = \"$4\""
	run_measured "$1"
	expect_well "convert conversions=$conversions "
	expect_launched "$1" "$3" "$4"
	expect_stderr "guest: GUEST ok convert" # on the debug port as well
}

# Each of all combinations: a TD can have as many CPUs as the host, and only firmware copies.
every() { # every TECH DIALECT
	local vcpus faults source

	dialect "$2"
	for vcpus in 1 2 4; do
		[ "$1-$vcpus" != tdx-4 ] || continue
		for faults in none partial interrupted both; do
			for source in auto copy; do
				[ "$1-$source" != sw-protected-copy ] || continue
				launches "$1" "$vcpus" "$faults" "$source" 1000
			done
		done
	done
}

# Two of them for each dialect, in which all occurs. Page by page, SNP firmware takes long, and what
# the host refuses the guest asks for again: there are fewer conversions with faults.
some() { # some TECH DIALECT
	local cpus=4 copy=copy worst=both

	dialect "$2"
	[ "$1" != tdx ] || cpus=2
	[ "$1" != snp ] || worst=interrupted
	[ "$1" != sw-protected ] || copy=auto
	launches "$1" 2 none auto 1000
	case $2 in
	preserve) launches "$1" 1 "$worst" "$copy" 200 ;;
	flags0) launches "$1" "$cpus" interrupted "$copy" 200 ;;
	in-place-only) launches "$1" "$cpus" none "$copy" 1000 ;;
	split) launches "$1" 1 partial auto 200 ;;
	esac
}

test_snp_in_place_preserve() { some snp preserve; }
test_snp_in_place() { some snp flags0; }
test_snp_in_place_only() { some snp in-place-only; }
test_snp_split() { some snp split; }

test_tdx_in_place_preserve() { some tdx preserve; }
test_tdx_in_place() { some tdx flags0; }
test_tdx_in_place_only() { some tdx in-place-only; }
test_tdx_split() { some tdx split; }

test_sw_protected_in_place_preserve() { some sw-protected preserve; }
test_sw_protected_in_place() { some sw-protected flags0; }
test_sw_protected_in_place_only() { some sw-protected in-place-only; }
test_sw_protected_split() { some sw-protected split; }

test_snp_in_place_preserve_every_launch() { long; every snp preserve; }
test_snp_in_place_every_launch() { long; every snp flags0; }
test_snp_in_place_only_every_launch() { long; every snp in-place-only; }
test_snp_split_every_launch() { long; every snp split; }

test_tdx_in_place_preserve_every_launch() { long; every tdx preserve; }
test_tdx_in_place_every_launch() { long; every tdx flags0; }
test_tdx_in_place_only_every_launch() { long; every tdx in-place-only; }
test_tdx_split_every_launch() { long; every tdx split; }

test_sw_protected_in_place_preserve_every_launch() { long; every sw-protected preserve; }
test_sw_protected_in_place_every_launch() { long; every sw-protected flags0; }
test_sw_protected_in_place_only_every_launch() { long; every sw-protected in-place-only; }
test_sw_protected_split_every_launch() { long; every sw-protected split; }

# The host could convert in place, and is told not to.
test_split_by_request() {
	local tech

	dialect flags0
	for tech in snp tdx sw-protected; do
		cc_guest "$tech" 2 "test=convert n=50" 'memory-mode = "split"'
		run_measured "$tech"
		expect_well "convert"
		expect_stderr "launched: memory is split,"
	done
}

# With two ranges of RAM and a hole between them.
test_two_regions() {
	local tech

	dialect flags0
	for tech in tdx sw-protected; do
		cc_guest "$tech" 1 "test=convert n=50"
		sed -i 's/^memory = .*/memory = "3G"/' "$T/config.toml"
		run_measured "$tech"
		expect_well "convert"
	done
}

# Pages that are touched as what they are not become that, if the guest insists.
test_by_access() {
	local tech name

	for name in flags0 split; do
		dialect "$name"
		for tech in snp tdx sw-protected; do
			echo "$tech, $name"
			cc_guest "$tech" 2 "test=implicit n=100"
			run_measured "$tech"
			expect_well "implicit conversions=100 "
		done
	done
}

# An SNP guest whose page tables have a C-bit: what an access means is in its address.
test_snp_c_bit() {
	local name

	grep -q "address sizes.*: 52 bits" /proc/cpuinfo || skip "needs a CPU with 52 address bits"
	for name in flags0 split; do
		dialect "$name"
		cbit=51 cc_guest snp 2 "test=convert bit=51 n=200"
		run_measured snp
		expect_well "convert conversions=200 "
		cbit=51 cc_guest snp 2 "test=implicit bit=51 n=50"
		run_measured snp
		expect_well "implicit conversions=50 "
	done
}

# Largest ranges: a launch converts each region of memory at once, and no page twice.
test_launch_converts_regions() {
	local tech regions

	dialect flags0
	for tech in snp tdx sw-protected; do
		cc_guest "$tech" 1 "test=bytes"
		run_measured "$tech"
		expect_well bytes
		regions=1
		[ "$tech" != tdx ] || regions=2 # RAM and firmware
		expect_stderr "launched: memory is in-place, $regions conversions and 0 refused ones,"
	done
	! dmesg | grep "converts a range with added pages" || fail "populated pages were converted"
}

# Memory of VMs that ended is the host's again: of those that ran, and of those whose launch failed,
# whatever the host refused on the way. They have 32 MiB each.
test_memory_comes_back() {
	local name tech before after

	available() { echo 3 > /proc/sys/vm/drop_caches; awk '/^MemAvailable/ { print $2 }' /proc/meminfo; }
	dialect flags0
	before=$(available)
	for name in flags0 split; do
		dialect "$name"
		for tech in snp tdx sw-protected; do
			faults interrupted
			cc_guest "$tech" 2 "test=convert n=50"
			minivmm run "$T/config.toml"
			expect_well convert
			[ "$tech" != snp ] || fails_to_launch
		done
	done
	after=$(available)
	[ "$after" -gt $((before - 16384)) ] ||
		fail "MemAvailable was $before KiB and is $after KiB"
}

# All pages are added, then the firmware refuses the ID block's signature, whose algorithm is 0.
fails_to_launch() {
	minivmm measure "$T/config.toml"
	{ # SNP firmware ABI, the ID block: digest, family, image, version, SVN, policy
		printf "$(sed 's/../\\x&/g' "$T/stdout")"
		head -c 32 /dev/zero
		printf '\1\0\0\0\0\0\0\0\0\0\3\0\0\0\0\0'
	} > "$T/id-block"
	head -c 4096 /dev/zero > "$T/id-auth"
	printf 'id-block = "%s"\nid-auth = "%s"\n' "$T/id-block" "$T/id-auth" >> "$T/config.toml"
	minivmm run "$T/config.toml"
	expect_status 1
	expect_stderr "KVM_SEV_SNP_LAUNCH_FINISH"
}

# The same guest in a plain VM.
test_plain_vm() {
	cc_guest none 2 "test=bytes"
	minivmm run "$T/config.toml"
	expect_well bytes
}
