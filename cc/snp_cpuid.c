// SPDX-License-Identifier: MIT
#include "cc/snp_cpuid.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <string.h>

/* Page: u32 count, 12 reserved bytes, entries of 48 bytes. */
#define HEADER	   16
#define ENTRY_SIZE 48ULL

enum {
	ENTRY_FUNCTION = 0,
	ENTRY_INDEX = 4,
	ENTRY_XCR0 = 8,
	ENTRY_XSS = 16,
	ENTRY_REGISTERS = 24, /* EAX, EBX, ECX, EDX */
};

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

static void put_entry(uint8_t *at, const struct kvm_cpuid_entry2 *e)
{
	uint32_t index = indexed(e) ? e->index : 0;
	uint32_t ebx = e->ebx;

	put_le32(at + ENTRY_FUNCTION, e->function);
	put_le32(at + ENTRY_INDEX, index);
	if (e->function == LEAF_XSAVE && index <= 1) {
		put_le64(at + ENTRY_XCR0, 1);
		put_le64(at + ENTRY_XSS, 0);
		ebx = XSAVE_BASE_SIZE;
	}
	put_le32(at + ENTRY_REGISTERS, e->eax);
	put_le32(at + ENTRY_REGISTERS + 4, ebx);
	put_le32(at + ENTRY_REGISTERS + 8, e->ecx);
	put_le32(at + ENTRY_REGISTERS + 12, e->edx);
}

int snp_cpuid_build(const struct kvm_cpuid2 *cpuid, uint8_t page[SNP_CPUID_PAGE],
		    struct vmm_error *err)
{
	uint32_t count = 0;

	memset(page, 0, SNP_CPUID_PAGE);
	for (uint32_t i = 0; i < cpuid->nent; i++) {
		if (!wanted(&cpuid->entries[i]))
			continue;
		if (count == SNP_CPUID_ENTRIES)
			return vmm_error_set(err, -E2BIG,
					     "the guest's CPUID table has more than the %u entries "
					     "that SNP firmware takes",
					     SNP_CPUID_ENTRIES);
		put_entry(page + HEADER + count * ENTRY_SIZE, &cpuid->entries[i]);
		count++;
	}
	put_le32(page, count);
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

static unsigned int correct_entry(struct kvm_cpuid_entry2 *e, const uint8_t *sent,
				  const uint8_t *back, const struct vmm_log *log)
{
	static const char *const names[] = {"EAX", "EBX", "ECX", "EDX"};
	__u32 *const registers[] = {&e->eax, &e->ebx, &e->ecx, &e->edx};
	unsigned int changed = 0;

	for (size_t r = 0; r < ARRAY_SIZE(names); r++) {
		uint32_t given = get_le32(sent + ENTRY_REGISTERS + 4 * r);
		uint32_t accepted = get_le32(back + ENTRY_REGISTERS + 4 * r);

		if (given == accepted)
			continue;
		vmm_log(log, VMM_LOG_WARN,
			"the SNP firmware corrected CPUID leaf %#x.%u %s from %#x to %#x",
			get_le32(sent + ENTRY_FUNCTION), get_le32(sent + ENTRY_INDEX), names[r],
			given, accepted);
		*registers[r] = accepted;
		changed++;
	}
	return changed;
}

unsigned int snp_cpuid_correct(struct kvm_cpuid2 *cpuid, const uint8_t sent[SNP_CPUID_PAGE],
			       const uint8_t back[SNP_CPUID_PAGE], const struct vmm_log *log)
{
	uint32_t count = get_le32(sent);
	unsigned int changed = 0;

	if (get_le32(back) != count)
		return 0;
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *s = sent + HEADER + i * ENTRY_SIZE;
		const uint8_t *b = back + HEADER + i * ENTRY_SIZE;
		struct kvm_cpuid_entry2 *e;

		if (memcmp(s, b, ENTRY_REGISTERS) != 0)
			return 0;
		e = find(cpuid, get_le32(s + ENTRY_FUNCTION), get_le32(s + ENTRY_INDEX));
		if (e)
			changed += correct_entry(e, s, b, log);
	}
	return changed;
}
