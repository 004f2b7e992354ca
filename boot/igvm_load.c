// SPDX-License-Identifier: MIT
/*
 * The directives of an IGVM file, one after the other, as boot items. A file names its pages one by
 * one; pages that follow each other and are alike become one item, which changes neither their
 * order nor what is measured.
 */
#include "boot/firmware.h"
#include "boot/igvm.h"
#include "boot/ram.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define HUGE_PAGE MIB(2)

/* --- pages ------------------------------------------------------------------------------------ */

static int flush_copy(struct igvm_loader *l, struct vmm_error *err)
{
	uint64_t len = l->copy.len;

	l->copy.len = 0;
	if (len == 0)
		return 0;
	return mem_file_load(&l->igvm->file, l->copy.offset, l->mem, l->copy.gpa, len, err);
}

int igvm_flush(struct igvm_loader *l, struct vmm_error *err)
{
	struct igvm_run run = l->run;
	struct load_item *item;
	int ret;

	if (run.len == 0)
		return 0;
	l->run.len = 0;
	/* before anything is written there */
	item = load_plan_reserve(l->plan, run.name, run.gpa, run.len, run.kind, err);
	if (!item && err->code == -EFAULT)
		vmm_error_hint(err, "%s", ram_advice(l->mem, run.gpa, run.len));
	if (!item)
		return err->code;
	item->used = run.used;
	ret = flush_copy(l, err);
	if (ret == 0)
		item->written = run.len; /* the rest is zeros, says the format */
	return ret;
}

/* `offset` 0: no data. */
static int add_pages(struct igvm_loader *l, const struct igvm_run *page, uint64_t offset,
		     struct vmm_error *err)
{
	struct igvm_run *run = &l->run;
	int ret = 0;

	if (run->len > 0 && run->gpa + run->len == page->gpa && run->kind == page->kind &&
	    mem_find(l->mem, run->gpa, run->len + page->len)) {
		run->len += page->len;
	} else {
		ret = igvm_flush(l, err);
		*run = *page;
	}
	if (ret < 0 || offset == 0)
		return ret;
	run->used = page->gpa + page->len - run->gpa;
	if (l->copy.len > 0 && l->copy.gpa + l->copy.len == page->gpa &&
	    l->copy.offset + l->copy.len == offset) {
		l->copy.len += page->len;
		return 0;
	}
	/* the bytes before this stand in the same run, which is in RAM, and become part of the plan
	 * in the end: what else is there is refused then */
	ret = flush_copy(l, err);
	l->copy.offset = offset;
	l->copy.gpa = page->gpa;
	l->copy.len = page->len;
	return ret;
}

/* Its kind and name. */
static int page_kind(const struct igvm_loader *l, const struct igvm_header *header,
		     struct igvm_run *run, struct vmm_error *err)
{
	const struct igvm_page *page = header->data;
	uint16_t type = page->type;

	if (type == IGVM_PAGE_NORMAL) {
		run->kind = page->flags & IGVM_PAGE_SHARED	 ? LOAD_SHARED
			    : page->flags & IGVM_PAGE_UNMEASURED ? LOAD_UNMEASURED
								 : LOAD_DATA;
		run->name = run->kind == LOAD_SHARED ? "shared pages" : "page data";
		return 0;
	}
	if (l->igvm->platform != IGVM_SEV_SNP)
		return igvm_refuse(header, -ENOTSUP, err, "page type %u is for SNP guests only",
				   type);
	if (page->flags & (IGVM_PAGE_SHARED | IGVM_PAGE_2MB))
		return igvm_refuse(header, -EINVAL, err,
				   "flags %#x for a page of type %u, which the firmware fills in",
				   page->flags, type);
	if (type > IGVM_PAGE_CPUID_XF)
		return igvm_refuse(header, -ENOTSUP, err, "page type %u", type);
	run->kind = type == IGVM_PAGE_SECRETS ? LOAD_SECRETS : LOAD_CPUID;
	run->name = type == IGVM_PAGE_SECRETS ? "SNP secrets" : "SNP CPUID";
	return 0;
}

int igvm_check_order(const struct igvm_loader *l, const struct igvm_header *header,
		     struct vmm_error *err)
{
	if (l->igvm->platform != IGVM_SEV_SNP || l->plan->nvcpus == 0)
		return 0;
	return igvm_refuse(header, -EINVAL, err,
			   "behind a VP context, but KVM measures pages before registers");
}

static int check_page(const struct igvm_loader *l, const struct igvm_header *header, uint64_t len,
		      struct vmm_error *err)
{
	const struct igvm_page *page = header->data;

	if (page->flags & ~(IGVM_PAGE_2MB | IGVM_PAGE_UNMEASURED | IGVM_PAGE_SHARED))
		return igvm_refuse(header, -ENOTSUP, err, "flags %#x", page->flags);
	if (!is_aligned(page->gpa, len) || !mem_find(l->mem, page->gpa, len))
		return igvm_refuse(header, -EFAULT, err,
				   "%#" PRIx64 "+%#" PRIx64 " is no page of guest memory: %s",
				   page->gpa, len,
				   is_aligned(page->gpa, len) ? ram_advice(l->mem, page->gpa, len)
							      : "it is not aligned");
	if (page->file_offset && !range_inside(page->file_offset, len, 0, l->igvm->file.size))
		return igvm_refuse(header, -EINVAL, err,
				   "%#" PRIx64 " bytes at file offset %#x, of %#" PRIx64, len,
				   page->file_offset, l->igvm->file.size);
	return page->flags & IGVM_PAGE_SHARED ? 0 : igvm_check_order(l, header, err);
}

int igvm_load_pages(struct igvm_loader *l, const struct igvm_header *header, struct vmm_error *err)
{
	const struct igvm_page *page = header->data;
	struct igvm_run run = {
		.gpa = page->gpa,
		.len = page->flags & IGVM_PAGE_2MB ? HUGE_PAGE : PAGE_SIZE,
	};
	int ret = check_page(l, header, run.len, err);

	if (ret == 0)
		ret = page_kind(l, header, &run, err);
	if (ret < 0 || (run.kind != LOAD_SECRETS && run.kind != LOAD_CPUID))
		return ret < 0 ? ret : add_pages(l, &run, page->file_offset, err);
	/* what the firmware fills in goes to it page by page, whatever the file has for it */
	ret = igvm_flush(l, err);
	run.used = run.len;
	l->run = run;
	return ret < 0 ? ret : igvm_flush(l, err);
}

/* --- other memory ----------------------------------------------------------------------------- */

int igvm_load_required(struct igvm_loader *l, const struct igvm_header *header,
		       struct vmm_error *err)
{
	const struct igvm_required *r = header->data;

	if (r->flags & ~IGVM_REQUIRED_VTL2)
		return igvm_refuse(header, -EINVAL, err, "a reserved field is not zero");
	if (!is_aligned(r->gpa | r->len, PAGE_SIZE))
		return igvm_refuse(header, -EINVAL, err, "%#" PRIx64 "+%#x are not whole pages",
				   r->gpa, r->len);
	if (r->len > 0 && !mem_find(l->mem, r->gpa, r->len))
		return igvm_refuse(header, -EFAULT, err,
				   "%#" PRIx64 "+%#x is not all guest memory: %s", r->gpa, r->len,
				   ram_advice(l->mem, r->gpa, r->len));
	return 0;
}

int igvm_load_error_range(struct igvm_loader *l, const struct igvm_header *header,
			  struct vmm_error *err)
{
	const struct igvm_error_range *range = header->data;
	int ret = igvm_flush(l, err);

	if (ret < 0)
		return ret;
	if (range->len == 0 || !is_aligned(range->gpa | range->len, PAGE_SIZE) ||
	    !mem_find(l->mem, range->gpa, range->len))
		return igvm_refuse(header, -EFAULT, err,
				   "%#" PRIx64 "+%#x are no pages of guest memory", range->gpa,
				   range->len);
	l->run = (struct igvm_run){"error range", LOAD_SHARED, range->gpa, range->len, 0};
	return igvm_flush(l, err);
}

/* --- the whole file --------------------------------------------------------------------------- */

/* Where the header has pages, or UINT64_MAX. */
static uint64_t address_of(const struct igvm_header *header)
{
	switch (header->type) {
	case IGVM_PAGE_DATA:
	case IGVM_PARAMETER_INSERT:
	case IGVM_REQUIRED_MEMORY:
	case IGVM_ERROR_RANGE:
		return header->applies ? get_le64(header->data) : UINT64_MAX;
	default:
		return UINT64_MAX;
	}
}

/* Below 4 GiB there is no RAM, but there may be firmware: as much as the file has there. */
static int add_firmware_region(const struct igvm *igvm, struct guest_mem *mem,
			       struct vmm_error *err)
{
	uint64_t start = LAYOUT_HIGH_BASE;
	struct igvm_header header;

	for (uint32_t at = 0; igvm_next(igvm, &at, &header);) {
		uint64_t gpa = address_of(&header);

		if (gpa >= LAYOUT_HIGH_BASE - FIRMWARE_MAX && gpa < start)
			start = align_down(gpa, mem->pages == MEM_PAGES_RESERVED ? HUGE_PAGE
										 : PAGE_SIZE);
	}
	if (start == LAYOUT_HIGH_BASE)
		return 0;
	return mem_add_region(mem, "firmware", start, LAYOUT_HIGH_BASE - start, err);
}

/* A guest that would find nothing where it starts runs for ever, and says nothing. */
static int check_start(const struct load_plan *plan, struct vmm_error *err)
{
	if (plan->nitems == 0)
		return vmm_error_set(err, -EINVAL, "it has no pages for this platform");
	if (plan->entry.mode != ENTRY_RESET)
		return 0;
	for (size_t i = 0; i < plan->nitems; i++)
		if (range_inside(FIRMWARE_RESET_VECTOR, 16, plan->item[i].gpa, plan->item[i].len))
			return 0;
	return vmm_error_set(err, -EINVAL,
			     "it has no registers for vCPU 0 of this platform, and no page at the "
			     "reset vector, %#" PRIx64 ", where the guest starts then",
			     FIRMWARE_RESET_VECTOR);
}

static int load(struct igvm_loader *l, struct vmm_error *err)
{
	struct igvm_header header;
	int ret = add_firmware_region(l->igvm, l->mem, err);

	l->plan->entry = (struct load_entry){.mode = ENTRY_RESET, .rip = FIRMWARE_RESET_VECTOR};
	for (uint32_t at = 0; ret == 0 && igvm_next(l->igvm, &at, &header);)
		if (header.applies && header.form->load)
			ret = header.form->load(l, &header, err);
	if (ret == 0)
		ret = igvm_flush(l, err);
	if (ret == 0)
		ret = check_start(l->plan, err);
	return ret < 0 ? ret : ram_map(l->plan, 0, err);
}

int igvm_load(const struct igvm *igvm, const struct boot_config *config, struct load_plan *plan,
	      struct vmm_error *err)
{
	struct igvm_loader l = {.igvm = igvm, .config = config, .mem = plan->mem, .plan = plan};
	int ret = load(&l, err);

	if (ret < 0)
		vmm_error_prefix(err, "igvm: %s", config->igvm);
	for (size_t i = 0; i < l.nareas; i++)
		free(l.area[i].bytes);
	return ret;
}
