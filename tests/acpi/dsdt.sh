#!/bin/sh
# SPDX-License-Identifier: MIT
# Compiles boot/dsdt.asl with ACPICA's iasl, without a word of complaint, and compares boot/dsdt.h with
# what comes out; or, with --write, writes it.
#
#	dsdt.sh SOURCE_TREE [--write]
set -eu

command -v iasl >/dev/null || {
	echo "skipped: iasl is not installed (Debian: acpica-tools)"
	exit 77
}

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
iasl -p "$dir/dsdt" "$1/boot/dsdt.asl" >"$dir/log" 2>&1 &&
	grep -q '0 Errors, 0 Warnings, 0 Remarks' "$dir/log" || {
	cat "$dir/log"
	exit 1
}

# iasl's own version in the table's header (offsets 28 to 35), and with it the checksum (offset 9), are
# made zero: acpi_dsdt.c writes a header of its own.
od -An -v -tx1 -w1 "$dir/dsdt.aml" | awk '
BEGIN {
	print "/* SPDX-License-Identifier: MIT */"
	print "/* What iasl makes of dsdt.asl; written by tests/acpi/dsdt.sh --write. */"
	print "#ifndef BOOT_DSDT_H\n#define BOOT_DSDT_H\n\n#include <stdint.h>\n"
	print "static const uint8_t dsdt_aml[] = {"
}
{
	byte = NR == 10 || NR > 28 && NR <= 36 ? "00" : $1
	line = line (line == "" ? "\t" : " ") "0x" byte ","
	if (NR % 15 == 0) {
		print line
		line = ""
	}
}
END {
	if (line != "")
		print line
	print "};\n\n#endif"
}' >"$dir/dsdt.h"

if [ "${2:-}" = --write ]; then
	cp "$dir/dsdt.h" "$1/boot/dsdt.h"
else
	cmp "$dir/dsdt.h" "$1/boot/dsdt.h"
fi
