// SPDX-License-Identifier: MIT
/* The identity map that the 64-bit entry asks for (boot.rst, "64-bit Boot Protocol"). */
#include "boot/handover.h"
#include "boot/lowmem.h"
#include "vmm/base/bytes.h"

#include <errno.h>

/* Intel SDM volume 3, section 4.5, tables 4-15 to 4-18 */
#define PTE_PRESENT   0x001
#define PTE_WRITE     0x002
#define PTE_PAGE_SIZE 0x080 /* in a page directory: maps 2 MiB */

#define MAPPED_GIB 4u /* one page directory each */

struct page_tables {
	uint64_t pml4[512];
	uint64_t pdpt[512];
	uint64_t pd[MAPPED_GIB * 512];
};

_Static_assert(LOWMEM_PAGE_TABLES + sizeof(struct page_tables) <= LOWMEM_CMDLINE, "there is room");

int page_tables_load(uint32_t cbit, struct guest_mem *mem, struct load_plan *plan,
		     struct vmm_error *err)
{
	uint64_t flags = PTE_PRESENT | PTE_WRITE | (cbit ? 1ULL << cbit : 0);
	struct page_tables *t = mem_ptr(mem, LOWMEM_PAGE_TABLES, sizeof(*t));
	uint64_t pdpt = LOWMEM_PAGE_TABLES + offsetof(struct page_tables, pdpt);
	uint64_t pd = LOWMEM_PAGE_TABLES + offsetof(struct page_tables, pd);
	int ret;

	ret = load_plan_add(plan, mem, "page tables", LOWMEM_PAGE_TABLES, sizeof(*t), LOAD_DATA,
			    err);
	if (ret < 0 || !t)
		return ret < 0 ? ret : -EFAULT;
	t->pml4[0] = pdpt | flags;
	for (size_t i = 0; i < MAPPED_GIB; i++)
		t->pdpt[i] = (pd + i * PAGE_SIZE) | flags;
	for (size_t i = 0; i < ARRAY_SIZE(t->pd); i++)
		t->pd[i] = i * MIB(2) | flags | PTE_PAGE_SIZE;
	mem_note_written(mem, LOWMEM_PAGE_TABLES, sizeof(*t));
	return 0;
}
