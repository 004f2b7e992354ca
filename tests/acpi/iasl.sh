#!/bin/sh
# SPDX-License-Identifier: MIT
# Disassembles the tables of one configuration with ACPICA's iasl, and compiles what came out: both
# without a word of complaint, and the bytes are the same again.
#
#	iasl.sh ACPI_DUMP VCPUS SERIAL_IRQ NVIRTIO
set -eu

command -v iasl >/dev/null || {
	echo "skipped: iasl is not installed (Debian: acpica-tools)"
	exit 77
}

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() {
	echo "FAILED: $*"
	head -n 100 "$dir/log"
	exit 1
}

"$1" "$2" "$3" "$4" "$dir"
cd "$dir"

# The checksum is among what iasl -d warns about.
for table in xsdt facp apic facs dsdt; do
	iasl -d "$table.dat" >log 2>&1 || fail "iasl -d $table"
	if grep -qiE 'error|warning|invalid|incorrect|unknown|exceeds' log; then
		fail "iasl -d $table complains"
	fi
	if grep -qiE 'error|warning|invalid|incorrect|unknown|raw table data is incomplete' \
		"$table.dsl"; then
		cp "$table.dsl" log
		fail "iasl -d $table: complaint in the listing"
	fi
done

# What iasl writes over: its own name and version as creator (offsets 28 to 35 of the header), and
# with that the checksum (offset 9).
without_creator() {
	head -c 9 "$1"
	head -c 28 "$1" | tail -c 18
	tail -c +37 "$1"
}

for table in xsdt facp apic dsdt; do
	iasl -p again "$table.dsl" >log 2>&1 || fail "iasl $table.dsl"
	grep -q '0 Errors, 0 Warnings, 0 Remarks' log || [ "$table" != dsdt ] ||
		fail "iasl $table.dsl has remarks"
	if grep -qE '^(Error|Warning|Remark)' log; then
		fail "iasl $table.dsl complains"
	fi
	without_creator "$table.dat" >expected
	without_creator again.aml >got
	cmp expected got >log 2>&1 || fail "$table: compiled again, it is another table"
done

# The compiled DSDT has as many devices as were asked for.
want() {
	count=$(grep -c "$2" dsdt.dsl || true)
	[ "$count" -eq "$1" ] || {
		cp dsdt.dsl log
		fail "dsdt: $count times $2, not $1"
	}
}
want "$2" '"ACPI0007"'
want "$4" '"LNRO0005"'
want 1 '"QEMU0001"'
want 1 'EisaId ("PNP0501")'
want "$([ "$3" -eq 0 ] && echo 0 || echo 1)" 'IRQNoFlags'
want 1 'Name (_S5,'
echo "ok: $2 CPUs, serial interrupt $3, $4 virtio devices"
