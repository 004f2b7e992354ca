// SPDX-License-Identifier: MIT
#include "vmm/dev/pvpanic.h"

/* Reading tells which events are understood. */
static uint64_t pvpanic_read(struct device *dev, uint64_t offset, unsigned int len)
{
	(void)dev, (void)offset, (void)len;
	return PVPANIC_EVENTS;
}

static void pvpanic_write(struct device *dev, uint64_t offset, unsigned int len, uint64_t value)
{
	struct pvpanic *pvpanic = (struct pvpanic *)dev;

	(void)offset, (void)len;
	if (value & PVPANIC_EVENTS)
		pvpanic->event(pvpanic->ctx, (uint8_t)(value & PVPANIC_EVENTS));
}

static const struct device_ops pvpanic_ops = {
	.name = "pvpanic",
	.max_len = 1,
	.read = pvpanic_read,
	.write = pvpanic_write,
};

void pvpanic_init(struct pvpanic *pvpanic, void (*event)(void *ctx, uint8_t events), void *ctx)
{
	*pvpanic = (struct pvpanic){.dev.ops = &pvpanic_ops, .event = event, .ctx = ctx};
}
