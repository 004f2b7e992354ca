// SPDX-License-Identifier: MIT
#include "cc/vmsa.h"

#include "mem/vmsa.h"
#include "vmm/base/bytes.h"

#include <string.h>

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

static struct kvm_segment get_segment(const uint8_t *at)
{
	unsigned int a = get_le16(at + 2);

	return (struct kvm_segment){
		.selector = get_le16(at),
		.limit = get_le32(at + 4),
		.base = get_le64(at + 8),
		.type = a & 15,
		.s = a >> 4 & 1,
		.dpl = a >> 5 & 3,
		.present = a >> 7 & 1,
		.avl = a >> 8 & 1,
		.l = a >> 9 & 1,
		.db = a >> 10 & 1,
		.g = a >> 11 & 1,
		.unusable = !(a >> 7 & 1),
	};
}

static struct kvm_dtable get_table(const uint8_t *at)
{
	return (struct kvm_dtable){.limit = (uint16_t)get_le32(at + 4), .base = get_le64(at + 8)};
}

static void get_registers(const uint8_t *page, struct kvm_regs *r)
{
	__u64 *const high[] = {&r->r8,	&r->r9,	 &r->r10, &r->r11,
			       &r->r12, &r->r13, &r->r14, &r->r15};

	*r = (struct kvm_regs){
		.rflags = get_le64(page + VMSA_RFLAGS),
		.rip = get_le64(page + VMSA_RIP),
		.rsp = get_le64(page + VMSA_RSP),
		.rax = get_le64(page + VMSA_RAX),
		.rcx = get_le64(page + VMSA_RCX),
		.rdx = get_le64(page + VMSA_RDX),
		.rbx = get_le64(page + VMSA_RBX),
		.rbp = get_le64(page + VMSA_RBP),
		.rsi = get_le64(page + VMSA_RSI),
		.rdi = get_le64(page + VMSA_RDI),
	};
	for (size_t i = 0; i < ARRAY_SIZE(high); i++)
		*high[i] = get_le64(page + VMSA_R8 + 8 * i);
}

void vmsa_read(const uint8_t page[VMSA_SIZE], struct cc_vcpu_state *state)
{
	state->sregs = (struct kvm_sregs){
		.es = get_segment(page + VMSA_ES),
		.cs = get_segment(page + VMSA_CS),
		.ss = get_segment(page + VMSA_SS),
		.ds = get_segment(page + VMSA_DS),
		.fs = get_segment(page + VMSA_FS),
		.gs = get_segment(page + VMSA_GS),
		.ldt = get_segment(page + VMSA_LDTR),
		.tr = get_segment(page + VMSA_TR),
		.gdt = get_table(page + VMSA_GDTR),
		.idt = get_table(page + VMSA_IDTR),
		/* KVM sets the bit for itself, and refuses it from us */
		.efer = get_le64(page + VMSA_EFER) & ~EFER_SVME,
		.cr0 = get_le64(page + VMSA_CR0),
		.cr3 = get_le64(page + VMSA_CR3),
		.cr4 = get_le64(page + VMSA_CR4),
	};
	get_registers(page, &state->regs);
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
