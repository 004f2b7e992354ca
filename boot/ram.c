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
