// SPDX-License-Identifier: MIT
/*
 * The walk over the load plan: RAM becomes private, and each boot item is handed to the firmware.
 *
 * Where an item's bytes are when the firmware takes them:
 *
 *	in place   in the private page itself: there is no source
 *	split      in the shared copy of the page, which is given back as soon as it was taken
 *	copy       machine.memory-source = "copy": in a buffer of ours, in place otherwise. For
 *		   firmware that cannot take a page where it is
 *
 * The last two have a page twice while it is populated, so that is done a slice at a time.
 */
#include "cc/launch.h"
#include "cc/tech.h"
#include "mem/convert.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define SLICE MIB(2)

/* Does the firmware read an item's pages from somewhere? */
static bool has_source(const struct cc_launch *launch, const struct load_item *item)
{
	return item->kind != LOAD_ZERO || launch->config->tech->zero_needs_source;
}

static bool copies(const struct cc_launch *launch)
{
	return launch->config->copy && launch->config->tech->firmware &&
	       launch->mem->mode == MEM_MODE_IN_PLACE;
}

/*
 * Do items with contents stay shared when RAM becomes private? Those that are copied do until they
 * have been. Without firmware nothing fills private pages that are not the shared ones: such a VM
 * has its items in shared memory for good.
 */
static bool items_stay_shared(const struct cc_launch *launch)
{
	if (launch->config->tech->firmware)
		return copies(launch);
	return launch->mem->mode == MEM_MODE_SPLIT;
}

static bool stays_shared(const struct cc_launch *launch, const struct load_item *item)
{
	return item->kind == LOAD_SHARED || (items_stay_shared(launch) && has_source(launch, item));
}

/* The first item at or above `gpa` and below `end` that stays shared for now, or NULL. */
static const struct load_item *next_shared(const struct cc_launch *launch,
					   const struct load_plan *plan, uint64_t gpa, uint64_t end)
{
	const struct load_item *next = NULL;

	for (size_t i = 0; i < plan->nitems; i++) {
		const struct load_item *item = &plan->item[i];

		if (item->gpa >= gpa && item->gpa < end && stays_shared(launch, item) &&
		    (!next || item->gpa < next->gpa))
			next = item;
	}
	return next;
}

/*
 * RAM becomes private, in the largest ranges there are, before any page of it is populated: no
 * conversion ever covers a populated page.
 */
static int make_private(struct cc_launch *launch, const struct mem_region *r,
			const struct load_plan *plan, struct vmm_error *err)
{
	uint64_t end = r->gpa + r->len;
	uint64_t at = r->gpa;

	while (at < end) {
		const struct load_item *item = next_shared(launch, plan, at, end);
		uint64_t to = item ? item->gpa : end;
		int ret = to > at ? mem_convert(launch->mem, at, to - at, true, err) : 0;

		if (ret < 0) {
			vmm_error_prefix(err, "%s", r->name);
			return ret;
		}
		at = item ? item->gpa + item->len : end;
	}
	return 0;
}

/* `copy`: SLICE bytes of ours, or NULL. */
static int populate_slice(struct cc_launch *launch, struct load_item *slice, uint8_t *copy,
			  struct vmm_error *err)
{
	struct guest_mem *mem = launch->mem;
	int ret = 0;

	if (copy && !slice->src) {
		ret = mem_read(mem, slice->gpa, copy, slice->len);
		if (ret < 0)
			return vmm_error_errno(err, ret, "unable to copy %s at %#" PRIx64,
					       slice->name, slice->gpa);
		slice->src = copy;
	}
	if (copy)
		ret = mem_convert(mem, slice->gpa, slice->len, true, err);
	if (ret < 0) {
		vmm_error_prefix(err, "%s", slice->name);
		return ret;
	}
	ret = launch->config->tech->populate(launch, slice, err);
	if (ret == 0 && launch->config->tech->firmware)
		ret = mem_discard_shared(mem, slice->gpa, slice->len, err);
	return ret;
}

static int populate_item(struct cc_launch *launch, const struct load_item *item, uint8_t *copy,
			 struct vmm_error *err)
{
	bool two_copies =
		has_source(launch, item) && (copies(launch) || launch->mem->mode == MEM_MODE_SPLIT);
	uint64_t step = two_copies ? SLICE : item->len;
	int ret = 0;

	for (uint64_t at = 0; ret == 0 && at < item->len; at += step) {
		struct load_item slice = *item;

		ret = mem_check_stop(launch->mem, err);
		if (ret < 0)
			return ret;
		slice.gpa = item->gpa + at;
		slice.len = item->len - at < step ? item->len - at : step;
		slice.src = item->src ? (const uint8_t *)item->src + at : NULL;
		ret = populate_slice(launch, &slice, two_copies ? copy : NULL, err);
	}
	return ret;
}

int cc_walk(struct cc_launch *launch, const struct load_plan *plan, struct vmm_error *err)
{
	uint8_t *copy = NULL;
	int ret = 0;

	if (launch->config->tech->private_memory)
		ret = load_plan_check_written(plan, err);
	for (size_t i = 0;
	     ret == 0 && launch->config->tech->private_memory && i < launch->mem->nregions; i++)
		ret = make_private(launch, &launch->mem->region[i], plan, err);
	if (ret < 0 || !launch->config->tech->populate)
		return ret;
	if (copies(launch)) {
		copy = aligned_alloc(PAGE_SIZE, SLICE);
		if (!copy)
			return vmm_error_errno(err, -ENOMEM, "unable to allocate a source");
	}
	for (size_t i = 0; ret == 0 && i < plan->nitems; i++)
		if (plan->item[i].kind != LOAD_SHARED)
			ret = populate_item(launch, &plan->item[i], copy, err);
	free(copy);
	return ret;
}
