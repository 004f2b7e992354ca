# SPDX-License-Identifier: MIT
# How a VM ends: by itself, by crashing, or because it is asked to.

# A panic is told by the pvpanic device, whose driver is a module in Debian's kernel. Without a
# console nothing else can tell.
test_panic_exits_3() {
	guest debian-bzimage 1 256M panic
	sed -i 's/console=ttyS0 //' "$T/config.toml"
	minivmm run "$T/config.toml"
	expect_status 3
	expect_stderr "reported through pvpanic"
	expect_nothing_left
}

# The rig's kernel has no such driver; what it says on the console before the reset tells.
test_panic_without_pvpanic_exits_3() {
	guest rig-bzimage 1 128M panic
	minivmm run "$T/config.toml"
	expect_status 3
	expect_stderr "panic"
}

# With reboot=t the guest's kernel resets the machine by a triple fault, as a crash would.
test_triple_fault_exits_3() {
	guest rig-bzimage 1 128M "reboot reboot=t"
	minivmm run "$T/config.toml"
	expect_status 3
	expect_stderr "triple fault"
}

test_reboot_exits_0() {
	guest rig-bzimage 2 128M reboot
	minivmm run "$T/config.toml"
	expect_status 0
	[ "$(grep -c "GUEST hello" "$T/stdout")" -eq 1 ] || fail "the guest started more than once"
}

test_reboot_relaunches_on_request() {
	guest rig-bzimage 1 128M reboot 'on-reboot = "relaunch"' 'grace = 1'
	start run "$T/config.toml"
	wait_for "GUEST hello" 2
	kill -TERM "$vmm"
	finish 30
	# the rig's kernel has no use for the button, or it resets before the grace is over; between two
	# VMs, SIGTERM ends minivmm as it ends any program
	case $status in
	0 | 143) [ ! -s "$T/stderr" ] || expect_stderr "pressed the guest's power button" ;;
	1) expect_stderr "did not power off within 1 seconds" ;;
	*) fail "exit status $status" ;;
	esac
	expect_nothing_left
}

test_sigterm_powers_off() {
	guest debian-bzimage 2 256M powerbutton 'grace = 50'
	start run "$T/config.toml"
	wait_for "GUEST waits for the power button"
	kill -TERM "$vmm"
	finish 40
	expect_status 0
	expect_stdout "GUEST power button pressed"
}

# A guest that does not listen is stopped when the grace period is over, not before.
test_sigterm_ignored_ends_after_grace() {
	local sent

	guest debian-bzimage 1 256M ignore 'grace = 3'
	start run "$T/config.toml"
	wait_for "GUEST ignores"
	sent=$SECONDS
	kill -TERM "$vmm"
	finish 30
	[ $((SECONDS - sent)) -ge 2 ] || fail "stopped after $((SECONDS - sent)) s of 3 s grace"
	expect_status 1
	expect_nothing_left
}

# A launch that is ended while its files are loaded is ended as any program is, and its sockets go first.
test_sigterm_while_loading_leaves_no_socket() {
	guest rig-bzimage 1 1500M poweroff
	truncate -s 1000M "$T/large"
	sed -i "s|^initrd = .*|initrd = \"$T/large\"|" "$T/config.toml"
	printf '[serial]\noutput = "unix:%s"\n[vsock]\npath = "%s"\n' "$T/console" "$T/vsock" >> "$T/config.toml"
	start run "$T/config.toml"
	until [ -S "$T/vsock" ] && [ -S "$T/console" ]; do
		kill -0 "$vmm" || fail "minivmm ended before it had sockets"
		sleep 0.01
	done
	kill -TERM "$vmm"
	finish 20
	expect_status 143
	[ ! -e "$T/vsock" ] && [ ! -e "$T/console" ] || fail "sockets are left"
	expect_stderr_lines 0
}
