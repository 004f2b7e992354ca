// SPDX-License-Identifier: MIT
#include "vmm/dev/ioapic.h"

#include <string.h>

/* Windows (section 3.1) and registers (3.2). */
#define WINDOW_INDEX 0x00
#define WINDOW_DATA  0x10
#define REG_ID	     0x00
#define REG_VERSION  0x01
#define REG_ARB	     0x02
#define REG_ENTRIES  0x10 /* two registers each, the low half first */

#define VERSION 0x11 /* without a register for the end of interrupts */

#define ENTRY_VECTOR	  UINT64_C(0xff)
#define ENTRY_MODE	  UINT64_C(0x700) /* of delivery */
#define ENTRY_MODE_EXTINT UINT64_C(0x700)
#define ENTRY_MODE_SMI	  UINT64_C(0x200)
#define ENTRY_LOGICAL	  UINT64_C(0x800)
#define ENTRY_STATUS	  UINT64_C(0x1000) /* read only: never pending */
#define ENTRY_REMOTE_IRR  UINT64_C(0x4000) /* read only */
#define ENTRY_MASKED	  UINT64_C(0x10000)
#define ENTRY_DESTINATION 56
#define ENTRY_WRITABLE	  (UINT64_C(0xff0000000001ffff) & ~(ENTRY_STATUS | ENTRY_REMOTE_IRR))

/* Intel SDM volume 3, 11.11.1 and 11.11.2 */
#define MSI_ADDRESS	    0xfee00000U
#define MSI_DESTINATION	    12
#define MSI_ADDRESS_LOGICAL 0x4U

static bool sends(uint64_t entry)
{
	const uint64_t mode = entry & ENTRY_MODE;

	/* an 8259 and SMM do not exist where this device does */
	return !(entry & ENTRY_MASKED) && mode != ENTRY_MODE_EXTINT && mode != ENTRY_MODE_SMI;
}

static struct ioapic_message message_of(uint64_t entry)
{
	struct ioapic_message message = {.masked = true};

	if (!sends(entry))
		return message;
	message.masked = false;
	message.address = MSI_ADDRESS | (uint32_t)(entry >> ENTRY_DESTINATION) << MSI_DESTINATION;
	if (entry & ENTRY_LOGICAL)
		message.address |= MSI_ADDRESS_LOGICAL;
	/* the trigger mode stays 0, edge: see the header */
	message.data = (uint32_t)(entry & (ENTRY_VECTOR | ENTRY_MODE));
	return message;
}

static void route_all(struct ioapic *ioapic)
{
	struct ioapic_message pin[IOAPIC_PINS];

	for (unsigned int i = 0; i < IOAPIC_PINS; i++)
		pin[i] = message_of(ioapic->entry[i]);
	ioapic->wires.route(ioapic->wires.ctx, pin);
}

void ioapic_set(struct ioapic *ioapic, unsigned int pin, bool high)
{
	struct ioapic_message message = {.masked = true};

	if (pin >= IOAPIC_PINS)
		return;
	pthread_mutex_lock(&ioapic->lock);
	if (high && !ioapic->high[pin])
		message = message_of(ioapic->entry[pin]);
	ioapic->high[pin] = high;
	pthread_mutex_unlock(&ioapic->lock);
	if (!message.masked)
		ioapic->wires.send(ioapic->wires.ctx, &message);
}

/* --- registers -------------------------------------------------------------------------------- */

static uint32_t register_read(const struct ioapic *ioapic)
{
	const unsigned int i = ioapic->index - REG_ENTRIES; /* huge below them */

	if (i < 2 * IOAPIC_PINS)
		return (uint32_t)(ioapic->entry[i / 2] >> (i % 2 * 32));
	switch (ioapic->index) {
	case REG_ID:
	case REG_ARB:
		return (uint32_t)ioapic->id << 24;
	case REG_VERSION:
		return VERSION | (IOAPIC_PINS - 1) << 16;
	default:
		return 0;
	}
}

static void entry_write(struct ioapic *ioapic, unsigned int i, uint32_t value)
{
	uint64_t *entry = &ioapic->entry[i / 2];
	const uint64_t before = *entry;
	const unsigned int shift = i % 2 * 32;

	*entry &= ~(UINT64_C(0xffffffff) << shift);
	*entry |= ((uint64_t)value << shift) & ENTRY_WRITABLE;
	/* Guests mask and unmask a lot; a change that sends nothing else is not worth a call. */
	if (*entry != before && (sends(*entry) || sends(before)))
		route_all(ioapic);
}

static void register_write(struct ioapic *ioapic, uint32_t value)
{
	const unsigned int i = ioapic->index - REG_ENTRIES;

	if (i < 2 * IOAPIC_PINS)
		entry_write(ioapic, i, value);
	else if (ioapic->index == REG_ID)
		ioapic->id = value >> 24 & 0xf;
}

static uint64_t ioapic_read(struct device *dev, uint64_t offset, unsigned int len)
{
	struct ioapic *ioapic = (struct ioapic *)dev;
	uint32_t value = 0;

	(void)len;
	pthread_mutex_lock(&ioapic->lock);
	if (offset == WINDOW_INDEX)
		value = ioapic->index;
	else if (offset == WINDOW_DATA)
		value = register_read(ioapic);
	pthread_mutex_unlock(&ioapic->lock);
	return value;
}

static void ioapic_write(struct device *dev, uint64_t offset, unsigned int len, uint64_t value)
{
	struct ioapic *ioapic = (struct ioapic *)dev;

	pthread_mutex_lock(&ioapic->lock);
	if (offset == WINDOW_INDEX)
		ioapic->index = (uint8_t)value;
	else if (offset == WINDOW_DATA && len == 4) /* others are undefined */
		register_write(ioapic, (uint32_t)value);
	pthread_mutex_unlock(&ioapic->lock);
}

static const struct device_ops ioapic_ops = {
	.name = "I/O APIC",
	.max_len = 4,
	.read = ioapic_read,
	.write = ioapic_write,
};

void ioapic_init(struct ioapic *ioapic, const struct ioapic_wires *wires)
{
	memset(ioapic, 0, sizeof(*ioapic));
	ioapic->dev.ops = &ioapic_ops;
	ioapic->wires = *wires;
	pthread_mutex_init(&ioapic->lock, NULL);
	for (unsigned int i = 0; i < IOAPIC_PINS; i++)
		ioapic->entry[i] = ENTRY_MASKED;
}

void ioapic_destroy(struct ioapic *ioapic)
{
	pthread_mutex_destroy(&ioapic->lock);
}
