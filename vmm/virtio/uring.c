// SPDX-License-Identifier: MIT
#include "vmm/virtio/uring.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>

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

int uring_init(struct uring *ring, const struct sys *sys, unsigned int entries)
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

void uring_destroy(struct uring *ring)
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

struct io_uring_sqe *uring_push(struct uring *ring)
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

int uring_submit(struct uring *ring)
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

bool uring_take_back(struct uring *ring, uint64_t *user_data)
{
	uint32_t tail = *ring->sq_tail;

	if (tail == load(ring->sq_head))
		return false;
	*user_data = ring->sqes[(tail - 1) & ring->sq_mask].user_data;
	store(ring->sq_tail, tail - 1);
	ring->in_flight--;
	return true;
}

bool uring_pop(struct uring *ring, uint64_t *user_data, int *result)
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

void uring_wait(const struct uring *ring, int ms)
{
	struct pollfd fd = {.fd = ring->fd, .events = POLLIN};

	poll(&fd, 1, ms); /* a signal: the caller finds nothing, and waits again */
}
