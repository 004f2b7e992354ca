// SPDX-License-Identifier: MIT
#include "boot/ram.h"

#include "vmm/base/bytes.h"

size_t ram_ranges(const struct guest_mem *mem, struct gpa_range ram[MEM_MAX_REGIONS])
{
	size_t n = 0;

	for (size_t i = 0; i < mem->nregions; i++) {
		const struct mem_region *r = &mem->region[i];

		if (r->gpa < LAYOUT_VIRTIO_BASE || r->gpa >= LAYOUT_HIGH_BASE)
			ram[n++] = (struct gpa_range){r->gpa, r->len};
	}
	return n;
}

uint64_t ram_end(const struct guest_mem *mem)
{
	struct gpa_range ram[MEM_MAX_REGIONS];
	size_t n = ram_ranges(mem, ram);

	return n ? ram[n - 1].gpa + ram[n - 1].len : 0;
}

int ram_map(struct load_plan *plan, uint64_t from, struct vmm_error *err)
{
	struct gpa_range ram[MEM_MAX_REGIONS];
	size_t nram = ram_ranges(plan->mem, ram);
	bool told = false;
	int ret = 0;

	for (size_t i = 0; i <= nram && ret == 0; i++) {
		/* used by KVM on Intel: nothing else may be put there */
		if (!told && (i == nram || ram[i].gpa >= LAYOUT_HIGH_BASE)) {
			ret = load_plan_map(plan, LAYOUT_IDENTITY, 4 * PAGE_SIZE, GPA_RESERVED,
					    err);
			told = true;
		}
		if (i < nram && ret == 0) {
			uint64_t start = ram[i].gpa > from ? ram[i].gpa : from;

			ret = load_plan_map(plan, start, ram[i].gpa + ram[i].len - start, GPA_RAM,
					    err);
		}
	}
	return ret;
}

const char *ram_advice(const struct guest_mem *mem, uint64_t gpa, uint64_t len)
{
	bool split = mem_find(mem, LAYOUT_HIGH_BASE, 1) != NULL;
	uint64_t low_end = split ? LAYOUT_LOW_SPLIT : LAYOUT_LOW_MAX - PAGE_SIZE;

	if (range_inside(gpa, len, 0, low_end) ||
	    range_inside(gpa, len, LAYOUT_HIGH_BASE, (UINT64_C(1) << 51) - LAYOUT_HIGH_BASE))
		return "give the guest more memory";
	if (range_inside(gpa, len, 0, LAYOUT_LOW_MAX - PAGE_SIZE))
		return "only guests with less than 2816 MiB of memory have RAM there";
	return "no guest has RAM there, whatever its memory";
}
