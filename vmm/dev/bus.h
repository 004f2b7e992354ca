/* SPDX-License-Identifier: MIT */
/*
 * Two address spaces, I/O ports and device memory, and the devices that stand in them. An exit of
 * a vCPU becomes one call of a device's read or write. All ranges are added before the first vCPU
 * runs; after that the bus is only read, so it needs no lock. Devices lock themselves.
 */
#ifndef VMM_DEV_BUS_H
#define VMM_DEV_BUS_H

#include "vmm/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct device;

/*
 * `offset` is relative to the start of the range, `len` is 1..8 (guests use 1, 2, 4 and 8) and at
 * most max_len; the access lies inside the range. What read() returns above `len` bytes is cut off.
 * Called from any vCPU thread, several at a time.
 */
struct device_ops {
	const char *name;
	/* The widest access that the device decodes; the bus cuts a wider one into pieces of this
	 * size, lowest address first, as an ISA bus does. 0: any width. */
	unsigned int max_len;
	uint64_t (*read)(struct device *dev, uint64_t offset, unsigned int len);
	void (*write)(struct device *dev, uint64_t offset, unsigned int len, uint64_t value);
};

/* First member of each device's own structure. */
struct device {
	const struct device_ops *ops;
};

#define BUS_MAX_RANGES 64

struct bus_range {
	uint64_t base;
	uint64_t len;
	struct device *dev;
};

struct bus {
	struct bus_range range[BUS_MAX_RANGES]; /* ascending */
	size_t n;
};

/*
 * The device is the caller's and must outlive the bus. -EEXIST when the range overlaps another one,
 * -ENOSPC when the bus is full, -EINVAL for an empty range or one that wraps.
 */
int bus_add(struct bus *bus, uint64_t base, uint64_t len, struct device *dev,
	    struct vmm_error *err);

/*
 * One access of `len` bytes (1..8) at `addr`, little-endian in `data`. Returns false when no device
 * stands there, or the access reaches beyond the end of its range: reads then give all ones, as on
 * a PC, and writes are dropped.
 */
bool bus_access(const struct bus *bus, uint64_t addr, void *data, unsigned int len, bool is_write);

#endif
