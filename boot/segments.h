/* SPDX-License-Identifier: MIT */
/*
 * The loadable segments of an ELF kernel as boot items. Segments begin and end anywhere, boot items
 * are whole pages that never overlap: a page that two segments share belongs to the lower one's
 * item.
 */
#ifndef BOOT_SEGMENTS_H
#define BOOT_SEGMENTS_H

#include "mem/plan.h"

#define SEGMENTS_MAX 32

struct segment {
	uint64_t gpa;
	uint64_t file_len; /* bytes from the file, may be 0 */
	uint64_t mem_len;  /* bytes in memory, >= file_len, not 0; the rest is zero */
	uint64_t offset;   /* in the file */
};

/*
 * Sorts the segments by address, refuses those that overlap (-EEXIST), and records them: "kernel"
 * items for bytes of the file, "kernel bss" items for pages of zeros. `path` is for messages.
 */
int segments_record(struct segment *seg, size_t nsegs, const struct guest_mem *mem,
		    struct load_plan *plan, const char *path, struct vmm_error *err);

#endif
