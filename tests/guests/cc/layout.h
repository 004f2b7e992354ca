/* SPDX-License-Identifier: MIT */
/*
 * Guest memory as this guest uses it, for C, assembly and linker scripts.
 *
 *	0x0020000   copy of the code that starts other CPUs (ELF guest)
 *	0x0200000   code, and the pattern that is measured
 *	0x0280000   another pattern: a segment of its own in the ELF guest, not measured in a TD
 *	0x0300000   zeros at first: data and stacks
 *	0x0809000   where the VMM leaves its hand-off blocks (TD)
 *	0x0810000   what an IGVM file tells of the machine, and other pages of it: tests/igvm/make.py
 *	0x1000000   the arena: pages that are converted to and fro
 */
#ifndef TESTS_GUESTS_CC_LAYOUT_H
#define TESTS_GUESTS_CC_LAYOUT_H

#define TRAMPOLINE	0x20000
#define LOW_BASE	0x200000
#define LOW_SIZE	0x20000 /* in the TD's image, exactly */
#define EXTRA_BASE	0x280000
#define EXTRA_SIZE	0x1000
#define BSS_BASE	0x300000
#define BSS_SIZE	0x20000
#define TD_HOB_BASE	0x809000
#define TD_HOB_SIZE	0x2000
#define IGVM_AREA	0x810000
#define IGVM_AREA_SIZE	0x4000
#define IGVM_SHARED	0x820000
#define IGVM_ERROR	0x822000
#define IGVM_ERROR_SIZE 0x2000
#define ARENA		0x1000000
#define ARENA_PAGES	2048
#define GUEST_PAGE_SIZE 4096

#define MAX_CPUS   8
#define STACK_SIZE 0x2000

/* The patterns: a linear congruential sequence (Knuth's MMIX), which the assembler computes for the
 * image and C computes again. */
#define PATTERN_SEED	    0x6d696e69766d6d21
#define PATTERN_MULTIPLIER  6364136223846793005
#define PATTERN_INCREMENT   1442695040888963407
#define PATTERN_WORDS	    8192
#define EXTRA_PATTERN_WORDS (EXTRA_SIZE / 8)

/* AMD64 APM volume 2, chapters 3 and 5 */
#define CR0_PE	  0x1
#define CR0_ET	  0x10
#define CR0_PG	  0x80000000
#define CR4_PAE	  0x20
#define MSR_EFER  0xc0000080
#define EFER_LME  0x100
#define PTE_TABLE 0x3 /* present, writable */
#define PTE_LARGE 0x83

#endif
