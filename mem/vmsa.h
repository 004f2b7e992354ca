/* SPDX-License-Identifier: MIT */
/*
 * Where a vCPU's registers stand in a VMSA page, the virtual machine save area of AMD64 APM volume
 * 2, table B-4, and what they are called, for people. Those that cc/vmsa.c does not fill in are zero
 * in the pages that KVM makes.
 */
#ifndef MEM_VMSA_H
#define MEM_VMSA_H

#include <stddef.h>
#include <stdint.h>

/* Attributes are bits 55-52 and 47-40 of a descriptor, pushed together (section 15.5.1). */
struct vmsa_segment {
	uint16_t selector;
	uint16_t attributes;
	uint32_t limit;
	uint64_t base;
} __attribute__((packed));

/* General registers and segments that are called here as in struct kvm_regs and struct kvm_sregs. */
#define VMSA_REGISTERS(X)                                                                     \
	X(rax), X(rbx), X(rcx), X(rdx), X(rsi), X(rdi), X(rsp), X(rbp), X(r8), X(r9), X(r10), \
		X(r11), X(r12), X(r13), X(r14), X(r15), X(rip), X(rflags)
#define VMSA_SEGMENTS(X) X(es), X(cs), X(ss), X(ds), X(fs), X(gs), X(tr)

/* FIELD(type, member, dimension, name): all of them, one behind the other. */
#define VMSA_FIELDS(FIELD)                                                 \
	FIELD(struct vmsa_segment, es, , "ES")                             \
	FIELD(struct vmsa_segment, cs, , "CS")                             \
	FIELD(struct vmsa_segment, ss, , "SS")                             \
	FIELD(struct vmsa_segment, ds, , "DS")                             \
	FIELD(struct vmsa_segment, fs, , "FS")                             \
	FIELD(struct vmsa_segment, gs, , "GS")                             \
	FIELD(struct vmsa_segment, gdtr, , "GDTR")                         \
	FIELD(struct vmsa_segment, ldtr, , "LDTR")                         \
	FIELD(struct vmsa_segment, idtr, , "IDTR")                         \
	FIELD(struct vmsa_segment, tr, , "TR")                             \
	FIELD(uint64_t, supervisor_shadow, [5], "a shadow stack register") \
	FIELD(uint8_t, reserved1, [2], "a reserved field")                 \
	FIELD(uint8_t, vmpl, , "VMPL")                                     \
	FIELD(uint8_t, cpl, , "CPL")                                       \
	FIELD(uint8_t, reserved2, [4], "a reserved field")                 \
	FIELD(uint64_t, efer, , "EFER")                                    \
	FIELD(uint8_t, reserved3, [104], "a reserved field")               \
	FIELD(uint64_t, xss, , "XSS")                                      \
	FIELD(uint64_t, cr4, , "CR4")                                      \
	FIELD(uint64_t, cr3, , "CR3")                                      \
	FIELD(uint64_t, cr0, , "CR0")                                      \
	FIELD(uint64_t, dr7, , "DR7")                                      \
	FIELD(uint64_t, dr6, , "DR6")                                      \
	FIELD(uint64_t, rflags, , "RFLAGS")                                \
	FIELD(uint64_t, rip, , "RIP")                                      \
	FIELD(uint64_t, debug_address, [8], "a debug address register")    \
	FIELD(uint8_t, reserved4, [24], "a reserved field")                \
	FIELD(uint64_t, rsp, , "RSP")                                      \
	FIELD(uint64_t, shadow, [3], "a shadow stack register")            \
	FIELD(uint64_t, rax, , "RAX")                                      \
	FIELD(uint64_t, syscall, [8], "a system call register")            \
	FIELD(uint64_t, cr2, , "CR2")                                      \
	FIELD(uint8_t, reserved5, [32], "a reserved field")                \
	FIELD(uint64_t, pat, , "PAT")                                      \
	FIELD(uint64_t, debug, [5], "a debug register")                    \
	FIELD(uint8_t, reserved6, [80], "a reserved field")                \
	FIELD(uint32_t, pkru, , "PKRU")                                    \
	FIELD(uint32_t, tsc_aux, , "TSC_AUX")                              \
	FIELD(uint8_t, reserved7, [24], "a reserved field")                \
	FIELD(uint64_t, rcx, , "RCX")                                      \
	FIELD(uint64_t, rdx, , "RDX")                                      \
	FIELD(uint64_t, rbx, , "RBX")                                      \
	FIELD(uint64_t, reserved8, , "a reserved field")                   \
	FIELD(uint64_t, rbp, , "RBP")                                      \
	FIELD(uint64_t, rsi, , "RSI")                                      \
	FIELD(uint64_t, rdi, , "RDI")                                      \
	FIELD(uint64_t, r8, , "R8")                                        \
	FIELD(uint64_t, r9, , "R9")                                        \
	FIELD(uint64_t, r10, , "R10")                                      \
	FIELD(uint64_t, r11, , "R11")                                      \
	FIELD(uint64_t, r12, , "R12")                                      \
	FIELD(uint64_t, r13, , "R13")                                      \
	FIELD(uint64_t, r14, , "R14")                                      \
	FIELD(uint64_t, r15, , "R15")                                      \
	FIELD(uint8_t, reserved9, [48], "a reserved field")                \
	FIELD(uint64_t, sev_features, , "SEV_FEATURES")                    \
	FIELD(uint64_t, interrupt, [2], "an interrupt control field")      \
	FIELD(uint64_t, virtual_tom, , "VIRTUAL_TOM")                      \
	FIELD(uint64_t, event, [3], "a TLB or event field")                \
	FIELD(uint64_t, xcr0, , "XCR0")                                    \
	FIELD(uint8_t, reserved10, [24], "a reserved field")               \
	FIELD(uint32_t, mxcsr, , "MXCSR")                                  \
	FIELD(uint16_t, ftw, , "FTW")                                      \
	FIELD(uint16_t, fsw, , "FSW")                                      \
	FIELD(uint16_t, fcw, , "FCW")                                      \
	FIELD(uint8_t, floating, [606], "a floating point register")       \
	FIELD(uint8_t, reserved11, [2448], "a reserved field")

struct vmsa {
#define VMSA_MEMBER(type, member, dimension, name) type member dimension;
	VMSA_FIELDS(VMSA_MEMBER)
#undef VMSA_MEMBER
} __attribute__((packed));

_Static_assert(sizeof(struct vmsa) == 4096, "a page");
_Static_assert(offsetof(struct vmsa, efer) == 0xd0, "APM volume 2, table B-4");
_Static_assert(offsetof(struct vmsa, rip) == 0x178, "APM volume 2, table B-4");
_Static_assert(offsetof(struct vmsa, rax) == 0x1f8, "APM volume 2, table B-4");
_Static_assert(offsetof(struct vmsa, r15) == 0x378, "APM volume 2, table B-4");
_Static_assert(offsetof(struct vmsa, sev_features) == 0x3b0, "APM volume 2, table B-4");
_Static_assert(offsetof(struct vmsa, fcw) == 0x410, "APM volume 2, table B-4");

#endif
