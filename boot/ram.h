/* SPDX-License-Identifier: MIT */
/* Which regions of guest memory are RAM, as far as the guest is told. */
#ifndef BOOT_RAM_H
#define BOOT_RAM_H

#include "mem/mem.h"

/* Those that do not lie in the hole for devices and firmware, ascending; returns how many. */
size_t ram_ranges(const struct guest_mem *mem, struct gpa_range ram[MEM_MAX_REGIONS]);

#endif
