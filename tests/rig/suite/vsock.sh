# SPDX-License-Identifier: MIT
# Sockets between host and guest: many connections in both directions, and those that go wrong.

# KERNEL has the driver; COUNT connections in each direction, their bytes verified at both ends.
connections() { # connections KERNEL COUNT
	local at=$T/v.sock

	guest "$1" 1 128M "vsock vsock=$2"
	printf '[vsock]\npath = "%s"\n' "$at" >> "$T/config.toml"
	vsock_peer answer "${at}_1000"
	vsock_peer silent "${at}_1001"
	start run "$T/config.toml"
	wait_for "GUEST vsock called=$2 good=$2"
	wait_for "GUEST vsock listens"
	python3 "$SUITE/../vsock_peer.py" call "$at" 2000 "$2" > "$T/calls" 2>&1
	cat "$T/calls"
	grep -qx "called=$2 good=$2 ports=$2" "$T/calls" || fail "not all calls of the host went well"
	finish 120
	expect_status 0
	expect_stdout "GUEST vsock answered=$2"
	expect_stdout "GUEST vsock nobody: ECONNRESET"
	expect_stdout "GUEST vsock silent took=[0-9]+ others=served"
	# what is kept for a program that does not read: its socket's buffer, ours, the guest's
	[ "$(sed -n 's/.*silent took=\([0-9]*\).*/\1/p' "$T/stdout")" -lt 2000000 ] ||
		fail "a program that does not read is sent too much"
	[ ! -e "$at" ] || fail "the socket is left"
}

test_connections_each_way() { connections rig-bzimage 50; }
test_connections_each_way_with_debian() { long; connections debian-bzimage 50; }
test_a_thousand_connections_each_way() { long; connections rig-bzimage 1000; }
