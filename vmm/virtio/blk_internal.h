/* SPDX-License-Identifier: MIT */
/*
 * The parts of a disk:
 *
 *	blk.c		the device: what it offers, its queues, its rate limit
 *	blk_image.c	opens and locks the file
 *	blk_io.c	makes sense of what the driver asks for, and carries it out with the thread
 *			waiting for it
 *	blk_uring.c	carries it out without, by io_uring
 *
 * Data go between file and guest memory in one system call and are copied by nobody else. What
 * is in the page cache, or goes there, is done at once: that is cheaper than having it done by
 * somebody else. What would wait for the host's disk (reads of what is not in the cache, direct
 * I/O, flushes, discards) is handed to io_uring, so that the thread is there for other requests
 * and devices. That takes a VM whose pages are never converted (virtq_stable()); in others, and
 * where there is no io_uring, the thread waits.
 */
#ifndef VMM_VIRTIO_BLK_INTERNAL_H
#define VMM_VIRTIO_BLK_INTERNAL_H

#include "vmm/base/timer.h"
#include "vmm/virtio/fair.h"
#include "vmm/virtio/rate.h"
#include "vmm/virtio/virtio.h"

#include <linux/io_uring.h>
#include <linux/virtio_blk.h>
#include <sys/queue.h>

#define BLK_SECTOR 512u

/* What requests are limited to. A driver that keeps to `seg_max` and `size_max` of the
 * configuration space asks for no more than BLK_MAX_LEN bytes at once. */
#define BLK_QUEUE_SIZE 256u
#define BLK_MAX_SEGS   (BLK_QUEUE_SIZE - 2) /* beside header and status */
#define BLK_MAX_SEG    65536u
#define BLK_MAX_LEN    ((uint64_t)BLK_MAX_SEGS * BLK_MAX_SEG)
/* bytes of one request to write zeroes, which have to be written where the file system knows no
 * better, and of one to discard, which never costs that much */
#define BLK_MAX_ZEROES	(16u << 20)
#define BLK_MAX_DISCARD (1u << 30)

#define BLK_IN_FLIGHT 128 /* requests with io_uring, of all queues */

struct blk_image {
	int fd;
	int direct_fd; /* the same file past the page cache; -1: not asked for */
	uint64_t size; /* bytes, whole sectors */
	uint64_t rest; /* bytes of the file behind them */
	bool readonly;
	/* this file system tells when a read or a write would wait: [0] reads, [1] writes */
	bool tells[2];
};

enum blk_op {
	BLK_READ,
	BLK_WRITE,
	BLK_FLUSH,
	BLK_DISCARD,
	BLK_ZERO,
};

/* A request, checked. offset, len and iov are what is left of it. */
struct blk_request {
	enum blk_op op;
	bool unmap;	   /* BLK_ZERO: the file may get a hole there */
	bool buffered;	   /* direct I/O cannot do it */
	uint64_t offset;   /* bytes */
	uint64_t len;	   /* bytes */
	struct iovec *iov; /* BLK_READ, BLK_WRITE: guest memory, `len` bytes */
	unsigned int niov;
	uint8_t *status; /* the byte in guest memory for VIRTIO_BLK_S_* */
	uint32_t used;	 /* bytes that the driver is told of when it ends well, ... */
	uint32_t failed; /* ... and when not */
};

/* Only what a disk needs of an io_uring (io_uring(7)): no polling thread, no registered buffers. */
struct uring {
	const struct sys *sys;
	int fd; /* readable when there are results; -1: there is no ring */
	unsigned int entries;
	unsigned int in_flight; /* pushed, and their results not yet taken */

	void *rings; /* both, as the kernel lays them out */
	size_t rings_len;
	struct io_uring_sqe *sqes;
	size_t sqes_len;
	uint32_t *sq_head, *sq_tail, *sq_array, sq_mask;
	uint32_t *cq_head, *cq_tail, cq_mask;
	const struct io_uring_cqe *cqes;
};

struct blk {
	struct virtio_device virtio;
	struct blk_image image;
	char id[VIRTIO_BLK_ID_BYTES];
	struct virtio_blk_config config;

	/* which queue is next: those that may have requests wait, but for those in `crowded`, which
	 * wait for room in the ring */
	struct fair turns;
	uint64_t crowded;

	/* the rate limit; `paused`: the timer is set, and no request is taken */
	struct rate bytes, requests;
	struct timer timer;
	bool paused;

	struct uring ring;
	struct loop_source ring_source;
	unsigned int in_ring[VIRTIO_MAX_QUEUES]; /* of each queue */
	LIST_HEAD(held_list, held) held;	 /* all of them, see blk_uring.c */
};

/* --- blk_image.c ------------------------------------------------------------------------------ */

/* Opens the file of disk number `index`, and locks it if `lock`, else only asks whether it could:
 * exclusively unless it is read-only. On failure nothing stays open. */
int blk_image_open(struct blk_image *image, const struct sys *sys, const struct config_disk *disk,
		   size_t index, bool lock, struct vmm_error *err);
void blk_image_close(struct blk_image *image, const struct sys *sys);

/* --- blk_io.c --------------------------------------------------------------------------------- */

#define BLK_PENDING (-EINPROGRESS)

/*
 * What the driver asks for. Returns BLK_PENDING when *req is to be carried out, VIRTIO_BLK_S_* when
 * that is the answer already, or -EPROTO when there is no place for an answer: the device is broken
 * then. req->iov is in chain->iov.
 */
int blk_parse(struct blk *blk, struct virtq_chain *chain, struct blk_request *req);

/* Writes the answer; returns how many bytes the driver is told of. */
uint32_t blk_answer(const struct blk_request *req, uint8_t status);

/* Carries it out: 0 or a negative errno. Without `wait` only if that takes no waiting, or cannot be
 * known to; else -EAGAIN. */
int blk_io(struct blk *blk, struct blk_request *req, bool wait);

/* The descriptor for the rest of the request. */
int blk_io_fd(const struct blk *blk, const struct blk_request *req);

/* The mode of fallocate(2) for BLK_DISCARD and BLK_ZERO. */
int blk_io_mode(const struct blk_request *req);

/* Must a write be on the disk when it is answered? */
bool blk_write_through(const struct blk *blk);

/* What a system call for the request has returned: 1 when there is more to do, 0 when it is done,
 * a negative errno when it failed. */
int blk_io_step(struct blk *blk, struct blk_request *req, ssize_t ret);

/* The status for what blk_io() returned; failures are told in the log. */
uint8_t blk_io_status(struct blk *blk, const struct blk_request *req, int ret);

/* --- blk_uring.c ------------------------------------------------------------------------------ */

/* Makes the ring, if there can be one. */
void blk_uring_init(struct blk *blk);
void blk_uring_destroy(struct blk *blk);

/*
 * Is there room for a request of the queue? One half of the ring is the queues' in equal parts, so
 * that none can keep another out, whatever the host's disk makes of its requests; the other half is
 * for whoever comes.
 */
bool blk_uring_room(const struct blk *blk, unsigned int queue);

/* Hands it over: 0, and the chain is dropped; it is put into its queue later. Else a negative
 * errno, and nothing has happened. There was room. */
int blk_uring_start(struct blk *blk, struct virtq *q, struct virtq_chain *chain,
		    const struct blk_request *req);

/* After one or more requests. What the kernel does not take is done at once, and makes room. */
void blk_uring_submit(struct blk *blk);

/*
 * Waits for all that is in flight, and forgets it. That may take as long as the host's disk takes; but
 * once the VM is to end, not for long: see mem_keep_mapped().
 */
void blk_uring_drain(struct blk *blk);

/* --- blk.c, for blk_uring.c ------------------------------------------------------------------- */

/* Takes requests from the queues that wait, as far as that can be now. After everything that may
 * have given a queue something to do, or have made room for it. */
void blk_serve(struct blk *blk);

#endif
