// SPDX-License-Identifier: MIT
#include "vmm/virtio/blk_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/virtio_ids.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What fits into a page of most file systems and devices of today; drivers align to it if they are
 * told, and need not. 2^3 sectors. */
#define PAGE_EXP 3

static struct blk *self(struct virtio_device *dev)
{
	return container_of(dev, struct blk, virtio);
}

/* --- the rate limit --------------------------------------------------------------------------- */

/* May the request pass now? If not, the timer is set. */
static bool admit(struct blk *blk, const struct blk_request *req)
{
	/* a discard moves no data */
	uint32_t bytes = req->op == BLK_DISCARD ? 0 : (uint32_t)req->len;
	uint64_t now, wait, other;

	if (!blk->bytes.per_second && !blk->requests.per_second)
		return true;
	now = timer_now();
	wait = rate_wait(&blk->bytes, now);
	other = rate_wait(&blk->requests, now);
	if (other > wait)
		wait = other;
	if (wait > 0) {
		blk->paused = true;
		timer_set(&blk->timer, wait);
		return false;
	}
	rate_spend(&blk->bytes, bytes, now);
	rate_spend(&blk->requests, 1, now);
	return true;
}

/* What its queue has had with the request, in the queues' turns: nanoseconds of the limit, or
 * without one work. */
static uint64_t cost(const struct blk *blk, const struct blk_request *req)
{
	uint64_t bytes, one;

	if (!blk->bytes.per_second && !blk->requests.per_second)
		return 1 + req->len / KIB(4);
	bytes = rate_cost(&blk->bytes, req->op == BLK_DISCARD ? 0 : (uint32_t)req->len);
	one = rate_cost(&blk->requests, 1);
	return bytes > one ? bytes : one;
}

static void timer_expired(struct timer *timer)
{
	struct blk *blk = container_of(timer, struct blk, timer);

	blk->paused = false;
	blk_serve(blk);
}

/* --- requests --------------------------------------------------------------------------------- */

/* Carries it out, or has that done: its status, or BLK_PENDING. */
static int carry_out(struct blk *blk, struct virtq *q, struct virtq_chain *chain,
		     struct blk_request *req)
{
	int ret = blk_io(blk, req, blk->ring.fd < 0);

	if (ret == -EAGAIN && blk->ring.fd >= 0) {
		if (blk_uring_start(blk, q, chain, req) == 0)
			return BLK_PENDING;
		ret = blk_io(blk, req, true);
	}
	return blk_io_status(blk, req, ret);
}

/* Takes one request. Returns how much work it was, in units of 64 KiB; 0 when there is none, or it
 * may not pass now. */
static unsigned int take_one(struct blk *blk, struct virtq *q)
{
	struct virtq_chain *chain = blk->virtio.chain;
	struct blk_request req = {0};
	unsigned int work;
	int status;

	if (virtq_pop(q, chain) <= 0)
		return 0;
	status = blk_parse(blk, chain, &req);
	work = 1 + (unsigned int)(req.len / KIB(64));
	if (status == BLK_PENDING && !admit(blk, &req)) {
		virtq_unpop(q, chain);
		return 0;
	}
	fair_charge(&blk->turns, q->index, cost(blk, &req));
	if (status == BLK_PENDING)
		status = carry_out(blk, q, chain, &req);
	if (status >= 0)
		virtq_push(q, chain, blk_answer(&req, (uint8_t)status));
	else if (status != BLK_PENDING)
		virtq_unpin(chain);
	return work;
}

/* The turn of a queue: one request, or it stops to wait. Returns the work; looking is some, too. */
static unsigned int turn(struct blk *blk, struct virtq *q)
{
	unsigned int work;

	if (!blk_uring_room(blk, q->index)) {
		fair_leave(&blk->turns, q->index);
		blk->crowded |= UINT64_C(1) << q->index;
		return 1;
	}
	work = take_one(blk, q);
	if (work > 0 || blk->paused)
		return work;
	/* what waits for the host is on its way before the driver is told of the rest */
	blk_uring_submit(blk);
	if (!virtio_done(q))
		fair_leave(&blk->turns, q->index);
	return 1;
}

/* Lets those wait for their turns that there is room for again; is there one? */
static bool uncrowd(struct blk *blk)
{
	bool some = false;

	for (uint64_t left = blk->crowded; left != 0; left &= left - 1) {
		unsigned int i = (unsigned int)__builtin_ctzll(left);

		if (!blk_uring_room(blk, i))
			continue;
		blk->crowded &= ~(UINT64_C(1) << i);
		fair_wait(&blk->turns, i);
		some = true;
	}
	return some;
}

static void notify_all(struct blk *blk)
{
	for (unsigned int i = 0; i < blk->virtio.nqueues; i++)
		virtio_notify(&blk->virtio.queue[i]);
}

void blk_serve(struct blk *blk)
{
	unsigned int budget = BLK_QUEUE_SIZE;
	int next;

	if (!virtio_runs(&blk->virtio))
		return;
	notify_all(blk); /* of what the ring has done */
	uncrowd(blk);
	do {
		while (budget > 0 && !blk->paused && (next = fair_next(&blk->turns)) >= 0) {
			unsigned int work = turn(blk, &blk->virtio.queue[next]);

			budget -= work < budget ? work : budget;
		}
		/* what the kernel does not take is done there, and nobody will tell of its end */
		blk_uring_submit(blk);
	} while (uncrowd(blk) && budget > 0);
	notify_all(blk);
	/* after much work the other devices get their turn */
	next = fair_next(&blk->turns);
	if (next >= 0 && !blk->paused)
		virtq_kick(&blk->virtio.queue[next]);
}

static void kick(struct virtio_device *dev, struct virtq *q)
{
	struct blk *blk = self(dev);

	if (!(blk->crowded >> q->index & 1))
		fair_wait(&blk->turns, q->index);
	blk_serve(blk);
}

/* --- the device ------------------------------------------------------------------------------- */

/* With the device's lock, as its configuration space is; requests look at it without. */
static void set_wce(struct blk *blk, uint8_t value)
{
	__atomic_store_n(&blk->config.wce, value, __ATOMIC_RELAXED);
}

/* Section 5.2.5.1: a driver that knows no flushes gets no cache. */
static int activate(struct virtio_device *dev)
{
	pthread_mutex_lock(&dev->lock);
	if (virtio_has(dev, VIRTIO_BLK_F_CONFIG_WCE) && !virtio_has(dev, VIRTIO_BLK_F_FLUSH))
		set_wce(self(dev), 0);
	pthread_mutex_unlock(&dev->lock);
	return 0;
}

/* The driver chooses the cache's mode; all else is read-only. */
static void write_config(struct virtio_device *dev, uint32_t offset, const void *data, uint32_t len)
{
	if (offset == offsetof(struct virtio_blk_config, wce) && len == 1 &&
	    virtio_has(dev, VIRTIO_BLK_F_CONFIG_WCE))
		set_wce(self(dev), *(const uint8_t *)data & 1);
}

static void reset(struct virtio_device *dev)
{
	struct blk *blk = self(dev);

	blk_uring_drain(blk);
	if (blk->timer.source.fd >= 0)
		timer_set(&blk->timer, 0);
	blk->paused = false;
	blk->turns = (struct fair){0};
	blk->crowded = 0;
	pthread_mutex_lock(&dev->lock);
	set_wce(blk, 1);
	pthread_mutex_unlock(&dev->lock);
}

/* Section 5.2.4. */
static void describe(struct blk *blk, const struct config_disk *disk, size_t index)
{
	struct virtio_device *dev = &blk->virtio;
	char id[sizeof(blk->id) + 1] = "";

	blk->config = (struct virtio_blk_config){
		.capacity = blk->image.size / BLK_SECTOR,
		.size_max = BLK_MAX_SEG,
		.seg_max = BLK_MAX_SEGS,
		.blk_size = BLK_SECTOR,
		.physical_block_exp = PAGE_EXP,
		.min_io_size = 1u << PAGE_EXP,
		.wce = 1,
		.num_queues = (uint16_t)disk->queues,
		.max_discard_sectors = BLK_MAX_DISCARD / BLK_SECTOR,
		.max_discard_seg = 1,
		.discard_sector_alignment = 1u << PAGE_EXP,
		.max_write_zeroes_sectors = BLK_MAX_ZEROES / BLK_SECTOR,
		.max_write_zeroes_seg = 1,
		.write_zeroes_may_unmap = 1,
	};
	dev->config = &blk->config;
	dev->config_len = offsetof(struct virtio_blk_config, max_secure_erase_sectors);
	dev->offered = BIT(VIRTIO_BLK_F_SIZE_MAX) | BIT(VIRTIO_BLK_F_SEG_MAX) |
		       BIT(VIRTIO_BLK_F_BLK_SIZE) | BIT(VIRTIO_BLK_F_TOPOLOGY) |
		       BIT(VIRTIO_BLK_F_FLUSH) | BIT(VIRTIO_BLK_F_CONFIG_WCE) |
		       BIT(VIRTIO_BLK_F_MQ);
	dev->offered |= blk->image.readonly
				? BIT(VIRTIO_BLK_F_RO)
				: BIT(VIRTIO_BLK_F_DISCARD) | BIT(VIRTIO_BLK_F_WRITE_ZEROES);
	/* padded with zeros, and without one if it is that long: section 5.2.6.1 */
	if (disk->serial)
		snprintf(id, sizeof(id), "%s", disk->serial);
	else
		snprintf(id, sizeof(id), "disk%zu", index);
	memcpy(blk->id, id, sizeof(blk->id));
}

static size_t count(const struct vmm_config *config)
{
	return config->ndisks;
}

static int check(const struct sys *sys, const struct vmm_config *config, size_t index,
		 struct vmm_error *err)
{
	struct blk_image image;
	int ret = blk_image_open(&image, sys, &config->disk[index], index, false, err);

	if (ret == 0)
		blk_image_close(&image, sys);
	return ret;
}

static int open_blk(struct virtio_device *dev, const struct vmm_config *config, size_t index,
		    struct vmm_error *err)
{
	const struct config_disk *disk = &config->disk[index];
	struct blk *blk = self(dev);
	int ret;

	blk->image.fd = blk->image.direct_fd = blk->ring.fd = blk->timer.source.fd = -1;
	ret = virtio_queues(dev, disk->queues, BLK_QUEUE_SIZE, err);
	if (ret == 0)
		ret = blk_image_open(&blk->image, dev->host->sys, disk, index, true, err);
	if (ret < 0)
		return ret;
	if (blk->image.rest > 0)
		vmm_log(dev->host->log, VMM_LOG_WARN,
			"%s: %s is no whole number of sectors: its last %" PRIu64
			" bytes are left out",
			dev->name, disk->path, blk->image.rest);
	describe(blk, disk, index);
	blk->bytes.per_second = disk->bandwidth;
	blk->requests.per_second = disk->iops;
	if (disk->bandwidth || disk->iops)
		ret = timer_init(&blk->timer, dev->loop, timer_expired, err);
	blk_uring_init(blk);
	return ret;
}

static void close_blk(struct virtio_device *dev)
{
	struct blk *blk = self(dev);

	blk_uring_destroy(blk);
	timer_destroy(&blk->timer);
	blk_image_close(&blk->image, dev->host->sys);
}

const struct virtio_ops virtio_blk = {
	.name = "disk",
	.numbered = true,
	.id = VIRTIO_ID_BLOCK,
	.size = sizeof(struct blk),
	.count = count,
	.check = check,
	.open = open_blk,
	.activate = activate,
	.kick = kick,
	.reset = reset,
	.write_config = write_config,
	.close = close_blk,
};
