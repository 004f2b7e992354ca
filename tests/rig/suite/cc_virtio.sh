# SPDX-License-Identifier: MIT
# virtio devices of confidential VMs, in every dialect of private memory: they work from shared
# pages; a buffer or a queue in private memory costs the device a reset, and the VM nothing.
. "$SUITE/../lib-cc.sh"

devices_work() { # devices_work TECH DIALECT
	local sector value

	dialect "$2"
	truncate -s 1M "$T/disk"
	make_tap
	vsock_peer answer "$T/vsock_1234"
	cc_guest "$1" 1 "test=virtio n=20"
	printf '[rng]\n[[disk]]\npath = "%s"\n[[net]]\ntap = "%s"\n[vsock]\npath = "%s"\n' \
		"$T/disk" "$tap" "$T/vsock" >> "$T/config.toml"
	run_measured "$1"
	expect_well "virtio devices=4 requests=60"
	expect_stderr "launched: memory is $memory_mode,"
	expect_stderr "rng: queue 0: a buffer of 64 bytes at 0x1001000 is not in shared RAM"
	expect_stderr "rng: queue 0 at 0x10000.. is not in shared RAM"
	expect_stderr "disk 0: queue 0: a buffer of 16 bytes at 0x1001000 is not in shared RAM"
	expect_stderr "net 0: queue 1: a buffer of 54 bytes at 0x1001000 is not in shared RAM"
	expect_stderr "net 0: queue [01] at 0x1000[0-9a-f]{3} is not in shared RAM"
	expect_stderr "vsock: queue 1: a buffer of 44 bytes at 0x1001000 is not in shared RAM"
	expect_stderr "vsock: queue [01] at 0x1000[0-9a-f]{3} is not in shared RAM"
	for sector in 0 19; do
		value=$(od -A n -t x8 -j $((sector * 512 + 8)) -N 8 "$T/disk" | tr -d ' ')
		[ "$value" = "$(printf '11223344%04x0001' "$sector")" ] ||
			fail "sector $sector of the image has $value"
	done
}

test_snp_in_place_preserve() { devices_work snp preserve; }
test_snp_in_place() { long; devices_work snp flags0; }
test_snp_in_place_only() { long; devices_work snp in-place-only; }
test_snp_split() { devices_work snp split; }
test_tdx_in_place_preserve() { long; devices_work tdx preserve; }
test_tdx_in_place() { devices_work tdx flags0; }
test_tdx_in_place_only() { long; devices_work tdx in-place-only; }
test_tdx_split() { long; devices_work tdx split; }
test_sw_protected_in_place_preserve() { long; devices_work sw-protected preserve; }
test_sw_protected_in_place() { long; devices_work sw-protected flags0; }
test_sw_protected_in_place_only() { long; devices_work sw-protected in-place-only; }
test_sw_protected_split() { devices_work sw-protected split; }

# Linux that does not know that it is confidential keeps its buffers in private memory.
test_linux_with_private_buffers_goes_on() {
	dialect flags0
	guest rig-bzimage 1 128M poweroff 'cc = "sw-protected"'
	echo '[rng]' >> "$T/config.toml"
	minivmm run "$T/config.toml"
	expect_status 0
	expect_stdout "GUEST cpus=1 "
	expect_stderr "rng: .* is not in shared RAM"
}
