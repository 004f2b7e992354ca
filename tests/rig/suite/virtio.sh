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

# --- the console -----------------------------------------------------------------------------------

hvc() { # hvc KERNEL [LINE...]: the console on standard input and output, the serial port elsewhere
	guest "$1" 2 256M hvc "${@:2}"
	{
		printf '[serial]\noutput = "file:%s"\n' "$T/serial"
		printf '[console]\noutput = "stdio"\ncolumns = 132\nrows = 43\n'
	} >> "$T/config.toml"
}

hvc_works() {
	echo "to the guest" > "$T/input"
	input=$T/input
	minivmm run "$T/config.toml"
	expect_status 0
	expect_stdout 'GUEST hvc size=132x43'
	[ "$(grep -c 'GUEST hvc line [0-9]*: to the guest' "$T/stdout")" -eq 2000 ] ||
		fail "lines are missing"
}

test_console_talks_to_debian() {
	hvc debian-bzimage
	hvc_works
}

test_console_talks_to_the_rigs_kernel() {
	hvc rig-bzimage 'io-threads = 2'
	hvc_works
}

# What the kernel says in its panic is on the virtio console only.
test_panic_on_the_virtio_console_exits_3() {
	guest rig-bzimage 1 128M "panic console=hvc0"
	{
		printf '[serial]\noutput = "null"\n'
		printf '[console]\noutput = "stdio"\n'
	} >> "$T/config.toml"
	minivmm run "$T/config.toml"
	expect_status 3
	expect_stderr "guest panic: .*sysrq"
}
