// SPDX-License-Identifier: MIT
#include "cc/tdx_cpuid.h"

#include "cc/tdx_config.h"
#include "vmm/base/bytes.h"

#include <stdbool.h>
#include <stdio.h>

#define LEAF_XSAVE	  0xd
#define LEAF_TSC	  0x15
#define LEAF_FREQUENCY	  0x16
#define LEAF_TDX	  0x21
#define LEAF_ADDRESS_BITS 0x80000008

#define XSAVE_HEADER_END 0x240 /* legacy region and header */

const struct kvm_cpuid_entry2 *tdx_cpuid_find(const struct kvm_cpuid2 *cpuid, uint32_t function,
					      uint32_t index)
{
	for (uint32_t i = 0; i < cpuid->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		if (e->function == function &&
		    (!(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || e->index == index))
			return e;
	}
	return NULL;
}

/* One subleaf of leaf 0xd; *size grows to the end of its state in XSAVE's standard format. */
static void fit_xsave(struct kvm_cpuid_entry2 *e, uint64_t xfam, uint32_t *size)
{
	if (e->index == 0) {
		e->eax &= (uint32_t)xfam;
		e->edx &= (uint32_t)(xfam >> 32);
	} else if (e->index == 1) {
		e->ecx &= (uint32_t)xfam;
		e->edx &= (uint32_t)(xfam >> 32);
	} else if (e->index >= 64 || !(xfam & UINT64_C(1) << e->index)) {
		e->eax = e->ebx = e->ecx = e->edx = 0;
	} else if (e->eax + e->ebx > *size) {
		*size = e->eax + e->ebx;
	}
}

void tdx_cpuid_fit(struct kvm_cpuid2 *cpuid, uint64_t xfam)
{
	struct kvm_cpuid_entry2 *xcr0 = NULL;
	uint32_t size = XSAVE_HEADER_END;

	for (uint32_t i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		if (e->function == LEAF_XSAVE)
			fit_xsave(e, xfam, &size);
		if (e->function == LEAF_XSAVE && e->index == 0)
			xcr0 = e;
		if (e->function != LEAF_ADDRESS_BITS)
			continue;
		e->eax = (e->eax & ~0xff0000u) | TDX_GPA_BITS << 16;
		if ((e->eax & 0xff) < TDX_GPA_BITS)
			e->eax = (e->eax & ~0xffu) | TDX_GPA_BITS;
	}
	if (xcr0)
		xcr0->ecx = size;
}

/*
 * What differs on every host, and is as it should be: how far the table goes and whose CPU it is, the
 * clock, and what says that this is a TD, are the module's to tell; and the size of XSAVE's area in
 * EBX of leaf 0xd is that of the XCR0 that the vCPU has at this moment, which nobody has set yet.
 */
static bool is_expected(uint32_t function, uint32_t index, size_t reg)
{
	switch (function) {
	case 0:
	case 0x80000000:
	case LEAF_TSC:
	case LEAF_FREQUENCY:
	case LEAF_TDX:
		return true;
	case LEAF_XSAVE:
		return index <= 1 && reg == 1;
	default:
		return false;
	}
}

unsigned int tdx_cpuid_compare(const struct kvm_cpuid2 *given, const struct kvm_cpuid2 *td,
			       const struct vmm_log *log)
{
	static const char *const names[] = {"EAX", "EBX", "ECX", "EDX"};
	static const struct kvm_cpuid_entry2 none;
	char first[32] = "";
	unsigned int n = 0;

	for (uint32_t i = 0; i < td->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &td->entries[i];
		const struct kvm_cpuid_entry2 *g = tdx_cpuid_find(given, e->function, e->index);
		const uint32_t is[] = {e->eax, e->ebx, e->ecx, e->edx};
		uint32_t told[ARRAY_SIZE(is)];

		g = g ? g : &none;
		told[0] = g->eax, told[1] = g->ebx, told[2] = g->ecx, told[3] = g->edx;
		for (size_t r = 0; r < ARRAY_SIZE(is); r++) {
			bool expected = is_expected(e->function, e->index, r);

			if (is[r] == told[r])
				continue;
			vmm_log(log, VMM_LOG_DEBUG,
				"the TDX module shows the TD CPUID leaf %#x.%u %s as %#x, "
				"and KVM takes it for %#x%s",
				e->function, e->index, names[r], is[r], told[r],
				expected ? ", as expected" : "");
			if (!expected && n++ == 0)
				snprintf(first, sizeof(first), "%#x.%u %s", e->function, e->index,
					 names[r]);
		}
	}
	if (n > 0)
		vmm_log(log, VMM_LOG_WARN,
			"the TDX module shows the TD another CPUID than KVM has, in %u register%s, "
			"the first is leaf %s; log.level = \"debug\" shows %s",
			n, n == 1 ? "" : "s", first, n == 1 ? "it" : "them all");
	return n;
}
