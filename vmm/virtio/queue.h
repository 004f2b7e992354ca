/* SPDX-License-Identifier: MIT */
/*
 * A split virtqueue (virtio 1.2, section 2.7) on the device's side: pops chains of buffers that the
 * driver made available, and pushes them back used. A queue knows guest memory and nothing of its
 * device; all functions are called in the device's I/O thread.
 *
 * Everything in guest memory is hostile. Each descriptor is copied out once; indices, lengths and
 * the length of a chain are bounded, so loops end. A driver that breaks the rules, or puts a queue
 * or a buffer into private memory or outside RAM, gets no more from the queue: it is dead, `fault`
 * says why, and functions that can fail return -EPROTO; the device breaks itself for it when it
 * notifies the driver (virtio_notify()).
 *
 * The buffers of a chain are pinned (mem_pin()) from virtq_pop() to virtq_push() or virtq_unpin():
 * they stay shared, and conversions of pages wait for that. So a chain may be kept only as long as
 * a system call on it takes. A device that keeps requests in flight (io_uring, vhost) may do so
 * when virtq_stable() says that no page is ever converted: pins then hold no lock.
 */
#ifndef VMM_VIRTIO_QUEUE_H
#define VMM_VIRTIO_QUEUE_H

#include "mem/mem.h"
#include "vmm/base/bytes.h"
#include "vmm/base/loop.h"

#include <sys/uio.h>

struct virtio_device;

#define VIRTQ_MAX_SIZE	1024 /* of what a device may offer */
#define VIRTQ_MAX_CHAIN 256  /* buffers; a longer chain is a fault */

/* One of the three areas that a queue consists of. */
struct virtq_area {
	uint64_t gpa;
	uint8_t *at; /* from virtq_start() on: where it is in this process, if all of it is RAM that
		      * is never converted; else NULL */
};

struct virtq {
	unsigned int index;
	uint16_t max_size;

	/* what the driver has set up; fixed while the device is active */
	struct virtq_area desc, avail, used;
	uint16_t size; /* power of two */
	bool ready;

	/* from virtq_start() to virtq_reset() or the first fault */
	bool live;
	bool indirect, event_idx; /* features */
	const struct guest_mem *mem;
	const char *owner; /* of the pins: the device's name */
	char fault[96];

	/* counters that wrap at 2^16 as those in the rings do */
	uint16_t next_avail; /* the next that virtq_pop() takes */
	uint16_t next_used;  /* the next that virtq_push() writes */
	uint16_t flushed;    /* the driver sees the used ring up to here */
	uint16_t signalled;  /* ... and has been interrupted for it, if it wants that */

	/* an ioeventfd in the device's loop: the driver wrote the index to QueueNotify. Yours is
	 * kick.fd for vhost, between loop_remove() and virtio_watch() */
	struct loop_source kick;
	struct virtio_device *dev; /* which is kicked: nothing is known of it here */
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

/* Takes the next chain: 1, 0 when there is none, or -EPROTO. */
int virtq_pop(struct virtq *q, struct virtq_chain *chain);

/* Gives back the last chain taken: the next virtq_pop() takes it again. */
void virtq_unpop(struct virtq *q, struct virtq_chain *chain);

/* Lets go of the memory only: virtq_push_head() follows, or nothing when all ends. */
void virtq_unpin(struct virtq_chain *chain);

/* Puts the chain into the used ring with `written` bytes, from the start of chain->write on. The
 * driver does not see it before virtq_flush(). Chains may come in any order. */
void virtq_push(struct virtq *q, struct virtq_chain *chain, uint32_t written);

/* The same for a chain whose memory was let go. */
void virtq_push_head(struct virtq *q, uint16_t head, uint32_t written);

/* Shows the driver what was pushed. One that is at work sees it; others are to be interrupted. */
void virtq_flush(struct virtq *q);

/* The same; 1 when the driver wants an interrupt for it, 0, or -EPROTO. */
int virtq_signal(struct virtq *q);

/* Asks for a kick with the next chain. True when one has come meanwhile: look again. */
bool virtq_rearm(struct virtq *q);

/* As if the driver had kicked: the device is called after the other sources of its loop. Any
 * thread. */
void virtq_kick(const struct virtq *q);

/* Are no pages ever converted, so that pins may be held, or let go without losing the memory? */
static inline bool virtq_stable(const struct guest_mem *mem)
{
	return mem->mode == MEM_MODE_SHARED;
}

/* --- bytes in buffers: a device looks at contents, not at how the driver has cut them (2.6.4) --- */

/* Copies out of n buffers, or into them, starting `offset` bytes into them; returns how many bytes
 * there were, at most `len`. */
size_t iov_read(const struct iovec *iov, unsigned int n, size_t offset, void *buf, size_t len);
size_t iov_write(const struct iovec *iov, unsigned int n, size_t offset, const void *buf,
		 size_t len);

/* The part of n buffers that is [offset, offset + len), as at most n buffers in `out`, which may be
 * `iov` itself; returns how many. */
unsigned int iov_slice(const struct iovec *iov, unsigned int n, size_t offset, size_t len,
		       struct iovec *out);

/* From the buffers that the driver filled, into those to be filled. */
static inline size_t chain_read(const struct virtq_chain *chain, size_t offset, void *buf,
				size_t len)
{
	return iov_read(chain->iov, chain->nread, offset, buf, len);
}

static inline size_t chain_write(const struct virtq_chain *chain, size_t offset, const void *buf,
				 size_t len)
{
	return iov_write(chain->write, chain->nwrite, offset, buf, len);
}

/* --- for the transport ------------------------------------------------------------------------ */

/* Is what the driver set up a queue at all? */
bool virtq_valid(const struct virtq *q);

/* The device becomes active with these features. `owner` outlives the queue. */
void virtq_start(struct virtq *q, const struct guest_mem *mem, const char *owner,
		 uint64_t features);

/* As at a reset. */
void virtq_reset(struct virtq *q);

#endif
