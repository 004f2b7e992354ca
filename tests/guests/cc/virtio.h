/* SPDX-License-Identifier: MIT */
/*
 * A driver for virtio over MMIO (virtio 1.2, sections 3.1.1 and 4.2.3), as small as it gets: of each
 * queue one chain at a time, for each of which an interrupt has to come (irq.c). It drives one device
 * at a time. The queues and the buffers are pages of the arena, which have to be shared with the host
 * first.
 *
 * virtio.c is the driver, virtio_test.c what each device goes through, and virtio_rng.c,
 * virtio_blk.c, virtio_net.c and virtio_vsock.c are what is asked of each.
 */
#ifndef TESTS_GUESTS_CC_VIRTIO_H
#define TESTS_GUESTS_CC_VIRTIO_H

#include "tests/guests/cc/guest.h"

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#define QUEUE_PAGE   ARENA /* of all queues */
#define BUFFER_PAGE  (ARENA + GUEST_PAGE_SIZE)
#define RECEIVE_PAGE (ARENA + 2 * GUEST_PAGE_SIZE) /* for devices that send by themselves */
#define VIRTIO_PAGES 3

#define VERSION_1 (1ULL << VIRTIO_F_VERSION_1)
#define PLATFORM  (1ULL << VIRTIO_F_ACCESS_PLATFORM)

/* The first device of that type is the one that is driven from now on. */
bool virtio_find(uint32_t id);

uint32_t virtio_read(uint64_t reg);
void virtio_write(uint64_t reg, uint32_t value);

/* Resets the device; true when it is content with these features. */
bool virtio_negotiate(uint64_t features);

/* Sets it up with so many queues, from the first on, at most 3. */
void virtio_start(unsigned int nqueues);

/* Descriptor `index` of a queue; with VRING_DESC_F_NEXT among the flags the next one follows. */
void virtio_describe(unsigned int queue, unsigned int index, uint64_t gpa, uint32_t len,
		     uint16_t flags);

/* Makes the chain from descriptor 0 on available. */
void virtio_offer(unsigned int queue);

/* Waits until the device has used it, and has interrupted: how many bytes it wrote, or -1 when it needs a reset
 * instead. */
int64_t virtio_wait(unsigned int queue);

/* --- what is asked of a device ---------------------------------------------------------------- */

struct virtio_case {
	uint32_t id;
	unsigned int nqueues;
	/* n requests, which have to go well */
	void (*works)(uint64_t n);
	/* one that the buffer page is used for: what virtio_wait() said */
	int64_t (*once)(void);
};

extern const struct virtio_case virtio_rng, virtio_blk, virtio_net, virtio_vsock;

#endif
