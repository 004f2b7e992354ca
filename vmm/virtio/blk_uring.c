// SPDX-License-Identifier: MIT
/*
 * Requests with io_uring. Each is held in memory of its own until the kernel is done with it, with
 * its chain dropped: pages of this VM are never converted, so its buffers stay what they are.
 * BLK_IN_FLIGHT bounds them; what comes then waits in the guest's queues.
 */
#include "vmm/virtio/blk_internal.h"

#include <errno.h>
#include <linux/fs.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>

#define PATIENCE_MS 2000 /* with the host's disk, when the VM is to end */
#define STEP_MS	    100

/* --- the ring --------------------------------------------------------------------------------- */

static uint32_t load(const uint32_t *index)
{
	return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

static void store(uint32_t *index, uint32_t value)
{
	__atomic_store_n(index, value, __ATOMIC_RELEASE);
}

static size_t larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

static int map(struct uring *ring, const struct io_uring_params *p)
{
	const struct sys *sys = ring->sys;
	const int prot = PROT_READ | PROT_WRITE, flags = MAP_SHARED | MAP_POPULATE;
	uint8_t *base;
	void *addr;
	int ret;

	ring->rings_len = larger(p->sq_off.array + p->sq_entries * sizeof(uint32_t),
				 p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe));
	ret = sys->ops->mmap(sys->ctx, &addr, ring->rings_len, prot, flags, ring->fd,
			     IORING_OFF_SQ_RING);
	if (ret < 0)
		return ret;
	base = ring->rings = addr;
	ring->sqes_len = p->sq_entries * sizeof(struct io_uring_sqe);
	ret = sys->ops->mmap(sys->ctx, &addr, ring->sqes_len, prot, flags, ring->fd,
			     IORING_OFF_SQES);
	if (ret < 0)
		return ret;
	ring->sqes = addr;

	ring->sq_head = (uint32_t *)(void *)(base + p->sq_off.head);
	ring->sq_tail = (uint32_t *)(void *)(base + p->sq_off.tail);
	ring->sq_array = (uint32_t *)(void *)(base + p->sq_off.array);
	ring->sq_mask = p->sq_entries - 1;
	ring->cq_head = (uint32_t *)(void *)(base + p->cq_off.head);
	ring->cq_tail = (uint32_t *)(void *)(base + p->cq_off.tail);
	ring->cq_mask = p->cq_entries - 1;
	ring->cqes = (const struct io_uring_cqe *)(void *)(base + p->cq_off.cqes);
	ring->entries = p->sq_entries;
	return 0;
}

/* No request is in flight any more. Safe after a failure, and twice. */
static void uring_destroy(struct uring *ring)
{
	const struct sys *sys = ring->sys;

	if (!sys)
		return;
	if (ring->sqes)
		sys->ops->munmap(sys->ctx, ring->sqes, ring->sqes_len);
	if (ring->rings)
		sys->ops->munmap(sys->ctx, ring->rings, ring->rings_len);
	ring->sqes = NULL;
	ring->rings = NULL;
	sys_close(sys, &ring->fd);
}

/* A ring for `entries` requests, a power of two; 0, or a negative errno with ring->fd -1. */
static int uring_init(struct uring *ring, const struct sys *sys, unsigned int entries)
{
	struct io_uring_params params = {0};
	int ret = sys->ops->uring_setup(sys->ctx, entries, &params);

	*ring = (struct uring){.sys = sys, .fd = ret < 0 ? -1 : ret};
	if (ret < 0)
		return ret;
	/* Linux 5.4 and 5.5; before, requests were not even kept from being lost */
	if (params.features & IORING_FEAT_SINGLE_MMAP && params.features & IORING_FEAT_NODROP)
		ret = map(ring, &params);
	else
		ret = -EOPNOTSUPP;
	if (ret < 0)
		uring_destroy(ring);
	return ret;
}

/* The next request, all zeros, to be filled in at once; it is handed over by uring_submit(). Less
 * than ring->entries are in flight. */
static struct io_uring_sqe *uring_push(struct uring *ring)
{
	uint32_t tail = *ring->sq_tail;
	struct io_uring_sqe *sqe = &ring->sqes[tail & ring->sq_mask];

	memset(sqe, 0, sizeof(*sqe));
	ring->sq_array[tail & ring->sq_mask] = tail & ring->sq_mask;
	/* the kernel looks at it in uring_submit() only, when it is filled in */
	store(ring->sq_tail, tail + 1);
	ring->in_flight++;
	return sqe;
}

/* Hands over what was pushed. A negative errno when the kernel does not take all of it: the rest
 * can be taken back, or submitted later. */
static int uring_submit(struct uring *ring)
{
	const struct sys *sys = ring->sys;
	uint32_t queued;

	/* Each call takes at least one, or is the last: it is asked for no waiting, so there is
	 * nothing that a signal could interrupt, and the entries are good. */
	while ((queued = *ring->sq_tail - load(ring->sq_head)) > 0) {
		int ret = sys->ops->uring_enter(sys->ctx, ring->fd, queued, 0, 0);

		if (ret <= 0)
			return ret < 0 ? ret : -EAGAIN;
	}
	return 0;
}

/* Takes back a request that the kernel has not taken: its user_data, the last one first. False:
 * there is none. */
static bool uring_take_back(struct uring *ring, uint64_t *user_data)
{
	uint32_t tail = *ring->sq_tail;

	if (tail == load(ring->sq_head))
		return false;
	*user_data = ring->sqes[(tail - 1) & ring->sq_mask].user_data;
	store(ring->sq_tail, tail - 1);
	ring->in_flight--;
	return true;
}

/* Takes a result. False: there is none yet. */
static bool uring_pop(struct uring *ring, uint64_t *user_data, int *result)
{
	uint32_t head = *ring->cq_head;
	const struct io_uring_cqe *cqe = &ring->cqes[head & ring->cq_mask];

	if (head == load(ring->cq_tail))
		return false;
	*user_data = cqe->user_data;
	*result = cqe->res;
	store(ring->cq_head, head + 1);
	ring->in_flight--;
	return true;
}

/* --- requests --------------------------------------------------------------------------------- */

struct held {
	LIST_ENTRY(held) all;
	struct virtq *q;
	uint16_t head;
	struct blk_request req;
	struct iovec iov[];
};

static void push(struct blk *blk, struct held *held)
{
	struct io_uring_sqe *sqe = uring_push(&blk->ring);
	const struct blk_request *req = &held->req;

	sqe->fd = blk_io_fd(blk, req);
	sqe->user_data = (uintptr_t)held;
	sqe->off = req->offset;
	switch (req->op) {
	case BLK_READ:
	case BLK_WRITE:
		sqe->opcode = req->op == BLK_READ ? IORING_OP_READV : IORING_OP_WRITEV;
		sqe->addr = (uintptr_t)req->iov;
		sqe->len = req->niov;
		if (req->op == BLK_WRITE && blk_write_through(blk))
			sqe->rw_flags = RWF_DSYNC;
		break;
	case BLK_FLUSH:
		sqe->opcode = IORING_OP_FSYNC;
		sqe->fsync_flags = IORING_FSYNC_DATASYNC;
		sqe->off = 0; /* to the end */
		break;
	case BLK_DISCARD:
	case BLK_ZERO:
		sqe->opcode = IORING_OP_FALLOCATE;
		sqe->addr = req->len;
		sqe->len = (uint32_t)blk_io_mode(req);
		break;
	}
}

static void forget(struct blk *blk, struct held *held)
{
	blk->in_ring[held->q->index]--;
	LIST_REMOVE(held, all);
	free(held);
}

static void finish(struct blk *blk, struct held *held, int ret)
{
	uint8_t status = blk_io_status(blk, &held->req, ret);

	virtq_push_head(held->q, held->head, blk_answer(&held->req, status));
	forget(blk, held);
}

/* The kernel's answer. One that is no answer has us do it ourselves: an old kernel that does not
 * know the request, a thread that has ended and whose requests were cancelled. */
static void answered(struct blk *blk, struct held *held, int result)
{
	struct blk_request *req = &held->req;
	int ret;

	if (result == -EAGAIN || result == -EINTR || result == -ECANCELED ||
	    (result == -EINVAL && req->op != BLK_READ && req->op != BLK_WRITE))
		ret = blk_io(blk, req, true);
	else
		ret = blk_io_step(blk, req, result);
	if (ret > 0)
		push(blk, held);
	else
		finish(blk, held, ret);
}

static void ring_ready(struct loop_source *source, uint32_t events)
{
	struct blk *blk = container_of(source, struct blk, ring_source);
	uint64_t user_data;
	int result;

	(void)events;
	/* at most what was in flight: what is pushed again here is submitted below */
	while (uring_pop(&blk->ring, &user_data, &result))
		answered(blk, (struct held *)(uintptr_t)user_data, result);
	blk_serve(blk);
}

/* How many entries of the ring are the queue's alone? */
static unsigned int own_part(const struct blk *blk)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < blk->virtio.nqueues; i++)
		n += blk->virtio.queue[i].ready;
	return n > 0 ? blk->ring.entries / (2 * n) : 0;
}

bool blk_uring_room(const struct blk *blk, unsigned int queue)
{
	unsigned int part = own_part(blk), kept = 0;

	if (blk->ring.fd < 0)
		return true;
	for (unsigned int i = 0; i < blk->virtio.nqueues; i++)
		if (i != queue && blk->virtio.queue[i].ready && blk->in_ring[i] < part)
			kept += part - blk->in_ring[i];
	return blk->ring.in_flight + kept < blk->ring.entries;
}

int blk_uring_start(struct blk *blk, struct virtq *q, struct virtq_chain *chain,
		    const struct blk_request *req)
{
	struct held *held = malloc(sizeof(*held) + req->niov * sizeof(held->iov[0]));

	if (!held)
		return -ENOMEM;
	held->q = q;
	held->head = chain->head;
	held->req = *req;
	if (req->niov > 0)
		memcpy(held->iov, req->iov, req->niov * sizeof(held->iov[0]));
	held->req.iov = held->iov;
	virtq_unpin(chain);
	LIST_INSERT_HEAD(&blk->held, held, all);
	blk->in_ring[q->index]++;
	push(blk, held);
	return 0;
}

void blk_uring_submit(struct blk *blk)
{
	uint64_t user_data;

	if (blk->ring.fd < 0 || uring_submit(&blk->ring) == 0)
		return;
	/* the host is short of something: so we do it ourselves */
	while (uring_take_back(&blk->ring, &user_data)) {
		struct held *held = (struct held *)(uintptr_t)user_data;

		finish(blk, held, blk_io(blk, &held->req, true));
	}
}

/*
 * What the host's disk has not answered cannot be taken back, and a late answer to a read is written
 * to where the guest's memory was: so that stays mapped. Only the requests themselves are ours again,
 * as the kernel has copied them (IORING_FEAT_SUBMIT_STABLE, as old as what uring_init() asks for).
 */
static void abandon(struct blk *blk)
{
	struct held *held, *next;

	vmm_log(blk->virtio.host->log, VMM_LOG_WARN,
		"%s: the host's disk does not answer %u requests: they are left to it, and the "
		"guest's memory stays mapped",
		blk->virtio.name, blk->ring.in_flight);
	mem_keep_mapped(blk->virtio.host->mem);
	for (held = LIST_FIRST(&blk->held); held; held = next) {
		next = LIST_NEXT(held, all);
		blk->in_ring[held->q->index]--;
		free(held);
	}
	LIST_INIT(&blk->held);
	blk_uring_destroy(blk);
}

void blk_uring_drain(struct blk *blk)
{
	uint64_t user_data, limit = 0;
	int result;

	if (blk->ring.fd < 0)
		return;
	while (uring_take_back(&blk->ring, &user_data))
		forget(blk, (struct held *)(uintptr_t)user_data);
	while (blk->ring.in_flight > 0) {
		if (uring_pop(&blk->ring, &user_data, &result)) {
			forget(blk, (struct held *)(uintptr_t)user_data);
			continue;
		}
		if (limit == 0 && mem_check_stop(blk->virtio.host->mem, NULL) < 0)
			limit = timer_now_ms() + PATIENCE_MS;
		if (limit > 0 && timer_now_ms() >= limit) {
			abandon(blk);
			return;
		}
		poll(&(struct pollfd){.fd = blk->ring.fd, .events = POLLIN}, 1, STEP_MS);
	}
}

void blk_uring_init(struct blk *blk)
{
	blk->ring.fd = -1;
	if (!virtq_stable(blk->virtio.host->mem) ||
	    uring_init(&blk->ring, blk->virtio.host->sys, BLK_IN_FLIGHT) < 0)
		return;
	blk->ring_source = (struct loop_source){.ready = ring_ready, .fd = blk->ring.fd};
	if (loop_add(blk->virtio.loop, &blk->ring_source, EPOLLIN, NULL) < 0)
		uring_destroy(&blk->ring);
}

void blk_uring_destroy(struct blk *blk)
{
	if (blk->ring.fd < 0)
		return;
	loop_remove(blk->virtio.loop, &blk->ring_source);
	uring_destroy(&blk->ring);
}
