/* SPDX-License-Identifier: MIT */
/*
 * CPUID of a TD exists twice: the TDX module answers most leaves itself, KVM has a table for its own
 * decisions and for the rest. Here the two are brought together and held against each other.
 */
#ifndef CC_TDX_CPUID_H
#define CC_TDX_CPUID_H

#include "vmm/base/log.h"

#include <linux/kvm.h>
#include <stdint.h>

/* The entry of a leaf, as KVM looks for it: an index counts only where it is marked as significant.
 * NULL if there is none. */
const struct kvm_cpuid_entry2 *tdx_cpuid_find(const struct kvm_cpuid2 *cpuid, uint32_t function,
					      uint32_t index);

/*
 * Makes KVM's table agree with what a TD gets in any case: the guest physical address width (KVM
 * refuses MapGPA of addresses, with their shared bit, beyond the width in leaf 0x80000008), and in
 * leaf 0xd no state but that of `xfam`.
 */
void tdx_cpuid_fit(struct kvm_cpuid2 *cpuid, uint64_t xfam);

/* Logs where the module's table `td` (KVM_TDX_GET_CPUID) is not the one that KVM was `given`: each
 * register at level debug, and one warning for all that are not expected to differ. Returns how many
 * those are. */
unsigned int tdx_cpuid_compare(const struct kvm_cpuid2 *given, const struct kvm_cpuid2 *td,
			       const struct vmm_log *log);

#endif
