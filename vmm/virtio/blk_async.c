// SPDX-License-Identifier: MIT
/*
 * Requests with io_uring. Each is held in memory of its own until the kernel is done with it, with
 * its chain dropped: pages of this VM are never converted, so its buffers stay what they are.
 * BLK_IN_FLIGHT bounds them; what comes then waits in the guest's queues.
 */
#include "vmm/virtio/blk_internal.h"

#include <errno.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define PATIENCE_MS 2000 /* with the host's disk, when the VM is to end */
#define STEP_MS	    100

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

bool blk_async_room(const struct blk *blk, unsigned int queue)
{
	unsigned int part = own_part(blk), kept = 0;

	if (blk->ring.fd < 0)
		return true;
	for (unsigned int i = 0; i < blk->virtio.nqueues; i++)
		if (i != queue && blk->virtio.queue[i].ready && blk->in_ring[i] < part)
			kept += part - blk->in_ring[i];
	return blk->ring.in_flight + kept < blk->ring.entries;
}

int blk_async_start(struct blk *blk, struct virtq *q, struct virtq_chain *chain,
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

void blk_async_submit(struct blk *blk)
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
	blk_async_destroy(blk);
}

void blk_async_drain(struct blk *blk)
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
		uring_wait(&blk->ring, STEP_MS);
	}
}

void blk_async_init(struct blk *blk)
{
	blk->ring.fd = -1;
	if (!virtq_stable(blk->virtio.host->mem) ||
	    uring_init(&blk->ring, blk->virtio.host->sys, BLK_IN_FLIGHT) < 0)
		return;
	blk->ring_source = (struct loop_source){.ready = ring_ready, .fd = blk->ring.fd};
	if (loop_add(blk->virtio.loop, &blk->ring_source, EPOLLIN, NULL) < 0)
		uring_destroy(&blk->ring);
}

void blk_async_destroy(struct blk *blk)
{
	if (blk->ring.fd < 0)
		return;
	loop_remove(blk->virtio.loop, &blk->ring_source);
	uring_destroy(&blk->ring);
}
