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

# A source that may keep one waiting: /dev/hwrng of the rig is a virtio device, too. Debian's kernel
# mixes in other sources, so that only the guest's bytes are looked at.
test_rng_may_come_from_a_driver_that_takes_its_time() {
	[ -c /dev/hwrng ] && head -c 1 /dev/hwrng > /dev/null || skip "this host has no /dev/hwrng"
	rng debian-bzimage 1
	echo 'source = "/dev/hwrng"' >> "$T/config.toml"
	minivmm check "$T/config.toml"
	expect_status 0
	rng_works
	expect_nothing_left
}

test_io_threads_serve_devices() {
	long
	rng debian-bzimage 2 'io-threads = 4'
	rng_works
}

# Devices on the command line, and interrupts through the 8259s. Such a guest cannot power off.
test_rng_is_used_without_acpi() {
	rng rig-bzimage 1 'grace = 0'
	sed -i 's/test=rng/& acpi=off/' "$T/config.toml"
	start run "$T/config.toml"
	wait_for 'GUEST rng=virtio_rng\.0'
	kill -TERM "$vmm"
	finish 20
	expect_status 1
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
	[ "$(grep -c 'GUEST hvc line [0-9]*: to the guest' "$T/stdout")" -eq 100 ] ||
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

# --- the balloon -----------------------------------------------------------------------------------

free_kb() {
	awk '/^MemFree/ { print $2 }' /proc/meminfo
}

test_balloon_gives_memory_back() {
	long
	local used deadline=$((SECONDS + 100))

	guest debian-bzimage 1 256M balloon
	printf '[balloon]\nsize = "32M"\ndeflate-on-oom = false\n' >> "$T/config.toml"
	mkfifo "$T/input"
	exec 3<> "$T/input"
	input=$T/input
	start run "$T/config.toml"
	wait_for "GUEST uses memory"
	expect_stdout 'GUEST balloon=3[12][0-9]* KiB'
	used=$(free_kb)
	echo >&3
	wait_for "GUEST freed memory"
	# 96 MiB are free in the guest; the host is to have most of them
	until [ "$(free_kb)" -gt $((used + 64 * 1024)) ]; do
		[ "$SECONDS" -lt "$deadline" ] || fail "MemFree was $used and is $(free_kb) KiB"
		sleep 0.2
	done
	echo >&3
	finish 60
	expect_status 0
	expect_stdout "GUEST memory again=1"
}

test_balloon_is_refused_to_confidential_guests() {
	guest rig-bzimage 1 128M poweroff 'cc = "sw-protected"'
	echo '[balloon]' >> "$T/config.toml"
	minivmm run "$T/config.toml"
	expect_status 1
	expect_stderr_lines 1
	expect_stderr "balloon: .*plain"
}
