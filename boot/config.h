/* SPDX-License-Identifier: MIT */
/* What the boot loader is told of a VM; see boot/boot.h. */
#ifndef BOOT_CONFIG_H
#define BOOT_CONFIG_H

#include "boot/acpi.h"
#include "mem/demand.h"

#include <stdbool.h>

struct boot_config {
	enum boot_guest guest;
	const char *igvm;	     /* path of an IGVM file, instead of all of these, or NULL */
	const char *firmware;	     /* path of an image to start at its reset vector, or NULL */
	const char *kernel;	     /* path: bzImage or ELF, maybe compressed; or NULL */
	const char *initrd;	     /* path or NULL */
	const char *cmdline;	     /* never NULL */
	bool device_tree;	     /* also hand over a device tree (SETUP_DTB) */
	uint32_t cbit;		     /* SNP: position of the C-bit in page tables, 0: none */
	bool long_mode;		     /* the guest has to start in 64-bit mode: no PVH entry */
	struct acpi_config platform; /* CPUs and devices that the tables describe */
};

#endif
