# SPDX-License-Identifier: MIT
# The memory modes on the kernel's model of in-place conversion: real ioctls, real SIGBUS. The
# program is tests/memory/memory_check.c; VM types are 1 (software-protected), 4 (SNP), 5 (TDX).

parameters=/sys/module/kvm/parameters

kernel() { # kernel ABI MODE [EAGAIN_EVERY]: which one this kernel is to be
	[ -e "$parameters/softcc_gmem_abi" ] || skip "needs the rig's kernel"
	echo "$1" > "$parameters/softcc_gmem_abi"
	echo "$2" > "$parameters/softcc_gmem_mode"
	echo "${3:-0}" > "$parameters/softcc_eagain_every"
}

memory_check() { # memory_check TYPE MODE EXPECTED
	local status=0

	"$GUESTS/../../tests/memory-check" "$1" "$2" > "$T/stdout" || status=$?
	kernel 8 0
	[ "$status" = 0 ] || fail "VM type $1, mode $2: status $status"
	grep -qF "$3" "$T/stdout" || fail "VM type $1, mode $2: not \"$3\""
	cat "$T/stdout"
}

each_type() { # each_type ABI MODE EAGAIN_EVERY WANTED EXPECTED
	local type

	for type in 1 4 5; do
		kernel "$1" "$2" "$3"
		memory_check "$type" "$4" "$5"
	done
}

test_revision_8_converts_in_place() {
	each_type 8 1 0 auto "guest_memfd, converted in place"
}

test_revision_5_converts_in_place_with_preserve() {
	each_type 5 1 0 auto "guest_memfd, converted in place, PRESERVE"
}

test_refused_conversions_are_repeated() {
	each_type 8 1 3 in-place "guest_memfd, converted in place"
	grep -q "conversions, [1-9][0-9]* retries" "$T/stdout" || fail "nothing was refused"
}

test_split_where_nothing_converts_in_place() {
	each_type 8 2 0 auto "memfd for shared and guest_memfd for private pages"
}

test_split_by_choice() {
	each_type 8 0 0 split "memfd for shared and guest_memfd for private pages"
}

# A mode is refused, for a reason that says so.
refused() { # refused TYPE WANTED REASON
	local status=0

	"$GUESTS/../../tests/memory-check" "$1" "$2" > "$T/stdout" || status=$?
	kernel 8 0
	[ "$status" = 3 ] || fail "VM type $1, mode $2: status $status"
	expect_stdout "$3"
}

test_modes_that_cannot_be_had() {
	kernel 8 1
	refused 4 split "this kernel converts in place"
	kernel 8 2
	refused 5 in-place "has no in-place conversion"
	refused 0 split "a plain VM has no private memory"
	refused 4 shared "a confidential VM needs private memory"
}
