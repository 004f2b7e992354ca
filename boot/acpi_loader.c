// SPDX-License-Identifier: MIT
#include "boot/acpi_loader.h"

#include "boot/acpi_tables.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ALLOCATE = 1,
	ADD_POINTER = 2,
	ADD_CHECKSUM = 3,
};

#define ZONE_HIGH 1 /* anywhere below 4 GiB */
#define ZONE_FSEG 2 /* 0xf0000 to 0xfffff, where an RSDP is looked for */

struct command {
	uint32_t command;
	char file[56];
	union {
		struct {
			uint32_t align;
			uint8_t zone;
		} allocate;
		struct {
			char to[56]; /* the file that is pointed into */
			uint32_t at;
			uint8_t size;
		} pointer;
		struct {
			uint32_t at;
			uint32_t start;
			uint32_t len;
		} checksum;
		uint8_t pad[68];
	};
};

_Static_assert(sizeof(struct command) == 128, "BiosLinkerLoaderEntry of QEMU");

/* two allocations, six pointers, four checksums */
#define COMMANDS 12

#define HEADER	 sizeof(struct acpi_header)
#define FADT(at) (HEADER + offsetof(struct acpi_fadt, at))
#define RSDP(at) offsetof(struct acpi_rsdp, at)

static struct command pointer(const char *file, uint64_t at, uint8_t size)
{
	struct command c = {ADD_POINTER,
			    .pointer = {ACPI_LOADER_TABLES, .at = (uint32_t)at, .size = size}};

	snprintf(c.file, sizeof(c.file), "%s", file);
	return c;
}

/* Firmware sums up all bytes, the old checksum among them: that has to be zero. */
static struct command checksum(const char *file, uint8_t *bytes, uint64_t at, uint64_t start,
			       uint32_t len)
{
	struct command c = {ADD_CHECKSUM,
			    .checksum = {.at = (uint32_t)at, .start = (uint32_t)start, .len = len}};

	bytes[at] = 0;
	snprintf(c.file, sizeof(c.file), "%s", file);
	return c;
}

static struct command table_checksum(const struct acpi_loader *loader, uint64_t at, size_t len)
{
	return checksum(ACPI_LOADER_TABLES, loader->tables,
			at + offsetof(struct acpi_header, checksum), at, (uint32_t)len);
}

/* `places` are offsets in the file of tables. */
static void write_script(struct acpi_loader *loader, const struct acpi_places *places)
{
	const uint64_t fadt = places->fadt, xsdt = places->xsdt;
	const struct command script[COMMANDS] = {
		{ALLOCATE, ACPI_LOADER_RSDP, .allocate = {16, ZONE_FSEG}},
		{ALLOCATE, ACPI_LOADER_TABLES, .allocate = {64, ZONE_HIGH}},
		pointer(ACPI_LOADER_TABLES, fadt + FADT(firmware_ctrl), 4),
		pointer(ACPI_LOADER_TABLES, fadt + FADT(dsdt), 4),
		pointer(ACPI_LOADER_TABLES, fadt + FADT(x_dsdt), 8),
		pointer(ACPI_LOADER_TABLES, xsdt + HEADER, 8),	   /* FADT */
		pointer(ACPI_LOADER_TABLES, xsdt + HEADER + 8, 8), /* MADT */
		pointer(ACPI_LOADER_RSDP, RSDP(xsdt), 8),
		table_checksum(loader, fadt, HEADER + sizeof(struct acpi_fadt)),
		table_checksum(loader, xsdt, HEADER + 2 * 8),
		checksum(ACPI_LOADER_RSDP, loader->rsdp, RSDP(checksum), 0, ACPI_RSDP_V1_LEN),
		checksum(ACPI_LOADER_RSDP, loader->rsdp, RSDP(extended_checksum), 0,
			 sizeof(struct acpi_rsdp)),
	};

	memcpy(loader->script, script, sizeof(script));
	loader->script_len = sizeof(script);
}

int acpi_loader_build(const struct acpi_config *config, struct acpi_loader *loader,
		      struct vmm_error *err)
{
	struct acpi_places places;
	size_t size = acpi_size(config);
	int ret;

	*loader = (struct acpi_loader){.memory = NULL};
	ret = acpi_check(config, err);
	if (ret < 0)
		return ret;
	loader->memory = calloc(1, size + COMMANDS * sizeof(struct command));
	if (!loader->memory)
		return vmm_error_errno(err, -ENOMEM, "unable to allocate the ACPI tables");
	loader->rsdp = loader->memory;
	loader->rsdp_len = sizeof(struct acpi_rsdp);
	loader->tables = loader->rsdp + ACPI_TABLES_AT;
	loader->script = loader->rsdp + size;
	/* so that the first table has address 0, and every other one its offset */
	ret = acpi_write(config, loader->rsdp, size, -(uint64_t)ACPI_TABLES_AT, &places, err);
	if (ret < 0) {
		acpi_loader_free(loader);
		return ret;
	}
	loader->tables_len = (size_t)ret - ACPI_TABLES_AT;
	write_script(loader, &places);
	return 0;
}

void acpi_loader_free(struct acpi_loader *loader)
{
	free(loader->memory);
	*loader = (struct acpi_loader){.memory = NULL};
}
