// SPDX-License-Identifier: MIT
/* The DSDT, put together from the templates in dsdt.asl: what differs from device to device stands
 * at the same distance from its end in each of them. */
#include "boot/acpi_tables.h"
#include "boot/dsdt.h"
#include "vmm/base/bytes.h"

#include <stdio.h>
#include <string.h>

/* The devices of dsdt.asl, in its order. _0, _1, _BYTE, _WORD are the forms of AML for integers. */
enum form {
	CPU_0,
	CPU_1,
	CPU_BYTE,
	CPU_WORD,
	SERIAL_POLLED,
	SERIAL,
	PVPANIC,
	VIRTIO_0,
	VIRTIO_1,
	VIRTIO_BYTE,
};

/* Offsets in the table: \_S5, and the scope with the devices. */
#define S5_AT	   sizeof(struct acpi_header)
#define SCOPE_AT   (S5_AT + 14)
#define DEVICES_AT (SCOPE_AT + 1 + 2 + 4) /* opcode, length, name */

/* Offsets in a device: two bytes of opcode, then its length from there on, in one byte. */
#define DEVICE_LEN  2u
#define DEVICE_NAME 3u
#define DEVICE_MAX  (DEVICE_LEN + 63u)

/* Distances from the end of a device. */
#define SERIAL_IRQS 4u /* u16, one bit for each */
#define VIRTIO_GSI  6u
#define VIRTIO_GPA  19u
#define VIRTIO_UID  33u

struct device {
	uint8_t bytes[DEVICE_MAX];
	size_t len;
};

static struct device device_of(enum form form)
{
	const uint8_t *from = dsdt_aml + DEVICES_AT;
	struct device device;

	for (int i = 0; i < (int)form; i++)
		from += DEVICE_LEN + from[DEVICE_LEN];
	device.len = DEVICE_LEN + from[DEVICE_LEN];
	memcpy(device.bytes, from, device.len);
	return device;
}

static uint8_t *from_end(struct device *device, size_t distance)
{
	return device->bytes + device->len - distance;
}

/* The form of a device with the integer `uid` in it; `zero` is the one for 0. */
static enum form form_of(enum form zero, uint32_t uid)
{
	return zero + (uid > 0) + (uid > 1) + (uid > UINT8_MAX);
}

static void put_cpu(struct acpi_out *out, uint32_t id)
{
	struct device cpu = device_of(form_of(CPU_0, id));
	char name[5];

	snprintf(name, sizeof(name), "C%03X", id & 0xfff);
	memcpy(cpu.bytes + DEVICE_NAME, name, 4);
	if (id > UINT8_MAX)
		put_le16(from_end(&cpu, 2), (uint16_t)id);
	else if (id > 1)
		*from_end(&cpu, 1) = (uint8_t)id;
	acpi_out_put(out, cpu.bytes, cpu.len);
}

static void put_serial(struct acpi_out *out, uint32_t irq)
{
	struct device serial = device_of(irq ? SERIAL : SERIAL_POLLED);

	memcpy(serial.bytes + DEVICE_NAME, "COM1", 4);
	if (irq)
		put_le16(from_end(&serial, SERIAL_IRQS), (uint16_t)(1U << irq));
	acpi_out_put(out, serial.bytes, serial.len);
}

static void put_virtio(struct acpi_out *out, uint32_t index, const struct acpi_virtio *virtio)
{
	struct device device = device_of(form_of(VIRTIO_0, index));
	char name[5];

	snprintf(name, sizeof(name), "VR%02X", index & 0xff);
	memcpy(device.bytes + DEVICE_NAME, name, 4);
	if (index > 1)
		*from_end(&device, VIRTIO_UID) = (uint8_t)index;
	put_le32(from_end(&device, VIRTIO_GPA), (uint32_t)virtio->gpa);
	put_le32(from_end(&device, VIRTIO_GSI), virtio->gsi);
	acpi_out_put(out, device.bytes, device.len);
}

static void put_devices(struct acpi_out *out, const struct acpi_config *config)
{
	const struct device pvpanic = device_of(PVPANIC);

	for (uint32_t id = 0; id < config->vcpus; id++)
		put_cpu(out, id);
	put_serial(out, config->serial_irq);
	acpi_out_put(out, pvpanic.bytes, pvpanic.len);
	for (uint32_t i = 0; i < config->nvirtio; i++)
		put_virtio(out, i, &config->virtio[i]);
}

/* PkgLength, section 20.2.4, which counts itself and the `len` bytes behind it: a nibble and as few
 * bytes more as will do. */
static void put_length(struct acpi_out *out, size_t len)
{
	uint8_t bytes[4];
	size_t more = 1;

	while (len + 1 + more >= 1U << (4 + 8 * more))
		more++;
	len += 1 + more;
	bytes[0] = (uint8_t)(more << 6 | (len & 0xf));
	for (size_t i = 1; i <= more; i++)
		bytes[i] = (uint8_t)(len >> (8 * i - 4));
	acpi_out_put(out, bytes, 1 + more);
}

void acpi_write_dsdt(struct acpi_out *out, const struct acpi_config *config)
{
	const size_t start = acpi_table_begin(out, "DSDT", 2); /* 2: integers have 64 bits */
	struct acpi_out devices = {.size = 0};

	put_devices(&devices, config);
	acpi_out_put(out, dsdt_aml + S5_AT, SCOPE_AT - S5_AT + 1);
	put_length(out, 4 + devices.len);
	acpi_out_put(out, dsdt_aml + DEVICES_AT - 4, 4);
	put_devices(out, config);
	acpi_table_end(out, start);
}
