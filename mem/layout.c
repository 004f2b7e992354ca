// SPDX-License-Identifier: MIT
#include "mem/layout.h"

size_t layout_ram(uint64_t size, struct gpa_range ram[2])
{
	if (size < LAYOUT_LOW_MAX) {
		ram[0] = (struct gpa_range){0, size};
		return 1;
	}
	ram[0] = (struct gpa_range){0, LAYOUT_LOW_SPLIT};
	ram[1] = (struct gpa_range){LAYOUT_HIGH_BASE, size - LAYOUT_LOW_SPLIT};
	return 2;
}

uint64_t layout_end(uint64_t size)
{
	struct gpa_range ram[2];
	size_t n = layout_ram(size, ram);

	return n == 2 ? ram[1].gpa + ram[1].len : LAYOUT_HIGH_BASE;
}
