# SPDX-License-Identifier: MIT
# The launch of every kind of confidential VM, in every dialect of private memory, with and without
# faults; measured as predicted. The guest finds its bytes as they were in its file, and converts
# memory at random while other CPUs touch it.
. "$SUITE/../lib-cc.sh"

launches() { # launches TECH VCPUS CONVERSIONS FAULTS
	echo "$SECONDS s: $1, $2 vCPUs, $3 conversions, faults: $4"
	faults "$4"
	cc_guest "$1" "$2" "test=convert n=$3 seed=$((7 + $2))"
	run_measured "$1"
	expect_well "convert conversions=$3 "
	expect_stderr "launched: memory is $memory_mode,"
	expect_stderr "guest: GUEST ok convert" # on the debug port as well
	case $1-$4 in
	snp-interrupted | tdx-interrupted) expect_stderr "launched: .* [1-9][0-9]* retries" ;;
	esac
}

# All combinations in one dialect. A TD can have as many CPUs as the host.
all_launches() { # all_launches TECH DIALECT
	dialect "$2"
	launches "$1" 1 100 none
	launches "$1" 2 1000 none
	launches "$1" 1 20 partial
	launches "$1" 2 100 interrupted
	[ "$1" = tdx ] || launches "$1" 4 100 none
}

test_snp_in_place_preserve() { all_launches snp preserve; }
test_snp_in_place() { all_launches snp flags0; }
test_snp_in_place_only() { all_launches snp in-place-only; }
test_snp_split() { all_launches snp split; }

test_tdx_in_place_preserve() { all_launches tdx preserve; }
test_tdx_in_place() { all_launches tdx flags0; }
test_tdx_in_place_only() { all_launches tdx in-place-only; }
test_tdx_split() { all_launches tdx split; }

test_sw_protected_in_place_preserve() { all_launches sw-protected preserve; }
test_sw_protected_in_place() { all_launches sw-protected flags0; }
test_sw_protected_in_place_only() { all_launches sw-protected in-place-only; }
test_sw_protected_split() { all_launches sw-protected split; }

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
		expect_stderr "launched: memory is in-place, $regions conversions,"
	done
	! dmesg | grep "converts a range with added pages" || fail "populated pages were converted"
}

# Memory of VMs that ended is the host's again.
test_memory_comes_back() {
	local name tech before after

	available() { echo 3 > /proc/sys/vm/drop_caches; awk '/^MemAvailable/ { print $2 }' /proc/meminfo; }
	dialect flags0
	before=$(available)
	for name in preserve in-place-only split; do
		dialect "$name"
		for tech in snp tdx sw-protected; do
			cc_guest "$tech" 2 "test=convert n=50"
			minivmm run "$T/config.toml"
			expect_well convert
		done
	done
	after=$(available)
	[ "$after" -gt $((before - 24576)) ] || # the nine VMs had 32 MiB each
		fail "MemAvailable was $before KiB and is $after KiB"
}

# The same guest in a plain VM.
test_plain_vm() {
	cc_guest none 2 "test=bytes"
	minivmm run "$T/config.toml"
	expect_well bytes
}
