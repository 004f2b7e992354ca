// SPDX-License-Identifier: MIT
/*
 * The guest as a firmware image for a TD. All CPUs start at 0xfffffff0 in 32-bit protected mode
 * with flat segments, paging off, EFER.LME set, ESI = index of the CPU and ECX = address of the
 * hand-off blocks (Intel TDX Virtual Firmware Design Guide, "TD Launch" and "TDVF Metadata").
 */
#include "tests/guests/cc/layout.h"

	.section .reset, "ax"
	.code32
	.globl _start
_start:
	mov %ecx, %ebp
	mov $gdt_pointer, %eax
	lgdtl (%eax)
	mov %cr4, %eax /* a TD has MCE set and may not clear it */
	or $CR4_PAE, %eax
	mov %eax, %cr4
	mov $page_tables, %eax
	mov %eax, %cr3
	mov %cr0, %eax
	or $CR0_PG, %eax
	mov %eax, %cr0
	ljmpl $8, $td_start

	.balign 8
gdt:
	.quad 0
	.quad 0x00af9b000000ffff /* 8: 64-bit code */
gdt_pointer:
	.short . - gdt - 1
	.long gdt

/* --- metadata: "TDVF Metadata" of the design guide -------------------------------------------- */

#define SECTION_BFV	 0 /* code */
#define SECTION_CFV	 1 /* variables: not measured at launch */
#define SECTION_TD_HOB	 2
#define SECTION_TEMP_MEM 3
#define MR_EXTEND	 1

	.macro section offset, size, address, memory_size, type, attributes
	.long \offset, \size
	.quad \address, \memory_size
	.long \type, \attributes
	.endm

	.balign 16
	.long 0xe9eaf9f3 /* e9eaf9f3-168e-44d5-a8eb-7f4d8738f6ae */
	.short 0x168e, 0x44d5
	.byte 0xa8, 0xeb, 0x7f, 0x4d, 0x87, 0x38, 0xf6, 0xae
descriptor:
	.ascii "TDVF"
	.long descriptor_end - descriptor, 1, (descriptor_end - sections) / 32
sections:
	section LOW_SIZE + EXTRA_SIZE, 0x1000, 0xfffff000, 0x1000, SECTION_BFV, MR_EXTEND
	section 0, LOW_SIZE, LOW_BASE, LOW_SIZE, SECTION_BFV, MR_EXTEND
	section LOW_SIZE, EXTRA_SIZE, EXTRA_BASE, EXTRA_SIZE, SECTION_CFV, 0
	section 0, 0, TD_HOB_BASE, TD_HOB_SIZE, SECTION_TD_HOB, 0
	section 0, 0, BSS_BASE, BSS_SIZE, SECTION_TEMP_MEM, 0
descriptor_end:

/* The table of GUIDs ends 32 bytes before the end of the image; it is read backwards. */
	.section .reset_end, "ax"
table:
	.long 0x100000000 - 0xfffff000 - (descriptor - _start) /* from the image's end back */
	.short 4 + 2 + 16
	.long 0xe47a6535 /* e47a6535-984a-4798-865e-4685a7bf8ec2 */
	.short 0x984a, 0x4798
	.byte 0x86, 0x5e, 0x46, 0x85, 0xa7, 0xbf, 0x8e, 0xc2
	.short table_end - table
	.long 0x96b582de /* 96b582de-1fb2-45f7-baea-a366c55a082d */
	.short 0x1fb2, 0x45f7
	.byte 0xba, 0xea, 0xa3, 0x66, 0xc5, 0x5a, 0x08, 0x2d
table_end:
	.fill 16, 1, 0xcc
reset_vector:
	jmp _start
	.fill 16 - (. - reset_vector), 1, 0xcc

/* --- 64-bit mode, in low memory --------------------------------------------------------------- */

	.text
	.code64
td_start:
	xor %eax, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov %esi, %edi
	cmp $MAX_CPUS, %edi
	jae stop
	mov %edi, %eax
	inc %eax
	imul $STACK_SIZE, %eax, %eax
	lea stacks(%eax), %esp
	test %edi, %edi
	jz 1f
	call ap_main
1:	mov %ebp, %edi
	call td_main
stop:
	hlt
	jmp stop

/* The first 4 GiB, mapped to themselves by 2 MiB pages. */
	.section .tables, "aw"
	.balign GUEST_PAGE_SIZE
page_tables:
	.quad pdpt + PTE_TABLE
	.fill 511, 8, 0
pdpt:
	.quad pd + PTE_TABLE, pd + 0x1000 + PTE_TABLE, pd + 0x2000 + PTE_TABLE
	.quad pd + 0x3000 + PTE_TABLE
	.fill 508, 8, 0
pd:
	.set address, 0
	.rept 2048
	.quad address + PTE_LARGE
	.set address, address + 0x200000
	.endr

	.section .note.GNU-stack, "", @progbits
