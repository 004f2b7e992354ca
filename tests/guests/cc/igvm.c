// SPDX-License-Identifier: MIT
/* The guest in an IGVM file: its parameter area as tests/igvm/make.py lays it out, in structures
 * that the format's definitions give, and its pages that are shared with the host. */
#include "tests/guests/cc/guest.h"

struct range {
	uint64_t page;
	uint64_t npages;
};

struct map_entry {
	uint64_t page;
	uint64_t npages;
	uint16_t type;
	uint16_t flags;
	uint32_t reserved;
};

struct area {
	char magic[8];
	uint64_t pad;
	uint32_t vp_count;
	uint32_t environment;
	uint64_t pad1;
	struct range mmio[2];
	struct map_entry map[8];
	char cmdline[256];
	uint8_t madt[0xe00];
	uint8_t device_tree[];
};

_Static_assert(offsetof(struct area, mmio) == 0x20, "tests/igvm/make.py");
_Static_assert(offsetof(struct area, map) == 0x40, "tests/igvm/make.py");
_Static_assert(offsetof(struct area, cmdline) == 0x100, "tests/igvm/make.py");
_Static_assert(offsetof(struct area, madt) == 0x200, "tests/igvm/make.py");
_Static_assert(offsetof(struct area, device_tree) == 0x1000, "tests/igvm/make.py");

static const struct area *const area = (const struct area *)IGVM_AREA;

static void check_text(const char *what, const volatile char *is, const char *wanted)
{
	for (; *wanted; is++, wanted++)
		if (*is != *wanted)
			fail("igvm: no %s at %x", what, (uint64_t)(uintptr_t)is);
}

static void check_memory_map(void)
{
	const struct map_entry *e = area->map;

	if (e->page != 0 || e->type != 0 || e->npages < ARENA / GUEST_PAGE_SIZE + ARENA_PAGES)
		fail("igvm: memory map begins with %u pages at page %x", e->npages, e->page);
	while (e->npages != 0)
		if (++e == &area->map[8])
			fail("igvm: the memory map does not end");
}

static void check_madt(void)
{
	const uint8_t *bytes = area->madt;
	uint32_t len = *(const uint32_t *)(area->madt + 4);
	uint8_t sum = 0;

	check_text("MADT", (const char *)bytes, "APIC");
	if (len < 44 || len > sizeof(area->madt))
		fail("igvm: MADT of %u bytes", (uint64_t)len);
	for (uint32_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + bytes[i]);
	if (sum)
		fail("igvm: MADT adds up to %u", (uint64_t)sum);
}

const char *igvm_cmdline(void)
{
	check_text("initial contents", area->magic, "IGVMAREA");
	if (area->vp_count < 1 || area->vp_count > MAX_CPUS)
		fail("igvm: %u CPUs", (uint64_t)area->vp_count);
	if (area->environment != 0)
		fail("igvm: environment %x", (uint64_t)area->environment);
	if (area->mmio[0].page != 0xd0000 || area->mmio[0].npages == 0)
		fail("igvm: MMIO range at page %x", area->mmio[0].page);
	check_memory_map();
	check_madt();
	check_text("device tree", (const char *)area->device_tree, "\xd0\x0d\xfe\xed");
	return area->cmdline;
}

/* Pages that are shared from the start: a model in which one of them was private would take the
 * access as a request to convert it, and contents would be lost. */
void test_igvm(const struct options *options)
{
	const volatile char *text = (const volatile char *)at(IGVM_SHARED, SHARED);
	volatile uint64_t *error = at(IGVM_ERROR, SHARED);

	if (options->cpus != area->vp_count)
		fail("igvm: %u CPUs instead of %u", (uint64_t)area->vp_count, options->cpus);
	declare(IGVM_SHARED, 1, SHARED);
	declare(IGVM_ERROR, IGVM_ERROR_SIZE / GUEST_PAGE_SIZE, SHARED);
	check_text("shared page", text, "shared with the host");
	error[0] = 1;
	if (error[0] != 1)
		fail("igvm: the error range does not keep what is written");
	say("GUEST ok igvm");
}
