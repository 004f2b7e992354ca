// SPDX-License-Identifier: MIT
#include "boot/acpi_out.h"
#include "vmm/base/bytes.h"

#include <string.h>

/* Is [at, at + len) inside the buffer? */
static bool stored(const struct acpi_out *out, size_t at, size_t len)
{
	return range_inside(at, len, 0, out->size);
}

void acpi_out_patch(struct acpi_out *out, size_t at, const void *bytes, size_t len)
{
	if (len > 0 && stored(out, at, len))
		memcpy(out->buf + at, bytes, len);
}

void acpi_out_bytes(struct acpi_out *out, const void *bytes, size_t len)
{
	acpi_out_patch(out, out->len, bytes, len);
	out->len += len;
}

void acpi_out_zero(struct acpi_out *out, size_t len)
{
	if (len > 0 && stored(out, out->len, len))
		memset(out->buf + out->len, 0, len);
	out->len += len;
}

void acpi_out_8(struct acpi_out *out, unsigned int value)
{
	const uint8_t byte = (uint8_t)value;

	acpi_out_bytes(out, &byte, sizeof(byte));
}

void acpi_out_16(struct acpi_out *out, unsigned int value)
{
	uint8_t bytes[2];

	put_le16(bytes, (uint16_t)value);
	acpi_out_bytes(out, bytes, sizeof(bytes));
}

void acpi_out_32(struct acpi_out *out, uint32_t value)
{
	uint8_t bytes[4];

	put_le32(bytes, value);
	acpi_out_bytes(out, bytes, sizeof(bytes));
}

void acpi_out_64(struct acpi_out *out, uint64_t value)
{
	uint8_t bytes[8];

	put_le64(bytes, value);
	acpi_out_bytes(out, bytes, sizeof(bytes));
}

void acpi_out_align(struct acpi_out *out, size_t align)
{
	acpi_out_zero(out, align_up(out->len, align) - out->len);
}

void acpi_out_insert(struct acpi_out *out, size_t at, size_t len)
{
	const size_t rest = out->len - at;

	if (rest > 0 && stored(out, at, rest + len))
		memmove(out->buf + at + len, out->buf + at, rest);
	out->len += len;
}

void acpi_out_checksum(struct acpi_out *out, size_t start, size_t len, size_t at)
{
	uint8_t sum = 0;

	if (!stored(out, start, len) || !range_inside(at, 1, start, len))
		return;
	out->buf[at] = 0;
	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + out->buf[start + i]);
	out->buf[at] = (uint8_t)-sum;
}

/* Offset in the header of every table, ACPI 6.5 table 5.4. */
#define HEADER_CHECKSUM 9

size_t acpi_table_begin(struct acpi_out *out, const char *signature, unsigned int revision)
{
	size_t start;

	acpi_out_align(out, 16);
	start = out->len;
	acpi_out_bytes(out, signature, 4);
	acpi_out_32(out, 0); /* length, by acpi_table_end() */
	acpi_out_8(out, revision);
	acpi_out_8(out, 0); /* checksum, by acpi_table_end() */
	acpi_out_bytes(out, ACPI_OEM_ID, 6);
	acpi_out_bytes(out, ACPI_OEM_TABLE_ID, 8);
	acpi_out_32(out, 1); /* OEM revision */
	acpi_out_bytes(out, ACPI_CREATOR_ID, 4);
	acpi_out_32(out, 1); /* creator revision */
	return start;
}

void acpi_table_end(struct acpi_out *out, size_t start)
{
	const size_t len = out->len - start;
	uint8_t bytes[4];

	put_le32(bytes, (uint32_t)len);
	acpi_out_patch(out, start + ACPI_HEADER_LENGTH, bytes, sizeof(bytes));
	acpi_out_checksum(out, start, len, start + HEADER_CHECKSUM);
}
