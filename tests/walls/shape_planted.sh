#!/bin/sh
# SPDX-License-Identifier: MIT
# Proves that shape.py sees: a file that is too long, and a circle of files; and that it leaves the
# files of one device alone.
set -eu
tests=$(cd "$(dirname "$0")/.." && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/vmm/virtio" "$tree/mem"

seen() { # seen WORD: shape.py complains of it
	if "$tests/walls/shape.py" "$tree" > "$tree/log" || ! grep -q "$1" "$tree/log"; then
		echo "FAILED: not seen: $1"
		exit 1
	fi
}

includes() { # includes FILE OTHER
	echo "#include \"$2\"" > "$tree/$1"
}

seen "no source files"
includes vmm/virtio/blk.c vmm/virtio/blk_io.h
includes vmm/virtio/blk_io.c vmm/virtio/blk.h
"$tests/walls/shape.py" "$tree"
includes mem/a.c mem/b.h
includes mem/b.h mem/c.h
includes mem/c.c mem/a.h
seen "a circle of files: mem/a, mem/b, mem/c"
rm "$tree"/mem/*
seq 501 > "$tree/mem/long.c"
seen "mem/long.c: 501 lines"
echo "what was planted was seen"
