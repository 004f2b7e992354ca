// SPDX-License-Identifier: MIT
#include "cc/tdx_config.h"

#include "cc/tdx_cpuid.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LEAF_ADDRESS_BITS 0x80000008
#define LEAF_XSAVE	  0xd

/* XFAM bits: the layout of XCR0 | IA32_XSS. */
#define XFAM_ALWAYS UINT64_C(0x3) /* x87, SSE */
#define XFAM_AVX    (UINT64_C(1) << 2)
#define XFAM_AVX512 (UINT64_C(7) << 5)
#define XFAM_CET    (UINT64_C(3) << 11)
#define XFAM_AMX    (UINT64_C(3) << 17)

/* Groups of features that a TD gets as a whole or not at all. */
static uint64_t complete_groups(uint64_t xfam)
{
	if (!(xfam & XFAM_AVX) || (xfam & XFAM_AVX512) != XFAM_AVX512)
		xfam &= ~XFAM_AVX512;
	if ((xfam & XFAM_CET) != XFAM_CET)
		xfam &= ~XFAM_CET;
	if ((xfam & XFAM_AMX) != XFAM_AMX)
		xfam &= ~XFAM_AMX;
	return xfam;
}

uint64_t tdx_xfam(const struct kvm_cpuid2 *cpuid, uint64_t supported)
{
	const struct kvm_cpuid_entry2 *xcr0 = tdx_cpuid_find(cpuid, LEAF_XSAVE, 0);
	const struct kvm_cpuid_entry2 *xss = tdx_cpuid_find(cpuid, LEAF_XSAVE, 1);
	uint64_t wanted = 0;

	if (xcr0)
		wanted |= xcr0->eax | (uint64_t)xcr0->edx << 32;
	if (xss)
		wanted |= xss->ecx | (uint64_t)xss->edx << 32;
	return complete_groups(wanted & supported) | XFAM_ALWAYS;
}

/* Leaves with subleaves (Intel SDM volume 2A, CPUID). */
static bool has_subleaves(uint32_t function)
{
	static const uint8_t leaves[] = {0x4,  0x7,  0xb,  0xd,	 0xf,  0x10, 0x12, 0x14,
					 0x17, 0x18, 0x1b, 0x1d, 0x1f, 0x20, 0x23, 0x24};

	for (size_t i = 0; i < sizeof(leaves); i++)
		if (leaves[i] == function)
			return true;
	return false;
}

/* Is the index of a configurable leaf significant? Also for leaves that are younger than the list
 * above. */
static bool is_indexed(const struct tdx_capabilities *caps, const struct kvm_cpuid_entry2 *mask)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < caps->nent; i++)
		n += caps->entry[i].function == mask->function;
	return mask->index != 0 || n > 1 || has_subleaves(mask->function);
}

/*
 * The bits of one configurable leaf. The masks come without flags, yet the kernel takes the first
 * entry of a function for every subleaf unless the index is marked as significant.
 */
static struct kvm_cpuid_entry2 configured(const struct tdx_capabilities *caps,
					  const struct kvm_cpuid_entry2 *mask,
					  const struct kvm_cpuid2 *cpuid)
{
	const struct kvm_cpuid_entry2 *e = tdx_cpuid_find(cpuid, mask->function, mask->index);
	struct kvm_cpuid_entry2 out = {.function = mask->function};

	if (is_indexed(caps, mask)) {
		out.index = mask->index;
		out.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
	}
	if (e) {
		out.eax = e->eax & mask->eax;
		out.ebx = e->ebx & mask->ebx;
		out.ecx = e->ecx & mask->ecx;
		out.edx = e->edx & mask->edx;
	}
	if (mask->function == LEAF_ADDRESS_BITS)
		out.eax = (out.eax & ~0xff0000u) | TDX_GPA_BITS << 16;
	return out;
}

int tdx_init_vm_build(const struct cc_tdx_config *config, const struct tdx_capabilities *caps,
		      const struct kvm_cpuid2 *cpuid, struct tdx_init_vm **out,
		      struct vmm_error *err)
{
	struct tdx_init_vm *init;

	if (config->attributes & ~caps->supported_attrs)
		return vmm_error_set(err, -EINVAL,
				     "tdx.attributes: this host does not offer %#" PRIx64
				     ", only %#" PRIx64,
				     (uint64_t)(config->attributes & ~caps->supported_attrs),
				     (uint64_t)caps->supported_attrs);
	init = calloc(1, sizeof(*init) + caps->nent * sizeof(init->entry[0]));
	if (!init)
		return vmm_error_errno(err, -ENOMEM, "unable to allocate the TD's parameters");
	init->attributes = config->attributes;
	init->xfam = tdx_xfam(cpuid, caps->supported_xfam);
	memcpy(init->mrconfigid, config->mrconfigid, sizeof(init->mrconfigid));
	memcpy(init->mrowner, config->mrowner, sizeof(init->mrowner));
	memcpy(init->mrownerconfig, config->mrownerconfig, sizeof(init->mrownerconfig));
	for (uint32_t i = 0; i < caps->nent; i++)
		init->entry[init->nent++] = configured(caps, &caps->entry[i], cpuid);
	*out = init;
	return 0;
}
