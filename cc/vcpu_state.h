/* SPDX-License-Identifier: MIT */
/*
 * Registers of a vCPU before its first instruction. One pure function, used twice: the machine sets
 * what it returns with KVM_SET_SREGS and KVM_SET_REGS, and the SNP measurement builds the VMSA page
 * from it. No descriptor table is needed: the hidden parts of the segment registers are set, and
 * every kernel loads its own GDT before it loads a selector.
 */
#ifndef CC_VCPU_STATE_H
#define CC_VCPU_STATE_H

#include "cc/registers.h"
#include "mem/plan.h"

/*
 * The state of vCPU `id` for the plan's entry, or what the plan has for it. `cpuid_sig` goes into
 * RDX of CPUs that start at the reset vector; `cbit` is the position of SNP's C-bit, or 0 for a VM
 * without memory encryption.
 */
void cc_vcpu_state(const struct load_plan *plan, uint32_t id, uint32_t cpuid_sig, unsigned int cbit,
		   struct cc_vcpu_state *state);

#endif
