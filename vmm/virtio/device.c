// SPDX-License-Identifier: MIT
/* What all virtio devices have in common, on the side of the device. */
#include "vmm/base/event.h"
#include "vmm/virtio/virtio.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

static void kicked(struct loop_source *source, uint32_t events)
{
	struct virtq *q = container_of(source, struct virtq, kick);

	/* The count is never read, and never at its limit: each write to an eventfd is an edge, so
	 * a notification costs one system call less. */
	(void)events;
	if (q->live)
		q->dev->ops->kick(q->dev, q);
}

/* --- its life --------------------------------------------------------------------------------- */

int virtio_create(struct virtio_device **out, const struct virtio_ops *ops,
		  struct virtio_host *host, const struct vmm_config *config, size_t index,
		  struct vmm_error *err)
{
	struct virtio_device *dev = calloc(1, ops->size);
	int ret;

	*out = NULL;
	if (!dev)
		return vmm_error_errno(err, -ENOMEM, "unable to allocate a %s device", ops->name);
	dev->dev.ops = &virtio_mmio_ops;
	dev->ops = ops;
	dev->host = host;
	dev->loop = host->loops[host->next_loop++ % host->nloops];
	dev->irq_fd = -1;
	pthread_mutex_init(&dev->lock, NULL);
	if (ops->numbered)
		snprintf(dev->name, sizeof(dev->name), "%s %zu", ops->name, index);
	else
		snprintf(dev->name, sizeof(dev->name), "%s", ops->name);
	ret = ops->open(dev, config, index, err);
	if (ret < 0) {
		virtio_destroy(dev);
		return ret;
	}
	*out = dev;
	return 0;
}

void virtio_destroy(struct virtio_device *dev)
{
	const struct sys *sys = dev->host->sys;

	if (dev->active && dev->ops->reset)
		dev->ops->reset(dev);
	if (dev->ops->close)
		dev->ops->close(dev);
	for (unsigned int i = 0; i < dev->nqueues; i++) {
		if (dev->queue[i].kick.fd >= 0)
			loop_remove(dev->loop, &dev->queue[i].kick);
		sys_close(sys, &dev->queue[i].kick.fd);
	}
	sys_close(sys, &dev->irq_fd);
	pthread_mutex_destroy(&dev->lock);
	free(dev->queue);
	free(dev->chain);
	free(dev);
}

int virtio_queues(struct virtio_device *dev, unsigned int n, uint16_t max_size,
		  struct vmm_error *err)
{
	dev->queue = calloc(n, sizeof(*dev->queue));
	dev->chain = malloc(sizeof(*dev->chain));
	if (!dev->queue || !dev->chain)
		return vmm_error_errno(err, -ENOMEM, "unable to allocate the queues of %s",
				       dev->name);
	dev->nqueues = n;
	for (unsigned int i = 0; i < n; i++) {
		dev->queue[i] = (struct virtq){
			.index = i, .max_size = max_size, .kick = {kicked, -1}, .dev = dev};
		virtq_reset(&dev->queue[i]);
	}
	return 0;
}

/* --- its connections -------------------------------------------------------------------------- */

static int open_eventfd(const struct virtio_device *dev, int *fd, struct vmm_error *err)
{
	const struct sys *sys = dev->host->sys;

	*fd = sys->ops->eventfd(sys->ctx);
	return *fd < 0 ? vmm_error_errno(err, *fd, "unable to create an eventfd") : 0;
}

int virtio_watch(struct virtq *q, struct vmm_error *err)
{
	return loop_add(q->dev->loop, &q->kick, EPOLLIN | EPOLLET, err);
}

static int connect_queue(struct virtq *q, uint64_t gpa, struct vmm_error *err)
{
	const struct virtio_device *dev = q->dev;
	int ret = open_eventfd(dev, &q->kick.fd, err);
	struct kvm_ioeventfd notify = {
		.addr = gpa + VIRTIO_MMIO_QUEUE_NOTIFY,
		.len = 4,
		.datamatch = q->index,
		.flags = KVM_IOEVENTFD_FLAG_DATAMATCH,
		.fd = q->kick.fd,
	};

	if (ret == 0)
		ret = virtio_watch(q, err);
	if (ret == 0 && dev->host->kvm_vm)
		ret = kvm_vm_ioeventfd(dev->host->kvm_vm, &notify, err);
	return ret;
}

int virtio_connect(struct virtio_device *dev, uint64_t gpa, uint32_t gsi, struct vmm_error *err)
{
	int ret = open_eventfd(dev, &dev->irq_fd, err);
	struct kvm_irqfd irqfd = {.gsi = gsi, .fd = (uint32_t)dev->irq_fd};

	if (ret == 0 && dev->host->kvm_vm)
		ret = kvm_vm_irqfd(dev->host->kvm_vm, &irqfd, err);
	for (unsigned int i = 0; ret >= 0 && i < dev->nqueues; i++)
		ret = connect_queue(&dev->queue[i], gpa, err);
	if (ret < 0)
		vmm_error_prefix(err, "%s", dev->name);
	return ret < 0 ? ret : 0;
}

/* --- while it runs ---------------------------------------------------------------------------- */

bool virtio_runs(const struct virtio_device *dev)
{
	return dev->active && !(atomic_load(&dev->status) & VIRTIO_CONFIG_S_NEEDS_RESET);
}

void virtio_interrupt(struct virtio_device *dev, uint32_t why)
{
	/* first the reason, then the pulse: whoever handles the pulse sees the reason */
	atomic_fetch_or(&dev->interrupt, why);
	event_raise(dev->irq_fd); /* KVM takes the count away at once */
}

void virtio_notify(struct virtq *q)
{
	int ret = virtq_signal(q);

	if (ret > 0)
		virtio_interrupt(q->dev, VIRTIO_MMIO_INT_VRING);
	else if (ret < 0)
		virtio_broken(q->dev, "%s", q->fault);
}

bool virtio_done(struct virtq *q)
{
	bool more;

	virtio_notify(q);
	more = virtq_rearm(q);
	if (q->fault[0])
		virtio_broken(q->dev, "%s", q->fault);
	return more;
}

void virtio_serve(struct virtq *q,
		  int (*one)(struct virtio_device *dev, struct virtq *q, struct virtq_chain *chain))
{
	struct virtq_chain *chain = q->dev->chain;
	unsigned int left;

	if (!q->live)
		return; /* vCPUs may be setting it up */
	left = q->size;
	do {
		for (; left > 0 && virtq_pop(q, chain) > 0; left--) {
			int written = one(q->dev, q, chain);

			if (written < 0) {
				virtq_unpop(q, chain);
				virtio_notify(q);
				return;
			}
			virtq_push(q, chain, (uint32_t)written);
		}
		if (left == 0) {
			virtio_notify(q);
			virtq_kick(q);
			return;
		}
	} while (virtio_done(q));
}

static void __attribute__((format(printf, 2, 0)))
complain(struct virtio_device *dev, const char *fmt, va_list ap)
{
	char text[256];

	vsnprintf(text, sizeof(text), fmt, ap);
	vmm_log_limited(dev->host->log, &dev->complaints, VMM_LOG_WARN, "%s: %s", dev->name, text);
}

void virtio_complain(struct virtio_device *dev, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(dev, fmt, ap);
	va_end(ap);
}

void virtio_broken(struct virtio_device *dev, const char *fmt, ...)
{
	uint32_t before = atomic_load(&dev->status);
	bool active = before & VIRTIO_CONFIG_S_DRIVER_OK; /* so this is its I/O thread */
	va_list ap;

	if (before & VIRTIO_CONFIG_S_NEEDS_RESET)
		return;
	for (unsigned int i = 0; active && i < dev->nqueues; i++)
		dev->queue[i].live = false;
	/* whoever sees the bit sees the reason, too */
	if (active)
		atomic_fetch_or(&dev->interrupt, VIRTIO_MMIO_INT_CONFIG);
	atomic_fetch_or(&dev->status, VIRTIO_CONFIG_S_NEEDS_RESET);
	va_start(ap, fmt);
	complain(dev, fmt, ap);
	va_end(ap);
	if (active)
		virtio_interrupt(dev, VIRTIO_MMIO_INT_CONFIG);
}

void virtio_set_config(struct virtio_device *dev, uint32_t offset, const void *data, uint32_t len)
{
	pthread_mutex_lock(&dev->lock);
	memcpy((uint8_t *)dev->config + offset, data, len);
	dev->generation++;
	pthread_mutex_unlock(&dev->lock);
	if (virtio_runs(dev))
		virtio_interrupt(dev, VIRTIO_MMIO_INT_CONFIG);
}
