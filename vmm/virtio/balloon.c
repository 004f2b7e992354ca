// SPDX-License-Identifier: MIT
/*
 * A memory balloon (virtio 1.2, section 5.5) for plain guests: [balloon]. Pages that the guest puts
 * into it, or reports as free, go back to the host; it gets new ones, of zeros, by touching them.
 */
#include "vmm/virtio/virtio.h"

#include <inttypes.h>
#include <linux/virtio_balloon.h>
#include <linux/virtio_ids.h>
#include <string.h>

/* Linux reports free pages to queues of at least 32 entries only (page_reporting.h). */
#define QUEUE_SIZE 32

/* Numbered without the queues of features that are not offered, as Linux does it; section 5.5.2
 * would have REPORTING at 4. */
enum { INFLATE, DEFLATE, REPORTING, QUEUES };

/* Pages that one request puts into the balloon at most, for the other devices' sake; Linux sends
 * 256. The others stay where they are, and are not missed. */
#define MAX_PAGES 512

struct balloon {
	struct virtio_device virtio;
	struct { /* struct virtio_balloon_config, as far as its features are offered */
		uint32_t num_pages, actual;
	} config;
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
		virtio_complain(dev, "the guest gives away page %#" PRIx64 ", which is not RAM",
				page);
		return;
	}
	give_back(dev, pin.ptr, n * PAGE_SIZE);
	mem_unpin(&pin);
}

/* Page numbers of 32 bits; neighbours go back together. */
static int serve_inflate(struct virtio_device *dev, struct virtq *q, struct virtq_chain *chain)
{
	uint32_t page[MAX_PAGES];
	size_t count = chain_read(chain, 0, page, sizeof(page)) / sizeof(page[0]);

	(void)q;
	for (size_t i = 0, n; i < count; i += n) {
		for (n = 1; i + n < count && page[i + n] == (uint64_t)page[i] + n; n++)
			;
		inflate(dev, page[i], n);
	}
	return 0;
}

/* Pages come back by being touched: there is nothing to do. */
static int serve_deflate(struct virtio_device *dev, struct virtq *q, struct virtq_chain *chain)
{
	(void)dev, (void)q, (void)chain;
	return 0;
}

/* The buffers are the free pages themselves (section 5.5.6.7). */
static int serve_reporting(struct virtio_device *dev, struct virtq *q, struct virtq_chain *chain)
{
	(void)q;
	for (unsigned int i = 0; i < chain->nwrite; i++)
		give_back(dev, chain->write[i].iov_base, chain->write[i].iov_len);
	return 0;
}

static void kick(struct virtio_device *dev, struct virtq *q)
{
	if (q->index == INFLATE)
		virtio_serve(q, serve_inflate);
	else if (q->index == DEFLATE)
		virtio_serve(q, serve_deflate);
	else if (virtio_has(dev, VIRTIO_BALLOON_F_REPORTING))
		virtio_serve(q, serve_reporting);
}

/* The driver says how far it got. Nobody asks for it yet, but it may read it back. */
static void write_config(struct virtio_device *dev, uint32_t offset, const void *data, uint32_t len)
{
	struct balloon *balloon = container_of(dev, struct balloon, virtio);

	if (offset == sizeof(uint32_t) && len == sizeof(balloon->config.actual))
		memcpy(&balloon->config.actual, data, len);
}

static size_t count(const struct vmm_config *config)
{
	return config->balloon.present;
}

static int open_balloon(struct virtio_device *dev, const struct vmm_config *config, size_t index,
			struct vmm_error *err)
{
	struct balloon *balloon = container_of(dev, struct balloon, virtio);

	(void)index;
	if (config->balloon.reporting)
		dev->offered |= BIT(VIRTIO_BALLOON_F_REPORTING);
	if (config->balloon.deflate_on_oom)
		dev->offered |= BIT(VIRTIO_BALLOON_F_DEFLATE_ON_OOM);
	balloon->config.num_pages = (uint32_t)(config->balloon.size / PAGE_SIZE);
	dev->config = &balloon->config;
	dev->config_len = sizeof(balloon->config);
	return virtio_queues(dev, QUEUES, QUEUE_SIZE, err);
}

const struct virtio_ops virtio_balloon = {
	.name = "balloon",
	.id = VIRTIO_ID_BALLOON,
	.size = sizeof(struct balloon),
	.count = count,
	.open = open_balloon,
	.kick = kick,
	.write_config = write_config,
};
