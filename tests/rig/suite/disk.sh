# SPDX-License-Identifier: MIT
# Disks: what guests write is there after a power cycle, by each way that it takes.

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

# And a sector that differs is found: what verifies above can fail.
test_the_rigs_kernel_finds_what_it_wrote_and_a_changed_sector() {
	survives rig-bzimage 1
	printf 'x' | dd of="$T/disk.img" bs=1 seek=5000000 conv=notrunc status=none
	disk rig-bzimage 1 disk-verify
	minivmm run "$T/config.toml"
	expect_stdout "GUEST disk verified bad=1"
}

test_several_queues() { long; survives debian-bzimage 2 'queues = 2'; }
test_direct_io() { long; survives rig-bzimage 2 'direct = true'; }

# What was flushed is there when the VMM is killed, too.
test_flushed_writes_survive_a_power_failure() {
	long
	disk debian-bzimage 2 disk-write-wait
	start run "$T/config.toml"
	wait_for "GUEST disk written bad=0"
	kill -KILL "$vmm"
	wait "$vmm" || true
	vmm=
	verifies debian-bzimage 2
}

# A file system on a block device of the host's, with and without its page cache: requests go
# through io_uring there.
on_a_file_system() { # on_a_file_system [LINE...]
	mke2fs -q -t ext4 "$T/fs.img" 40M
	mkdir "$T/fs"
	mount -o loop "$T/fs.img" "$T/fs" 2> "$T/mount" || skip "no loop mount: $(cat "$T/mount")"
	at_end 'umount -l "$T/fs"'
	image=$T/fs/disk.img
	disk debian-bzimage 2 disk-write "$@"
	minivmm run "$T/config.toml"
	# from the host's disk, not from its cache
	sync
	echo 3 > /proc/sys/vm/drop_caches
	verifies debian-bzimage 2 "$@"
	disk debian-bzimage 2 disk-discard "$@"
	minivmm run "$T/config.toml"
	expect_status 0
	expect_stdout "GUEST disk discard=0 zero=0 bad=0"
}

test_on_a_file_system() { long; on_a_file_system; }
test_direct_io_on_a_file_system() { long; on_a_file_system 'direct = true'; }

test_a_block_device_of_the_host() {
	long
	local loop

	truncate -s 16M "$T/loop.img"
	loop=$(losetup -f --show "$T/loop.img") || skip "no loop device"
	image=$loop
	disk rig-bzimage 2 disk-write
	minivmm run "$T/config.toml"
	disk rig-bzimage 2 disk-verify
	minivmm run "$T/config.toml"
	losetup -d "$loop"
	expect_stdout "GUEST disk verified bad=0"
}

test_a_read_only_block_device_is_refused_unless_readonly_is_said() {
	local loop

	truncate -s 16M "$T/loop.img"
	loop=$(losetup -r -f --show "$T/loop.img") || skip "no loop device"
	at_end "losetup -d $loop"
	image=$loop
	disk rig-bzimage 1 disk-verify
	for command in check run; do
		minivmm "$command" "$T/config.toml"
		case $command in check) expect_status 2 ;; run) expect_status 1 ;; esac
		expect_stderr "$loop.*readonly = true"
		expect_stderr_lines 1
	done
	disk rig-bzimage 1 disk-verify 'readonly = true'
	minivmm run "$T/config.toml"
	expect_status 0
	expect_stdout "GUEST disk verified bad="
}

test_a_read_only_disk_refuses_writes() {
	disk rig-bzimage 1 disk-write 'readonly = true'
	minivmm run "$T/config.toml"
	expect_status 0
	expect_stdout "GUEST /dev/vda: Permission denied|GUEST disk written bad=[1-9]"
	[ "$(tr -d '\0' < "$T/disk.img" | wc -c)" -eq 0 ] || fail "it was written to"
}

# --- sharing -------------------------------------------------------------------------------------

second() { # second: a VM with the same configuration, to its end: $status, $T/second
	status=0
	"$MINIVMM" run "$T/config.toml" > "$T/second" 2> "$T/stderr" < /dev/null || status=$?
}

test_two_vms_cannot_share_a_writable_image() {
	disk rig-bzimage 1 ignore
	start run "$T/config.toml"
	wait_for "GUEST ignores"
	second
	expect_status 1
	expect_stderr "disk\.img is in use by another VM"
	expect_stderr_lines 1
	sed -i 's/^path = .*disk.img.*/&\nreadonly = true/' "$T/config.toml"
	second
	expect_status 1
	expect_stderr "disk\.img is in use by another VM"
	kill -KILL "$vmm"
}

test_two_vms_share_a_read_only_image() {
	long
	disk rig-bzimage 1 ignore 'readonly = true'
	start run "$T/config.toml"
	wait_for "GUEST ignores"
	disk rig-bzimage 1 poweroff 'readonly = true'
	second
	expect_status 0
	kill -KILL "$vmm"
}

# --- Debian --------------------------------------------------------------------------------------

# Debian's root file system on the disk, with its kernel as shipped: systemd comes to a login, which
# works, and what it leaves behind is in order.
test_debian_boots_to_a_login() {
	long
	[ ! -e "$GUESTS/rootfs.missing" ] || skip "no root file system: $(cat "$GUESTS/rootfs.missing")"
	cp "$GUESTS/rootfs.img" "$T/disk.img"
	disk debian-bzimage 2 root
	sed -i 's|memory = .*|memory = "512M"|' "$T/config.toml"
	mkfifo "$T/keys"
	exec 5<> "$T/keys"
	input=$T/keys
	patience=280
	start run "$T/config.toml"
	wait_for "minivmm-guest login:"
	echo root >&5
	wait_for "root@minivmm-guest:~#"
	echo 'systemctl is-system-running; findmnt -no SOURCE,FSTYPE /; systemctl poweroff' >&5
	finish 100
	expect_status 0
	expect_stdout "/dev/vda +ext4"
	e2fsck -fn "$T/disk.img" > "$T/stderr" 2>&1 || fail "the file system is damaged"
}
