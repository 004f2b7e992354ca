// SPDX-License-Identifier: MIT
#include "vmm/base/bytes.h"
#include "vmm/virtio/blk_internal.h"

#include <errno.h>
#include <linux/virtio_ids.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WCE offsetof(struct virtio_blk_config, wce)

/* What fits into a page of most file systems and devices of today; drivers align to it if they are
 * told, and need not. 2^3 sectors. */
#define PAGE_EXP 3

static struct blk *self(struct virtio_device *dev)
{
	return (struct blk *)dev;
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
	struct blk *blk = (struct blk *)((char *)timer - offsetof(struct blk, timer));

	blk->paused = false;
	blk_serve(blk);
}

/* --- requests --------------------------------------------------------------------------------- */

/* Carries it out, or has that done: its status, or BLK_PENDING. */
static int carry_out(struct blk *blk, struct virtq *q, struct virtq_chain *chain,
		     struct blk_request *req)
{
	int ret = -EAGAIN;

	if (blk->ring.fd >= 0) {
		ret = blk_io_now(blk, req);
		if (ret == -EAGAIN && blk_async_start(blk, q, chain, req) == 0)
			return BLK_PENDING;
	}
	if (ret == -EAGAIN)
		ret = blk_io(blk, req);
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
		virtq_drop(chain);
		virtq_unpop(q);
		return 0;
	}
	fair_charge(&blk->turns, q->index, cost(blk, &req));
	if (status == BLK_PENDING)
		status = carry_out(blk, q, chain, &req);
	if (status >= 0)
		virtq_put(q, chain, blk_answer(&req, (uint8_t)status));
	else if (status != BLK_PENDING)
		virtq_drop(chain);
	return work;
}

/* The turn of a queue: one request, or it stops to wait. Returns the work; looking is some, too. */
static unsigned int turn(struct blk *blk, struct virtq *q)
{
	unsigned int work;

	if (!blk_async_room(blk, q->index)) {
		fair_leave(&blk->turns, q->index);
		blk->crowded |= 1ULL << q->index;
		return 1;
	}
	work = take_one(blk, q);
	if (work > 0 || blk->paused)
		return work;
	/* what waits for the host is on its way before the driver is told of the rest */
	blk_async_submit(blk);
	virtq_publish(q);
	if (!virtq_rearm(q))
		fair_leave(&blk->turns, q->index);
	return 1;
}

/* Lets those wait for their turns that there is room for again; is there one? */
static bool uncrowd(struct blk *blk)
{
	bool some = false;

	for (uint64_t left = blk->crowded; left != 0; left &= left - 1) {
		unsigned int i = (unsigned int)__builtin_ctzll(left);

		if (!blk_async_room(blk, i))
			continue;
		blk->crowded &= ~(1ULL << i);
		fair_wait(&blk->turns, i);
		some = true;
	}
	return some;
}

void blk_serve(struct blk *blk)
{
	unsigned int budget = BLK_QUEUE_SIZE;
	int next;

	if (!virtio_runs(&blk->virtio))
		return;
	uncrowd(blk);
	do {
		while (budget > 0 && !blk->paused && (next = fair_next(&blk->turns)) >= 0) {
			unsigned int work = turn(blk, &blk->virtio.queue[next]);

			budget -= work < budget ? work : budget;
		}
		/* what the kernel does not take is done there, and nobody will tell of its end */
		blk_async_submit(blk);
	} while (uncrowd(blk) && budget > 0);
	for (unsigned int i = 0; i < blk->virtio.nqueues; i++)
		virtq_publish(&blk->virtio.queue[i]);
	/* after much work the other devices get their turn */
	next = fair_next(&blk->turns);
	if (next >= 0 && !blk->paused)
		virtq_again(&blk->virtio.queue[next]);
}

static void notify(struct virtio_device *dev, unsigned int queue)
{
	struct blk *blk = self(dev);

	if (!(blk->crowded >> queue & 1))
		fair_wait(&blk->turns, queue);
	blk_serve(blk);
}

/* --- the device ------------------------------------------------------------------------------- */

static void set_wce(struct blk *blk, uint8_t value)
{
	pthread_mutex_lock(&blk->virtio.lock);
	blk->config[WCE] = value;
	pthread_mutex_unlock(&blk->virtio.lock);
}

/* Section 5.2.5.1: a driver that knows no flushes gets no cache. */
static int activate(struct virtio_device *dev)
{
	if (virtio_has(dev, VIRTIO_BLK_F_CONFIG_WCE) && !virtio_has(dev, VIRTIO_BLK_F_FLUSH))
		set_wce(self(dev), 0);
	return 0;
}

/* The driver chooses the cache's mode; all else is read-only. */
static void write_config(struct virtio_device *dev, uint32_t offset, const void *data, uint32_t len)
{
	if (offset == WCE && len == 1 && virtio_has(dev, VIRTIO_BLK_F_CONFIG_WCE))
		set_wce(self(dev), *(const uint8_t *)data & 1);
}

static void reset(struct virtio_device *dev)
{
	struct blk *blk = self(dev);

	blk_async_drain(blk);
	if (blk->timer.source.fd >= 0)
		timer_set(&blk->timer, 0);
	blk->paused = false;
	blk->turns = (struct fair){0};
	blk->crowded = 0;
	set_wce(blk, 1);
}

static void destroy(struct virtio_device *dev)
{
	struct blk *blk = self(dev);

	if (dev->host) {
		blk_async_destroy(blk);
		timer_destroy(&blk->timer);
		blk_image_close(&blk->image, dev->host->sys);
	}
	virtio_destroy(dev);
	free(blk);
}

static const struct virtio_ops ops = {
	.name = "disk",
	.id = VIRTIO_ID_BLOCK,
	.activate = activate,
	.notify = notify,
	.reset = reset,
	.write_config = write_config,
	.destroy = destroy,
};

/* Section 5.2.4. */
static void describe(struct blk *blk, const struct config_disk *disk, size_t index)
{
#define FIELD(field) (&blk->config[offsetof(struct virtio_blk_config, field)])
	put_le64(FIELD(capacity), blk->image.size / BLK_SECTOR);
	put_le32(FIELD(size_max), BLK_MAX_SEG);
	put_le32(FIELD(seg_max), BLK_MAX_SEGS);
	put_le32(FIELD(blk_size), BLK_SECTOR);
	*FIELD(physical_block_exp) = PAGE_EXP;
	put_le16(FIELD(min_io_size), 1u << PAGE_EXP);
	*FIELD(wce) = 1;
	put_le16(FIELD(num_queues), (uint16_t)disk->queues);
	put_le32(FIELD(max_discard_sectors), BLK_MAX_DISCARD / BLK_SECTOR);
	put_le32(FIELD(max_discard_seg), 1);
	put_le32(FIELD(discard_sector_alignment), 1u << PAGE_EXP);
	put_le32(FIELD(max_write_zeroes_sectors), BLK_MAX_ZEROES / BLK_SECTOR);
	put_le32(FIELD(max_write_zeroes_seg), 1);
	*FIELD(write_zeroes_may_unmap) = 1;
#undef FIELD
	blk->virtio.config = blk->config;
	blk->virtio.config_len = sizeof(blk->config);
	blk->virtio.offered = 1ULL << VIRTIO_BLK_F_SIZE_MAX | 1ULL << VIRTIO_BLK_F_SEG_MAX |
			      1ULL << VIRTIO_BLK_F_BLK_SIZE | 1ULL << VIRTIO_BLK_F_TOPOLOGY |
			      1ULL << VIRTIO_BLK_F_FLUSH | 1ULL << VIRTIO_BLK_F_CONFIG_WCE |
			      1ULL << VIRTIO_BLK_F_MQ;
	if (blk->image.readonly)
		blk->virtio.offered |= 1ULL << VIRTIO_BLK_F_RO;
	else
		blk->virtio.offered |=
			1ULL << VIRTIO_BLK_F_DISCARD | 1ULL << VIRTIO_BLK_F_WRITE_ZEROES;

	/* padded with zeros, and without one if it is that long: section 5.2.6.1 */
	if (disk->serial) {
		memcpy(blk->id, disk->serial, strnlen(disk->serial, sizeof(blk->id)));
	} else {
		char name[sizeof(blk->id) + 1];
		int n = snprintf(name, sizeof(name), "disk%zu", index);

		memcpy(blk->id, name, (size_t)n < sizeof(blk->id) ? (size_t)n : sizeof(blk->id));
	}
}

static int init(struct blk *blk, struct virtio_host *host, const struct config_disk *disk,
		size_t index, struct vmm_error *err)
{
	char name[24];
	int ret;

	snprintf(name, sizeof(name), "disk %zu", index);
	ret = virtio_init(&blk->virtio, &ops, host, name, disk->queues, BLK_QUEUE_SIZE, err);
	if (ret == 0)
		ret = blk_image_open(&blk->image, host->sys, disk, index, true, err);
	if (ret < 0)
		return ret;
	if (blk->image.rest > 0)
		vmm_log(host->log, VMM_LOG_WARN,
			"disk %zu: %s is no whole number of sectors: its last %llu bytes are left "
			"out",
			index, disk->path, (unsigned long long)blk->image.rest);
	describe(blk, disk, index);
	blk->bytes.per_second = disk->bandwidth;
	blk->requests.per_second = disk->iops;
	if (disk->bandwidth || disk->iops)
		ret = timer_init(&blk->timer, blk->virtio.loop, timer_expired, err);
	blk_async_init(blk);
	return ret;
}

int virtio_blk_create(struct virtio_device **dev, struct virtio_host *host,
		      const struct config_disk *disk, size_t index, struct vmm_error *err)
{
	struct blk *blk = calloc(1, sizeof(*blk));
	int ret;

	*dev = NULL;
	if (!blk)
		return vmm_error_errno(err, -ENOMEM, "unable to allocate a device");
	blk->image.fd = blk->image.direct_fd = blk->ring.fd = blk->timer.source.fd = -1;
	ret = init(blk, host, disk, index, err);
	if (ret < 0) {
		destroy(&blk->virtio);
		return ret;
	}
	*dev = &blk->virtio;
	return 0;
}
