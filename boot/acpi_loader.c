// SPDX-License-Identifier: MIT
#include "boot/acpi_loader.h"

#include "boot/acpi_tables.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Commands are 128 bytes each: u32 what, then its arguments. File names have 56 bytes. */
#define COMMAND_LEN 128ULL
#define NAME_LEN    56u

enum command {
	ALLOCATE = 1,	  /* name, u32 alignment, u8 zone */
	ADD_POINTER = 2,  /* name, name pointed at, u32 offset, u8 size */
	ADD_CHECKSUM = 3, /* name, u32 offset of the checksum, u32 start, u32 length */
};

/* two allocations, six pointers, four checksums, and some to spare */
#define SCRIPT_MAX (16 * COMMAND_LEN)

#define ZONE_HIGH 1 /* anywhere below 4 GiB */
#define ZONE_FSEG 2 /* 0xf0000 to 0xfffff, where an RSDP is looked for */

/* offsets in tables: the RSDP's and the header's checksums, and what points at what */
#define RSDP_CHECKSUM	   8
#define RSDP_XSDT	   24
#define RSDP_EXT_CHECKSUM  32
#define RSDP_V1_LEN	   20
#define TABLE_CHECKSUM	   9
#define FADT_FIRMWARE_CTRL 36
#define FADT_DSDT	   40
#define FADT_X_DSDT	   140

static size_t begin(struct acpi_out *out, enum command command)
{
	size_t start = out->len;

	acpi_out_32(out, command);
	return start;
}

static void end(struct acpi_out *out, size_t start)
{
	acpi_out_zero(out, start + COMMAND_LEN - out->len);
}

static void put_name(struct acpi_out *out, const char *name)
{
	acpi_out_bytes(out, name, strlen(name));
	acpi_out_zero(out, NAME_LEN - strlen(name));
}

static void allocate(struct acpi_out *out, const char *file, uint32_t align, unsigned int zone)
{
	size_t start = begin(out, ALLOCATE);

	put_name(out, file);
	acpi_out_32(out, align);
	acpi_out_8(out, zone);
	end(out, start);
}

/* A pointer into the file of tables. */
static void add_pointer(struct acpi_out *out, const char *file, size_t at, unsigned int size)
{
	size_t start = begin(out, ADD_POINTER);

	put_name(out, file);
	put_name(out, ACPI_LOADER_TABLES);
	acpi_out_32(out, (uint32_t)at);
	acpi_out_8(out, size);
	end(out, start);
}

/* Firmware sums up all bytes, the old checksum among them: that has to be zero. */
static void add_checksum(struct acpi_out *out, const char *file, uint8_t *bytes, size_t at,
			 size_t first, size_t len)
{
	size_t start = begin(out, ADD_CHECKSUM);

	bytes[at] = 0;
	put_name(out, file);
	acpi_out_32(out, (uint32_t)at);
	acpi_out_32(out, (uint32_t)first);
	acpi_out_32(out, (uint32_t)len);
	end(out, start);
}

static void add_table_checksum(struct acpi_out *out, uint8_t *tables, size_t at)
{
	add_checksum(out, ACPI_LOADER_TABLES, tables, at + TABLE_CHECKSUM, at,
		     get_le32(tables + at + ACPI_HEADER_LENGTH));
}

/* `places` are offsets in the file of tables. */
static void write_script(struct acpi_out *out, const struct acpi_places *places, uint8_t *rsdp,
			 uint8_t *tables)
{
	size_t xsdt_end = places->xsdt + get_le32(tables + places->xsdt + ACPI_HEADER_LENGTH);

	allocate(out, ACPI_LOADER_RSDP, 16, ZONE_FSEG);
	allocate(out, ACPI_LOADER_TABLES, 64, ZONE_HIGH);

	add_pointer(out, ACPI_LOADER_TABLES, places->fadt + FADT_FIRMWARE_CTRL, 4);
	add_pointer(out, ACPI_LOADER_TABLES, places->fadt + FADT_DSDT, 4);
	add_pointer(out, ACPI_LOADER_TABLES, places->fadt + FADT_X_DSDT, 8);
	for (size_t at = places->xsdt + ACPI_HEADER_LEN; at < xsdt_end; at += 8)
		add_pointer(out, ACPI_LOADER_TABLES, at, 8);
	add_pointer(out, ACPI_LOADER_RSDP, RSDP_XSDT, 8);

	add_table_checksum(out, tables, places->fadt);
	add_table_checksum(out, tables, places->xsdt);
	add_checksum(out, ACPI_LOADER_RSDP, rsdp, RSDP_CHECKSUM, 0, RSDP_V1_LEN);
	add_checksum(out, ACPI_LOADER_RSDP, rsdp, RSDP_EXT_CHECKSUM, 0, ACPI_RSDP_LEN);
}

int acpi_loader_build(const struct acpi_config *config, struct acpi_loader *loader,
		      struct vmm_error *err)
{
	struct acpi_out script = {.size = 0};
	struct acpi_places places;
	size_t size = acpi_size(config);
	int ret;

	*loader = (struct acpi_loader){.memory = NULL};
	ret = acpi_check(config, err);
	if (ret < 0)
		return ret;
	loader->memory = calloc(1, size + SCRIPT_MAX);
	if (!loader->memory)
		return vmm_error_errno(err, -ENOMEM, "unable to allocate the ACPI tables");
	loader->rsdp = loader->memory;
	loader->rsdp_len = ACPI_RSDP_LEN;
	loader->tables = loader->rsdp + ACPI_TABLES_AT;
	loader->script = loader->rsdp + size;
	/* so that the first table has address 0, and every other one its offset */
	ret = acpi_write(config, loader->rsdp, size, -(uint64_t)ACPI_TABLES_AT, &places, err);
	if (ret < 0) {
		acpi_loader_free(loader);
		return ret;
	}
	loader->tables_len = (size_t)ret - ACPI_TABLES_AT;
	script = (struct acpi_out){.buf = loader->script, .size = SCRIPT_MAX};
	write_script(&script, &places, loader->rsdp, loader->tables);
	loader->script_len = script.len;
	if (script.len > script.size) {
		acpi_loader_free(loader);
		return vmm_error_set(err, -ENOSPC, "ACPI tables: too many for their script");
	}
	return 0;
}

void acpi_loader_free(struct acpi_loader *loader)
{
	free(loader->memory);
	*loader = (struct acpi_loader){.memory = NULL};
}
