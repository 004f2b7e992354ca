// SPDX-License-Identifier: MIT
#include "boot/acpi.h"
#include "boot/acpi_tables.h"
#include "mem/layout.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define FACS_LEN 64

/* Root system description pointer, ACPI 6.5 table 5.3. Its first 20 bytes have a checksum of their
 * own, the one of ACPI 1.0. */
static void write_rsdp(struct acpi_out *out, uint64_t xsdt)
{
	acpi_out_bytes(out, "RSD PTR ", 8);
	acpi_out_8(out, 0); /* checksum of the first 20 bytes */
	acpi_out_bytes(out, ACPI_OEM_ID, 6);
	acpi_out_8(out, 2);  /* revision */
	acpi_out_32(out, 0); /* RSDT: there is only an XSDT */
	acpi_out_32(out, ACPI_RSDP_LEN);
	acpi_out_64(out, xsdt);
	acpi_out_8(out, 0);    /* checksum of it all */
	acpi_out_zero(out, 3); /* reserved */
	acpi_out_checksum(out, 0, 20, 8);
	acpi_out_checksum(out, 0, ACPI_RSDP_LEN, 32);
}

/* Firmware ACPI control structure, table 5.15: nothing but its version. It has no checksum. */
static void write_facs(struct acpi_out *out)
{
	acpi_out_align(out, 64);
	acpi_out_bytes(out, "FACS", 4);
	acpi_out_32(out, FACS_LEN);
	acpi_out_zero(out, 24); /* signature, waking vectors, global lock, flags */
	acpi_out_8(out, 2);	/* version */
	acpi_out_zero(out, 31);
}

/* The tables, each after those that it points at; only the RSDP has to stand in front. */
static void write_tables(struct acpi_out *out, const struct acpi_config *config, uint64_t gpa,
			 struct acpi_places *places)
{
	struct acpi_out rsdp = {.buf = out->buf, .size = out->size};

	acpi_out_zero(out, ACPI_RSDP_LEN);
	write_facs(out);
	places->facs = gpa + out->len - FACS_LEN;
	acpi_out_align(out, 16);
	places->dsdt = gpa + out->len;
	acpi_write_dsdt(out, config);
	acpi_out_align(out, 16);
	places->fadt = gpa + out->len;
	acpi_write_fadt(out, (uint32_t)places->facs, (uint32_t)places->dsdt);
	acpi_out_align(out, 16);
	places->madt = gpa + out->len;
	acpi_write_madt(out, config);
	places->xsdt = gpa + acpi_table_begin(out, "XSDT", 1);
	acpi_out_64(out, places->fadt);
	acpi_out_64(out, places->madt);
	acpi_table_end(out, places->xsdt - gpa);
	write_rsdp(&rsdp, places->xsdt);
}

int acpi_check(const struct acpi_config *config, struct vmm_error *err)
{
	if (config->vcpus == 0 || config->vcpus > ACPI_MAX_VCPUS)
		return vmm_error_set(err, -EINVAL,
				     "platform: unable to describe %" PRIu32 " CPUs: 1 to %u",
				     config->vcpus, ACPI_MAX_VCPUS);
	if (config->serial_irq > 15)
		return vmm_error_set(err, -EINVAL,
				     "platform: serial port: interrupt %" PRIu32
				     " is not one of the ISA bus, 0 to 15",
				     config->serial_irq);
	if (config->nvirtio > ACPI_MAX_VIRTIO)
		return vmm_error_set(err, -EINVAL, "platform: %zu virtio devices: at most %u",
				     config->nvirtio, ACPI_MAX_VIRTIO);
	for (size_t i = 0; i < config->nvirtio; i++) {
		if (!range_inside(config->virtio[i].gpa, PAGE_SIZE, 0, GIB(4)))
			return vmm_error_set(err, -EINVAL,
					     "platform: virtio device %zu: registers at %#" PRIx64
					     " are not below 4 GiB",
					     i, config->virtio[i].gpa);
	}
	return 0;
}

size_t acpi_size(const struct acpi_config *config)
{
	struct acpi_out out = {.size = 0};
	struct acpi_places places;

	if (acpi_check(config, NULL) < 0)
		return 0;
	write_tables(&out, config, 0, &places);
	return (size_t)align_up(out.len, PAGE_SIZE);
}

int acpi_write(const struct acpi_config *config, void *buf, size_t size, uint64_t gpa,
	       struct acpi_places *places, struct vmm_error *err)
{
	struct acpi_out out = {.buf = buf, .size = size};

	if (size > 0)
		memset(buf, 0, size);
	write_tables(&out, config, gpa, places);
	if (out.len > size)
		return vmm_error_set(err, -ENOSPC,
				     "ACPI tables: %zu bytes do not fit into the %zu at %#" PRIx64,
				     out.len, size, gpa);
	return (int)out.len;
}

int acpi_build(const struct acpi_config *config, void *buf, size_t size, uint64_t gpa,
	       struct vmm_error *err)
{
	struct acpi_places places;
	int ret = acpi_check(config, err);

	if (ret < 0)
		return ret;
	if (!is_aligned(gpa, 64) || !range_inside(gpa, size, 0, GIB(4)))
		return vmm_error_set(err, -EINVAL,
				     "ACPI tables: unable to place %zu bytes at %#" PRIx64
				     ": 64-byte aligned and below 4 GiB",
				     size, gpa);
	return acpi_write(config, buf, size, gpa, &places, err);
}
