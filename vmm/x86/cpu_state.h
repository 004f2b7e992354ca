/* SPDX-License-Identifier: MIT */
#ifndef VMM_X86_CPU_STATE_H
#define VMM_X86_CPU_STATE_H

#include "cc/tech.h"
#include "mem/plan.h"
#include "vmm/kvm/kvm.h"

/* Sets the registers of a vCPU that has not run, for the entry that the plan asks for. */
int cpu_state_set(const struct kvm_vcpu *vcpu, uint32_t id, const struct cc_config *config,
		  const struct load_plan *plan, struct vmm_error *err);

#endif
