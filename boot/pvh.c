// SPDX-License-Identifier: MIT
/*
 * PVH start info (Xen, public/arch-x86/hvm/start_info.h, version 1): the start info itself, the
 * list of modules, of which the only one is the initrd, and the memory map, one after the other.
 */
#include "boot/handover.h"
#include "boot/lowmem.h"

#include <errno.h>

#define START_INFO_MAGIC   0x336ec578u
#define START_INFO_VERSION 1

struct start_info {
	uint32_t magic;
	uint32_t version;
	uint32_t flags;
	uint32_t nmodules;
	uint64_t modules; /* gpa of struct module[] */
	uint64_t cmdline; /* gpa */
	uint64_t rsdp;	  /* gpa */
	uint64_t map;	  /* gpa of struct map_entry[] */
	uint32_t nmap;
	uint32_t reserved;
};

struct module {
	uint64_t gpa;
	uint64_t len;
	uint64_t cmdline; /* gpa or 0 */
	uint64_t reserved;
};

struct map_entry {
	uint64_t gpa;
	uint64_t len;
	uint32_t type; /* the numbers of e820 */
	uint32_t reserved;
};

struct pvh_page {
	struct start_info info;
	struct module initrd;
	struct map_entry map[LOAD_PLAN_MAP];
};

_Static_assert(sizeof(struct start_info) == 56 && sizeof(struct module) == 32 &&
		       sizeof(struct map_entry) == 24,
	       "as in start_info.h");
_Static_assert(sizeof(struct pvh_page) <= PAGE_SIZE, "all of it is in one page");

int pvh_load(const struct handover *handover, struct guest_mem *mem, struct load_plan *plan,
	     struct vmm_error *err)
{
	struct pvh_page *page = mem_ptr(mem, LOWMEM_PARAMS, PAGE_SIZE);
	int ret;

	ret = load_plan_add(plan, mem, "PVH start info", LOWMEM_PARAMS, sizeof(*page), LOAD_DATA,
			    err);
	if (ret < 0 || !page)
		return ret < 0 ? ret : -EFAULT;
	*page = (struct pvh_page){
		.info =
			{
				.magic = START_INFO_MAGIC,
				.version = START_INFO_VERSION,
				.cmdline = handover->cmdline,
				.rsdp = handover->rsdp,
				.map = LOWMEM_PARAMS + offsetof(struct pvh_page, map),
				.nmap = (uint32_t)plan->nmap,
			},
	};
	if (handover->initrd_len > 0) {
		page->info.nmodules = 1;
		page->info.modules = LOWMEM_PARAMS + offsetof(struct pvh_page, initrd);
		page->initrd.gpa = handover->initrd;
		page->initrd.len = handover->initrd_len;
	}
	for (size_t i = 0; i < plan->nmap; i++) {
		page->map[i] = (struct map_entry){
			.gpa = plan->map[i].gpa,
			.len = plan->map[i].len,
			.type = plan->map[i].type,
		};
	}
	mem_note_written(mem, LOWMEM_PARAMS, sizeof(*page));
	return 0;
}
