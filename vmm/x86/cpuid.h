/* SPDX-License-Identifier: MIT */
/* What CPUID shows the guest. */
#ifndef VMM_X86_CPUID_H
#define VMM_X86_CPUID_H

#include "cc/tech.h"
#include "vmm/kvm/kvm.h"

/* What the host supports, made into what the guests of this VM see; *out is freed with free(). */
int cpuid_create(const struct kvm_system *kvm, const struct kvm_vm *vm,
		 const struct cc_config *config, struct kvm_cpuid2 **out, struct vmm_error *err);

/* Fills in the values that differ from vCPU to vCPU. */
void cpuid_set_vcpu(struct kvm_cpuid2 *cpuid, uint32_t id);

/* guest physical address bits of the table, 36 if it does not say */
unsigned int cpuid_phys_bits(const struct kvm_cpuid2 *cpuid);
/* … which are no more from now on. */
void cpuid_limit_phys_bits(struct kvm_cpuid2 *cpuid, unsigned int bits);

#endif
