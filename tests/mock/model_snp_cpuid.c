// SPDX-License-Identifier: MIT
/* What the SNP firmware has against a CPUID page: SEV Secure Nested Paging Firmware ABI, "CPUID
 * Reporting". It only ever takes bits away. */
#include "tests/mock/model_cc_state.h"

#include "vmm/base/bytes.h"

#include <string.h>

#define ENTRIES_AT  16
#define MAX_ENTRIES 64

struct entry {
	uint32_t function, index;
	uint64_t xcr0, xss;
	uint32_t reg[4];
	uint64_t reserved;
};

_Static_assert(sizeof(struct entry) == 48, "CPUID_FUNCTION");

/* Bits that no guest may have, since the hypervisor would have to provide them. */
static const struct {
	uint32_t function, index, reg, bits;
} never[] = {
	{0x1, 0, 2, 1u << 24},	      /* TSC deadline timer */
	{0x7, 0, 1, 1u << 1},	      /* TSC_ADJUST */
	{0x7, 0, 3, 0xfc000000},      /* SPEC_CTRL … SSBD */
	{0x80000008, 0, 1, 1u << 25}, /* VIRT_SSBD */
	{0x80000021, 0, 0, 1u << 9},  {0x80000021, 0, 2, UINT32_MAX},
};

static bool take(struct entry *e, uint32_t function, uint32_t index, uint32_t reg, uint32_t bits)
{
	if (e->function != function || e->index != index || !(e->reg[reg] & bits))
		return false;
	e->reg[reg] &= ~bits;
	return true;
}

/* Returns whether anything had to be corrected. */
static bool correct(const struct model_snp_host *host, struct entry *e)
{
	bool corrected = false;

	for (size_t i = 0; i < ARRAY_SIZE(never); i++)
		corrected |=
			take(e, never[i].function, never[i].index, never[i].reg, never[i].bits);
	for (size_t i = 0; i < host->nlacks; i++)
		corrected |= take(e, host->lacks[i].function, host->lacks[i].index,
				  host->lacks[i].reg, host->lacks[i].bits);
	/* the sizes of the XSAVE area are those for the XCR0 and XSS of the entry */
	if (e->function == 0xd && e->index <= 1 &&
	    (e->xcr0 != 1 || e->xss != 0 || e->reg[1] != 0x240)) {
		e->xcr0 = 1;
		e->xss = 0;
		e->reg[1] = 0x240;
		corrected = true;
	}
	return corrected;
}

bool model_snp_check_cpuid(struct model_snp_host *host, uint8_t page[4096])
{
	uint32_t count = get_le32(page);
	bool good = true;

	if (host->refuse > 0) {
		host->refuse--;
		return false;
	}
	if (count > MAX_ENTRIES || get_le32(page + 4) || get_le64(page + 8))
		return false;
	for (uint32_t i = 0; i < count; i++) {
		uint8_t *at = page + ENTRIES_AT + i * sizeof(struct entry);
		struct entry e;

		memcpy(&e, at, sizeof(e));
		if (correct(host, &e))
			good = false;
		if (e.reserved)
			return false;
		memcpy(at, &e, sizeof(e));
	}
	return good;
}
