# SPDX-License-Identifier: MIT
# What a boot costs in exits for I/O ports: a guest that polls a device which is not there makes a
# hundred times as many. Debian's kernel, unmodified, as it runs in a real confidential VM: in the
# model's strict mode. A TD starts in tests/rig/shim, which hands over to the kernel and does no more.
. "$SUITE/../lib-cc.sh"

# The kernel with its initrd behind it, which is what the shim takes for a kernel.
payload() { # payload KERNEL INITRD TO
	python3 - "$@" <<'END'
import struct, sys
kernel = bytearray(open(sys.argv[1], 'rb').read())
initrd = open(sys.argv[2], 'rb').read()
kernel += bytes(-len(kernel) % 4096)
struct.pack_into('<II', kernel, 0x218, len(kernel), len(initrd))  # ramdisk_image, ramdisk_size
open(sys.argv[3], 'wb').write(kernel + initrd)
END
}

# Each of the ports that the sum is mostly made of is told as PORT:NUMBER.
expect_few_exits() { # expect_few_exits LIMIT
	local line=$(grep -o 'exits for I/O ports: .*' "$T/stderr") sum

	echo "$line"
	sum=${line#*: } && sum=${sum%%,*}
	[ "$sum" -gt 100 ] || fail "so few exits were not counted: $line"
	[ "$sum" -lt "$1" ] || fail "more than $1 exits: $line"
	! grep -qE ' 0x4[0-3]:[0-9]{3}' <<< "$line" || fail "a timer is polled: $line"
}

test_td_linux_does_not_poll_a_timer_that_is_not_there() {
	strict_guests
	guest debian-bzimage 1 192M poweroff 'cc = "tdx"'
	payload "$GUESTS/debian-bzimage" "$GUESTS/debian.cpio.gz" "$T/payload"
	sed -i -e "s|^kernel = .*|kernel = \"payload\"\nfirmware = \"$GUESTS/shim.fd\"|" -e '/^initrd/d' \
		"$T/config.toml"
	printf '[log]\nlevel = "debug"\n' >> "$T/config.toml"
	minivmm run "$T/config.toml"
	expect_stdout 'GUEST cpus=1 '
	expect_status 0
	expect_few_exits 5000
	# what a TD sees otherwise than KVM is one line, or none
	[ "$(grep -c 'warning: the TDX module' "$T/stderr")" -le 1 ] || fail "a page of warnings"
}

test_snp_linux_does_not_poll() {
	strict_guests
	guest debian-bzimage 1 192M poweroff 'cc = "snp"'
	printf '[log]\nlevel = "debug"\n' >> "$T/config.toml"
	minivmm run "$T/config.toml"
	expect_stdout 'GUEST cpus=1 '
	expect_status 0
	expect_few_exits 5000
	# it boots: nothing is said of XSAVEC, which its CPUID table does not come to
	! grep -q XSAVEC "$T/stderr" || fail "a warning of what does no harm"
}
