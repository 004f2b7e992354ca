# SPDX-License-Identifier: MIT
# The guest's serial console, and what minivmm itself says.

test_input_reaches_guest() {
	guest rig-bzimage 1 128M echo
	mkfifo "$T/keys"
	exec 9<>"$T/keys"
	input=$T/keys start run "$T/config.toml"
	wait_for "GUEST reads a line"
	echo "forty-two" >&9
	finish 30
	expect_status 0
	expect_stdout "GUEST read: forty-two"
}

test_output_to_file() {
	guest rig-bzimage 1 128M poweroff
	printf '[serial]\noutput = "file:console.log"\n' >> "$T/config.toml"
	minivmm run "$T/config.toml"
	expect_status 0
	[ ! -s "$T/stdout" ] || fail "output on stdout, too"
	grep -q "GUEST hello" "$T/console.log" || fail "nothing in the file"
}

# The kernel's own messages, thousands of characters, arrive complete and in order.
test_long_output_is_complete() {
	guest rig-bzimage 1 128M "poweroff loglevel=7"
	sed -i 's/ quiet / /' "$T/config.toml"
	minivmm run "$T/config.toml"
	expect_status 0
	expect_stdout "^\[ +0\.0+\].* Linux version"
	expect_stdout "reboot: Power down"
}

# Debian's kernel can make the boot-done mark; the rig's has no port access for programs.
test_timings() {
	local marks

	guest debian-bzimage 1 256M poweroff
	minivmm run --timings "$T/config.toml"
	expect_status 0
	marks=$(sed -n 's/^timing: \([a-z_]*\) [0-9]* us$/\1/p' "$T/stderr" | tr '\n' ' ')
	[ "$marks" = "config_read vm_created memory_ready image_loaded launched first_run boot_done over " ] ||
		fail "marks: $marks"
	sed -n 's/^timing: [a-z_]* \([0-9]*\) us$/\1/p' "$T/stderr" | sort -nc || fail "not ascending"
}

# What is on standard input before Linux resets the serial port is not lost with its FIFO.
test_piped_input_survives_the_start_of_linux() {
	guest rig-bzimage 1 128M echo
	printf 'forty-two\nforty-three\n' > "$T/script"
	mkfifo "$T/keys"
	cat "$T/script" > "$T/keys" &
	input=$T/keys start run "$T/config.toml"
	finish 60
	expect_status 0
	expect_stdout "GUEST read: forty-two"
}

# The guest does not read its serial port; the keys that end the VM are heard all the same.
test_escape_keys_while_the_guest_does_not_read() {
	guest rig-bzimage 1 128M ignore
	python3 "$SUITE/../terminal.py" "$MINIVMM" "$T/config.toml" > "$T/stdout" ||
		fail "the terminal says so"
}

# The console and the log in one pipe that is full and that nobody reads.
test_a_flood_into_a_pipe_without_a_reader_ends_on_sigterm() {
	local i=0

	guest rig-bzimage 1 128M flood
	mkfifo "$T/pipe"
	exec 9<> "$T/pipe"
	describe_guest > "$RESULT/guest"
	"$MINIVMM" run "$T/config.toml" > "$T/pipe" 2>&1 < /dev/null &
	vmm=$!
	while dd if=/dev/zero of="$T/pipe" bs=1 count=1 oflag=nonblock conv=notrunc 2> /dev/null; do
		[ $((i += 1)) -le 100 ] || fail "the pipe is not full after 100 s"
		sleep 1
	done
	sleep 1
	kill -TERM "$vmm"
	sleep 1.5 # or it would count as the same signal
	kill -TERM "$vmm"
	finish 20
	expect_status 1
}
