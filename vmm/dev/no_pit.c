// SPDX-License-Identifier: MIT
#include "vmm/dev/no_pit.h"

static uint64_t no_pit_read(struct device *dev, uint64_t offset, unsigned int len)
{
	(void)dev, (void)offset, (void)len;
	return 0;
}

static void no_pit_write(struct device *dev, uint64_t offset, unsigned int len, uint64_t value)
{
	(void)dev, (void)offset, (void)len, (void)value;
}

static const struct device_ops no_pit_ops = {
	.name = "no PIT",
	.max_len = 1,
	.read = no_pit_read,
	.write = no_pit_write,
};

void no_pit_init(struct device *dev)
{
	dev->ops = &no_pit_ops;
}
