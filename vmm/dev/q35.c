// SPDX-License-Identifier: MIT
#include "vmm/dev/q35.h"

#include "mem/layout.h"
#include "vmm/base/bytes.h"

#include <stdbool.h>

/* The window's places: where OVMF put it until 2022, and since. Any other stays out of reach. */
static const uint64_t window_bases[Q35_WINDOWS] = {LAYOUT_PCI_WINDOW_OLD, LAYOUT_PCI_WINDOW};

/* Registers: bus << 16 | device << 11 | function << 8 | offset, by double words. */
#define HOST_BRIDGE   0x0000u
#define ISA_BRIDGE    0xf800u /* device 31 */
#define FUNCTION      (~0xffu)
#define PCIEXBAR_LOW  (HOST_BRIDGE + 0x60)
#define PCIEXBAR_HIGH (HOST_BRIDGE + 0x64)

/* Those that only can be read, and are not 0. */
static const struct {
	uint32_t where, value;
} constants[] = {
	{HOST_BRIDGE + 0x00, 0x29c08086}, /* device and vendor ID */
	{HOST_BRIDGE + 0x08, 0x06000000}, /* class code */
	{ISA_BRIDGE + 0x00, 0x29188086},
	{ISA_BRIDGE + 0x08, 0x06010002},
	/* PMBASE, in I/O space: where it is, it stays, as the ACPI tables say and OVMF would choose */
	{ISA_BRIDGE + 0x40, PLATFORM_PM1A_EVT_PORT | 0x1},
	{ISA_BRIDGE + 0x44, 0x80}, /* ACPI_CNTL, ACPI_EN: that block can be reached */
};

#define PCIEXBAR_ENABLE	   0x1u
#define PCIEXBAR_LENGTH	   0x6u /* 0: 256 MiB */
#define PCIEXBAR_BASE	   0xf0000000u
#define PCIEXBAR_BITS_LOW  (PCIEXBAR_BASE | PCIEXBAR_LENGTH | PCIEXBAR_ENABLE)
#define PCIEXBAR_BITS_HIGH 0xfu /* 36 address bits */

#define ADDRESS_ENABLE 0x80000000u
#define RESET_REGISTER (PLATFORM_RESET_PORT - Q35_CONFIG_PORT)
#define CONFIG_DATA    4u

/* --- the two functions ------------------------------------------------------------------------ */

/* `where`: a register, and a byte of it; len 1, 2 or 4. */
static uint64_t config_read(const struct q35 *q, uint32_t where, unsigned int len)
{
	uint32_t reg = where & ~3u, value = 0;
	unsigned int at = where & 3;

	if ((where & FUNCTION) != HOST_BRIDGE && (where & FUNCTION) != ISA_BRIDGE)
		return UINT64_MAX;
	for (size_t i = 0; i < ARRAY_SIZE(constants); i++)
		if (constants[i].where == reg)
			value = constants[i].value;
	if (reg == PCIEXBAR_LOW || reg == PCIEXBAR_HIGH)
		value = atomic_load(&q->pciexbar[reg == PCIEXBAR_HIGH]);
	return at + len <= 4 ? value >> (8 * at) : UINT64_MAX;
}

/* PCIEXBAR is all that can be written, by double words, which is how OVMF does it. */
static void config_write(struct q35 *q, uint32_t where, unsigned int len, uint32_t value)
{
	if (len == 4 && where == PCIEXBAR_LOW)
		atomic_store(&q->pciexbar[0], value & PCIEXBAR_BITS_LOW);
	else if (len == 4 && where == PCIEXBAR_HIGH)
		atomic_store(&q->pciexbar[1], value & PCIEXBAR_BITS_HIGH);
}

/* --- by ports --------------------------------------------------------------------------------- */

static bool is_reset(uint64_t offset, unsigned int len)
{
	return offset == RESET_REGISTER && len == 1;
}

/* What an access to the data port is for; false: nothing. */
static bool selected(const struct q35 *q, uint64_t offset, uint32_t *where)
{
	uint32_t address = atomic_load(&q->address);

	*where = (address & 0xfffffc) + (uint32_t)(offset - CONFIG_DATA);
	return offset >= CONFIG_DATA && (address & ADDRESS_ENABLE);
}

static uint64_t ports_read(struct device *dev, uint64_t offset, unsigned int len)
{
	struct q35 *q = container_of(dev, struct q35, ports);
	uint32_t where;

	if (is_reset(offset, len))
		return q->reset->ops->read(q->reset, 0, len);
	if (offset == 0 && len == 4)
		return atomic_load(&q->address);
	return selected(q, offset, &where) ? config_read(q, where, len) : UINT64_MAX;
}

static void ports_write(struct device *dev, uint64_t offset, unsigned int len, uint64_t value)
{
	struct q35 *q = container_of(dev, struct q35, ports);
	uint32_t where;

	if (is_reset(offset, len))
		q->reset->ops->write(q->reset, 0, len, value);
	else if (offset == 0 && len == 4)
		atomic_store(&q->address, (uint32_t)value);
	else if (selected(q, offset, &where))
		config_write(q, where, len, (uint32_t)value);
}

static const struct device_ops ports_ops = {
	.name = "PCI configuration",
	.max_len = 4,
	.read = ports_read,
	.write = ports_write,
};

/* --- by the window ---------------------------------------------------------------------------- */

/* An access in the form of config_read(). False: the window is not here, or the register is one of
 * those from 256 on, which no function here has. */
static bool decode(const struct q35_window *window, uint64_t offset, uint32_t *where)
{
	const struct q35 *q = window->q35;

	*where = (uint32_t)(offset >> 12 << 8 | (offset & 0xff));
	return atomic_load(&q->pciexbar[0]) == (window->base | PCIEXBAR_ENABLE) &&
	       atomic_load(&q->pciexbar[1]) == 0 && (offset & 0xf00) == 0;
}

static uint64_t window_read(struct device *dev, uint64_t offset, unsigned int len)
{
	const struct q35_window *window = (const struct q35_window *)dev;
	uint32_t where;

	return decode(window, offset, &where) ? config_read(window->q35, where, len) : UINT64_MAX;
}

static void window_write(struct device *dev, uint64_t offset, unsigned int len, uint64_t value)
{
	const struct q35_window *window = (const struct q35_window *)dev;
	uint32_t where;

	if (decode(window, offset, &where))
		config_write(window->q35, where, len, (uint32_t)value);
}

static const struct device_ops window_ops = {
	.name = "PCI configuration window",
	.max_len = 4,
	.read = window_read,
	.write = window_write,
};

void q35_init(struct q35 *q35, struct device *reset)
{
	*q35 = (struct q35){.ports.ops = &ports_ops, .reset = reset};
	for (size_t i = 0; i < Q35_WINDOWS; i++)
		q35->window[i] = (struct q35_window){
			.dev.ops = &window_ops, .q35 = q35, .base = window_bases[i]};
}
