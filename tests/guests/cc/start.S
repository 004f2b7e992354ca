// SPDX-License-Identifier: MIT
/*
 * How CPUs get into C, in the ELF guest: the boot CPU at its ELF entry, in 64-bit mode with the
 * loader's page tables (Linux, Documentation/arch/x86/boot.rst, "64-bit boot protocol"); all others
 * by INIT and SIPI, in real mode, at a copy of the trampoline below.
 */
#include "tests/guests/cc/layout.h"

	.section .start, "ax"
	.code64
	.globl _start
_start:
	mov $stacks + STACK_SIZE, %esp
	mov %rsi, %rdi /* boot parameters */
	call guest_main

/* The addresses in here are those of the copy. */
#define AT(label) (TRAMPOLINE + (label) - trampoline)

	.section .rodata, "a"
	.code16
	.globl trampoline, trampoline_end
trampoline:
	cli
	mov $TRAMPOLINE >> 4, %ax
	mov %ax, %ds
	lgdtl %ds:gdt_pointer - trampoline
	/* PAE before LME: QEMU's emulation of nested guests needs this order */
	mov $CR4_PAE, %eax
	mov %eax, %cr4
	mov %ds:trampoline_cr3 - trampoline, %eax
	mov %eax, %cr3
	mov $MSR_EFER, %ecx
	rdmsr
	or $EFER_LME, %eax
	wrmsr
	mov $CR0_PG | CR0_ET | CR0_PE, %eax
	mov %eax, %cr0
	ljmpl $8, $ap_start

	.balign 8
gdt:
	.quad 0
	.quad 0x00af9b000000ffff /* 8: 64-bit code */
gdt_pointer:
	.short . - gdt - 1
	.long AT(gdt)
	.globl trampoline_cr3
trampoline_cr3:
	.quad 0 /* filled in the copy */
trampoline_end:

	.text
	.code64
ap_start:
	mov TRAMPOLINE + trampoline_cr3 - trampoline, %rax /* now with address bits above 31 */
	mov %rax, %cr3
	xor %eax, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov $1, %edi
	lock xadd %edi, cpus_numbered
	inc %edi /* the boot CPU is 0 */
	cmp $MAX_CPUS, %edi
	jae stop
	mov %edi, %eax
	inc %eax
	imul $STACK_SIZE, %eax, %eax
	lea stacks(%eax), %esp
	call ap_main
stop:
	hlt
	jmp stop

	.bss
cpus_numbered:
	.long 0

	.section .note.GNU-stack, "", @progbits
