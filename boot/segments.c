// SPDX-License-Identifier: MIT
#include "boot/segments.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* An item in the making; `end` is not rounded up to the page. */
struct run {
	uint64_t gpa;
	uint64_t end;
	enum load_kind kind;
};

struct runs {
	struct run run[2 * SEGMENTS_MAX];
	size_t n;
};

static int by_address(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;

	return x->gpa < y->gpa ? -1 : x->gpa > y->gpa;
}

/*
 * Appends the bytes [gpa, end), which are above all bytes so far, but may begin in the page in
 * which the last run ends.
 */
static void append(struct runs *runs, uint64_t gpa, uint64_t end, enum load_kind kind)
{
	struct run *last = runs->n > 0 ? &runs->run[runs->n - 1] : NULL;
	uint64_t page_end = last ? align_up(last->end, PAGE_SIZE) : 0;

	if (gpa >= end)
		return;
	gpa = align_down(gpa, PAGE_SIZE);
	if (last && gpa < page_end) {
		if (last->kind == LOAD_ZERO && kind == LOAD_DATA) {
			/* the page is no longer all zero */
			last->end = gpa;
			if (last->end == last->gpa)
				runs->n--;
		} else if (end <= page_end) {
			last->end = end;
			return;
		} else {
			last->end = page_end;
			gpa = page_end;
		}
	}
	runs->run[runs->n++] = (struct run){gpa, end, kind};
}

static int check_overlap(const struct segment *seg, size_t nsegs, const char *path,
			 struct vmm_error *err)
{
	for (size_t i = 1; i < nsegs; i++) {
		const struct segment *low = &seg[i - 1];

		if (seg[i].gpa - low->gpa < low->mem_len)
			return vmm_error_set(err, -EEXIST,
					     "%s: segment at p_paddr %#" PRIx64
					     " overlaps the one at %#" PRIx64
					     " of p_memsz %#" PRIx64,
					     path, seg[i].gpa, low->gpa, low->mem_len);
	}
	return 0;
}

int segments_record(struct segment *seg, size_t nsegs, const struct guest_mem *mem,
		    struct load_plan *plan, const char *path, struct vmm_error *err)
{
	struct runs runs = {.n = 0};
	unsigned int nth = 0;
	int ret;

	qsort(seg, nsegs, sizeof(*seg), by_address);
	ret = check_overlap(seg, nsegs, path, err);
	if (ret < 0)
		return ret;
	for (size_t i = 0; i < nsegs; i++) {
		uint64_t file_end = seg[i].gpa + seg[i].file_len;
		uint64_t bss = seg[i].file_len ? align_up(file_end, PAGE_SIZE) : seg[i].gpa;

		append(&runs, seg[i].gpa, file_end, LOAD_DATA);
		append(&runs, bss, seg[i].gpa + seg[i].mem_len, LOAD_ZERO);
	}
	for (size_t i = 0; i < runs.n; i++) {
		const struct run *r = &runs.run[i];
		char name[32];

		if (r->kind == LOAD_ZERO)
			snprintf(name, sizeof(name), "kernel bss");
		else
			snprintf(name, sizeof(name), "kernel segment %u", nth++);
		ret = load_plan_add(plan, mem, name, r->gpa, r->end - r->gpa, r->kind, err);
		if (ret < 0)
			return ret;
	}
	return 0;
}
