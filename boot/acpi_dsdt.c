// SPDX-License-Identifier: MIT
#include "boot/acpi_tables.h"
#include "boot/aml.h"
#include "mem/layout.h"

#include <stdio.h>

/* \_S5: what the guest writes into SLP_TYP of PM1a and PM1b control to power off (ACPI 6.5,
 * section 7.4.2). */
static void write_s5(struct acpi_out *out)
{
	size_t package;

	aml_name(out, "_S5_");
	package = aml_package_begin(out, 4);
	aml_integer(out, PLATFORM_S5_TYPE);
	aml_integer(out, PLATFORM_S5_TYPE);
	aml_integer(out, 0); /* reserved */
	aml_integer(out, 0);
	aml_end(out, package);
}

/* A processor device; its _UID is the processor UID of its entry in the MADT (section 8.4). */
static void write_cpu(struct acpi_out *out, uint32_t id)
{
	char name[5];
	size_t device;

	snprintf(name, sizeof(name), "C%03X", id & 0xfff);
	device = aml_device_begin(out, name);
	aml_name(out, "_HID");
	aml_string(out, "ACPI0007");
	aml_name(out, "_UID");
	aml_integer(out, id);
	aml_end(out, device);
}

/* A 16550. Without an interrupt in _CRS, Linux's driver polls. */
static void write_serial(struct acpi_out *out, uint32_t irq)
{
	const size_t device = aml_device_begin(out, "COM1");
	size_t resources;

	aml_name(out, "_HID");
	aml_eisa_id(out, "PNP0501");
	aml_name(out, "_CRS");
	resources = aml_resources_begin(out);
	aml_io(out, PLATFORM_SERIAL_PORT, 8);
	if (irq != 0)
		aml_irq(out, irq);
	aml_resources_end(out, resources);
	aml_end(out, device);
}

/* Linux binds its driver pvpanic-mmio to this _HID and takes the port from _CRS. */
static void write_pvpanic(struct acpi_out *out)
{
	const size_t device = aml_device_begin(out, "PVPN");
	size_t resources;

	aml_name(out, "_HID");
	aml_string(out, "QEMU0001");
	aml_name(out, "_CRS");
	resources = aml_resources_begin(out);
	aml_io(out, PLATFORM_PVPANIC_PORT, 1);
	aml_resources_end(out, resources);
	aml_end(out, device);
}

/* A virtio-mmio transport, by the _HID that Linux's driver virtio_mmio binds to. */
static void write_virtio(struct acpi_out *out, unsigned int index, const struct acpi_virtio *virtio)
{
	char name[5];
	size_t device, resources;

	snprintf(name, sizeof(name), "VR%02X", index & 0xff);
	device = aml_device_begin(out, name);
	aml_name(out, "_HID");
	aml_string(out, "LNRO0005");
	aml_name(out, "_UID");
	aml_integer(out, index);
	aml_name(out, "_CRS");
	resources = aml_resources_begin(out);
	aml_memory32(out, (uint32_t)virtio->gpa, PAGE_SIZE);
	aml_interrupt_edge(out, virtio->gsi);
	aml_resources_end(out, resources);
	aml_end(out, device);
}

void acpi_write_dsdt(struct acpi_out *out, const struct acpi_config *config)
{
	const size_t start = acpi_table_begin(out, "DSDT", 2); /* 2: integers have 64 bits */
	size_t scope;

	write_s5(out);
	scope = aml_scope_begin(out, "_SB_");
	for (uint32_t id = 0; id < config->vcpus; id++)
		write_cpu(out, id);
	write_serial(out, config->serial_irq);
	write_pvpanic(out);
	for (unsigned int i = 0; i < config->nvirtio; i++)
		write_virtio(out, i, &config->virtio[i]);
	aml_end(out, scope);
	acpi_table_end(out, start);
}
