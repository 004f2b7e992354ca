/* SPDX-License-Identifier: MIT */
/*
 * A bounded writer for ACPI tables: little-endian fields, table headers, checksums.
 *
 * It counts like snprintf(3): what does not fit is not stored, but `len` goes on, so a run over a
 * buffer of size 0 measures the tables, and `len > size` at the end says that the buffer was too
 * small. No byte is ever stored at or beyond `buf + size`.
 */
#ifndef BOOT_ACPI_OUT_H
#define BOOT_ACPI_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct acpi_out {
	uint8_t *buf; /* may be NULL when size is 0 */
	size_t size;
	size_t len; /* bytes written or, beyond size, wanted */
};

void acpi_out_bytes(struct acpi_out *out, const void *bytes, size_t len);
void acpi_out_zero(struct acpi_out *out, size_t len);
void acpi_out_8(struct acpi_out *out, unsigned int value);
void acpi_out_16(struct acpi_out *out, unsigned int value);
void acpi_out_32(struct acpi_out *out, uint32_t value);
void acpi_out_64(struct acpi_out *out, uint64_t value);

/* Zeros up to the next multiple of `align` (a power of two) from the start of the buffer. */
void acpi_out_align(struct acpi_out *out, size_t align);

/* Makes room for `len` bytes at offset `at` <= out->len by moving up what stands there; what the
 * room holds is unspecified. */
void acpi_out_insert(struct acpi_out *out, size_t at, size_t len);

/* Stores bytes at an offset that was written before. Offsets beyond the buffer are ignored. */
void acpi_out_patch(struct acpi_out *out, size_t at, const void *bytes, size_t len);

/* Sets the byte at offset `at` so that the `len` bytes from `start`, which include it, add up to
 * zero (ACPI 6.5, section 5.2: every checksum is of this kind). */
void acpi_out_checksum(struct acpi_out *out, size_t start, size_t len, size_t at);

/*
 * A system description table: acpi_table_begin() writes the header (ACPI 6.5, table 5.4) at the
 * next multiple of 16 and returns its offset, acpi_table_end() fills in length and checksum.
 * `signature` has four characters.
 */
size_t acpi_table_begin(struct acpi_out *out, const char *signature, unsigned int revision);
void acpi_table_end(struct acpi_out *out, size_t start);

/* Who made the tables; six and eight characters. */
#define ACPI_OEM_ID	  "MINVMM"
#define ACPI_OEM_TABLE_ID "MINIVMM "
#define ACPI_CREATOR_ID	  "MVMM"

#define ACPI_HEADER_LEN	   36
#define ACPI_HEADER_LENGTH 4 /* offset of the table's length, u32 */

#endif
