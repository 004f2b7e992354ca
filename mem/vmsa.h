/* SPDX-License-Identifier: MIT */
/*
 * Where a vCPU's registers stand in a VMSA page, the virtual machine save area of AMD64 APM volume
 * 2, table B-4. Those that are not named here are zero in the pages that KVM makes.
 */
#ifndef MEM_VMSA_H
#define MEM_VMSA_H

enum vmsa_offset {
	/* Segments, 16 bytes each: u16 selector, u16 attributes, u32 limit, u64 base. Attributes
	 * are bits 55-52 and 47-40 of a descriptor, pushed together (section 15.5.1). */
	VMSA_ES = 0x00,
	VMSA_CS = 0x10,
	VMSA_SS = 0x20,
	VMSA_DS = 0x30,
	VMSA_FS = 0x40,
	VMSA_GS = 0x50,
	VMSA_GDTR = 0x60,
	VMSA_LDTR = 0x70,
	VMSA_IDTR = 0x80,
	VMSA_TR = 0x90,
	VMSA_CPL = 0xcb,
	VMSA_EFER = 0xd0,
	VMSA_CR4 = 0x148,
	VMSA_CR3 = 0x150,
	VMSA_CR0 = 0x158,
	VMSA_DR7 = 0x160,
	VMSA_DR6 = 0x168,
	VMSA_RFLAGS = 0x170,
	VMSA_RIP = 0x178,
	VMSA_RSP = 0x1d8,
	VMSA_RAX = 0x1f8,
	VMSA_PAT = 0x268,
	VMSA_RCX = 0x308,
	VMSA_RDX = 0x310,
	VMSA_RBX = 0x318,
	VMSA_RBP = 0x328,
	VMSA_RSI = 0x330,
	VMSA_RDI = 0x338,
	VMSA_R8 = 0x340, /* R9 … R15 follow */
	VMSA_SEV_FEATURES = 0x3b0,
	VMSA_XCR0 = 0x3e8,
	VMSA_MXCSR = 0x408,
	VMSA_FCW = 0x410,
};

#endif
