# SPDX-License-Identifier: MIT
# virtio devices: found by ACPI, used by stock drivers.

rng() { # rng KERNEL VCPUS [LINE...]
	guest "$1" "$2" 256M rng "${@:3}"
	echo '[rng]' >> "$T/config.toml"
}

rng_works() {
	local values

	minivmm run "$T/config.toml"
	expect_status 0
	expect_stdout 'GUEST rng=virtio_rng\.0'
	values=$(sed -n 's/.*GUEST rng=.* values=\([0-9]*\).*/\1/p' "$T/stdout")
	[ "$values" -gt 200 ] || fail "$values different bytes of 256"
}

test_rng_is_used_by_debian() {
	rng debian-bzimage 2
	rng_works
}

test_rng_is_used_by_the_rigs_kernel() {
	rng rig-bzimage 1
	rng_works
}

test_io_threads_serve_devices() {
	rng debian-bzimage 2 'io-threads = 4'
	rng_works
}
