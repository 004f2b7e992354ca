/* SPDX-License-Identifier: MIT */
/*
 * For the tests of virtio devices: guest memory without a VM, and a driver that works a device
 * through its registers and through queues that it builds in that memory, as a guest would. The
 * device's loop runs when the driver kicks.
 */
#ifndef TESTS_UNIT_VIRTIO_DRIVER_H
#define TESTS_UNIT_VIRTIO_DRIVER_H

#include "vmm/base/bytes.h"
#include "vmm/virtio/virtio.h"

#include <check.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WORLD_RAM     MIB(2)
#define DRIVER_QUEUES 8

/* What a device needs around it. */
struct world {
	struct guest_mem mem;
	struct loop loop;
	struct loop *loops[1];
	struct vmm_log log;
	char log_text[512]; /* the last line */
	unsigned int log_lines;
	struct virtio_host host;
};

static inline void world_log(void *ctx, int level, const char *line)
{
	struct world *w = ctx;

	(void)level;
	snprintf(w->log_text, sizeof(w->log_text), "%s", line);
	w->log_lines++;
}

static inline void world_setup(struct world *w, bool confidential)
{
	struct vmm_error err;

	memset(w, 0, sizeof(*w));
	mem_init(&w->mem, sys_host(), NULL, MEM_PAGES_SMALL);
	ck_assert_int_eq(mem_add_region(&w->mem, "RAM", 0, WORLD_RAM, &err), 0);
	ck_assert_int_eq(loop_init(&w->loop, sys_host(), &err), 0);
	w->loops[0] = &w->loop;
	w->log = (struct vmm_log){.write = world_log, .ctx = w, .level = VMM_LOG_TRACE};
	w->host = (struct virtio_host){
		.sys = sys_host(),
		.mem = &w->mem,
		.log = &w->log,
		.confidential = confidential,
		.loops = w->loops,
		.nloops = 1,
	};
}

static inline void world_teardown(struct world *w)
{
	loop_destroy(&w->loop);
	mem_destroy(&w->mem);
}

/* As if the guest had converted these pages. */
static inline void world_make_private(struct world *w, uint64_t gpa, uint64_t len, bool private)
{
	struct mem_region *r = &w->mem.region[0];
	struct vmm_error err;

	if (!r->state)
		ck_assert_int_eq(mem_state_create(&r->state, sys_host(), r->len / PAGE_SIZE, &err),
				 0);
	w->mem.mode = MEM_MODE_SPLIT;
	mem_state_set(r->state, gpa / PAGE_SIZE, len / PAGE_SIZE, private);
}

/* --- the driver ------------------------------------------------------------------------------- */

struct driver_queue {
	uint64_t desc, avail, used; /* gpa */
	uint16_t size;
	uint16_t next_desc;  /* where the next chain goes; chains are never reused by themselves */
	uint16_t next_avail; /* as the device sees it after the next kick */
	uint16_t seen;	     /* used elements taken */
};

struct driver {
	struct world *world;
	struct virtio_device *dev;
	uint64_t features;
	uint64_t free_page; /* gpa: memory from here on is unused */
	struct driver_queue queue[DRIVER_QUEUES];
};

struct driver_buf {
	uint64_t gpa;
	uint32_t len;
	bool write; /* by the device */
};

static inline uint32_t driver_read(struct driver *d, uint64_t reg)
{
	return (uint32_t)d->dev->dev.ops->read(&d->dev->dev, reg, 4);
}

static inline void driver_write(struct driver *d, uint64_t reg, uint32_t value)
{
	d->dev->dev.ops->write(&d->dev->dev, reg, 4, value);
}

static inline uint32_t driver_status(struct driver *d)
{
	return driver_read(d, VIRTIO_MMIO_STATUS);
}

/* Whole pages of guest memory for buffers and queues. */
static inline uint64_t driver_alloc(struct driver *d, uint64_t len)
{
	uint64_t gpa = d->free_page;

	d->free_page += align_up(len ? len : 1, PAGE_SIZE);
	ck_assert_uint_le(d->free_page, WORLD_RAM);
	return gpa;
}

static inline void driver_store(struct driver *d, uint64_t gpa, const void *data, size_t len)
{
	ck_assert_int_eq(mem_write(&d->world->mem, gpa, data, len), 0);
}

static inline void driver_load(struct driver *d, uint64_t gpa, void *data, size_t len)
{
	ck_assert_int_eq(mem_read(&d->world->mem, gpa, data, len), 0);
}

static inline void driver_store16(struct driver *d, uint64_t gpa, uint16_t v)
{
	uint8_t raw[2];

	put_le16(raw, v);
	driver_store(d, gpa, raw, sizeof(raw));
}

static inline uint16_t driver_load16(struct driver *d, uint64_t gpa)
{
	uint8_t raw[2];

	driver_load(d, gpa, raw, sizeof(raw));
	return get_le16(raw);
}

/* A device just created; it gets its eventfds here. */
static inline void driver_attach(struct driver *d, struct world *w, struct virtio_device *dev)
{
	struct vmm_error err;

	*d = (struct driver){.world = w, .dev = dev, .free_page = PAGE_SIZE};
	ck_assert_int_eq(virtio_connect(dev, 0xd0000000, 5, &err), 0);
}

static inline void driver_detach(struct driver *d)
{
	virtio_destroy(d->dev);
}

static inline uint64_t driver_offered(struct driver *d)
{
	uint64_t low;

	driver_write(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	low = driver_read(d, VIRTIO_MMIO_DEVICE_FEATURES);
	driver_write(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	return low | (uint64_t)driver_read(d, VIRTIO_MMIO_DEVICE_FEATURES) << 32;
}

/* Up to FEATURES_OK; returns whether the device agreed. */
static inline bool driver_negotiate(struct driver *d, uint64_t features)
{
	d->features = features;
	driver_write(d, VIRTIO_MMIO_STATUS, 0);
	driver_write(d, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	driver_write(d, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	driver_write(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	driver_write(d, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)features);
	driver_write(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	driver_write(d, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32));
	driver_write(d, VIRTIO_MMIO_STATUS, driver_status(d) | VIRTIO_CONFIG_S_FEATURES_OK);
	return driver_status(d) & VIRTIO_CONFIG_S_FEATURES_OK;
}

static inline void driver_write64(struct driver *d, uint64_t low, uint64_t high, uint64_t value)
{
	driver_write(d, low, (uint32_t)value);
	driver_write(d, high, (uint32_t)(value >> 32));
}

/* Tells the device where queue `q` is, as d->queue[q] says. */
static inline void driver_place_queue(struct driver *d, unsigned int q)
{
	const struct driver_queue *queue = &d->queue[q];

	driver_write(d, VIRTIO_MMIO_QUEUE_SEL, q);
	driver_write(d, VIRTIO_MMIO_QUEUE_NUM, queue->size);
	driver_write64(d, VIRTIO_MMIO_QUEUE_DESC_LOW, VIRTIO_MMIO_QUEUE_DESC_HIGH, queue->desc);
	driver_write64(d, VIRTIO_MMIO_QUEUE_AVAIL_LOW, VIRTIO_MMIO_QUEUE_AVAIL_HIGH, queue->avail);
	driver_write64(d, VIRTIO_MMIO_QUEUE_USED_LOW, VIRTIO_MMIO_QUEUE_USED_HIGH, queue->used);
	driver_write(d, VIRTIO_MMIO_QUEUE_READY, 1);
}

/* Queue `q` of `size` entries, in fresh zeroed memory. After FEATURES_OK. */
static inline void driver_make_queue(struct driver *d, unsigned int q, uint16_t size)
{
	struct driver_queue *queue = &d->queue[q];
	static const uint8_t zeros[16384 + 8192];

	*queue = (struct driver_queue){.size = size};
	queue->desc = driver_alloc(d, 16u * size);
	queue->avail = driver_alloc(d, 6 + 2u * size);
	queue->used = driver_alloc(d, 6 + 8u * size);
	driver_store(d, queue->desc, zeros, 16u * size);
	driver_store(d, queue->avail, zeros, 6 + 2u * size);
	driver_store(d, queue->used, zeros, 6 + 8u * size);
	driver_place_queue(d, q);
}

static inline void driver_ok(struct driver *d)
{
	driver_write(d, VIRTIO_MMIO_STATUS, driver_status(d) | VIRTIO_CONFIG_S_DRIVER_OK);
	loop_poll(&d->world->loop, 100);
}

/* All of it: negotiates `features` and what the transport needs, all queues, DRIVER_OK. */
static inline void driver_start(struct driver *d, uint64_t features, uint16_t queue_size)
{
	features |= 1ULL << VIRTIO_F_VERSION_1 | 1ULL << VIRTIO_F_ACCESS_PLATFORM;
	ck_assert(driver_negotiate(d, features));
	for (unsigned int q = 0; q < d->dev->nqueues; q++)
		driver_make_queue(d, q, queue_size);
	driver_ok(d);
	ck_assert(driver_status(d) & VIRTIO_CONFIG_S_DRIVER_OK);
}

/* One descriptor, raw. `table` is the gpa of the table it is in. */
static inline void driver_desc(struct driver *d, uint64_t table, unsigned int index, uint64_t gpa,
			       uint32_t len, uint16_t flags, uint16_t next)
{
	uint8_t raw[16];

	put_le64(raw, gpa);
	put_le32(raw + 8, len);
	put_le16(raw + 12, flags);
	put_le16(raw + 14, next);
	driver_store(d, table + 16u * index, raw, sizeof(raw));
}

/* Makes a chain available that begins at descriptor `head`. */
static inline void driver_offer(struct driver *d, unsigned int q, uint16_t head)
{
	struct driver_queue *queue = &d->queue[q];

	driver_store16(d, queue->avail + 4 + 2u * (queue->next_avail % queue->size), head);
	driver_store16(d, queue->avail + 2, ++queue->next_avail);
}

/* Writes the descriptors of a chain into a table, from `first` on. */
static inline void driver_chain(struct driver *d, uint64_t table, uint16_t table_size,
				uint16_t first, const struct driver_buf *buf, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		uint16_t flags = (uint16_t)((buf[i].write ? VRING_DESC_F_WRITE : 0) |
					    (i + 1 < n ? VRING_DESC_F_NEXT : 0));

		driver_desc(d, table, (first + i) % table_size, buf[i].gpa, buf[i].len, flags,
			    (uint16_t)((first + i + 1) % table_size));
	}
}

/* Adds a chain of n buffers; returns its head. At most `size` descriptors may be out at a time. */
static inline uint16_t driver_add(struct driver *d, unsigned int q, const struct driver_buf *buf,
				  unsigned int n)
{
	struct driver_queue *queue = &d->queue[q];
	uint16_t head = queue->next_desc;

	driver_chain(d, queue->desc, queue->size, head, buf, n);
	queue->next_desc = (uint16_t)((head + n) % queue->size);
	driver_offer(d, q, head);
	return head;
}

/* The same by an indirect table in fresh memory. */
static inline uint16_t driver_add_indirect(struct driver *d, unsigned int q,
					   const struct driver_buf *buf, unsigned int n)
{
	struct driver_queue *queue = &d->queue[q];
	uint16_t head = queue->next_desc;
	uint64_t table = driver_alloc(d, 16u * n);

	driver_chain(d, table, (uint16_t)n, 0, buf, n);
	driver_desc(d, queue->desc, head, table, 16u * n, VRING_DESC_F_INDIRECT, 0);
	queue->next_desc = (uint16_t)((head + 1) % queue->size);
	driver_offer(d, q, head);
	return head;
}

/* Notifies the device and lets it work until nothing is left to do. */
static inline void driver_kick(struct driver *d, unsigned int q)
{
	driver_write(d, VIRTIO_MMIO_QUEUE_NOTIFY, q);
	loop_poll(&d->world->loop, 1000);
}

/* Takes the next used element: true, with head and length, or false when there is none. */
static inline bool driver_used(struct driver *d, unsigned int q, uint32_t *head, uint32_t *len)
{
	struct driver_queue *queue = &d->queue[q];
	uint8_t raw[8];

	if (driver_load16(d, queue->used + 2) == queue->seen)
		return false;
	driver_load(d, queue->used + 4 + 8u * (queue->seen % queue->size), raw, sizeof(raw));
	*head = get_le32(raw);
	*len = get_le32(raw + 4);
	queue->seen++;
	return true;
}

/* How often the device has pulsed its interrupt since the last call. */
static inline uint64_t driver_interrupts(struct driver *d)
{
	uint64_t count = 0;

	return read(d->dev->irq_fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

/* The device wants a reset, and said so by a configuration interrupt. */
static inline void driver_must_need_reset(struct driver *d)
{
	ck_assert_msg(driver_status(d) & VIRTIO_CONFIG_S_NEEDS_RESET, "the device goes on");
	ck_assert(driver_read(d, VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_CONFIG);
	ck_assert_uint_gt(driver_interrupts(d), 0);
}

#endif
