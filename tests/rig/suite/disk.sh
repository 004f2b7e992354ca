# SPDX-License-Identifier: MIT
# Disks: what guests write is there after a power cycle.

disk() { # disk KERNEL VCPUS WHAT [LINE...]: lines for [[disk]], by default a new image of 16 MiB
	guest "$1" "$2" 256M "$3 seed=11"
	{
		echo "[[disk]]"
		echo "path = \"${image:-$T/disk.img}\""
		printf '%s\n' "${@:4}"
	} >> "$T/config.toml"
	[ -e "${image:-$T/disk.img}" ] || truncate -s 16M "${image:-$T/disk.img}"
}

# One VM writes at random, the next finds everything where it has to be.
survives() { # survives KERNEL VCPUS [LINE...]
	disk "$1" "$2" disk-write "${@:3}"
	minivmm run "$T/config.toml"
	expect_status 0
	expect_stdout "GUEST disk serial=disk0 sectors=32768"
	expect_stdout "GUEST disk written bad=0"
	verifies "$@"
}

verifies() { # verifies KERNEL VCPUS [LINE...]
	disk "$1" "$2" disk-verify "${@:3}"
	minivmm run "$T/config.toml"
	expect_status 0
	expect_stdout "GUEST disk verified bad=0"
}

test_debian_finds_what_it_wrote() { survives debian-bzimage 2; }
test_the_rigs_kernel_finds_what_it_wrote() { survives rig-bzimage 1; }

# A sector that differs is found: what verifies above can fail.
test_a_changed_sector_is_found() {
	disk rig-bzimage 1 disk-write
	minivmm run "$T/config.toml"
	expect_stdout "GUEST disk written bad=0"
	printf 'x' | dd of="$T/disk.img" bs=1 seek=5000000 conv=notrunc status=none
	disk rig-bzimage 1 disk-verify
	minivmm run "$T/config.toml"
	expect_stdout "GUEST disk verified bad=1"
}
