# SPDX-License-Identifier: MIT
# Every example of configs/ runs as it is, with the files that it names beside it, and ends. Those of
# README.md are two of them.

readonly source=$SUITE/../../..

# A user space that says hello and powers off.
hello() { # hello WHERE
	cat <<-END
		#!/bin/busybox sh
		echo "GUEST hello from $1"
		/bin/busybox poweroff -f
	END
}

# The files that examples name: an initrd, and a root file system on a disk.
make_files() { # make_files KERNEL
	ln -s "$GUESTS/$1" "$T/vmlinuz"
	hello "the initrd" > "$T/hello"
	"$SUITE/../mkinitramfs" "$T/initrd.img" init="$T/hello" bin/busybox=/bin/busybox
	mkdir -p "$T/root/sbin" "$T/root/bin" "$T/root/dev"
	cp /bin/busybox "$T/root/bin/"
	hello "the disk" > "$T/root/sbin/init"
	chmod +x "$T/root/sbin/init"
	mke2fs -q -t ext4 -d "$T/root" "$T/rootfs.img" 20M
}

# The N-th block of README.md that is a whole configuration.
readme() { # readme N
	awk -v n="$1" '
		/^    / { block = block substr($0, 5) "\n"; next }
		/^$/ && block != "" { block = block "\n"; next }
		{ if (block ~ /(^|\n)\[boot\]/ && ++found == n) printf "%s", block; block = "" }
	' "$source/README.md"
}

runs() { # runs KERNEL: $T/config.toml is the example
	[ -s "$T/config.toml" ] || fail "there is no such example"
	make_files "$1"
	minivmm run "$T/config.toml"
	expect_status 0
	expect_nothing_left
}

# Without what does not matter: comments, empty lines.
lines() {
	sed -e 's/ *#.*//' -e '/^$/d'
}

test_readme_has_two_of_them() {
	[ "$(readme 1 | lines)" = "$(lines < "$source/configs/minimal.toml")" ] ||
		fail "the first example is not minimal.toml"
	[ "$(readme 2 | lines)" = "$(printf '[machine]\nmemory = "256M"\n'; lines < "$source/configs/disk.toml")" ] ||
		fail "the second example is not disk.toml with 256 MiB"
}

test_configs_minimal() {
	cp "$source/configs/minimal.toml" "$T/config.toml"
	runs rig-bzimage
	expect_stdout "GUEST hello from the initrd"
}

test_configs_plain_linux() {
	cp "$source/configs/plain-linux.toml" "$T/config.toml"
	runs debian-bzimage
	expect_stdout "GUEST hello from the initrd"
}

test_configs_disk() {
	cp "$source/configs/disk.toml" "$T/config.toml"
	runs rig-bzimage
	expect_stdout "GUEST hello from the disk"
}

# A network with nobody in it, behind passt.sock.
lonely_network() {
	python3 -c 'import socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
while True:
    network = listener.accept()[0]
    while network.recv(65536):
        pass' "$T/passt.sock" &
	at_end "kill $!"
	until [ -S "$T/passt.sock" ]; do sleep 0.1; done
}

test_configs_reference() {
	cp "$source/configs/reference.toml" "$T/config.toml"
	lonely_network
	runs rig-bzimage
	expect_stdout "GUEST hello from the initrd"
	[ -e "$T/vm.log" ] || fail "no log"
}

test_no_example_is_without_a_test() {
	[ "$(cd "$source/configs" && echo *.toml)" = "disk.toml minimal.toml plain-linux.toml reference.toml" ] ||
		fail "configs/ has other examples"
	[ -n "$(readme 2)" ] && [ -z "$(readme 3)" ] || fail "README.md has another number of examples"
}

# Without what it needs a guest of theirs panics, and the VM ends and says so.
test_an_example_without_its_root_ends_as_a_crash() {
	readme 2 > "$T/config.toml"
	make_files rig-bzimage
	truncate -s 0 "$T/rootfs.img"
	truncate -s 1M "$T/rootfs.img"
	minivmm run "$T/config.toml"
	expect_status 3
	expect_stderr "Unable to mount root"
}
