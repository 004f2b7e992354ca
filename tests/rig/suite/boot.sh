# SPDX-License-Identifier: MIT
# Unmodified kernels boot, see all CPUs and all memory, and power off.

# Boots a kernel and checks what the guest reports.
boots() { # boots KERNEL VCPUS MEMORY
	local kb=${3%[MG]}

	case $3 in
	*M) kb=$((kb * 1024)) ;;
	*G) kb=$((kb * 1024 * 1024)) ;;
	esac
	guest "$1" "$2" "$3" poweroff
	minivmm run "$T/config.toml"
	expect_status 0
	expect_stdout "GUEST hello from Linux"
	expect_stdout "GUEST cpus=$2 "
	expect_memory "$kb"
	expect_nothing_left
}

# All memory but the holes below 1 MiB and the ACPI tables is RAM to the kernel; of that the kernel
# keeps 1/64 for its page structures, and up to some 60 MiB for itself.
expect_memory() { # expect_memory KIB
	local ram mem

	ram=$(sed -n 's/^GUEST cpus.* ramkb=\([0-9]*\).*/\1/p' "$T/stdout")
	mem=$(sed -n 's/^GUEST cpus.* memkb=\([0-9]*\).*/\1/p' "$T/stdout")
	if [ "$ram" -gt "$1" ] || [ "$ram" -lt $(($1 - 2048)) ]; then
		fail "the guest's memory map has $ram of $1 KiB"
	fi
	[ "$mem" -gt $(($1 - $1 / 32 - 61440)) ] || fail "the guest can use $mem of $1 KiB"
}

# Each kernel with each number of CPUs and each size of memory. Most take long; always there are each
# kernel, each number and each size at least once.
test_bzimage_1cpu_128m() { boots rig-bzimage 1 128M; }
test_bzimage_1cpu_1g() { long; boots rig-bzimage 1 1G; }
test_bzimage_1cpu_5g() { long; boots rig-bzimage 1 5G; }
test_bzimage_2cpus_128m() { long; boots rig-bzimage 2 128M; }
test_bzimage_2cpus_1g() { boots rig-bzimage 2 1G; }
test_bzimage_2cpus_5g() { long; boots rig-bzimage 2 5G; }
test_bzimage_4cpus_128m() { long; boots rig-bzimage 4 128M; }
test_bzimage_4cpus_1g() { long; boots rig-bzimage 4 1G; }
test_bzimage_4cpus_5g() { boots rig-bzimage 4 5G; }

test_vmlinux_1cpu_128m() { long; boots rig-vmlinux 1 128M; }
test_vmlinux_1cpu_1g() { long; boots rig-vmlinux 1 1G; }
test_vmlinux_1cpu_5g() { long; boots rig-vmlinux 1 5G; }
test_vmlinux_2cpus_128m() { long; boots rig-vmlinux 2 128M; }
test_vmlinux_2cpus_1g() { boots rig-vmlinux 2 1G; }
test_vmlinux_2cpus_5g() { long; boots rig-vmlinux 2 5G; }
test_vmlinux_4cpus_128m() { long; boots rig-vmlinux 4 128M; }
test_vmlinux_4cpus_1g() { long; boots rig-vmlinux 4 1G; }
test_vmlinux_4cpus_5g() { long; boots rig-vmlinux 4 5G; }

test_debian_1cpu_128m() { boots debian-bzimage 1 128M; }
test_debian_1cpu_1g() { long; boots debian-bzimage 1 1G; }
test_debian_1cpu_5g() { long; boots debian-bzimage 1 5G; }
test_debian_2cpus_128m() { long; boots debian-bzimage 2 128M; }
test_debian_2cpus_1g() { long; boots debian-bzimage 2 1G; }
test_debian_2cpus_5g() { long; boots debian-bzimage 2 5G; }
test_debian_4cpus_128m() { long; boots debian-bzimage 4 128M; }
test_debian_4cpus_1g() { long; boots debian-bzimage 4 1G; }
test_debian_4cpus_5g() { long; boots debian-bzimage 4 5G; }

# A unified kernel image boots without firmware: what is in its sections is what is started.
test_unified_kernel_image() {
	guest debian-bzimage 1 256M poweroff
	sed -n 's/^cmdline = "\(.*\)"$/\1/p' "$T/config.toml" > "$T/cmdline"
	python3 "$SUITE/../make-uki" "$T/guest.efi" .cmdline="$T/cmdline" \
		.initrd="$GUESTS/debian.cpio.gz" .linux="$GUESTS/debian-bzimage"
	sed -i -e '/^initrd\|^cmdline/d' -e 's|^kernel = .*|kernel = "guest.efi"|' "$T/config.toml"
	minivmm run "$T/config.toml"
	expect_status 0
	expect_stdout "GUEST hello from Linux"
}

# An initrd for which there is no room below its kernel's limit: here because the limit, which
# Linux itself never looks at, is moved to where the kernel begins.
test_initrd_above_4_gib() {
	guest debian-bzimage 1 3G poweroff
	cp "$GUESTS/debian-bzimage" "$T/kernel"
	printf '\xff\xff\x0f\x00' | dd of="$T/kernel" bs=1 seek=$((0x22c)) conv=notrunc status=none
	sed -i 's|^kernel = .*|kernel = "kernel"|' "$T/config.toml"
	minivmm plan "$T/config.toml"
	expect_stdout '0x0001[0-9a-f]{8}-.*initrd'
	minivmm run "$T/config.toml"
	expect_status 0
	expect_stdout "GUEST hello from Linux"
}

# Guest memory of 2 MiB pages, taken from the host's pool; too few are told before the guest runs.
test_hugepages() {
	local pool=/proc/sys/vm/nr_hugepages

	[ -e "$pool" ] || skip "the kernel has no huge pages"
	echo 160 > "$pool"
	[ "$(cat "$pool")" -eq 160 ] || skip "the host has no memory for huge pages"
	guest rig-bzimage 1 256M poweroff "hugepages = true"
	minivmm run "$T/config.toml"
	expect_status 0
	expect_stdout "GUEST cpus=1 "
	echo 100 > "$pool"
	minivmm run "$T/config.toml"
	echo 0 > "$pool"
	expect_status 1
	expect_stderr "2 MiB pages|huge ?pages"
	expect_stderr_lines 1
}

# A compressed kernel file is as good.
boots_packed_by() { # boots_packed_by COMMAND...
	command -v "$1" > /dev/null || skip "$1 is not installed"
	"$@" -1 -c < "$GUESTS/rig-vmlinux" > "$T/vmlinux.packed"
	guest rig-vmlinux 1 256M poweroff
	sed -i "s|^kernel = .*|kernel = \"vmlinux.packed\"|" "$T/config.toml"
	minivmm run "$T/config.toml"
	expect_status 0
	expect_stdout "GUEST cpus=1 "
}

test_vmlinux_gzip() { boots_packed_by gzip; }
test_vmlinux_zstd() { long; boots_packed_by zstd; }

# With a device tree a kernel starts at its 64-bit entry, also one that could start by PVH; and it
# finds the tree.
test_device_tree() {
	guest rig-vmlinux 2 256M poweroff
	echo "device-tree = true" >> "$T/config.toml"
	minivmm run "$T/config.toml"
	expect_status 0
	expect_stdout "GUEST cpus=2 "
	expect_stdout "GUEST device tree: "
}

# Two VMs at once do not get in each other's way.
test_two_at_once() {
	local first

	guest rig-bzimage 1 128M poweroff
	"$MINIVMM" run "$T/config.toml" > "$T/first" 2>&1 < /dev/null &
	first=$!
	minivmm run "$T/config.toml"
	expect_status 0
	expect_stdout "GUEST cpus=1 "
	wait "$first" || fail "the other VM: exit status $?: $(tail -n 5 "$T/first")"
	grep -q "GUEST cpus=1 " "$T/first" || fail "the other VM: $(tail -n 5 "$T/first")"
}
