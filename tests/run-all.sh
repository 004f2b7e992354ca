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

test_in() { # test_in FOLDER ARGUMENT...
	echo "=== $1: test (after $SECONDS s)"
	ctest --test-dir "$1" --output-on-failure "${@:2}"
}

# kernels are got once, for all build folders
export RIG_CACHE=$PWD/build/rig

build fuzz fuzzers
test_in build-fuzz -j "$(nproc)" -R '^fuzz/'
build static minivmm minivmm_archive minivmm-id-block
test_in build-static -R '^lib/'
build asan all
test_in build-asan -j "$(nproc)" -E '^rig/'
RIG_TESTS="end refuse" test_in build-asan -R '^rig/(end|refuse)/'
# one suite: all devices from several threads
build tsan unit-virtio
test_in build-tsan -R '^unit/test_device_stress$'
build clang all
# failing each call in turn takes long, and the sanitizers' build has proved what it can prove
test_in build-clang -j "$(nproc)" -E '^rig/|^unit/test_fail_nth'
build release all
# but the rig's run, which ctest starts by itself
test_in build -j "$(nproc)" -E '^unit/test_fail_nth'
echo "=== done in $SECONDS s"
