# SPDX-License-Identifier: MIT
# virtio devices of confidential VMs, in every dialect of private memory: they work from shared
# pages; a buffer or a queue in private memory costs the device a reset, and the VM nothing.
. "$SUITE/../lib-cc.sh"

rng_works() { # rng_works TECH DIALECT
	dialect "$2"
	cc_guest "$1" 1 "test=virtio n=20"
	echo "[rng]" >> "$T/config.toml"
	run_measured "$1"
	expect_well "virtio requests=60"
	expect_stderr "launched: memory is $memory_mode,"
	expect_stderr "rng: queue 0: a buffer of 64 bytes at 0x1001000 is not in shared RAM"
	expect_stderr "rng: queue 0 at 0x10000.. is not in shared RAM"
}

test_snp_in_place_preserve() { rng_works snp preserve; }
test_snp_in_place() { rng_works snp flags0; }
test_snp_in_place_only() { rng_works snp in-place-only; }
test_snp_split() { rng_works snp split; }
test_sw_protected_in_place_preserve() { rng_works sw-protected preserve; }
test_sw_protected_in_place() { rng_works sw-protected flags0; }
test_sw_protected_in_place_only() { rng_works sw-protected in-place-only; }
test_sw_protected_split() { rng_works sw-protected split; }

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

test_td_is_refused_devices() {
	need_model
	cc_guest tdx 1 "test=bytes"
	echo "[rng]" >> "$T/config.toml"
	minivmm run "$T/config.toml"
	expect_status 1
	expect_stderr "a TD cannot have virtio devices"
}
