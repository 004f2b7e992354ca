/* SPDX-License-Identifier: MIT */
/*
 * For the stress of all virtio devices: guests' drivers in threads of their own, and what is on the
 * host's side of the devices.
 *
 * A guest's accesses to its own memory are not the VMM's business, and ThreadSanitizer is not to see
 * them: a guest may race with its devices as it likes. What the VMM does about that memory it sees.
 */
#ifndef TESTS_UNIT_DEVICE_STRESS_H
#define TESTS_UNIT_DEVICE_STRESS_H

#include "vmm/base/bytes.h"
#include "vmm/virtio/virtio.h"

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#define GUEST __attribute__((no_sanitize("thread"), noinline))

#define AREA	   KIB(256) /* of guest memory for each device */
#define QUEUE_SIZE 32
#define SLOTS	   8 /* chains that are out at a time: four descriptors each */
#define SLOT_ROOM  KIB(2)
#define MAX_BUFS   4

/* One device and its place in guest memory, which begins with its queues: a page each for what
 * belongs to one, and as much again for its slots' buffers. */
struct guest {
	struct virtio_device *dev;
	uint8_t *ram;  /* of the guest's address 0 */
	uint64_t area; /* gpa */
	unsigned int kind;
	uint32_t random;
	uint16_t next[VIRTIO_MAX_QUEUES]; /* avail index */
	unsigned int used;		  /* elements that came back, in all lives */
	unsigned int lives;
};

struct buf {
	uint64_t gpa;
	uint32_t len;
	bool write;
};

/* What a driver of the kind makes available in a queue: n buffers at `gpa`, SLOT_ROOM bytes. */
typedef unsigned int (*make_chain)(struct guest *g, unsigned int queue, uint64_t gpa,
				   struct buf buf[MAX_BUFS]);

static inline uint32_t some(struct guest *g, uint32_t below)
{
	g->random = g->random * 1664525 + 1013904223;
	return (g->random >> 8) % below;
}

/* --- guest memory ----------------------------------------------------------------------------- */

GUEST static void poke(struct guest *g, uint64_t gpa, uint64_t value, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++)
		((volatile uint8_t *)g->ram)[gpa + i] = (uint8_t)(value >> 8 * i);
}

GUEST static void poke16(struct guest *g, uint64_t gpa, uint16_t value)
{
	*(volatile uint16_t *)(void *)(g->ram + gpa) = value;
}

GUEST static uint16_t peek16(struct guest *g, uint64_t gpa)
{
	return *(volatile uint16_t *)(void *)(g->ram + gpa);
}

GUEST static void clear(struct guest *g, uint64_t gpa, uint64_t len)
{
	for (uint64_t i = 0; i < len; i++)
		((volatile uint8_t *)g->ram)[gpa + i] = 0;
}

/* --- registers -------------------------------------------------------------------------------- */

static inline uint32_t reg_read(struct guest *g, uint64_t reg)
{
	return (uint32_t)g->dev->dev.ops->read(&g->dev->dev, reg, 4);
}

static inline void reg_write(struct guest *g, uint64_t reg, uint32_t value)
{
	g->dev->dev.ops->write(&g->dev->dev, reg, 4, value);
}

/* --- a driver --------------------------------------------------------------------------------- */

static inline uint64_t queue_page(const struct guest *g, unsigned int q)
{
	return g->area + (uint64_t)q * (PAGE_SIZE + SLOTS * SLOT_ROOM);
}

static inline void place_queue(struct guest *g, unsigned int q)
{
	uint64_t page = queue_page(g, q);

	clear(g, page, PAGE_SIZE);
	g->next[q] = 0;
	reg_write(g, VIRTIO_MMIO_QUEUE_SEL, q);
	reg_write(g, VIRTIO_MMIO_QUEUE_NUM, QUEUE_SIZE);
	reg_write(g, VIRTIO_MMIO_QUEUE_DESC_LOW, (uint32_t)page);
	reg_write(g, VIRTIO_MMIO_QUEUE_DESC_HIGH, 0);
	reg_write(g, VIRTIO_MMIO_QUEUE_AVAIL_LOW, (uint32_t)page + 1024);
	reg_write(g, VIRTIO_MMIO_QUEUE_AVAIL_HIGH, 0);
	reg_write(g, VIRTIO_MMIO_QUEUE_USED_LOW, (uint32_t)page + 2048);
	reg_write(g, VIRTIO_MMIO_QUEUE_USED_HIGH, 0);
	reg_write(g, VIRTIO_MMIO_QUEUE_READY, 1);
}

static inline void begin_life(struct guest *g)
{
	uint64_t features =
		g->dev->offered | 1ULL << VIRTIO_F_VERSION_1 | 1ULL << VIRTIO_F_ACCESS_PLATFORM;

	if (some(g, 2))
		features |= 1ULL << VIRTIO_RING_F_EVENT_IDX;
	reg_write(g, VIRTIO_MMIO_STATUS, 0);
	reg_write(g, VIRTIO_MMIO_STATUS, 3);
	reg_write(g, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	reg_write(g, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)features);
	reg_write(g, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	reg_write(g, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32));
	reg_write(g, VIRTIO_MMIO_STATUS, 11);
	for (unsigned int q = 0; q < g->dev->nqueues; q++)
		place_queue(g, q);
	reg_write(g, VIRTIO_MMIO_STATUS, 15);
	g->lives++;
}

/* One more chain, if a slot is free. */
static inline void offer(struct guest *g, unsigned int q, make_chain make)
{
	uint64_t page = queue_page(g, q);
	uint16_t out = (uint16_t)(g->next[q] - peek16(g, page + 2048 + 2));
	unsigned int slot = g->next[q] % SLOTS, n;
	struct buf buf[MAX_BUFS];

	if (out >= SLOTS)
		return;
	n = make(g, q, page + PAGE_SIZE + slot * SLOT_ROOM, buf);
	for (unsigned int i = 0; i < n; i++) {
		uint64_t desc = page + 16 * (4 * slot + i);

		poke(g, desc, buf[i].gpa, 8);
		poke(g, desc + 8, buf[i].len, 4);
		poke(g, desc + 12,
		     (buf[i].write ? VRING_DESC_F_WRITE : 0u) |
			     (i + 1 < n ? VRING_DESC_F_NEXT : 0u),
		     2);
		poke(g, desc + 14, 4 * slot + i + 1, 2);
	}
	poke16(g, page + 1024 + 4 + 2 * (g->next[q] % QUEUE_SIZE), (uint16_t)(4 * slot));
	atomic_thread_fence(memory_order_seq_cst);
	poke16(g, page + 1024 + 2, ++g->next[q]);
	atomic_thread_fence(memory_order_seq_cst);
	reg_write(g, VIRTIO_MMIO_QUEUE_NOTIFY, q);
}

/* What came back in this life. */
static inline void count_used(struct guest *g)
{
	for (unsigned int q = 0; q < g->dev->nqueues; q++)
		g->used += peek16(g, queue_page(g, q) + 2048 + 2);
}

#endif
