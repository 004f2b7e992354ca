// SPDX-License-Identifier: MIT
/* The VMSA that KVM makes of a vCPU's registers: arch/x86/kvm/svm/sev.c, sev_es_sync_vmsa(), into
 * the layout of struct sev_es_save_area, arch/x86/include/asm/svm.h. */
#include "tests/mock/model_cc_state.h"

#include <stddef.h>
#include <string.h>

struct vmcb_seg {
	uint16_t selector;
	uint16_t attrib;
	uint32_t limit;
	uint64_t base;
};

struct save_area {
	struct vmcb_seg es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	uint8_t ssp_and_cet[0xca - 0xa0];
	uint8_t vmpl, cpl;
	uint8_t pad1[4];
	uint64_t efer;
	uint8_t pad2[0x140 - 0xd8];
	uint64_t xss, cr4, cr3, cr0, dr7, dr6, rflags, rip;
	uint8_t pad3[0x1d8 - 0x180];
	uint64_t rsp;
	uint8_t pad4[0x1f8 - 0x1e0];
	uint64_t rax;
	uint8_t pad5[0x268 - 0x200];
	uint64_t pat;
	uint8_t pad6[0x308 - 0x270];
	uint64_t rcx, rdx, rbx, pad7, rbp, rsi, rdi;
	uint64_t r8_to_r15[8];
	uint8_t pad8[0x3b0 - 0x380];
	uint64_t sev_features;
	uint8_t pad9[0x3e8 - 0x3b8];
	uint64_t xcr0;
	uint8_t pad10[0x408 - 0x3f0];
	uint32_t mxcsr;
	uint16_t ftw, fsw, fcw;
};

_Static_assert(offsetof(struct save_area, cpl) == 0xcb, "sev_es_save_area");
_Static_assert(offsetof(struct save_area, efer) == 0xd0, "sev_es_save_area");
_Static_assert(offsetof(struct save_area, rip) == 0x178, "sev_es_save_area");
_Static_assert(offsetof(struct save_area, pat) == 0x268, "sev_es_save_area");
_Static_assert(offsetof(struct save_area, rdi) == 0x338, "sev_es_save_area");
_Static_assert(offsetof(struct save_area, fcw) == 0x410, "sev_es_save_area");

static struct vmcb_seg seg(const struct kvm_segment *s)
{
	struct vmcb_seg v = {.selector = s->selector, .limit = s->limit, .base = s->base};
	unsigned int attrib = s->type & 15u;

	attrib |= (s->s & 1u) << 4;
	attrib |= (s->dpl & 3u) << 5;
	attrib |= (s->present && !s->unusable ? 1u : 0u) << 7;
	attrib |= (s->avl & 1u) << 8;
	attrib |= (s->l & 1u) << 9;
	attrib |= (s->db & 1u) << 10;
	attrib |= (s->g & 1u) << 11;
	v.attrib = (uint16_t)attrib;
	return v;
}

void model_snp_vmsa(const struct model_vcpu *v, uint64_t features, uint8_t page[4096])
{
	const struct kvm_sregs *s = &v->sregs;
	const struct kvm_regs *r = &v->regs;
	struct save_area a = {
		.es = seg(&s->es),
		.cs = seg(&s->cs),
		.ss = seg(&s->ss),
		.ds = seg(&s->ds),
		.fs = seg(&s->fs),
		.gs = seg(&s->gs),
		.gdtr = {.limit = s->gdt.limit, .base = s->gdt.base},
		.ldtr = seg(&s->ldt),
		.idtr = {.limit = s->idt.limit, .base = s->idt.base},
		.tr = seg(&s->tr),
		.cpl = s->ss.dpl,
		.efer = s->efer | 0x1000,
		.cr4 = s->cr4 | 0x40,
		.cr3 = s->cr3,
		.cr0 = s->cr0 & ~0x60000000ULL,
		.dr6 = 0xffff0ff0,
		.dr7 = 0x400,
		.rflags = r->rflags | 2,
		.rip = r->rip,
		.rsp = r->rsp,
		.rax = r->rax,
		.pat = 0x0007040600070406,
		.rcx = r->rcx,
		.rdx = r->rdx,
		.rbx = r->rbx,
		.rbp = r->rbp,
		.rsi = r->rsi,
		.rdi = r->rdi,
		.r8_to_r15 = {r->r8, r->r9, r->r10, r->r11, r->r12, r->r13, r->r14, r->r15},
		.sev_features = features,
		.xcr0 = 1,
		.mxcsr = 0x1f80,
		.fcw = 0x37f,
	};

	/* without the padding that follows the last member: it is not initialized */
	memset(page, 0, 4096);
	memcpy(page, &a, offsetof(struct save_area, fcw) + sizeof(a.fcw));
}
