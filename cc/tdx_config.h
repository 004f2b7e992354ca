/* SPDX-License-Identifier: MIT */
/*
 * What KVM_TDX_INIT_VM is told: attributes, extended features, the owner's identifiers, and those
 * CPUID bits that the TDX module lets a VMM choose (Intel TDX Module ABI, TD_PARAMS).
 */
#ifndef CC_TDX_CONFIG_H
#define CC_TDX_CONFIG_H

#include "cc/config.h"
#include "vmm/base/error.h"
#include "vmm/kvm/uapi_tdx.h"

/* Guest physical address width: 48 works on all hosts, and puts the shared bit at bit 47. */
#define TDX_GPA_BITS 48

/*
 * Builds the structure from the vCPUs' table `cpuid`, masked with what `caps` says can be chosen;
 * *out is freed with free(). -EINVAL names attribute bits that the host does not support.
 */
int tdx_init_vm_build(const struct cc_tdx_config *config, const struct tdx_capabilities *caps,
		      const struct kvm_cpuid2 *cpuid, struct tdx_init_vm **out,
		      struct vmm_error *err);

/* XFAM for a CPUID table: what leaf 0xd announces, within `supported`, groups complete. */
uint64_t tdx_xfam(const struct kvm_cpuid2 *cpuid, uint64_t supported);

#endif
