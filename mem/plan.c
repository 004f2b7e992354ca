// SPDX-License-Identifier: MIT
#include "mem/plan.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <stdio.h>

void load_plan_init(struct load_plan *plan)
{
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

		if (gpa < item->gpa + item->len && item->gpa < gpa + len)
			return item;
	}
	return NULL;
}

int load_plan_add(struct load_plan *plan, const struct guest_mem *mem, const char *name,
		  uint64_t gpa, uint64_t used, enum load_kind kind, struct vmm_error *err)
{
	const struct load_item *other;
	struct load_item *item;
	uint64_t len;

	if (used == 0 || !is_aligned(gpa, PAGE_SIZE) || !align_up_checked(used, PAGE_SIZE, &len))
		return vmm_error_set(err, -EINVAL,
				     "%s: %llu bytes at %#llx do not make a range of pages", name,
				     (unsigned long long)used, (unsigned long long)gpa);
	if (!mem_find(mem, gpa, len))
		return vmm_error_set(err, -EFAULT,
				     "%s: %llu bytes at %#llx are not all in guest RAM", name,
				     (unsigned long long)len, (unsigned long long)gpa);
	other = overlapping(plan, gpa, len);
	if (other)
		return vmm_error_set(
			err, -EEXIST, "%s: %llu bytes at %#llx overlap %s at %#llx+%#llx", name,
			(unsigned long long)len, (unsigned long long)gpa, other->name,
			(unsigned long long)other->gpa, (unsigned long long)other->len);
	if (plan->nitems == LOAD_PLAN_ITEMS)
		return vmm_error_set(err, -ENOSPC,
				     "%s: the load plan is full, it has room for %d boot items",
				     name, LOAD_PLAN_ITEMS);

	item = &plan->item[plan->nitems++];
	*item = (struct load_item){
		.kind = kind,
		.measured = kind != LOAD_UNMEASURED && kind != LOAD_SHARED,
		.gpa = gpa,
		.len = len,
		.used = kind == LOAD_ZERO ? 0 : used,
	};
	snprintf(item->name, sizeof(item->name), "%s", name);
	return 0;
}

int load_plan_check_written(const struct load_plan *plan, const struct guest_mem *mem,
			    struct vmm_error *err)
{
	uint64_t gpa;

	for (size_t i = 0; i < plan->nitems; i++) {
		const struct load_item *item = &plan->item[i];

		if (item->src || (item->kind != LOAD_DATA && item->kind != LOAD_UNMEASURED))
			continue;
		if (mem_first_unwritten(mem, item->gpa, item->used ? item->used : item->len, &gpa))
			return vmm_error_set(err, -ENODATA,
					     "%s at %#llx: nobody has written that page, the guest "
					     "would find zeros there",
					     item->name, (unsigned long long)gpa);
	}
	return 0;
}

/* The highest free place inside [low, high), which is part of one region; false if none. */
static bool find_inside(const struct load_plan *plan, uint64_t len, uint64_t align, uint64_t low,
			uint64_t high, uint64_t *gpa)
{
	const struct load_item *item;
	uint64_t at;

	/* each round goes below one more item, so this ends */
	for (; high > low && high - low >= len; high = item->gpa) {
		at = align_down(high - len, align);
		if (at < low)
			return false;
		item = overlapping(plan, at, len);
		if (!item) {
			*gpa = at;
			return true;
		}
	}
	return false;
}

int load_plan_find(const struct load_plan *plan, const struct guest_mem *mem, uint64_t len,
		   uint64_t align, uint64_t low, uint64_t high, uint64_t *gpa)
{
	bool found = false;

	if (!align_up_checked(len ? len : 1, PAGE_SIZE, &len))
		return -ENOSPC;
	for (size_t i = 0; i < mem->nregions; i++) {
		const struct mem_region *r = &mem->region[i];
		uint64_t from = r->gpa > low ? r->gpa : low;
		uint64_t to = r->gpa + r->len < high ? r->gpa + r->len : high;
		uint64_t at;

		if (find_inside(plan, len, align, from, to, &at) && (!found || at > *gpa)) {
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

static int fill_region(struct load_plan *plan, const struct guest_mem *mem,
		       const struct mem_region *r, const char *name, enum load_kind kind,
		       struct vmm_error *err)
{
	uint64_t end = r->gpa + r->len;
	uint64_t at = r->gpa;

	while (at < end) {
		const struct load_item *item = next_item(plan, at, end);
		uint64_t to = item ? item->gpa : end;
		uint64_t next = item ? item->gpa + item->len : end;

		if (to > at) {
			int ret = load_plan_add(plan, mem, name, at, to - at, kind, err);

			if (ret < 0)
				return ret;
		}
		at = next;
	}
	return 0;
}

int load_plan_fill(struct load_plan *plan, const struct guest_mem *mem, const char *name,
		   enum load_kind kind, struct vmm_error *err)
{
	for (size_t i = 0; i < mem->nregions; i++) {
		int ret = fill_region(plan, mem, &mem->region[i], name, kind, err);

		if (ret < 0)
			return ret;
	}
	return 0;
}

int load_plan_map(struct load_plan *plan, uint64_t gpa, uint64_t len, enum gpa_type type,
		  struct vmm_error *err)
{
	struct gpa_map_entry *last = plan->nmap > 0 ? &plan->map[plan->nmap - 1] : NULL;
	uint64_t end;

	if (len == 0 || __builtin_add_overflow(gpa, len, &end) ||
	    (last && gpa < last->gpa + last->len))
		return vmm_error_set(
			err, -EINVAL, "memory map: %#llx+%#llx (%s) is empty or out of order",
			(unsigned long long)gpa, (unsigned long long)len, gpa_type_name(type));
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
	switch (kind) {
	case LOAD_DATA:
		return "data";
	case LOAD_ZERO:
		return "zero";
	case LOAD_UNMEASURED:
		return "unmeasured";
	case LOAD_SECRETS:
		return "secrets";
	case LOAD_CPUID:
		return "cpuid";
	case LOAD_SHARED:
		return "shared";
	}
	return "?";
}

const char *gpa_type_name(enum gpa_type type)
{
	switch (type) {
	case GPA_RAM:
		return "RAM";
	case GPA_RESERVED:
		return "reserved";
	case GPA_ACPI:
		return "ACPI";
	}
	return "?";
}
