# SPDX-License-Identifier: MIT
# The network device over tap interfaces, by this process and by vhost-net, and over passt. Traffic
# goes both ways, over connections that either side has made, and every word of it is checked.
#
# NET_BYTES is how much goes each way over each connection; the run of 1 GiB is
#	NET_BYTES=1073741824 RIG_LIMIT=3600 tests/rig/rig run BUILD net/tcp

bytes=${NET_BYTES:-16777216}
peer=$(dirname "$(dirname "$GUESTS")")/tests/net-peer

net_guest() { # net_guest KERNEL VCPUS LINE-OF-NET... [-- LINE-OF-MACHINE...]
	local kernel=$1 vcpus=$2 lines=()

	shift 2
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		lines+=("$1")
		shift
	done
	guest "$kernel" "$vcpus" 256M "net net_ip=$guest_ip net_host=$host_ip" "${@:2}"
	printf '[[net]]\n' >> "$T/config.toml"
	printf '%s\n' "${lines[@]}" >> "$T/config.toml"
}

# Starts the guest, has the traffic, waits for the end.
traffic() { # traffic ADDRESS COMMAND...
	start run "$T/config.toml"
	wait_for "GUEST net is up"
	"$peer" "$1" 5001 "pid:$vmm" "${@:2}" end > "$T/traffic" 2>&1 || {
		cat "$T/traffic"
		fail "traffic"
	}
	cat "$T/traffic"
	finish 60
	expect_status 0
	expect_stdout "GUEST net is done"
}

both_ways() { # both_ways ADDRESS
	traffic "$1" "to-guest:$bytes" "from-guest:$bytes" bounce:100 \
		dialled:5000 "from-guest:$bytes" "to-guest:$bytes"
}

# --- tap -------------------------------------------------------------------------------------------

test_tcp_over_tap_with_debian() {
	long
	make_tap
	net_guest debian-bzimage 2 "tap = \"$tap\"" 'vhost = "off"' 'mac = "52:54:00:12:34:56"'
	both_ways "$guest_ip"
	expect_stdout 'GUEST net mtu=1500 mac=52:54:00:12:34:56'
}

test_tcp_over_tap_with_the_rigs_kernel() {
	make_tap
	net_guest rig-bzimage 1 "tap = \"$tap\"" 'vhost = "off"' 'mtu = 9000'
	both_ways "$guest_ip"
	expect_stdout 'GUEST net mtu=9000'
}

test_tcp_over_several_queues() {
	make_tap multi_queue
	net_guest rig-bzimage 2 "tap = \"$tap\"" 'vhost = "off"' 'queues = 2' -- 'io-threads = 2'
	both_ways "$guest_ip"
}

test_tcp_over_vhost() {
	[ -e /dev/vhost-net ] || skip "no /dev/vhost-net"
	make_tap
	net_guest debian-bzimage 2 "tap = \"$tap\"" 'vhost = "on"'
	both_ways "$guest_ip"
}

test_tcp_over_several_queues_of_vhost() {
	long
	[ -e /dev/vhost-net ] || skip "no /dev/vhost-net"
	make_tap multi_queue
	net_guest rig-bzimage 2 "tap = \"$tap\"" 'vhost = "on"' 'queues = 2'
	both_ways "$guest_ip"
}

test_tap_by_descriptor() {
	long
	make_tap
	net_guest rig-bzimage 1 'fd = 7' 'vhost = "off"'
	# the descriptor is opened by a program that hands it down
	python3 - "$tap" "$MINIVMM" run "$T/config.toml" > "$T/stdout" 2> "$T/stderr" <<-'PYTHON' &
		import fcntl, os, struct, sys
		tun = os.open("/dev/net/tun", os.O_RDWR)
		# TUNSETIFF with IFF_TAP, IFF_NO_PI and IFF_VNET_HDR
		fcntl.ioctl(tun, 0x400454ca, struct.pack("16sH22x", sys.argv[1].encode(), 0x5002))
		os.dup2(tun, 7)
		os.execv(sys.argv[2], sys.argv[2:])
	PYTHON
	vmm=$!
	wait_for "GUEST net is up"
	"$peer" "$guest_ip" 5001 "to-guest:1000000" "from-guest:1000000" end
	finish 60
	expect_status 0
}

# 4 MB at 2 MB a second.
test_bandwidth_is_limited_to_what_is_configured() {
	long
	local us

	make_tap
	net_guest rig-bzimage 1 "tap = \"$tap\"" 'rx-bandwidth = 2000000' 'tx-bandwidth = 2000000'
	traffic "$guest_ip" to-guest:4000000 from-guest:4000000
	for us in $(sed -n 's/.* us=\([0-9]*\) .*/\1/p' "$T/traffic"); do
		[ "$us" -gt 1700000 ] || fail "4 MB in $us microseconds"
	done
}

test_check_says_why_a_tap_cannot_be_used() {
	net_guest rig-bzimage 1 'tap = "nosuchtap"'
	minivmm check "$T/config.toml"
	expect_status 1
	expect_stderr 'net\[0\]\.tap: unable to find interface nosuchtap: ENODEV'
	minivmm run "$T/config.toml"
	expect_status 1
	make_tap
	net_guest rig-bzimage 1 "tap = \"$tap\""
	minivmm check "$T/config.toml"
	expect_status 0
	# one that is in use
	start run "$T/config.toml"
	wait_for "GUEST net is up"
	"$MINIVMM" check "$T/config.toml" 2> "$T/busy" && fail "it is in use"
	grep -q 'EBUSY' "$T/busy" || fail "$(cat "$T/busy")"
	kill -KILL "$vmm"
	wait "$vmm" || true
	vmm=
}

test_check_says_when_a_tap_may_not_be_used() {
	make_tap user 1
	net_guest rig-bzimage 1 "tap = \"$tap\""
	chmod -R a+rX "$T"
	chmod a+rw /dev/net/tun
	setpriv --reuid 65534 --clear-groups --inh-caps=-all --bounding-set=-all \
		"$MINIVMM" check "$T/config.toml" 2> "$T/stderr" && fail "another user's tap"
	expect_stderr "unable to use interface $tap: EPERM.*belongs to another user"
}

# --- passt -----------------------------------------------------------------------------------------

# passt wants an interface with a default route to copy from, and has none to send to here. It
# reaches us at our own loopback address when the guest dials its gateway, and forwards what
# comes to port 5001 here to the guest.
start_passt() {
	command -v passt > /dev/null || skip "passt is not installed"
	ip link set lo up
	ip link add "mv$$" type veth peer name "mw$$"
	ip link set "mw$$" up
	at_end 'ip link del "mv$$"'
	ip addr add 10.9.0.1/24 dev "mv$$"
	ip link set "mv$$" up
	ip route add default via 10.9.0.2 dev "mv$$"
	chmod 777 "$T"
	passt -f -4 -s "$T/passt" -i "mv$$" -a "$guest_ip" -n 24 -g "$host_ip" -t 5001 \
		> "$T/passt.log" 2>&1 &
	passt=$!
	at_end 'kill "$passt" 2>/dev/null'
	for _ in $(seq 100); do
		[ ! -S "$T/passt" ] || return 0
		kill -0 "$passt" 2>/dev/null || break
		sleep 0.1
	done
	cat "$T/passt.log"
	fail "passt does not start"
}

test_tcp_over_passt_with_debian() {
	long
	start_passt
	net_guest debian-bzimage 2 "socket = \"$T/passt\""
	both_ways 127.0.0.1
}

test_tcp_over_passt_with_large_packets() {
	start_passt
	net_guest rig-bzimage 1 "socket = \"$T/passt\"" 'mtu = 65520'
	both_ways 127.0.0.1
	expect_stdout 'GUEST net mtu=65520'
}
