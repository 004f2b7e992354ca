// SPDX-License-Identifier: MIT
#include "vmm/virtio/balloon.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <linux/virtio_balloon.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>

/* Linux reports free pages to queues of at least 32 entries only (page_reporting.h). */
#define QUEUE_SIZE 32

/* Numbered without the queues of features that are not offered, as Linux does it; section 5.5.2
 * would have REPORTING at 4. */
enum { INFLATE, DEFLATE, REPORTING, QUEUES };

/* Pages that one request puts into the balloon at most, for the other devices' sake; Linux sends
 * 256. The others stay where they are, and are not missed. */
#define MAX_PAGES 512

#define CONFIG_ACTUAL 4 /* in the configuration space: pages that the guest has put into it */
#define CONFIG_SIZE   8

struct balloon {
	struct virtio_device virtio;
	uint8_t config[CONFIG_SIZE];
};

static void give_back(struct virtio_device *dev, void *ptr, size_t len)
{
	int ret = mem_give_back(dev->host->mem, ptr, len);

	if (ret < 0)
		virtio_complain(dev, "unable to give %zu bytes back to the host (%s)", len,
				strerrorname_np(-ret));
}

/* Pages [page, page + n), if they are RAM that the guest can write to. */
static void inflate(struct virtio_device *dev, uint64_t page, uint64_t n)
{
	struct mem_pin pin;

	if (mem_pin(dev->host->mem, page * PAGE_SIZE, n * PAGE_SIZE, MEM_FOR_WRITING, dev->name,
		    &pin) < 0) {
		virtio_complain(dev, "the guest gives away page %#llx, which is not RAM",
				(unsigned long long)page);
		return;
	}
	give_back(dev, pin.ptr, n * PAGE_SIZE);
	mem_unpin(&pin);
}

/* Page numbers of 32 bits; neighbours go back together. */
static uint32_t serve_inflate(struct virtio_device *dev, struct virtq *q, struct virtq_chain *chain)
{
	uint8_t raw[4 * MAX_PAGES];
	size_t count = chain_read(chain, 0, raw, sizeof(raw)) / 4;
	uint64_t first = 0, n = 0;

	(void)q;
	for (size_t i = 0; i < count; i++) {
		uint32_t page = get_le32(raw + 4 * i);

		if (n > 0 && page == first + n) {
			n++;
			continue;
		}
		if (n > 0)
			inflate(dev, first, n);
		first = page;
		n = 1;
	}
	if (n > 0)
		inflate(dev, first, n);
	return 0;
}

/* Pages come back by being touched: there is nothing to do. */
static uint32_t serve_deflate(struct virtio_device *dev, struct virtq *q, struct virtq_chain *chain)
{
	(void)dev, (void)q, (void)chain;
	return 0;
}

/* The buffers are the free pages themselves (section 5.5.6.7). */
static uint32_t serve_reporting(struct virtio_device *dev, struct virtq *q,
				struct virtq_chain *chain)
{
	(void)q;
	for (unsigned int i = 0; i < chain->nwrite; i++)
		give_back(dev, chain->write[i].iov_base, chain->write[i].iov_len);
	return 0;
}

static void notify(struct virtio_device *dev, unsigned int queue)
{
	if (queue == REPORTING && !virtio_has(dev, VIRTIO_BALLOON_F_REPORTING))
		return;
	virtq_serve(&dev->queue[queue], queue == INFLATE   ? serve_inflate
					: queue == DEFLATE ? serve_deflate
							   : serve_reporting);
}

/* The driver says how far it got. Nobody asks for it yet, but it may read it back. */
static void write_config(struct virtio_device *dev, uint32_t offset, const void *data, uint32_t len)
{
	struct balloon *balloon = (struct balloon *)dev;

	if (offset != CONFIG_ACTUAL || len != 4)
		return;
	pthread_mutex_lock(&dev->lock);
	put_le32(balloon->config + CONFIG_ACTUAL, get_le32(data));
	pthread_mutex_unlock(&dev->lock);
}

static void destroy(struct virtio_device *dev)
{
	virtio_destroy(dev);
	free(dev);
}

static const struct virtio_ops ops = {
	.name = "balloon",
	.id = VIRTIO_ID_BALLOON,
	.notify = notify,
	.write_config = write_config,
	.destroy = destroy,
};

int virtio_balloon_create(struct virtio_device **dev, struct virtio_host *host,
			  const struct config_balloon *config, struct vmm_error *err)
{
	struct balloon *balloon = calloc(1, sizeof(*balloon));
	int ret;

	*dev = NULL;
	if (!balloon)
		return vmm_error_errno(err, -ENOMEM, "unable to allocate a device");
	ret = virtio_init(&balloon->virtio, &ops, host, "balloon", QUEUES, QUEUE_SIZE, err);
	if (ret < 0) {
		destroy(&balloon->virtio);
		return ret;
	}
	if (config->reporting)
		balloon->virtio.offered |= 1ULL << VIRTIO_BALLOON_F_REPORTING;
	if (config->deflate_on_oom)
		balloon->virtio.offered |= 1ULL << VIRTIO_BALLOON_F_DEFLATE_ON_OOM;
	put_le32(balloon->config, (uint32_t)(config->size / PAGE_SIZE));
	balloon->virtio.config = balloon->config;
	balloon->virtio.config_len = CONFIG_SIZE;
	*dev = &balloon->virtio;
	return 0;
}
