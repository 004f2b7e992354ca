# SPDX-License-Identifier: MIT
# A whole Linux in confidential VMs, loaded without firmware: to user space and to power-off.
. "$SUITE/../lib-cc.sh"

linux_boots() { # linux_boots TECH VCPUS DIALECT
	dialect "$3"
	guest rig-bzimage "$2" 128M poweroff "cc = \"$1\""
	printf '[snp]\ncbit = 0\n[log]\nlevel = "debug"\n' >> "$T/config.toml"
	run_measured "$1"
	expect_status 0
	expect_stdout "GUEST cpus=$2 "
	expect_stderr "launched: memory is $memory_mode,"
}

test_snp_in_place_preserve() { linux_boots snp 1 preserve; }
test_snp_in_place() { linux_boots snp 2 in-place-only; }
test_snp_split() { linux_boots snp 1 split; }
test_sw_protected_in_place_preserve() { linux_boots sw-protected 1 preserve; }
test_sw_protected_in_place() { linux_boots sw-protected 2 in-place-only; }
test_sw_protected_split() { linux_boots sw-protected 1 split; }
