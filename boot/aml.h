/* SPDX-License-Identifier: MIT */
/*
 * An encoder for the little ACPI machine language that a DSDT of static devices needs (ACPI 6.5,
 * chapter 20): names, integers, strings, packages, scopes, devices, and resource descriptors
 * (section 6.4). Everything goes through struct acpi_out, which checks the bounds.
 *
 * Constructs that contain others come in pairs, and nest:
 *
 *	size_t device = aml_device_begin(out, "COM1");
 *	aml_name(out, "_HID");
 *	aml_eisa_id(out, "PNP0501");
 *	aml_end(out, device);
 *
 * Every name is one segment of exactly four characters.
 */
#ifndef BOOT_AML_H
#define BOOT_AML_H

#include "boot/acpi_out.h"

/* Name (NAME, …): the object that follows is its value. */
void aml_name(struct acpi_out *out, const char *name);

void aml_integer(struct acpi_out *out, uint64_t value);
void aml_string(struct acpi_out *out, const char *string);

/* EisaId ("PNP0501"): three capital letters and four upper-case hex digits, as a 32-bit number. */
void aml_eisa_id(struct acpi_out *out, const char *id);

/* Each returns the place that aml_end() needs to fill in the length. */
size_t aml_scope_begin(struct acpi_out *out, const char *name);
size_t aml_device_begin(struct acpi_out *out, const char *name);
size_t aml_package_begin(struct acpi_out *out, unsigned int nelements);
void aml_end(struct acpi_out *out, size_t at);

/* ResourceTemplate () {…} around resource descriptors; the end tag is added. */
size_t aml_resources_begin(struct acpi_out *out);
void aml_resources_end(struct acpi_out *out, size_t at);

void aml_io(struct acpi_out *out, uint16_t port, uint8_t nports);
void aml_irq(struct acpi_out *out, unsigned int irq); /* ISA: 0..15, edge, active high */
void aml_memory32(struct acpi_out *out, uint32_t gpa, uint32_t len);
void aml_interrupt_edge(struct acpi_out *out, uint32_t gsi);

#endif
