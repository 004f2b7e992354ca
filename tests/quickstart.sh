#!/bin/bash
# SPDX-License-Identifier: MIT
# From a fresh Debian 12 to a running virtual machine: installs what is needed, builds minivmm,
# and boots Debian's own 6.12 cloud kernel with busybox: to a shell if this is a terminal, else
# to a greeting. On /dev/kvm if there is one; else QEMU emulates a machine that has one.
set -euo pipefail

cd "$(dirname "$0")/.."
tests/install-deps.sh build rig
cmake --preset release -G Ninja --log-level=WARNING > /dev/null
cmake --build --preset release --target minivmm guest-init
exec tests/rig/rig demo build
