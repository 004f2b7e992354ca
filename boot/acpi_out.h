/* SPDX-License-Identifier: MIT */
/*
 * A bounded writer for tables: ACPI's, and HOBs.
 *
 * It counts like snprintf(3): what does not fit is not stored, but `len` goes on, so a run over a
 * buffer of size 0 measures the tables, and `len > size` at the end says that the buffer was too
 * small. No byte is ever stored at or beyond `buf + size`.
 */
#ifndef BOOT_ACPI_OUT_H
#define BOOT_ACPI_OUT_H

#include <stddef.h>
#include <stdint.h>

struct acpi_out {
	uint8_t *buf; /* may be NULL when size is 0 */
	size_t size;
	size_t len; /* bytes written or, beyond size, wanted */
};

void acpi_out_put(struct acpi_out *out, const void *bytes, size_t len);

/* Zeros up to the next multiple of `align` (a power of two) from the start of the buffer. */
void acpi_out_align(struct acpi_out *out, size_t align);

/* A writer for what stands `len` bytes behind the end so far. */
struct acpi_out acpi_out_behind(const struct acpi_out *out, size_t len);

/* The `len` bytes at an offset that was written before, or NULL if they are not all stored. */
void *acpi_out_at(const struct acpi_out *out, size_t at, size_t len);

/* The byte that makes these add up to zero (ACPI 6.5, section 5.2: every checksum is of this kind). */
uint8_t acpi_checksum(const void *bytes, size_t len);

/*
 * A system description table: acpi_table_begin() writes its header at the next multiple of 16 and
 * returns its offset, acpi_table_end() fills in length and checksum. `signature` has four
 * characters.
 */
size_t acpi_table_begin(struct acpi_out *out, const char *signature, uint8_t revision);
void acpi_table_end(struct acpi_out *out, size_t start);

#endif
