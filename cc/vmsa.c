// SPDX-License-Identifier: MIT
#include "cc/vmsa.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <inttypes.h>

#define EFER_SVME  (UINT64_C(1) << 12) /* KVM runs its guests with it */
#define CR4_MCE	   (UINT64_C(1) << 6)  /* because the host has it */
#define CR0_NW_CD  (UINT64_C(3) << 29) /* cleared by KVM's default quirk */
#define SNP_ACTIVE (UINT64_C(1) << 0)

/* What KVM's reset leaves in the registers that minivmm does not set. */
#define RESET_DR6   0xffff0ff0
#define RESET_DR7   0x400
#define RESET_PAT   0x0007040600070406
#define RESET_XCR0  1
#define RESET_MXCSR 0x1f80
#define RESET_FCW   0x37f

static struct vmsa_segment put_segment(const struct kvm_segment *s)
{
	int present = s->present && !s->unusable;

	return (struct vmsa_segment){
		.selector = s->selector,
		.attributes = (uint16_t)(s->type | s->s << 4 | s->dpl << 5 | present << 7 |
					 s->avl << 8 | s->l << 9 | s->db << 10 | s->g << 11),
		.limit = s->limit,
		.base = s->base,
	};
}

static struct vmsa_segment put_table(const struct kvm_dtable *t)
{
	return (struct vmsa_segment){.limit = t->limit, .base = t->base};
}

static struct kvm_segment get_segment(const struct vmsa_segment *s)
{
	unsigned int a = s->attributes;

	return (struct kvm_segment){
		.selector = s->selector,
		.limit = s->limit,
		.base = s->base,
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

static struct kvm_dtable get_table(const struct vmsa_segment *s)
{
	return (struct kvm_dtable){.limit = (uint16_t)s->limit, .base = s->base};
}

void vmsa_read(const struct vmsa *page, struct cc_vcpu_state *state)
{
#define GET(name)	  .name = page->name
#define GET_SEGMENT(name) .name = get_segment(&page->name)
	state->regs = (struct kvm_regs){VMSA_REGISTERS(GET)};
	state->sregs = (struct kvm_sregs){
		VMSA_SEGMENTS(GET_SEGMENT),
		.ldt = get_segment(&page->ldtr),
		.gdt = get_table(&page->gdtr),
		.idt = get_table(&page->idtr),
		/* KVM sets the bit for itself, and refuses it from us */
		.efer = page->efer & ~EFER_SVME,
		.cr0 = page->cr0,
		.cr3 = page->cr3,
		.cr4 = page->cr4,
	};
}

void vmsa_build(const struct cc_vcpu_state *state, uint64_t features, struct vmsa *page)
{
	const struct kvm_sregs *s = &state->sregs;

#define PUT(name)	  .name = state->regs.name
#define PUT_SEGMENT(name) .name = put_segment(&s->name)
	*page = (struct vmsa){
		VMSA_REGISTERS(PUT),
		VMSA_SEGMENTS(PUT_SEGMENT),
		.gdtr = put_table(&s->gdt),
		.ldtr = put_segment(&s->ldt),
		.idtr = put_table(&s->idt),
		.cpl = s->ss.dpl,
		.efer = s->efer | EFER_SVME,
		.cr4 = s->cr4 | CR4_MCE,
		.cr3 = s->cr3,
		.cr0 = s->cr0 & ~CR0_NW_CD,
		.dr6 = RESET_DR6,
		.dr7 = RESET_DR7,
		.pat = RESET_PAT,
		.sev_features = features | SNP_ACTIVE,
		.xcr0 = RESET_XCR0,
		.mxcsr = RESET_MXCSR,
		.fcw = RESET_FCW,
	};
	page->rflags |= 2;
}

/* --- a page that a file brings ---------------------------------------------------------------- */

/* What the byte at `offset` belongs to: its name, and where it starts. */
static const char *field_at(size_t offset, size_t *start)
{
	static const struct {
		size_t offset;
		const char *name;
	} fields[] = {
#define FIELD(type, member, dimension, name) {offsetof(struct vmsa, member), name},
		VMSA_FIELDS(FIELD)
#undef FIELD
	};
	size_t i = ARRAY_SIZE(fields) - 1;

	while (fields[i].offset > offset)
		i--;
	*start = fields[i].offset;
	return fields[i].name;
}

int vmsa_check(const struct load_vcpu *vcpu, uint64_t features, struct vmm_error *err)
{
	const uint8_t *is = (const uint8_t *)&vcpu->vmsa;
	struct cc_vcpu_state state;
	struct vmsa made;
	const uint8_t *seals = (const uint8_t *)&made;
	const char *name;
	size_t at = 0, start;

	if (vcpu->gpa != VMSA_GPA)
		return vmm_error_set(err, -EINVAL,
				     "the registers of vCPU %u are for guest address %#" PRIx64
				     ", KVM measures them at %#" PRIx64,
				     vcpu->id, vcpu->gpa, VMSA_GPA);
	/* KVM takes no such page: it makes one from the registers that user space sets */
	vmsa_read(&vcpu->vmsa, &state);
	vmsa_build(&state, features, &made);
	while (at < sizeof(made) && seals[at] == is[at])
		at++;
	if (at == sizeof(made))
		return 0;
	name = field_at(at, &start);
	at = align_down(at, 8);
	return vmm_error_set(err, -EINVAL,
			     "the registers of vCPU %u have %#" PRIx64
			     " in %s (VMSA offset %#zx), where KVM would seal %#" PRIx64,
			     vcpu->id, get_le64(is + at), name, start, get_le64(seals + at));
}
