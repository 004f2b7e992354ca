// SPDX-License-Identifier: MIT
#include "boot/aml.h"

#include <string.h>

/* Opcodes and prefixes, ACPI 6.5 section 20.3. */
#define AML_ZERO	 0x00
#define AML_ONE		 0x01
#define AML_NAME	 0x08
#define AML_BYTE_PREFIX	 0x0a
#define AML_WORD_PREFIX	 0x0b
#define AML_DWORD_PREFIX 0x0c
#define AML_STRING	 0x0d
#define AML_QWORD_PREFIX 0x0e
#define AML_SCOPE	 0x10
#define AML_BUFFER	 0x11
#define AML_PACKAGE	 0x12
#define AML_EXT_PREFIX	 0x5b
#define AML_EXT_DEVICE	 0x82

void aml_name(struct acpi_out *out, const char *name)
{
	acpi_out_8(out, AML_NAME);
	acpi_out_bytes(out, name, 4);
}

void aml_integer(struct acpi_out *out, uint64_t value)
{
	if (value == 0) {
		acpi_out_8(out, AML_ZERO);
	} else if (value == 1) {
		acpi_out_8(out, AML_ONE);
	} else if (value <= UINT8_MAX) {
		acpi_out_8(out, AML_BYTE_PREFIX);
		acpi_out_8(out, (unsigned int)value);
	} else if (value <= UINT16_MAX) {
		acpi_out_8(out, AML_WORD_PREFIX);
		acpi_out_16(out, (unsigned int)value);
	} else if (value <= UINT32_MAX) {
		acpi_out_8(out, AML_DWORD_PREFIX);
		acpi_out_32(out, (uint32_t)value);
	} else {
		acpi_out_8(out, AML_QWORD_PREFIX);
		acpi_out_64(out, value);
	}
}

void aml_string(struct acpi_out *out, const char *string)
{
	acpi_out_8(out, AML_STRING);
	acpi_out_bytes(out, string, strlen(string) + 1);
}

static unsigned int hex_digit(char c)
{
	return (unsigned int)(c <= '9' ? c - '0' : c - 'A' + 10);
}

/* ACPI 6.5, section 19.3.4: five bits a letter ('A' is 1), four a digit, and the whole number
 * stored with its most significant byte first. */
void aml_eisa_id(struct acpi_out *out, const char *id)
{
	uint32_t number = 0;

	for (int i = 0; i < 3; i++)
		number = number << 5 | (uint32_t)(id[i] - 'A' + 1);
	for (int i = 3; i < 7; i++)
		number = number << 4 | hex_digit(id[i]);
	acpi_out_8(out, AML_DWORD_PREFIX);
	acpi_out_32(out, __builtin_bswap32(number));
}

size_t aml_scope_begin(struct acpi_out *out, const char *name)
{
	size_t at;

	acpi_out_8(out, AML_SCOPE);
	at = out->len;
	acpi_out_bytes(out, name, 4);
	return at;
}

size_t aml_device_begin(struct acpi_out *out, const char *name)
{
	size_t at;

	acpi_out_8(out, AML_EXT_PREFIX);
	acpi_out_8(out, AML_EXT_DEVICE);
	at = out->len;
	acpi_out_bytes(out, name, 4);
	return at;
}

size_t aml_package_begin(struct acpi_out *out, unsigned int nelements)
{
	size_t at;

	acpi_out_8(out, AML_PACKAGE);
	at = out->len;
	acpi_out_8(out, nelements);
	return at;
}

/*
 * PkgLength, section 20.2.4: counts itself and all that follows it, in one byte up to 63, else in
 * a nibble and one to three more bytes. It stands in front of what it measures, so the contents
 * are written first and then moved up to make room for the shortest form.
 */
void aml_end(struct acpi_out *out, size_t at)
{
	const size_t content = out->len - at;
	uint8_t length[4];
	size_t nbytes, total;

	if (content + 1 <= 0x3f)
		nbytes = 1;
	else if (content + 2 <= 0xfff)
		nbytes = 2;
	else if (content + 3 <= 0xfffff)
		nbytes = 3;
	else
		nbytes = 4;
	total = content + nbytes;
	if (nbytes == 1) {
		length[0] = (uint8_t)total;
	} else {
		length[0] = (uint8_t)((nbytes - 1) << 6 | (total & 0xf));
		for (size_t i = 1; i < nbytes; i++)
			length[i] = (uint8_t)(total >> (4 + 8 * (i - 1)));
	}
	acpi_out_insert(out, at, nbytes);
	acpi_out_patch(out, at, length, nbytes);
}

/* End tag with checksum 0, which means "not computed" (section 6.4.2.9). */
static const uint8_t end_tag[] = {0x79, 0x00};

size_t aml_resources_begin(struct acpi_out *out)
{
	acpi_out_8(out, AML_BUFFER);
	return out->len;
}

/* A buffer's size, an integer, stands between its PkgLength and its bytes (section 20.2.5.4). */
void aml_resources_end(struct acpi_out *out, size_t at)
{
	uint8_t bytes[9];
	struct acpi_out integer = {.buf = bytes, .size = sizeof(bytes)};

	acpi_out_bytes(out, end_tag, sizeof(end_tag));
	aml_integer(&integer, out->len - at);
	acpi_out_insert(out, at, integer.len);
	acpi_out_patch(out, at, bytes, integer.len);
	aml_end(out, at);
}

/* I/O port descriptor, section 6.4.2.5: 16-bit decoding, one possible place. */
void aml_io(struct acpi_out *out, uint16_t port, uint8_t nports)
{
	acpi_out_8(out, 0x47);
	acpi_out_8(out, 1);	/* decodes 16 bits of address */
	acpi_out_16(out, port); /* lowest and … */
	acpi_out_16(out, port); /* … highest base */
	acpi_out_8(out, 1);	/* alignment */
	acpi_out_8(out, nports);
}

/* IRQ descriptor, section 6.4.2.1, in the two-byte form: edge triggered, active high. */
void aml_irq(struct acpi_out *out, unsigned int irq)
{
	acpi_out_8(out, 0x22);
	acpi_out_16(out, 1U << irq);
}

/* 32-bit fixed memory range descriptor, section 6.4.3.4. */
void aml_memory32(struct acpi_out *out, uint32_t gpa, uint32_t len)
{
	acpi_out_8(out, 0x86);
	acpi_out_16(out, 9); /* bytes that follow */
	acpi_out_8(out, 1);  /* writable */
	acpi_out_32(out, gpa);
	acpi_out_32(out, len);
}

/*
 * Extended interrupt descriptor, section 6.4.3.6: consumer, edge, active high. Marked as shared:
 * the I/O APIC has 24 pins, so two devices may have the same one.
 */
void aml_interrupt_edge(struct acpi_out *out, uint32_t gsi)
{
	const unsigned int consumer = 1 << 0, edge = 1 << 1, shared = 1 << 3;

	acpi_out_8(out, 0x89);
	acpi_out_16(out, 6); /* bytes that follow */
	acpi_out_8(out, consumer | edge | shared);
	acpi_out_8(out, 1); /* one interrupt */
	acpi_out_32(out, gsi);
}
