// SPDX-License-Identifier: MIT
#include "cc/vmsa.h"

#include "vmm/base/bytes.h"

#include <string.h>

/* Offsets of table B-4. */
enum {
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

#define EFER_SVME  (1ULL << 12) /* KVM runs its guests with it */
#define CR4_MCE	   (1ULL << 6)	/* because the host has it */
#define CR0_NW_CD  (3ULL << 29) /* cleared by KVM's default quirk */
#define SNP_ACTIVE (1ULL << 0)

/* What KVM's reset leaves in the registers that minivmm does not set. */
#define RESET_DR6   0xffff0ff0
#define RESET_DR7   0x400
#define RESET_PAT   0x0007040600070406
#define RESET_XCR0  1
#define RESET_MXCSR 0x1f80
#define RESET_FCW   0x37f

static void put_segment(uint8_t *at, const struct kvm_segment *s)
{
	int present = s->present && !s->unusable;
	int attributes = s->type | s->s << 4 | s->dpl << 5 | present << 7 | s->avl << 8 |
			 s->l << 9 | s->db << 10 | s->g << 11;

	put_le16(at, s->selector);
	put_le16(at + 2, (uint16_t)attributes);
	put_le32(at + 4, s->limit);
	put_le64(at + 8, s->base);
}

static void put_table(uint8_t *at, const struct kvm_dtable *t)
{
	put_le32(at + 4, t->limit);
	put_le64(at + 8, t->base);
}

static void put_registers(uint8_t *page, const struct kvm_regs *r)
{
	const uint64_t high[] = {r->r8, r->r9, r->r10, r->r11, r->r12, r->r13, r->r14, r->r15};

	put_le64(page + VMSA_RFLAGS, r->rflags | 2);
	put_le64(page + VMSA_RIP, r->rip);
	put_le64(page + VMSA_RSP, r->rsp);
	put_le64(page + VMSA_RAX, r->rax);
	put_le64(page + VMSA_RCX, r->rcx);
	put_le64(page + VMSA_RDX, r->rdx);
	put_le64(page + VMSA_RBX, r->rbx);
	put_le64(page + VMSA_RBP, r->rbp);
	put_le64(page + VMSA_RSI, r->rsi);
	put_le64(page + VMSA_RDI, r->rdi);
	for (size_t i = 0; i < ARRAY_SIZE(high); i++)
		put_le64(page + VMSA_R8 + 8 * i, high[i]);
}

void vmsa_build(const struct cc_vcpu_state *state, uint64_t features, uint8_t page[VMSA_SIZE])
{
	const struct kvm_sregs *s = &state->sregs;

	memset(page, 0, VMSA_SIZE);
	put_segment(page + VMSA_ES, &s->es);
	put_segment(page + VMSA_CS, &s->cs);
	put_segment(page + VMSA_SS, &s->ss);
	put_segment(page + VMSA_DS, &s->ds);
	put_segment(page + VMSA_FS, &s->fs);
	put_segment(page + VMSA_GS, &s->gs);
	put_table(page + VMSA_GDTR, &s->gdt);
	put_segment(page + VMSA_LDTR, &s->ldt);
	put_table(page + VMSA_IDTR, &s->idt);
	put_segment(page + VMSA_TR, &s->tr);
	page[VMSA_CPL] = s->ss.dpl;
	put_le64(page + VMSA_EFER, s->efer | EFER_SVME);
	put_le64(page + VMSA_CR4, s->cr4 | CR4_MCE);
	put_le64(page + VMSA_CR3, s->cr3);
	put_le64(page + VMSA_CR0, s->cr0 & ~CR0_NW_CD);
	put_registers(page, &state->regs);
	put_le64(page + VMSA_DR6, RESET_DR6);
	put_le64(page + VMSA_DR7, RESET_DR7);
	put_le64(page + VMSA_PAT, RESET_PAT);
	put_le64(page + VMSA_SEV_FEATURES, features | SNP_ACTIVE);
	put_le64(page + VMSA_XCR0, RESET_XCR0);
	put_le32(page + VMSA_MXCSR, RESET_MXCSR);
	put_le16(page + VMSA_FCW, RESET_FCW);
}
