/* SPDX-License-Identifier: MIT */
/*
 * The tables that boot/acpi.c puts together, one writer each. They report nothing: the
 * configuration was checked, and the size is checked at the end (boot/acpi_out.h).
 */
#ifndef BOOT_ACPI_TABLES_H
#define BOOT_ACPI_TABLES_H

#include "boot/acpi.h"
#include "boot/acpi_out.h"

#define ACPI_RSDP_LEN  36
#define ACPI_TABLES_AT 64 /* offset of the first table behind the RSDP, which is the FACS */

/* Guest addresses of the tables. */
struct acpi_places {
	uint64_t facs, dsdt, fadt, madt, xsdt;
};

/* acpi_build() for a configuration that was checked; `gpa` may be any multiple of 64, and addresses
 * wrap around it. */
int acpi_write(const struct acpi_config *config, void *buf, size_t size, uint64_t gpa,
	       struct acpi_places *places, struct vmm_error *err);

/* The fixed hardware; `facs` and `dsdt` are guest addresses below 4 GiB. */
void acpi_write_fadt(struct acpi_out *out, uint32_t facs, uint32_t dsdt);

/* The interrupt controllers. */
void acpi_write_madt(struct acpi_out *out, const struct acpi_config *config);

/* The devices, in AML. */
void acpi_write_dsdt(struct acpi_out *out, const struct acpi_config *config);

#endif
