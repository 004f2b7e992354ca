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
test_snp_split() { linux_boots snp 4 split; }
test_sw_protected_in_place_preserve() { linux_boots sw-protected 1 preserve; }
test_sw_protected_in_place() { linux_boots sw-protected 2 in-place-only interrupted; }
test_sw_protected_split() { linux_boots sw-protected 1 split; }

# Each of all combinations; only firmware copies. That calls end after one page is cc_convert's to show:
# here it would be 32768 of them.
every() { # every TECH DIALECT
	local vcpus faults source

	for vcpus in 1 2 4; do
		for faults in none interrupted; do
			for source in auto copy; do
				[ "$1-$source" != sw-protected-copy ] || continue
				linux_boots "$1" "$vcpus" "$2" "$faults" "$source"
			done
		done
	done
}

test_snp_in_place_preserve_every_boot() { long; every snp preserve; }
test_snp_in_place_every_boot() { long; every snp flags0; }
test_snp_in_place_only_every_boot() { long; every snp in-place-only; }
test_snp_split_every_boot() { long; every snp split; }
test_sw_protected_in_place_preserve_every_boot() { long; every sw-protected preserve; }
test_sw_protected_in_place_every_boot() { long; every sw-protected flags0; }
test_sw_protected_in_place_only_every_boot() { long; every sw-protected in-place-only; }
test_sw_protected_split_every_boot() { long; every sw-protected split; }
