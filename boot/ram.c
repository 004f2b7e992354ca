// SPDX-License-Identifier: MIT
#include "boot/ram.h"

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

int ram_map(const struct guest_mem *mem, struct load_plan *plan, struct vmm_error *err)
{
	struct gpa_range ram[MEM_MAX_REGIONS];
	size_t nram = ram_ranges(mem, ram);
	bool told = false;
	int ret = 0;

	for (size_t i = 0; i <= nram && ret == 0; i++) {
		/* used by KVM on Intel: nothing else may be put there */
		if (!told && (i == nram || ram[i].gpa >= LAYOUT_HIGH_BASE)) {
			ret = load_plan_map(plan, LAYOUT_IDENTITY, 4 * PAGE_SIZE, GPA_RESERVED,
					    err);
			told = true;
		}
		if (i < nram && ret == 0)
			ret = load_plan_map(plan, ram[i].gpa, ram[i].len, GPA_RAM, err);
	}
	return ret;
}
