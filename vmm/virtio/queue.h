/* SPDX-License-Identifier: MIT */
/*
 * A split virtqueue (virtio 1.2, section 2.7) as a device sees it: takes chains of buffers that the
 * driver made available, and gives them back used. All functions are called in the device's I/O
 * thread, while the device is active.
 *
 * Everything in guest memory is hostile. Each descriptor is copied out once; indices, lengths and
 * the length of a chain are bounded, so loops end. A driver that breaks the rules, or puts a queue
 * or a buffer into private memory or outside RAM, loses the device (virtio_broken()).
 *
 * A device that works off what is there:
 *
 *	static uint32_t one(struct virtio_device *dev, struct virtq *q, struct virtq_chain *chain)
 *	{
 *		... preadv(fd, chain->write, chain->nwrite) ...
 *		return bytes written into chain->write;
 *	}
 *	static void notify(struct virtio_device *dev, unsigned int index)
 *	{
 *		virtq_serve(&dev->queue[index], one);
 *	}
 *
 * One that needs buffers when something happens (a packet comes) calls virtq_pop() then, and
 * virtq_rearm() when there is none, to be notified of the next; virtq_put() each, virtq_publish()
 * once, which makes all of them visible together.
 *
 * The buffers of a chain are pinned (mem_pin()) from virtq_pop() to virtq_put() or virtq_drop():
 * they stay shared, and conversions of pages wait for that. So a chain may be kept only as long as
 * a system call on it takes. A device that keeps requests in flight (io_uring, vhost) may do so
 * when virtio_may_hold() says that no page is ever converted: pins then hold no lock.
 */
#ifndef VMM_VIRTIO_QUEUE_H
#define VMM_VIRTIO_QUEUE_H

#include "mem/mem.h"
#include "vmm/base/loop.h"

#include <sys/uio.h>

#define VIRTQ_MAX_SIZE	1024 /* of what a device may offer */
#define VIRTQ_MAX_CHAIN 256  /* buffers; a longer chain breaks the device */

struct virtio_device;

/* One of the three areas that a queue consists of. */
struct virtq_area {
	uint64_t gpa;
	uint8_t *at; /* while the device is active: where it is in this process, if all of it is
		      * RAM that is never converted; else NULL */
};

struct virtq {
	struct virtio_device *dev;
	unsigned int index;

	/* what the driver has set up; fixed while the device is active */
	struct virtq_area desc, avail, used;
	uint16_t size; /* power of two */
	bool ready;

	/* counters that wrap at 2^16 as those in the rings do */
	uint16_t next_avail; /* the next that virtq_pop() takes */
	uint16_t next_used;  /* the next that virtq_put() writes */
	uint16_t shown;	     /* the driver sees the used ring up to here */
	uint16_t published;  /* ... and has been interrupted for it, if it wants that */

	/* an ioeventfd in dev's loop: the driver wrote the index to QueueNotify. Yours is
	 * source.fd for vhost, between loop_remove() and virtq_watch() */
	struct loop_source source;
};

/* Buffers that the driver filled, then buffers to be filled. */
struct virtq_chain {
	uint16_t head;
	unsigned int nread, nwrite;
	size_t read_len, write_len; /* bytes */
	struct iovec *write;	    /* &iov[nread] */
	struct iovec iov[VIRTQ_MAX_CHAIN];
	struct mem_pin pin[VIRTQ_MAX_CHAIN];
};

/* Takes the next chain: 1, 0 when there is none, -EPROTO when the device has just become broken. */
int virtq_pop(struct virtq *q, struct virtq_chain *chain);

/* Lets go of the memory and puts the chain into the used ring with `written` bytes, from the start
 * of chain->write on. Not visible before virtq_publish(). Chains may come in any order. */
void virtq_put(struct virtq *q, struct virtq_chain *chain, uint32_t written);

/* The same for a chain that was dropped (and whose memory virtio_may_hold() has kept usable). */
void virtq_put_head(struct virtq *q, uint16_t head, uint32_t written);

/* Shows the driver what was put. One that is at work sees it; for others virtq_publish() follows. */
void virtq_show(struct virtq *q);

/* Shows the driver what was put, and interrupts it if it wants that. */
void virtq_publish(struct virtq *q);

/* Lets go of the memory only: at a reset, before virtq_unpop() or virtq_put_head(). */
void virtq_drop(struct virtq_chain *chain);

/* Gives back the last chain taken, which was dropped: the next virtq_pop() takes it again. */
void virtq_unpop(struct virtq *q);

/* Asks for a notification of the next chain. True when one has come meanwhile: look again. */
bool virtq_rearm(struct virtq *q);

/* Has the device's notify() called again, after the other sources of its loop had their turn. */
void virtq_again(struct virtq *q);

/* Pops, puts and publishes, calling one() for each chain, which returns the number of bytes
 * written; after as many chains as the queue has entries the others get their turn. */
void virtq_serve(struct virtq *q, uint32_t (*one)(struct virtio_device *dev, struct virtq *q,
						  struct virtq_chain *chain));

/* --- bytes of a chain, however the driver has cut it ------------------------------------------ */

/* Copies from the filled buffers, or into those to be filled, starting `offset` bytes into them;
 * returns how many bytes there were, at most `len`. */
size_t chain_read(const struct virtq_chain *chain, size_t offset, void *buf, size_t len);
size_t chain_write(const struct virtq_chain *chain, size_t offset, const void *buf, size_t len);

/* The part of n buffers that is [offset, offset + len), as at most n buffers in `out`, which may be
 * `iov` itself; returns how many. */
unsigned int iov_slice(const struct iovec *iov, unsigned int n, size_t offset, size_t len,
		       struct iovec *out);

/* --- for the transport ------------------------------------------------------------------------ */

/* Has dev's loop tell of notifications; 0 or -errno. */
int virtq_watch(struct virtq *q, struct vmm_error *err);

/* Is what the driver set up a queue at all? */
bool virtq_valid(const struct virtq *q);

/* The device becomes active. */
void virtq_start(struct virtq *q);

/* As at a reset. */
void virtq_reset(struct virtq *q);

#endif
