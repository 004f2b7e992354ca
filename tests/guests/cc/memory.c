// SPDX-License-Identifier: MIT
#include "tests/guests/cc/guest.h"

#define KVM_HC_MAP_GPA_RANGE 12
#define HC_ENCRYPTED	     0x10  /* KVM_MAP_GPA_RANGE_ENCRYPTED */
#define HC_GUEST_VIEW	     0x5cc /* of the model: what kind the guest's accesses are */

/* --- own bytes -------------------------------------------------------------------------------- */

extern const uint64_t pattern[PATTERN_WORDS], extra_pattern[EXTRA_PATTERN_WORDS];

static uint64_t check_pattern(const char *name, const volatile uint64_t *words, size_t n,
			      uint64_t word)
{
	for (size_t i = 0; i < n; i++) {
		word = word * PATTERN_MULTIPLIER + PATTERN_INCREMENT;
		if (words[i] != word)
			fail("%s: word %u at %x is %x instead of %x", name, i,
			     (uint64_t)(uintptr_t)&words[i], words[i], word);
	}
	return word;
}

static void check_zero(const char *name, uint64_t gpa, uint64_t len)
{
	const volatile uint64_t *words = (const volatile uint64_t *)gpa;

	for (size_t i = 0; i < len / 8; i++)
		if (words[i])
			fail("%s: %x at %x instead of 0", name, words[i], gpa + i * 8);
}

void check_own_bytes(void)
{
	uint64_t word;

	word = check_pattern("pattern", pattern, PATTERN_WORDS, PATTERN_SEED);
	check_pattern("extra pattern", extra_pattern, EXTRA_PATTERN_WORDS, word);
	/* of RAM into which nothing was loaded, every 16th page */
	for (uint64_t i = 0; i < ARENA_PAGES; i += 16)
		check_zero("RAM", ARENA + i * GUEST_PAGE_SIZE, GUEST_PAGE_SIZE);
}

/* --- kinds in addresses ----------------------------------------------------------------------- */

/* The first GiB once more at 512 GiB, with the other value of the address bit. */
#define ALIAS (1ULL << 39)

static uint64_t alias_pdpt[512] __attribute__((aligned(GUEST_PAGE_SIZE)));
static uint64_t alias_pd[512] __attribute__((aligned(GUEST_PAGE_SIZE)));
static bool in_address;

void kinds_init(unsigned int bit)
{
	uint64_t *pml4, cr3, mask = 1ULL << bit;

	if (bit == 0)
		return;
	__asm__("mov %%cr3, %0" : "=r"(cr3));
	pml4 = (uint64_t *)(cr3 & ~mask & ~(uint64_t)(GUEST_PAGE_SIZE - 1));
	/* page tables are private themselves, whatever they lead to */
	for (size_t i = 0; i < 512; i++)
		alias_pd[i] = (i << 21) | PTE_LARGE;
	alias_pdpt[0] = (uintptr_t)alias_pd | mask | PTE_TABLE;
	pml4[1] = (uintptr_t)alias_pdpt | mask | PTE_TABLE;
	__asm__ volatile("mov %0, %%cr3" : : "r"(cr3) : "memory");
	in_address = true;
}

bool kinds_in_address(void)
{
	return in_address;
}

volatile uint64_t *at(uint64_t gpa, enum kind kind)
{
	return (volatile uint64_t *)(in_address && kind == SHARED ? gpa + ALIAS : gpa);
}

/* --- hypercalls ------------------------------------------------------------------------------- */

static long hypercall(uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
	long ret;

	__asm__ volatile("vmmcall" : "=a"(ret) : "a"(nr), "b"(a0), "c"(a1), "d"(a2) : "memory");
	return ret;
}

void declare(uint64_t gpa, uint64_t npages, enum kind kind)
{
	long ret;

	if (in_address)
		return;
	ret = hypercall(HC_GUEST_VIEW, gpa, npages, kind);
	if (ret)
		fail("declaring %u pages at %x as %u: %x", npages, gpa, (uint64_t)kind,
		     (uint64_t)ret);
}

long map_gpa_range(uint64_t gpa, uint64_t npages, uint64_t attributes)
{
	return hypercall(KVM_HC_MAP_GPA_RANGE, gpa, npages, attributes);
}

void convert(uint64_t gpa, uint64_t npages, enum kind kind)
{
	long ret;

	do
		ret = map_gpa_range(gpa, npages, kind == PRIVATE ? HC_ENCRYPTED : 0);
	while (ret == HC_EAGAIN);
	if (ret)
		fail("converting %u pages at %x to %s: %x", npages, gpa,
		     kind == PRIVATE ? "private" : "shared", (uint64_t)ret);
}
