// SPDX-License-Identifier: MIT
#include "cc/snp_cpuid.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define LEAF_XSAVE	0xd
#define XSAVE_BASE_SIZE 0x240 /* bytes for x87 and SSE, all that XCR0 = 1 and XSS = 0 enable */

static bool indexed(const struct kvm_cpuid_entry2 *e)
{
	return e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
}

/* Does a subleaf only say that there are no more, as a missing one does? A cache of no type, or a
 * level of topology of no type, whose other registers number it. */
static bool ends_list(const struct kvm_cpuid_entry2 *e)
{
	switch (e->function) {
	case 0x4:
	case 0x8000001d:
		return (e->eax & 0x1f) == 0;
	case 0xb:
	case 0x1f:
	case 0x80000026:
		return (e->ecx >> 8 & 0xff) == 0;
	default:
		return false;
	}
}

/* Linux takes a leaf that is missing inside the announced range as zeros, so such an entry says
 * nothing; the range limits themselves must be there. */
static bool wanted(const struct kvm_cpuid_entry2 *e)
{
	if (e->function == 0 || e->function == 0x80000000 || e->function == 0x40000000)
		return true;
	if (ends_list(e))
		return false;
	return e->eax || e->ebx || e->ecx || e->edx;
}

static struct snp_cpuid_entry entry_of(const struct kvm_cpuid_entry2 *e)
{
	struct snp_cpuid_entry entry = {
		.function = e->function,
		.index = indexed(e) ? e->index : 0,
		.reg = {e->eax, e->ebx, e->ecx, e->edx},
	};

	if (entry.function == LEAF_XSAVE && entry.index <= 1) {
		entry.xcr0 = 1;
		entry.reg[1] = XSAVE_BASE_SIZE;
	}
	return entry;
}

int snp_cpuid_build(const struct kvm_cpuid2 *cpuid, struct snp_cpuid_page *page,
		    struct vmm_error *err)
{
	*page = (struct snp_cpuid_page){.count = 0};
	for (uint32_t i = 0; i < cpuid->nent; i++) {
		if (!wanted(&cpuid->entries[i]))
			continue;
		if (page->count == SNP_CPUID_ENTRIES)
			return vmm_error_set(err, -E2BIG,
					     "the guest's CPUID table has more than the %u entries "
					     "that SNP firmware takes",
					     SNP_CPUID_ENTRIES);
		page->entry[page->count++] = entry_of(&cpuid->entries[i]);
	}
	return 0;
}

static struct kvm_cpuid_entry2 *find(struct kvm_cpuid2 *cpuid, uint32_t function, uint32_t index)
{
	for (uint32_t i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		if (e->function == function && (indexed(e) ? e->index : 0) == index)
			return e;
	}
	return NULL;
}

void snp_cpuid_warn(const struct kvm_cpuid2 *cpuid, const struct vmm_log *log)
{
	bool rdrand = false, has_xsave = false, compact = false;

	for (uint32_t i = 0; i < cpuid->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		if (e->function == 0)
			has_xsave = e->eax >= LEAF_XSAVE;
		if (e->function == 1)
			rdrand = e->ecx & 1u << 30;
		if (e->function == LEAF_XSAVE && e->index == 1)
			compact = e->eax & (1u << 1 | 1u << 3);
	}
	if (!rdrand)
		vmm_log(log, VMM_LOG_WARN,
			"this host's CPUID has no RDRAND: Linux stops early in an SNP guest");
	/* in a table that ends before that leaf Linux looks for no such state, and boots */
	if (has_xsave && !compact)
		vmm_log(log, VMM_LOG_WARN,
			"this host's CPUID has neither XSAVEC nor XSAVES: Linux stops early in an "
			"SNP guest");
}

static unsigned int correct_entry(struct kvm_cpuid_entry2 *e, const struct snp_cpuid_entry *sent,
				  const struct snp_cpuid_entry *back, const struct vmm_log *log)
{
	static const char *const names[] = {"EAX", "EBX", "ECX", "EDX"};
	__u32 *const registers[] = {&e->eax, &e->ebx, &e->ecx, &e->edx};
	unsigned int changed = 0;

	for (size_t r = 0; r < ARRAY_SIZE(names); r++) {
		if (sent->reg[r] == back->reg[r])
			continue;
		vmm_log(log, VMM_LOG_WARN,
			"the SNP firmware corrected CPUID leaf %#x.%u %s from %#x to %#x",
			sent->function, sent->index, names[r], sent->reg[r], back->reg[r]);
		*registers[r] = back->reg[r];
		changed++;
	}
	return changed;
}

unsigned int snp_cpuid_correct(struct kvm_cpuid2 *cpuid, const struct snp_cpuid_page *sent,
			       const struct snp_cpuid_page *back, const struct vmm_log *log)
{
	unsigned int changed = 0;

	if (back->count != sent->count)
		return 0;
	for (uint32_t i = 0; i < sent->count; i++) {
		const struct snp_cpuid_entry *s = &sent->entry[i], *b = &back->entry[i];
		struct kvm_cpuid_entry2 *e;

		if (memcmp(s, b, offsetof(struct snp_cpuid_entry, reg)) != 0)
			return 0;
		e = find(cpuid, s->function, s->index);
		if (e)
			changed += correct_entry(e, s, b, log);
	}
	return changed;
}
