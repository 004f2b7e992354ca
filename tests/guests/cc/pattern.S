// SPDX-License-Identifier: MIT
/* Bytes that have to arrive in the guest as they are here. */
#include "tests/guests/cc/layout.h"

	.set word, PATTERN_SEED
	.macro words count
	.rept \count
	.set word, word * PATTERN_MULTIPLIER + PATTERN_INCREMENT
	.quad word
	.endr
	.endm

	.section .rodata, "a"
	.balign 8
	.globl pattern
pattern:
	words PATTERN_WORDS

	.section .extra, "aw"
	.globl extra_pattern
extra_pattern:
	words EXTRA_PATTERN_WORDS

	.section .note.GNU-stack, "", @progbits
