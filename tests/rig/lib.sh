# SPDX-License-Identifier: MIT
# What a test of the suite may use; sourced by run-suite under `set -euo pipefail`. A test is a
# function test_NAME() in suite/GROUP.sh. It passes if it returns, and fails at the first command
# that does. Given: $MINIVMM, $GUESTS (folder of kernels and initramfs images), $RESULT (folder).

T=$(mktemp -d)          # the test's own empty folder
vmm=                    # process of a VMM that runs
endings=()              # what is to be done at the test's end
trap 'cleanup' EXIT

at_end() { # at_end COMMAND: when the test ends, however it does; the last one given comes first
	endings=("$1" "${endings[@]}")
}

cleanup() {
	local ending

	[ -z "$vmm" ] || kill -KILL "$vmm" 2>/dev/null || true
	for ending in "${endings[@]}"; do
		eval "$ending" || true
	done
	rm -rf "$T"
}

skip() { # skip REASON
	echo "$*"
	exit 77
}

long() { # the first command of a test that takes long: by that run-suite knows it, and skips it
	[ "${RIG_LONG:-no}" = yes ] || fail "run-suite does not see that this test begins with long"
}

fail() { # fail REASON: shows what the guest and the VMM said; all of it is kept with the result
	local file

	echo "FAILED: $*"
	for file in config.toml stdout stderr; do
		[ -s "$T/$file" ] || continue
		echo "--- $file"
		tail -n 40 "$T/$file"
		cp "$T/$file" "$RESULT/"
	done
	exit 1
}

# --- configurations --------------------------------------------------------------------------

# Writes $T/config.toml for a test guest. KERNEL is rig-bzimage, rig-vmlinux or debian-bzimage;
# WHAT is what the guest's init shall do (tests/guests/init). Lines for [machine] may follow.
guest() { # guest KERNEL VCPUS MEMORY WHAT [LINE...]
	local kernel=$1 vcpus=$2 memory=$3 what=$4

	shift 4
	{
		echo "[machine]"
		echo "vcpus = $vcpus"
		echo "memory = \"$memory\""
		[ $# -eq 0 ] || printf '%s\n' "$@"
		echo "[boot]"
		echo "kernel = \"$GUESTS/$kernel\""
		echo "initrd = \"$GUESTS/${kernel%%-*}.cpio.gz\""
		echo "cmdline = \"console=ttyS0 quiet panic=-1 ${RIG_GUEST_CMDLINE:-} test=$what\""
	} > "$T/config.toml"
}

# --- running ---------------------------------------------------------------------------------

# Runs minivmm to its end: $T/stdout, $T/stderr, $status.
minivmm() { # minivmm ARGUMENT...
	start "$@"
	finish 120
}

# What kind of guest $T/config.toml describes, for the count of what emulation loses.
describe_guest() {
	local kind vcpus

	[ -e "$T/config.toml" ] || return 0
	kind=$(sed -n 's/^cc *= *"\(.*\)".*/\1/p' "$T/config.toml")
	vcpus=$(sed -n 's/^vcpus *= *//p' "$T/config.toml")
	echo "${kind:-plain} guest, vCPUs: ${vcpus:-1}"
}

# Starts minivmm in the background: $vmm is its process.
start() { # start ARGUMENT...; its standard input is $input, or nothing
	describe_guest > "$RESULT/guest"
	"$MINIVMM" "$@" > "$T/stdout" 2> "$T/stderr" < "${input:-/dev/null}" &
	vmm=$!
}

# What the threads of a VMM that hangs are doing: state, time in user and kernel mode, system call.
show_threads() {
	local task

	for task in /proc/"$vmm"/task/*; do
		echo "$(cat "$task/comm"): $(cut -d ' ' -f 3,14,15 "$task/stat")" \
			"$(cat "$task/wchan") $(cat "$task/syscall")"
	done
}

# Waits until minivmm ends: $status.
finish() { # finish SECONDS
	local deadline=$((SECONDS + $1))

	while kill -0 "$vmm" 2>/dev/null; do
		[ "$SECONDS" -lt "$deadline" ] || { show_threads; fail "minivmm still runs after $1 s"; }
		sleep 0.05
	done
	status=0
	wait "$vmm" || status=$?
	vmm=
}

# Waits until the guest's console has that many lines that match.
wait_for() { # wait_for PATTERN [COUNT]; $patience: seconds
	local deadline=$((SECONDS + ${patience:-120}))

	until [ "$(grep -cE "$1" "$T/stdout")" -ge "${2:-1}" ]; do
		[ "$SECONDS" -lt "$deadline" ] || fail "the guest did not say: $1"
		kill -0 "$vmm" 2>/dev/null || fail "minivmm ended before the guest said: $1"
		sleep 0.05
	done
}

# --- what is at the other end of devices -------------------------------------------------------

guest_ip=10.7.0.2
host_ip=10.7.0.1

# A tap interface of our own, $tap, with the host's address; gone with the test.
make_tap() { # make_tap [OPTION...]
	tap=mt$$
	ip tuntap add "$tap" mode tap "$@"
	at_end 'ip link del "$tap"'
	ip addr add "$host_ip/24" dev "$tap"
	ip link set "$tap" up
}

# A program of the host for the vsock tests, in the background until the test ends.
vsock_peer() { # vsock_peer answer|silent SOCKET
	python3 "$SUITE/../vsock_peer.py" "$@" > "$T/peer-$1" 2>&1 &
	at_end "kill $!"
	until [ -S "$2" ]; do sleep 0.1; done
}

# --- expecting -------------------------------------------------------------------------------

expect_status() { # expect_status NUMBER
	[ "$status" -eq "$1" ] || fail "exit status $status, expected $1"
}

expect_stdout() { # expect_stdout PATTERN
	grep -qE "$1" "$T/stdout" || fail "not on stdout: $1"
}

expect_stderr() { # expect_stderr PATTERN
	grep -qE "$1" "$T/stderr" || fail "not on stderr: $1"
}

expect_stderr_lines() { # expect_stderr_lines NUMBER
	[ "$(wc -l < "$T/stderr")" -eq "$1" ] || fail "expected $1 line(s) on stderr"
}

expect_nothing_left() { # no process of this test's minivmm runs on after its end
	if pgrep -f -a "$T/config.toml"; then
		fail "minivmm processes are left"
	fi
}
