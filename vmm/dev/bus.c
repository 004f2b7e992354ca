// SPDX-License-Identifier: MIT
#include "vmm/dev/bus.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Index of the first range that ends above `addr`: the only one that can hold it. */
static size_t find(const struct bus *bus, uint64_t addr)
{
	size_t low = 0, high = bus->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct bus_range *range = &bus->range[middle];

		/* the end itself might be 2^64, the last byte always fits */
		if (range->base + (range->len - 1) < addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int bus_add(struct bus *bus, uint64_t base, uint64_t len, struct device *dev, struct vmm_error *err)
{
	const char *name = dev->ops->name;
	uint64_t last;
	size_t at;

	if (len == 0 || __builtin_add_overflow(base, len - 1, &last))
		return vmm_error_set(err, -EINVAL,
				     "unable to place %s at 0x%" PRIx64 ": %" PRIu64
				     " bytes do not fit there",
				     name, base, len);
	if (bus->n == BUS_MAX_RANGES)
		return vmm_error_set(err, -ENOSPC,
				     "unable to place %s at 0x%" PRIx64
				     ": the bus holds %d ranges already",
				     name, base, BUS_MAX_RANGES);
	at = find(bus, base);
	if (at < bus->n && bus->range[at].base <= last)
		return vmm_error_set(err, -EEXIST,
				     "unable to place %s at 0x%" PRIx64 ": %s stands at 0x%" PRIx64,
				     name, base, bus->range[at].dev->ops->name,
				     bus->range[at].base);
	memmove(&bus->range[at + 1], &bus->range[at], (bus->n - at) * sizeof(bus->range[0]));
	bus->range[at] = (struct bus_range){.base = base, .len = len, .dev = dev};
	bus->n++;
	return 0;
}

/* `len` bytes of `data`, 1..8, as a number */
static uint64_t get_le(const uint8_t *data, unsigned int len)
{
	uint8_t wide[8] = {0};

	memcpy(wide, data, len);
	return get_le64(wide);
}

static void put_le(uint8_t *data, unsigned int len, uint64_t value)
{
	uint8_t wide[8];

	put_le64(wide, value);
	memcpy(data, wide, len);
}

bool bus_access(const struct bus *bus, uint64_t addr, void *data, unsigned int len, bool is_write)
{
	size_t at = find(bus, addr);
	const struct bus_range *range = &bus->range[at];
	uint8_t *bytes = data;
	unsigned int step;

	if (len == 0 || len > 8)
		return false;
	if (at == bus->n || !range_inside(addr, len, range->base, range->len)) {
		if (!is_write)
			memset(data, 0xff, len);
		return false;
	}

	for (unsigned int done = 0; done < len; done += step) {
		const struct device_ops *ops = range->dev->ops;
		uint64_t offset = addr - range->base + done;

		step = len - done;
		if (ops->max_len && step > ops->max_len)
			step = ops->max_len;
		if (is_write)
			ops->write(range->dev, offset, step, get_le(bytes + done, step));
		else
			put_le(bytes + done, step, ops->read(range->dev, offset, step));
	}
	return true;
}
