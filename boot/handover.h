/* SPDX-License-Identifier: MIT */
/*
 * What a started kernel is told: Linux boot parameters for the 64-bit entry, PVH start info for the
 * PVH entry, and what an SNP guest without firmware needs to know that it is one.
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

/*
 * Writes and records it, with the plan's memory map, and sets the plan's entry. The 64-bit entry has
 * page tables that map the first 4 GiB to themselves; with a C-bit (position `cbit`, 0: none) all of
 * that is encrypted. An SNP guest without a C-bit has its pages, but is not told of them.
 */
int handover_load(struct handover *handover, const struct kernel *kernel, bool snp, uint32_t cbit,
		  struct load_plan *plan, struct vmm_error *err);

#endif
