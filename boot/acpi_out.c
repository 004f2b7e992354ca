// SPDX-License-Identifier: MIT
#include "boot/acpi_out.h"
#include "boot/acpi_tables.h"
#include "vmm/base/bytes.h"

#include <string.h>

void *acpi_out_at(const struct acpi_out *out, size_t at, size_t len)
{
	return range_inside(at, len, 0, out->size) ? out->buf + at : NULL;
}

struct acpi_out acpi_out_behind(const struct acpi_out *out, size_t len)
{
	size_t at = out->len + len;

	if (at >= out->size)
		return (struct acpi_out){.size = 0};
	return (struct acpi_out){.buf = out->buf + at, .size = out->size - at};
}

void acpi_out_put(struct acpi_out *out, const void *bytes, size_t len)
{
	void *at = len > 0 ? acpi_out_at(out, out->len, len) : NULL;

	if (at)
		memcpy(at, bytes, len);
	out->len += len;
}

void acpi_out_align(struct acpi_out *out, size_t align)
{
	static const uint8_t zeros[64];

	acpi_out_put(out, zeros, align_up(out->len, align) - out->len);
}

uint8_t acpi_checksum(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint8_t sum = 0;

	while (len-- > 0)
		sum = (uint8_t)(sum + *p++);
	return (uint8_t)-sum;
}

size_t acpi_table_begin(struct acpi_out *out, const char *signature, uint8_t revision)
{
	struct acpi_header header = {
		.revision = revision,
		.oem_id = ACPI_OEM_ID,
		.oem_table_id = ACPI_OEM_TABLE_ID,
		.oem_revision = 1,
		.creator_id = "MVMM",
		.creator_revision = 1,
	};

	memcpy(header.signature, signature, sizeof(header.signature));
	acpi_out_align(out, 16);
	acpi_out_put(out, &header, sizeof(header));
	return out->len - sizeof(header);
}

void acpi_table_end(struct acpi_out *out, size_t start)
{
	const size_t len = out->len - start;
	struct acpi_header *header = acpi_out_at(out, start, len);

	if (!header)
		return;
	header->len = (uint32_t)len;
	header->checksum = acpi_checksum(header, len);
}
