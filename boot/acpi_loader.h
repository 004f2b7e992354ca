/* SPDX-License-Identifier: MIT */
/*
 * The ACPI tables in the form in which firmware takes them: two files, the RSDP and all the other
 * tables, whose pointers are offsets in the latter, and a script that says what to allocate, which
 * pointers to add the address of the allocation to, and which checksums to make anew after that
 * (QEMU, hw/acpi/bios-linker-loader.c). OVMF runs it in AcpiPlatformDxe.
 */
#ifndef BOOT_ACPI_LOADER_H
#define BOOT_ACPI_LOADER_H

#include "boot/acpi.h"

/* Names of the files, in fw_cfg. */
#define ACPI_LOADER_RSDP   "etc/acpi/rsdp"
#define ACPI_LOADER_TABLES "etc/acpi/tables"
#define ACPI_LOADER_SCRIPT "etc/table-loader"

struct acpi_loader {
	uint8_t *rsdp, *tables, *script;
	size_t rsdp_len, tables_len, script_len;
	void *memory; /* holds all three */
};

/* The errors are those of acpi_build(), and -ENOMEM. acpi_loader_free() undoes it, and may be
 * called after a failure. */
int acpi_loader_build(const struct acpi_config *config, struct acpi_loader *loader,
		      struct vmm_error *err);
void acpi_loader_free(struct acpi_loader *loader);

#endif
