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

/* Bytes on their way from the file to guest memory. */
struct copy {
	uint64_t offset;
	uint64_t gpa;
	uint64_t len; /* 0: none */
};

/* Pages on their way into the plan. */
struct run {
	const char *name;
	enum load_kind kind;
	uint64_t gpa;
	uint64_t len; /* 0: none */
	uint64_t used;
};

struct loader {
	const struct igvm *igvm;
	const struct boot_config *config;
	struct guest_mem *mem;
	struct load_plan *plan;
	struct igvm_areas areas;
	struct run run;
	struct copy copy;
};

/* --- pages ------------------------------------------------------------------------------------ */

static int flush_copy(struct loader *l, struct vmm_error *err)
{
	struct copy copy = l->copy;

	l->copy.len = 0;
	return copy.len
		       ? mem_file_load(&l->igvm->file, copy.offset, l->mem, copy.gpa, copy.len, err)
		       : 0;
}

/* What has been gathered so far becomes an item. */
static int flush(struct loader *l, struct vmm_error *err)
{
	struct run run = l->run;
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

/* Can the pages at [gpa, gpa + len) be part of the run? */
static bool goes_on(const struct loader *l, const struct run *page)
{
	const struct run *run = &l->run;

	return run->len > 0 && run->gpa + run->len == page->gpa && run->kind == page->kind &&
	       mem_find(l->mem, run->gpa, run->len + page->len);
}

/* Is the file's data for the page right behind that of the page before, on both sides? */
static bool copy_goes_on(const struct copy *copy, uint64_t gpa, uint64_t offset)
{
	return copy->len > 0 && copy->gpa + copy->len == gpa && copy->offset + copy->len == offset;
}

/* `offset` 0: no data. */
static int add_pages(struct loader *l, const struct run *page, uint64_t offset,
		     struct vmm_error *err)
{
	int ret = 0;

	if (!goes_on(l, page)) {
		ret = flush(l, err);
		l->run = *page;
		l->run.used = 0;
	} else {
		l->run.len += page->len;
	}
	if (ret < 0 || offset == 0)
		return ret;
	l->run.used = page->gpa + page->len - l->run.gpa;
	if (copy_goes_on(&l->copy, page->gpa, offset)) {
		l->copy.len += page->len;
		return 0;
	}
	/* the bytes before this stand in the same run, which is in RAM, and become part of the plan
	 * in the end: what else is there is refused then */
	ret = flush_copy(l, err);
	l->copy = (struct copy){offset, page->gpa, page->len};
	return ret;
}

static int page_kind(const struct loader *l, const struct igvm_header *header, struct run *page,
		     struct vmm_error *err)
{
	uint32_t flags = get_le32(header->data + PAGE_FLAGS);
	uint16_t type = get_le16(header->data + PAGE_TYPE);

	if (type != IGVM_PAGE_NORMAL && l->igvm->platform != IGVM_SEV_SNP)
		return igvm_refuse(header, -ENOTSUP, err, "page type %u is for SNP guests only",
				   type);
	if (type != IGVM_PAGE_NORMAL && (flags & (IGVM_PAGE_SHARED | IGVM_PAGE_2MB)))
		return igvm_refuse(header, -EINVAL, err,
				   "flags %#x for a page of type %u, which the firmware fills in",
				   flags, type);
	switch (type) {
	case IGVM_PAGE_NORMAL:
		page->kind = flags & IGVM_PAGE_SHARED	    ? LOAD_SHARED
			     : flags & IGVM_PAGE_UNMEASURED ? LOAD_UNMEASURED
							    : LOAD_DATA;
		page->name = flags & IGVM_PAGE_SHARED ? "shared pages" : "page data";
		return 0;
	case IGVM_PAGE_SECRETS:
		page->kind = LOAD_SECRETS;
		page->name = "SNP secrets";
		return 0;
	case IGVM_PAGE_CPUID:
	case IGVM_PAGE_CPUID_XF:
		page->kind = LOAD_CPUID;
		page->name = "SNP CPUID";
		return 0;
	default:
		return igvm_refuse(header, -ENOTSUP, err, "page type %u", type);
	}
}

static int page_data(struct loader *l, const struct igvm_header *header, struct vmm_error *err)
{
	uint32_t offset = get_le32(header->data + PAGE_FILE_OFFSET);
	uint32_t flags = get_le32(header->data + PAGE_FLAGS);
	struct run page = {
		.gpa = get_le64(header->data + PAGE_GPA),
		.len = flags & IGVM_PAGE_2MB ? HUGE_PAGE : PAGE_SIZE,
	};
	int ret;

	if (flags & ~(IGVM_PAGE_2MB | IGVM_PAGE_UNMEASURED | IGVM_PAGE_SHARED))
		return igvm_refuse(header, -ENOTSUP, err, "flags %#x", flags);
	if (get_le16(header->data + PAGE_RESERVED) != 0)
		return igvm_refuse(header, -EINVAL, err, "a reserved field is not zero");
	if (!is_aligned(page.gpa, page.len) || !mem_find(l->mem, page.gpa, page.len))
		return igvm_refuse(header, -EFAULT, err,
				   "%#" PRIx64 "+%#" PRIx64 " is no page of guest memory: %s",
				   page.gpa, page.len,
				   is_aligned(page.gpa, page.len)
					   ? ram_advice(l->mem, page.gpa, page.len)
					   : "it is not aligned");
	if (offset && !range_inside(offset, page.len, 0, l->igvm->file.size))
		return igvm_refuse(header, -EINVAL, err,
				   "%#" PRIx64 " bytes at file offset %#x, of %#" PRIx64, page.len,
				   offset, l->igvm->file.size);
	ret = page_kind(l, header, &page, err);
	/* what the firmware fills in goes to it page by page, whatever the file has for it */
	if (ret == 0 && (page.kind == LOAD_SECRETS || page.kind == LOAD_CPUID)) {
		ret = flush(l, err);
		if (ret == 0 &&
		    !load_plan_add(l->plan, page.name, page.gpa, page.len, page.kind, err))
			ret = err->code;
		return ret;
	}
	return ret < 0 ? ret : add_pages(l, &page, offset, err);
}

/* --- other memory ----------------------------------------------------------------------------- */

static int required_memory(struct loader *l, const struct igvm_header *header,
			   struct vmm_error *err)
{
	uint64_t gpa = get_le64(header->data + REQUIRED_GPA);
	uint32_t len = get_le32(header->data + REQUIRED_BYTES);

	if (get_le32(header->data + REQUIRED_RESERVED) != 0 ||
	    (get_le32(header->data + REQUIRED_FLAGS) & ~IGVM_REQUIRED_VTL2))
		return igvm_refuse(header, -EINVAL, err, "a reserved field is not zero");
	if (!is_aligned(gpa | len, PAGE_SIZE))
		return igvm_refuse(header, -EINVAL, err, "%#" PRIx64 "+%#x are not whole pages",
				   gpa, len);
	if (len > 0 && !mem_find(l->mem, gpa, len))
		return igvm_refuse(header, -EFAULT, err,
				   "%#" PRIx64 "+%#x is not all guest memory: %s", gpa, len,
				   ram_advice(l->mem, gpa, len));
	return 0;
}

static int error_range(struct loader *l, const struct igvm_header *header, struct vmm_error *err)
{
	struct run range = {
		.name = "error range",
		.kind = LOAD_SHARED,
		.gpa = get_le64(header->data + ERROR_GPA),
		.len = get_le32(header->data + ERROR_BYTES),
	};
	int ret = flush(l, err);

	if (ret < 0)
		return ret;
	if (range.len == 0 || !is_aligned(range.gpa | range.len, PAGE_SIZE) ||
	    !mem_find(l->mem, range.gpa, range.len))
		return igvm_refuse(header, -EFAULT, err,
				   "%#" PRIx64 "+%#" PRIx64 " are no pages of guest memory",
				   range.gpa, range.len);
	l->run = range;
	return flush(l, err);
}

/* The firmware measures registers after all pages, so a file that has them in another order cannot
 * be measured as its author did. */
static int check_order(const struct loader *l, const struct igvm_header *header,
		       struct vmm_error *err)
{
	if (l->igvm->platform != IGVM_SEV_SNP || l->plan->nvcpus == 0)
		return 0;
	return igvm_refuse(header, -EINVAL, err,
			   "behind a VP context, but KVM measures pages before registers");
}

static int directive(struct loader *l, const struct igvm_header *header, struct vmm_error *err)
{
	int ret;

	switch (header->type) {
	case IGVM_PAGE_DATA:
		ret = get_le32(header->data + PAGE_FLAGS) & IGVM_PAGE_SHARED
			      ? 0
			      : check_order(l, header, err);
		return ret < 0 ? ret : page_data(l, header, err);
	case IGVM_PARAMETER_INSERT:
		ret = check_order(l, header, err);
		if (ret == 0)
			ret = flush(l, err);
		return ret < 0 ? ret : igvm_area_insert(&l->areas, header, l->plan, err);
	case IGVM_PARAMETER_AREA:
		return igvm_area_add(&l->areas, l->igvm, header, err);
	case IGVM_VP_CONTEXT:
		return igvm_vp_context(l->igvm, header, l->plan, err);
	case IGVM_REQUIRED_MEMORY:
		return required_memory(l, header, err);
	case IGVM_ERROR_RANGE:
		return error_range(l, header, err);
	case IGVM_SUPPORTED_PLATFORM:
	case IGVM_GUEST_POLICY:
	case IGVM_SNP_ID_BLOCK:
		return 0; /* igvm_check.c */
	default:
		return igvm_parameter(&l->areas, header, l->config, l->mem, err);
	}
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
	if (plan->entry.mode != ENTRY_RESET)
		return 0;
	for (size_t i = 0; i < plan->nitems; i++)
		if (range_inside(FIRMWARE_RESET_VECTOR, 16, plan->item[i].gpa, plan->item[i].len))
			return 0;
	return vmm_error_set(err, -EINVAL,
			     "it has no registers for vCPU 0 of this platform, and no page at the "
			     "reset vector, %#llx, where the guest starts then",
			     FIRMWARE_RESET_VECTOR);
}

static int load(struct loader *l, struct vmm_error *err)
{
	struct igvm_header header;
	uint32_t at = 0;
	int ret = add_firmware_region(l->igvm, l->mem, err);

	l->plan->entry = (struct load_entry){.mode = ENTRY_RESET, .rip = FIRMWARE_RESET_VECTOR};
	while (ret == 0 && igvm_next(l->igvm, &at, &header))
		if (header.name && header.applies)
			ret = directive(l, &header, err);
	if (ret == 0)
		ret = flush(l, err);
	if (ret == 0 && l->plan->nitems == 0)
		ret = vmm_error_set(err, -EINVAL, "it has no pages for this platform");
	if (ret == 0)
		ret = check_start(l->plan, err);
	return ret < 0 ? ret : ram_map(l->plan, 0, err);
}

int igvm_load(const struct igvm *igvm, const struct boot_config *config, struct load_plan *plan,
	      struct vmm_error *err)
{
	struct loader *l = calloc(1, sizeof(*l));
	int ret;

	if (!l)
		return vmm_error_errno(err, -ENOMEM, "unable to load the IGVM file");
	*l = (struct loader){.igvm = igvm, .config = config, .mem = plan->mem, .plan = plan};
	ret = load(l, err);
	if (ret < 0)
		vmm_error_prefix(err, "igvm: %s", config->igvm);
	igvm_areas_free(&l->areas);
	free(l);
	return ret;
}
