/* SPDX-License-Identifier: MIT */
/*
 * An io_uring: requests to the host's kernel that it carries out while we do something else. Only
 * what devices need of it (io_uring(7)): no polling thread, no registered buffers. Used by one
 * thread. Hosts may lack it or forbid it, so whoever uses it can do without.
 */
#ifndef VMM_VIRTIO_URING_H
#define VMM_VIRTIO_URING_H

#include "vmm/base/sys.h"

#include <linux/io_uring.h>
#include <stdbool.h>

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

/* A ring for `entries` requests, a power of two; 0, or a negative errno with ring->fd -1. */
int uring_init(struct uring *ring, const struct sys *sys, unsigned int entries);

/* No request is in flight any more. Safe after a failure, and twice. */
void uring_destroy(struct uring *ring);

/* The next request, all zeros, to be filled in at once; it is handed over by uring_submit(). Less
 * than ring->entries are in flight. */
struct io_uring_sqe *uring_push(struct uring *ring);

/* Hands over what was pushed. A negative errno when the kernel does not take all of it: the rest
 * can be taken back, or submitted later. */
int uring_submit(struct uring *ring);

/* Takes back a request that the kernel has not taken: its user_data, the last one first. False:
 * there is none. */
bool uring_take_back(struct uring *ring, uint64_t *user_data);

/* Takes a result. False: there is none yet. */
bool uring_pop(struct uring *ring, uint64_t *user_data, int *result);

/* Waits for a result, at most so many milliseconds. */
void uring_wait(const struct uring *ring, int ms);

#endif
