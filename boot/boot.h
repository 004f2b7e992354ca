/* SPDX-License-Identifier: MIT */
/*
 * The boot loader: turns files into boot items. It records them in the load plan and writes their
 * bytes into shared guest memory. It knows nothing of KVM or of confidential launches.
 */
#ifndef BOOT_BOOT_H
#define BOOT_BOOT_H

#include "boot/acpi.h"
#include "mem/plan.h"

#include <stdbool.h>

/* What kind of guest it is, as far as the loader has to know. */
enum boot_guest {
	BOOT_PLAIN, /* also a software-protected one */
	BOOT_SNP,
	BOOT_TDX,
};

struct boot_config {
	enum boot_guest guest;
	const char *firmware;	     /* path of an image to start at its reset vector, or NULL */
	const char *kernel;	     /* path: bzImage or ELF, maybe compressed; or NULL */
	const char *initrd;	     /* path or NULL */
	const char *cmdline;	     /* never NULL */
	bool device_tree;	     /* also hand over a device tree (SETUP_DTB) */
	uint32_t cbit;		     /* SNP: position of the C-bit in page tables, 0: none */
	bool long_mode;		     /* the guest has to start in 64-bit mode: no PVH entry */
	struct acpi_config platform; /* CPUs and devices that the tables describe */
};

/*
 * Can a guest be started like this at all? Reads the firmware's metadata, and touches no guest
 * memory: asked before there is a VM. boot_load() asks by itself.
 */
int boot_check(const struct boot_config *config, const struct sys *sys, struct vmm_error *err);

/*
 * Loads everything named by `config` into `mem` and fills `plan` (initialised by the caller) with
 * the items, the memory map and the entry state. `mem` has all its RAM regions; one for the
 * firmware is added. Returns 0 or a
 * negative errno; on failure the contents of guest memory and plan are unspecified.
 */
int boot_load(const struct boot_config *config, struct guest_mem *mem, struct load_plan *plan,
	      struct vmm_error *err);

#endif
