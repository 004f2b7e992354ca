# SPDX-License-Identifier: MIT
# What cannot be started is refused in one clear sentence, with the right exit status.

test_kernel_missing() {
	guest rig-bzimage 1 128M poweroff
	sed -i 's|^kernel = .*|kernel = "no-such-file"|' "$T/config.toml"
	minivmm run "$T/config.toml"
	expect_status 1
	expect_stderr_lines 1
	expect_stderr "^$T/config\.toml:[0-9]+:1: kernel: .*no-such-file"
}

# As check tells them, each with its line.
test_all_missing_files() {
	guest rig-bzimage 1 128M poweroff
	truncate -s 1M "$T/disk.img"
	sed -i -e 's|^kernel = .*|kernel = "no-kernel"|' -e 's|^initrd = .*|initrd = "no-initrd"|' "$T/config.toml"
	printf '[[disk]]\npath = "disk.img"\n[[disk]]\npath = "no-disk"\n' >> "$T/config.toml"
	minivmm run "$T/config.toml"
	expect_status 1
	expect_stderr_lines 3
	expect_stderr "config\.toml:[0-9]+:1: kernel: .*no-kernel"
	expect_stderr "config\.toml:[0-9]+:1: boot\.initrd: .*no-initrd"
	expect_stderr "config\.toml:[0-9]+:1: disk\[1\]\.path: .*no-disk"
}

test_kernel_is_no_kernel() {
	guest rig-bzimage 1 128M poweroff
	head -c 100000 /dev/urandom > "$T/noise"
	sed -i 's|^kernel = .*|kernel = "noise"|' "$T/config.toml"
	minivmm run "$T/config.toml"
	expect_status 1
	expect_stderr_lines 1
	expect_stderr "noise"
}

test_kernel_is_truncated() {
	guest rig-vmlinux 1 128M poweroff
	head -c 5000000 "$GUESTS/rig-vmlinux" > "$T/half"
	sed -i 's|^kernel = .*|kernel = "half"|' "$T/config.toml"
	truncate -s 1M "$T/disk.img"
	printf '[[disk]]\npath = "disk.img"\n' >> "$T/config.toml"
	minivmm run "$T/config.toml"
	expect_status 1
	expect_stderr_lines 1 # nothing of the disk, which this run itself has locked
	expect_stderr "config\.toml:[0-9]+:1: kernel: .*half"
}

test_no_kvm() {
	[ "$(id -u)" -eq 0 ] || skip "hiding /dev/kvm needs root"
	guest rig-bzimage 1 128M poweroff
	MINIVMM_REAL=$MINIVMM MINIVMM=$T/without-kvm
	cat > "$MINIVMM" <<-END
		#!/bin/sh
		exec unshare --mount sh -c 'mount -t tmpfs empty /dev && exec "\$@"' - "$MINIVMM_REAL" "\$@"
	END
	chmod +x "$MINIVMM"
	minivmm run "$T/config.toml"
	expect_status 1
	expect_stderr_lines 1
	expect_stderr "/dev/kvm"
}

test_no_permission() {
	[ "$(id -u)" -eq 0 ] || skip "giving up permissions needs root"
	guest rig-bzimage 1 128M poweroff
	chmod 755 "$T"
	cp "$MINIVMM" "$T/minivmm"
	MINIVMM=$T/without-permission
	cat > "$MINIVMM" <<-END
		#!/bin/sh
		exec setpriv --reuid 65534 --regid 65534 --clear-groups "$T/minivmm" "\$@"
	END
	chmod +x "$MINIVMM"
	minivmm run "$T/config.toml"
	expect_status 1
	expect_stderr_lines 1
	expect_stderr "/dev/kvm"
}

test_config_wrong() {
	guest rig-bzimage 1 128M poweroff
	sed -i 's/^memory = .*/memroy = "128M"/' "$T/config.toml"
	minivmm run "$T/config.toml"
	expect_status 2
	expect_stderr "config\.toml:3:1: .*memory"
}

# All faults of a file are named in one run.
test_config_wrong_twice() {
	guest rig-bzimage 1 128M poweroff
	sed -i -e 's/^memory = .*/memory = true/' -e 's/^vcpus = .*/vcpus = "two"/' "$T/config.toml"
	minivmm run "$T/config.toml"
	expect_status 2
	expect_stderr "config\.toml:2:[0-9]+: "
	expect_stderr "config\.toml:3:[0-9]+: "
}

test_config_missing() {
	minivmm run "$T/no-such.toml"
	expect_status 2
	expect_stderr "no-such\.toml"
}

test_usage() {
	minivmm frobnicate
	expect_status 2
}

test_too_many_vcpus() {
	guest rig-bzimage 100000 128M poweroff
	minivmm run "$T/config.toml"
	case $status in 1 | 2) ;; *) fail "exit status $status" ;; esac
	expect_stderr "vcpus|vCPU"
}
