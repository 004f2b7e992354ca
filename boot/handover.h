/* SPDX-License-Identifier: MIT */
/*
 * What a started kernel is told, and the two forms of telling it: Linux boot parameters for the
 * 64-bit entry, PVH start info for the PVH entry. Both stand in one page at LOWMEM_PARAMS.
 */
#ifndef BOOT_HANDOVER_H
#define BOOT_HANDOVER_H

#include "boot/kernel.h"

struct handover {
	uint64_t cmdline;    /* gpa, zero-terminated */
	uint64_t initrd;     /* gpa; nothing counts if initrd_len is 0 */
	uint64_t initrd_len; /* bytes */
	uint64_t rsdp;	     /* gpa of the ACPI RSDP */
	uint64_t setup_data; /* gpa of a struct setup_data, 0: none; not possible with PVH */
};

/* Writes the boot parameters, with the plan's memory map, and records them. */
int params_load(const struct handover *handover, const struct kernel *kernel, struct guest_mem *mem,
		struct load_plan *plan, struct vmm_error *err);

/* The same for PVH: start info, list of modules, memory map. */
int pvh_load(const struct handover *handover, struct guest_mem *mem, struct load_plan *plan,
	     struct vmm_error *err);

/*
 * Page tables at LOWMEM_PAGE_TABLES that map the first 4 GiB to themselves, by 2 MiB pages; the
 * top-level table is the first of them. With a C-bit (position `cbit`, 0: none) all are encrypted.
 */
int page_tables_load(uint32_t cbit, struct guest_mem *mem, struct load_plan *plan,
		     struct vmm_error *err);

/* What an SNP guest without firmware needs to know that it is one; put in front of the setup_data
 * list. Without a C-bit the pages are there, but the guest is not told. */
int snp_pages_load(uint32_t cbit, struct handover *handover, struct guest_mem *mem,
		   struct load_plan *plan, struct vmm_error *err);

#endif
