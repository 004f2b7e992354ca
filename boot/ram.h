/* SPDX-License-Identifier: MIT */
/* Which regions of guest memory are RAM, as far as the guest is told. */
#ifndef BOOT_RAM_H
#define BOOT_RAM_H

#include "mem/plan.h"

/* Those that do not lie in the hole for devices and firmware, ascending; returns how many. */
size_t ram_ranges(const struct guest_mem *mem, struct gpa_range ram[MEM_MAX_REGIONS]);

/* The end of all of them. */
uint64_t ram_end(const struct guest_mem *mem);

/* Tells the guest of these, as far as they lie at or above `from`, in the plan's map, and of pages
 * that nothing may be put into. */
int ram_map(struct load_plan *plan, uint64_t from, struct vmm_error *err);

/*
 * What helps when something has to be at [gpa, gpa + len) and no RAM is there: more memory, or
 * less, or none. For the end of a sentence, behind a colon.
 */
const char *ram_advice(const struct guest_mem *mem, uint64_t gpa, uint64_t len);

#endif
