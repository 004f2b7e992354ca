#!/bin/bash
# SPDX-License-Identifier: MIT
# All tests: installs what is needed, builds with gcc, with clang, with sanitizers, statically, and the
# fuzzers, runs the tests of each build, then the suite that boots real guests. RIG_KERNEL names a kernel for
# the rig; without it that is built, which takes about ten minutes the first time.
set -euo pipefail

cd "$(dirname "$0")/.."
purposes=(build rig test)
[ -n "${RIG_KERNEL:-}" ] || purposes+=(kernel)
tests/install-deps.sh "${purposes[@]}"

build() { # build PRESET TARGET...
	echo "=== $1: build (after $SECONDS s)"
	cmake --preset "$1" -G Ninja --log-level=WARNING > /dev/null
	cmake --build --preset "$1" --target "${@:2}"
}

test_in() { # test_in FOLDER NAME ARGUMENT...: NAME is of the file with the tests' times
	echo "=== $1: test (after $SECONDS s)"
	ctest --test-dir "$1" --output-on-failure --output-junit "$times/$2.xml" "${@:3}"
}

# The rig is one machine with little to do at a time, so it leaves room for all the rest beside it.
# Under sanitizers it shows what no other test does with them: real guests, and signals that end them.
rigs() {
	test_in build rig -R '^rig/'
	RIG_TESTS="end/sigterm end/reboot_relaunches" test_in build-asan rig-asan \
		-R '^rig/end/(sigterm|reboot_relaunches)'
}

# Seconds and names of the tests that took longest; those in the rig write their times themselves.
slowest() {
	{
		sed -n 's|.*<testcase name="\([^"]*\)".* time="\([0-9.]*\)".*|\2 \1|p' "$times/$1.xml"
		for log in "${@:2}"; do
			sed -n "s|^took \([0-9.]*\) s.*|\1 $(dirname "${log#*/results/}")|p" "$log"
		done
	} | sort -rn | head -n 10 | sed 's/^/    /'
}

# kernels are got once, for all build folders
export RIG_CACHE=$PWD/build/rig
times=$PWD/build/times
mkdir -p "$times"

build release all
build asan all
set -m # a group of processes, to be ended as one
rigs > "$times/rigs.log" 2>&1 &
rigs=$!
set +m
trap 'kill -TERM -- "-$rigs" 2> /dev/null || true' EXIT

# each build has what no other proves: sanitizers with every call failing once, the code as it is
# shipped, another compiler's warnings, threads, static linking, hostile input
test_in build-asan asan -j "$(nproc)" -E '^rig/'
test_in build release -j "$(nproc)" -E '^rig/|^unit/test_fail_nth'
build fuzz fuzzers
test_in build-fuzz fuzz -j "$(nproc)" -R '^fuzz/'
build tsan unit-virtio
test_in build-tsan tsan -R '^unit/test_device_stress$'
build static minivmm minivmm_archive minivmm-id-block
test_in build-static static -R '^lib/'
build clang all

echo "=== all but the rig is done (after $SECONDS s)"
failed=0
wait "$rigs" || failed=$?
trap - EXIT
cat "$times/rigs.log"
for name in asan release; do
	echo "=== $name: what took longest, in seconds"
	slowest "$name"
done
echo "=== rig: what took longest, in seconds"
slowest rig build/rig/results/*/*/log
echo "=== done in $SECONDS s"
exit "$failed"
