// SPDX-License-Identifier: MIT
#include "cc/vcpu_state.h"

#include "cc/vmsa.h"

#define CR0_PE	     (UINT64_C(1) << 0)
#define CR0_ET	     (UINT64_C(1) << 4)
#define CR0_PG	     (UINT64_C(1) << 31)
#define CR4_PAE	     (UINT64_C(1) << 5)
#define EFER_LME     (UINT64_C(1) << 8)
#define EFER_LMA     (UINT64_C(1) << 10)
#define RFLAGS_FIXED 2

/* The selectors that the boot protocol promises (Documentation/arch/x86/boot.rst, "64-bit boot
 * protocol"). */
#define BOOT_CS 0x10
#define BOOT_DS 0x18

/* Segment types: AMD64 APM volume 2, section 4.7; all of them "accessed". */
#define TYPE_DATA 0x3
#define TYPE_CODE 0xb
#define TYPE_LDT  0x2
#define TYPE_TSS  0xb

static struct kvm_segment flat_segment(uint16_t selector, uint8_t type, bool long_mode)
{
	return (struct kvm_segment){
		.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.s = 1,
		.g = 1,
		.l = long_mode,
		.db = !long_mode,
	};
}

static struct kvm_segment real_mode_segment(uint16_t selector, uint32_t base, uint8_t type)
{
	return (struct kvm_segment){
		.base = base,
		.limit = 0xffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.s = 1,
	};
}

static struct kvm_segment system_segment(uint8_t type, uint32_t limit)
{
	return (struct kvm_segment){.limit = limit, .type = type, .present = 1};
}

/* Reset, with the code segment where the CPU's first instruction is: AMD64 APM volume 2, table 14-1
 * (processor initialization state), as QEMU hands it to KVM. */
static void reset_state(uint32_t eip, uint32_t cpuid_sig, struct cc_vcpu_state *state)
{
	struct kvm_sregs *s = &state->sregs;

	s->cs = real_mode_segment(0xf000, eip & 0xffff0000, TYPE_CODE);
	s->ds = real_mode_segment(0, 0, TYPE_DATA);
	s->es = s->fs = s->gs = s->ss = s->ds;
	s->tr = system_segment(TYPE_TSS, 0xffff);
	s->ldt = system_segment(TYPE_LDT, 0xffff);
	s->gdt.limit = s->idt.limit = 0xffff;
	s->cr0 = CR0_ET;
	state->regs.rip = eip & 0xffff;
	state->regs.rdx = cpuid_sig;
}

static void flat_state(bool long_mode, struct kvm_sregs *s)
{
	s->cs = flat_segment(BOOT_CS, TYPE_CODE, long_mode);
	s->ds = flat_segment(BOOT_DS, TYPE_DATA, false);
	s->es = s->fs = s->gs = s->ss = s->ds;
	s->tr = system_segment(TYPE_TSS, 0x67);
	s->ldt = system_segment(TYPE_LDT, 0xffff);
	s->cr0 = CR0_ET | CR0_PE;
}

void cc_vcpu_state(const struct load_plan *plan, uint32_t id, uint32_t cpuid_sig, unsigned int cbit,
		   struct cc_vcpu_state *state)
{
	const struct load_entry *entry = &plan->entry;
	const struct load_vcpu *own = load_plan_vcpu(plan, id);
	uint32_t reset = id != 0 && entry->ap_eip ? entry->ap_eip : 0xfffffff0;

	*state = (struct cc_vcpu_state){.regs = {.rflags = RFLAGS_FIXED}};
	if (own) {
		vmsa_read(&own->vmsa, state);
		return;
	}
	if (id != 0 || entry->mode == ENTRY_RESET || entry->mode == ENTRY_CONTEXT ||
	    entry->mode == ENTRY_NONE) {
		reset_state(reset, cpuid_sig, state);
		return;
	}
	flat_state(entry->mode == ENTRY_LONG_MODE, &state->sregs);
	state->regs.rip = entry->rip;
	if (entry->mode == ENTRY_LONG_MODE) {
		state->sregs.cr0 |= CR0_PG;
		state->sregs.cr3 = entry->cr3 | (cbit ? UINT64_C(1) << cbit : 0);
		state->sregs.cr4 = CR4_PAE;
		state->sregs.efer = EFER_LME | EFER_LMA;
		state->regs.rsi = entry->arg;
	} else {
		state->regs.rbx = entry->arg;
	}
}
