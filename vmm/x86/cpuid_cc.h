/* SPDX-License-Identifier: MIT */
#ifndef VMM_X86_CPUID_CC_H
#define VMM_X86_CPUID_CC_H

#include "cc/launch.h"
#include "vmm/kvm/kvm.h"

/* What guests of a confidential VM see differently. One entry may be added. */
void cpuid_set_cc(struct kvm_cpuid2 *cpuid, const struct cc_config *config);

/* -EINVAL when the host's C-bit, as far as KVM tells, is not the configured one. */
int cpuid_check_cbit(const struct kvm_cpuid2 *cpuid, const struct cc_config *config,
		     struct vmm_error *err);

#endif
