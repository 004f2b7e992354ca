// SPDX-License-Identifier: MIT
#include "mem/plan.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

void load_plan_init(struct load_plan *plan, struct guest_mem *mem)
{
	plan->mem = mem;
	/* the arrays stay untouched: most of their pages never come into being */
	plan->nitems = 0;
	plan->nmap = 0;
	plan->nvcpus = 0;
	plan->entry = (struct load_entry){.mode = ENTRY_NONE};
}

/* The first item that overlaps [gpa, gpa + len), or NULL. */
static const struct load_item *overlapping(const struct load_plan *plan, uint64_t gpa, uint64_t len)
{
	for (size_t i = 0; i < plan->nitems; i++) {
		const struct load_item *item = &plan->item[i];

		if (ranges_overlap(gpa, len, item->gpa, item->len))
			return item;
	}
	return NULL;
}

static int check_item(const struct load_plan *plan, const char *name, uint64_t gpa, uint64_t used,
		      uint64_t *len, struct vmm_error *err)
{
	const struct load_item *other;

	if (used == 0 || !is_aligned(gpa, PAGE_SIZE) || !align_up_checked(used, PAGE_SIZE, len))
		return vmm_error_set(err, -EINVAL,
				     "%s: %" PRIu64 " bytes at %#" PRIx64
				     " do not make a range of pages",
				     name, used, gpa);
	if (!mem_ptr(plan->mem, gpa, *len))
		return vmm_error_set(err, -EFAULT,
				     "%s: %" PRIu64 " bytes at %#" PRIx64
				     " are not all in guest RAM",
				     name, *len, gpa);
	other = overlapping(plan, gpa, *len);
	if (other)
		return vmm_error_set(err, -EEXIST,
				     "%s: %" PRIu64 " bytes at %#" PRIx64 " overlap %s at %#" PRIx64
				     "+%#" PRIx64,
				     name, *len, gpa, other->name, other->gpa, other->len);
	if (plan->nitems == LOAD_PLAN_ITEMS)
		return vmm_error_set(err, -ENOSPC,
				     "%s: the load plan is full, it has room for %d boot items",
				     name, LOAD_PLAN_ITEMS);
	return 0;
}

struct load_item *load_plan_reserve(struct load_plan *plan, const char *name, uint64_t gpa,
				    uint64_t used, enum load_kind kind, struct vmm_error *err)
{
	struct load_item *item;
	uint64_t len = 0;

	if (check_item(plan, name, gpa, used, &len, err) < 0)
		return NULL;
	item = &plan->item[plan->nitems++];
	*item = (struct load_item){
		.kind = kind,
		.measured = kind != LOAD_UNMEASURED && kind != LOAD_SHARED,
		.gpa = gpa,
		.len = len,
		.used = kind == LOAD_ZERO ? 0 : used,
	};
	snprintf(item->name, sizeof(item->name), "%s", name);
	return item;
}

void *load_plan_add(struct load_plan *plan, const char *name, uint64_t gpa, uint64_t used,
		    enum load_kind kind, struct vmm_error *err)
{
	struct load_item *item = load_plan_reserve(plan, name, gpa, used, kind, err);

	if (!item)
		return NULL;
	item->written = item->used;
	return mem_ptr(plan->mem, gpa, item->len);
}

int load_plan_file(struct load_plan *plan, const char *name, uint64_t gpa,
		   const struct mem_file *file, uint64_t offset, uint64_t len,
		   struct vmm_error *err)
{
	struct load_item *item = load_plan_reserve(plan, name, gpa, len, LOAD_DATA, err);
	int ret = item ? mem_file_load(file, offset, plan->mem, gpa, len, err) : err->code;

	if (ret == 0)
		item->written = len;
	return ret;
}

int load_plan_check_written(const struct load_plan *plan, struct vmm_error *err)
{
	for (size_t i = 0; i < plan->nitems; i++) {
		const struct load_item *item = &plan->item[i];

		if (item->src || (item->kind != LOAD_DATA && item->kind != LOAD_UNMEASURED) ||
		    item->written >= (item->used ? item->used : item->len))
			continue;
		return vmm_error_set(
			err, -ENODATA,
			"%s at %#" PRIx64
			": nobody has written that page, the guest would find zeros there",
			item->name, item->gpa + align_down(item->written, PAGE_SIZE));
	}
	return 0;
}

/* The highest free place inside [low, high), which is part of one region; false if none. */
static bool find_inside(const struct load_plan *plan, uint64_t len, uint64_t low, uint64_t high,
			uint64_t *gpa)
{
	const struct load_item *item;

	/* each round goes below one more item, so this ends */
	for (; high > low && high - low >= len; high = item->gpa) {
		*gpa = align_down(high - len, PAGE_SIZE);
		if (*gpa < low)
			return false;
		item = overlapping(plan, *gpa, len);
		if (!item)
			return true;
	}
	return false;
}

int load_plan_find(const struct load_plan *plan, uint64_t len, uint64_t low, uint64_t high,
		   uint64_t *gpa)
{
	const struct guest_mem *mem = plan->mem;
	bool found = false;

	if (!align_up_checked(len ? len : 1, PAGE_SIZE, &len))
		return -ENOSPC;
	for (size_t i = 0; i < mem->nregions; i++) {
		const struct mem_region *r = &mem->region[i];
		uint64_t from = r->gpa > low ? r->gpa : low;
		uint64_t to = r->gpa + r->len < high ? r->gpa + r->len : high;
		uint64_t at;

		if (find_inside(plan, len, from, to, &at) && (!found || at > *gpa)) {
			*gpa = at;
			found = true;
		}
	}
	return found ? 0 : -ENOSPC;
}

/* Where the first item at or above `gpa` starts; `end` if there is none below that. */
static const struct load_item *next_item(const struct load_plan *plan, uint64_t gpa, uint64_t end)
{
	const struct load_item *next = NULL;

	for (size_t i = 0; i < plan->nitems; i++) {
		const struct load_item *item = &plan->item[i];

		if (item->gpa >= gpa && item->gpa < end && (!next || item->gpa < next->gpa))
			next = item;
	}
	return next;
}

static int fill_region(struct load_plan *plan, const struct mem_region *r, const char *name,
		       enum load_kind kind, struct vmm_error *err)
{
	uint64_t end = r->gpa + r->len;

	for (uint64_t at = r->gpa, next; at < end; at = next) {
		const struct load_item *item = next_item(plan, at, end);
		uint64_t to = item ? item->gpa : end;

		next = item ? item->gpa + item->len : end;
		if (to > at && !load_plan_add(plan, name, at, to - at, kind, err))
			return err->code;
	}
	return 0;
}

int load_plan_fill(struct load_plan *plan, const char *name, enum load_kind kind,
		   struct vmm_error *err)
{
	int ret = 0;

	for (size_t i = 0; i < plan->mem->nregions && ret == 0; i++)
		ret = fill_region(plan, &plan->mem->region[i], name, kind, err);
	return ret;
}

int load_plan_map(struct load_plan *plan, uint64_t gpa, uint64_t len, enum gpa_type type,
		  struct vmm_error *err)
{
	struct gpa_map_entry *last = plan->nmap > 0 ? &plan->map[plan->nmap - 1] : NULL;
	uint64_t end;

	if (len == 0 || __builtin_add_overflow(gpa, len, &end) ||
	    (last && gpa < last->gpa + last->len))
		return vmm_error_set(err, -EINVAL,
				     "memory map: %#" PRIx64 "+%#" PRIx64
				     " (%s) is empty or out of order",
				     gpa, len, gpa_type_name(type));
	if (last && gpa == last->gpa + last->len && type == last->type) {
		last->len += len;
		return 0;
	}
	if (plan->nmap == LOAD_PLAN_MAP)
		return vmm_error_set(err, -ENOSPC, "memory map: full, it has room for %d entries",
				     LOAD_PLAN_MAP);
	plan->map[plan->nmap++] = (struct gpa_map_entry){gpa, len, type};
	return 0;
}

const struct load_vcpu *load_plan_vcpu(const struct load_plan *plan, uint32_t id)
{
	for (size_t i = 0; i < plan->nvcpus; i++)
		if (plan->vcpu[i].id == id)
			return &plan->vcpu[i];
	return NULL;
}

const char *load_kind_name(enum load_kind kind)
{
	static const char *const names[] = {
		[LOAD_DATA] = "data",
		[LOAD_ZERO] = "zero",
		[LOAD_UNMEASURED] = "unmeasured",
		[LOAD_SECRETS] = "secrets",
		[LOAD_CPUID] = "cpuid",
		[LOAD_SHARED] = "shared",
	};

	return names[kind];
}

const char *gpa_type_name(enum gpa_type type)
{
	static const char *const names[] = {
		[GPA_RAM] = "RAM", [GPA_RESERVED] = "reserved", [GPA_ACPI] = "ACPI"};

	return names[type];
}
