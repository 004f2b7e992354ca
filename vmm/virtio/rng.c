// SPDX-License-Identifier: MIT
#include "vmm/virtio/rng.h"

#include "vmm/virtio/rng_source.h"

#include <errno.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define QUEUE_SIZE 64

struct rng {
	struct virtio_device virtio;
	struct rng_source source;
	struct loop_source ready; /* of a source that takes its time; fd -1: of none */
};

/*
 * Answers one request: bytes it got, or -EAGAIN when they are not there yet. It gets RNG_SOURCE_MAX
 * bytes at most, however many it asks for: drivers come again (Linux asks for 32 to 64 at a time), and
 * a request takes the other devices' time.
 */
static ssize_t answer(struct rng *rng, struct virtq_chain *chain)
{
	uint8_t bytes[RNG_SOURCE_MAX];
	size_t want = chain->write_len < sizeof(bytes) ? chain->write_len : sizeof(bytes);
	ssize_t n;

	if (want == 0)
		return 0;
	n = rng_source_read(&rng->source, bytes, want);
	if (n == -EAGAIN && rng->source.reader)
		return n;
	if (n <= 0) {
		virtio_complain(&rng->virtio, "its source gives no bytes (%s)",
				n < 0 ? strerrorname_np((int)-n) : "it is at its end");
		return 0;
	}
	return (ssize_t)chain_write(chain, 0, bytes, (size_t)n);
}

/* Works off the queue, as virtq_serve() does, but for requests that have to wait. */
static void serve(struct rng *rng, struct virtq *q)
{
	struct virtq_chain *chain = rng->virtio.chain;
	unsigned int left = q->size;

	do {
		for (; left > 0 && virtq_pop(q, chain) > 0; left--) {
			ssize_t n = answer(rng, chain);

			if (n < 0) {
				virtq_drop(chain);
				virtq_unpop(q);
				virtq_publish(q);
				return;
			}
			virtq_put(q, chain, (uint32_t)n);
		}
		virtq_publish(q);
		if (left == 0) {
			virtq_again(q);
			return;
		}
	} while (virtq_rearm(q));
}

static void notify(struct virtio_device *dev, unsigned int queue)
{
	serve((struct rng *)dev, &dev->queue[queue]);
}

static void source_ready(struct loop_source *source, uint32_t events)
{
	struct rng *rng = (struct rng *)((char *)source - offsetof(struct rng, ready));
	struct virtq *q = &rng->virtio.queue[0];
	uint64_t count;
	ssize_t n = read(source->fd, &count, sizeof(count));

	(void)n; /* nothing to read is fine */
	(void)events;
	if (q->ready && virtio_runs(&rng->virtio))
		serve(rng, q);
}

static void destroy(struct virtio_device *dev)
{
	struct rng *rng = (struct rng *)dev;

	if (rng->ready.fd >= 0)
		loop_remove(dev->loop, &rng->ready);
	rng_source_close(&rng->source);
	virtio_destroy(dev);
	free(rng);
}

static const struct virtio_ops ops = {
	.name = "rng",
	.id = VIRTIO_ID_RNG,
	.notify = notify,
	.destroy = destroy,
};

static int init(struct rng *rng, struct virtio_host *host, const char *source,
		struct vmm_error *err)
{
	int ret = virtio_init(&rng->virtio, &ops, host, "rng", 1, QUEUE_SIZE, err);
	int fd;

	if (ret == 0)
		ret = rng_source_open(&rng->source, host->sys, source, err);
	fd = ret < 0 ? -1 : rng_source_ready_fd(&rng->source);
	if (fd < 0)
		return ret;
	rng->ready.fd = fd;
	ret = loop_add(rng->virtio.loop, &rng->ready, EPOLLIN, err);
	if (ret < 0)
		rng->ready.fd = -1;
	return ret;
}

int virtio_rng_create(struct virtio_device **dev, struct virtio_host *host, const char *source,
		      struct vmm_error *err)
{
	struct rng *rng = calloc(1, sizeof(*rng));
	int ret;

	*dev = NULL;
	if (!rng)
		return vmm_error_errno(err, -ENOMEM, "unable to allocate a device");
	rng->source.fd = -1;
	rng->ready = (struct loop_source){.ready = source_ready, .fd = -1};
	ret = init(rng, host, source, err);
	if (ret < 0) {
		destroy(&rng->virtio);
		return ret;
	}
	*dev = &rng->virtio;
	return 0;
}

void virtio_rng_check(const struct sys *sys, const struct vmm_config *config, files_fault_fn *fault,
		      void *ctx)
{
	struct rng_source source;
	struct vmm_error err;

	if (rng_source_open(&source, sys, config->rng.source, &err) < 0)
		fault(ctx, &err);
	else
		rng_source_close(&source);
}
