#!/bin/bash
# SPDX-License-Identifier: MIT
# check.sh SOURCE_TREE: names the lines that clang-format would change.
set -euo pipefail

command -v clang-format-14 > /dev/null || { echo "clang-format-14 is not installed"; exit 77; }
cd "$1"
find vmm boot cc mem tests -name '*.[ch]' -print0 |
	xargs -0 -n 50 clang-format-14 --dry-run -Werror
