# SPDX-License-Identifier: MIT
# A whole Linux in confidential VMs, loaded without firmware: to user space and to power-off.
. "$SUITE/../lib-cc.sh"

linux_boots() { # linux_boots TECH VCPUS DIALECT [FAULTS [SOURCE]]
	local private

	echo "$SECONDS s: $1, $2 vCPUs, $3, faults: ${4:-none}, source: ${5:-auto}"
	dialect "$3"
	faults "${4:-none}"
	guest rig-bzimage "$2" 128M poweroff "cc = \"$1\"" "memory-source = \"${5:-auto}\""
	printf '[snp]\ncbit = 0\n[log]\nlevel = "debug"\n' >> "$T/config.toml"
	run_measured "$1"
	expect_status 0
	expect_stdout "GUEST cpus=$2 "
	expect_stderr "launched: memory is $memory_mode,"
	private=$(sed -n 's/.*at the end \([0-9]*\) pages were private.*/\1/p' "$T/stderr")
	# This Linux does not know how to share any. Where KVM cannot keep contents, boot items of a
	# software-protected guest become private as they are touched.
	[ "$private" -gt $((128 * 256 * 9 / 10)) ] || fail "$private pages are private"
}

test_snp_in_place_preserve() { linux_boots snp 1 preserve; }
test_snp_in_place() { linux_boots snp 2 in-place-only interrupted; }
test_snp_split() { linux_boots snp 2 split; } # with four, emulation fails often: every_boot
test_sw_protected_in_place_preserve() { linux_boots sw-protected 1 preserve; }
test_sw_protected_in_place() { linux_boots sw-protected 2 in-place-only interrupted; }
test_sw_protected_split() { linux_boots sw-protected 1 split; }

# All combinations with a number of CPUs; only firmware copies. That calls end after one page is
# cc_convert's to show: here it would be 32768 of them.
every() { # every TECH DIALECT VCPUS
	local faults source

	for faults in none interrupted; do
		for source in auto copy; do
			[ "$1-$source" != sw-protected-copy ] || continue
			linux_boots "$1" "$3" "$2" "$faults" "$source"
		done
	done
}

test_snp_in_place_preserve_1cpu_every_boot() { long; every snp preserve 1; }
test_snp_in_place_preserve_2cpus_every_boot() { long; every snp preserve 2; }
test_snp_in_place_preserve_4cpus_every_boot() { long; every snp preserve 4; }
test_snp_in_place_1cpu_every_boot() { long; every snp flags0 1; }
test_snp_in_place_2cpus_every_boot() { long; every snp flags0 2; }
test_snp_in_place_4cpus_every_boot() { long; every snp flags0 4; }
test_snp_in_place_only_1cpu_every_boot() { long; every snp in-place-only 1; }
test_snp_in_place_only_2cpus_every_boot() { long; every snp in-place-only 2; }
test_snp_in_place_only_4cpus_every_boot() { long; every snp in-place-only 4; }
test_snp_split_1cpu_every_boot() { long; every snp split 1; }
test_snp_split_2cpus_every_boot() { long; every snp split 2; }
test_snp_split_4cpus_every_boot() { long; every snp split 4; }

test_sw_protected_in_place_preserve_1cpu_every_boot() { long; every sw-protected preserve 1; }
test_sw_protected_in_place_preserve_2cpus_every_boot() { long; every sw-protected preserve 2; }
test_sw_protected_in_place_preserve_4cpus_every_boot() { long; every sw-protected preserve 4; }
test_sw_protected_in_place_1cpu_every_boot() { long; every sw-protected flags0 1; }
test_sw_protected_in_place_2cpus_every_boot() { long; every sw-protected flags0 2; }
test_sw_protected_in_place_4cpus_every_boot() { long; every sw-protected flags0 4; }
test_sw_protected_in_place_only_1cpu_every_boot() { long; every sw-protected in-place-only 1; }
test_sw_protected_in_place_only_2cpus_every_boot() { long; every sw-protected in-place-only 2; }
test_sw_protected_in_place_only_4cpus_every_boot() { long; every sw-protected in-place-only 4; }
test_sw_protected_split_1cpu_every_boot() { long; every sw-protected split 1; }
test_sw_protected_split_2cpus_every_boot() { long; every sw-protected split 2; }
test_sw_protected_split_4cpus_every_boot() { long; every sw-protected split 4; }
