// SPDX-License-Identifier: MIT
#include "vmm/virtio/rng.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_SIZE 64

/* Bytes that one request gets at most, however much it asks for: drivers come again (Linux asks for
 * 32 to 64 at a time), and a request takes the other devices' time. */
#define MAX_REQUEST 4096

struct rng {
	struct virtio_device virtio;
	int fd;
	uint64_t offset; /* matters for files only */
};

static uint32_t serve(struct virtio_device *dev, struct virtq *q, struct virtq_chain *chain)
{
	const struct sys *sys = dev->host->sys;
	struct rng *rng = (struct rng *)dev;
	uint8_t bytes[MAX_REQUEST];
	size_t want = chain->write_len < sizeof(bytes) ? chain->write_len : sizeof(bytes);
	ssize_t n;

	(void)q;
	if (want == 0)
		return 0;
	n = sys->ops->pread(sys->ctx, rng->fd, bytes, want, rng->offset);
	if (n <= 0) {
		virtio_complain(dev, "its source gives no bytes (%s)",
				n < 0 ? strerrorname_np((int)-n) : "it is at its end");
		return 0;
	}
	rng->offset += (uint64_t)n;
	return (uint32_t)chain_write(chain, 0, bytes, (size_t)n);
}

static void notify(struct virtio_device *dev, unsigned int queue)
{
	virtq_serve(&dev->queue[queue], serve);
}

static void destroy(struct virtio_device *dev)
{
	struct rng *rng = (struct rng *)dev;

	if (dev->host)
		sys_close(dev->host->sys, &rng->fd);
	virtio_destroy(dev);
	free(rng);
}

static const struct virtio_ops ops = {
	.name = "rng",
	.id = VIRTIO_ID_RNG,
	.notify = notify,
	.destroy = destroy,
};

int virtio_rng_create(struct virtio_device **dev, struct virtio_host *host, const char *source,
		      struct vmm_error *err)
{
	struct rng *rng = calloc(1, sizeof(*rng));
	int ret;

	*dev = NULL;
	if (!rng)
		return vmm_error_errno(err, -ENOMEM, "unable to allocate a device");
	rng->fd = -1;
	ret = virtio_init(&rng->virtio, &ops, host, "rng", 1, QUEUE_SIZE, err);
	if (ret == 0) {
		rng->fd = ret = host->sys->ops->open(host->sys->ctx, source, O_RDONLY);
		if (ret < 0)
			vmm_error_errno(err, ret, "rng.source: unable to open %s", source);
	}
	if (ret < 0) {
		rng->fd = -1;
		destroy(&rng->virtio);
		return ret;
	}
	*dev = &rng->virtio;
	return 0;
}
