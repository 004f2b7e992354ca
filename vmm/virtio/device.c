// SPDX-License-Identifier: MIT
/* What all virtio devices have in common, on the side of the device. */
#include "vmm/base/bytes.h"
#include "vmm/virtio/mmio.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static void queue_ready(struct loop_source *source, uint32_t events)
{
	struct virtq *q = (struct virtq *)((char *)source - offsetof(struct virtq, source));

	/* The count is never read, and never at its limit: each write to an eventfd is an edge, so
	 * a notification costs one system call less. */
	(void)events;
	/* in this order: until the device is active, vCPUs change the queue */
	if (virtio_runs(q->dev) && q->ready)
		q->dev->ops->notify(q->dev, q->index);
}

int virtio_init(struct virtio_device *dev, const struct virtio_ops *ops, struct virtio_host *host,
		const char *name, unsigned int nqueues, uint16_t queue_max, struct vmm_error *err)
{
	dev->dev.ops = &virtio_mmio_ops;
	dev->ops = ops;
	dev->host = host;
	dev->loop = host->loops[host->next_loop++ % host->nloops];
	snprintf(dev->name, sizeof(dev->name), "%s", name);
	dev->irq_fd = -1;
	dev->queue_max = queue_max;
	pthread_mutex_init(&dev->lock, NULL);
	dev->queue = calloc(nqueues, sizeof(*dev->queue));
	dev->chain = malloc(sizeof(*dev->chain));
	if (!dev->queue || !dev->chain)
		return vmm_error_errno(err, -ENOMEM, "unable to allocate the queues of %s", name);
	dev->nqueues = nqueues;
	for (unsigned int i = 0; i < nqueues; i++) {
		dev->queue[i].dev = dev;
		dev->queue[i].index = i;
		dev->queue[i].source = (struct loop_source){.ready = queue_ready, .fd = -1};
		virtq_reset(&dev->queue[i]);
	}
	return 0;
}

void virtio_destroy(struct virtio_device *dev)
{
	const struct sys *sys = dev->host ? dev->host->sys : NULL;

	if (!sys)
		return;
	for (unsigned int i = 0; i < dev->nqueues; i++) {
		if (dev->queue[i].source.fd >= 0)
			loop_remove(dev->loop, &dev->queue[i].source);
		sys_close(sys, &dev->queue[i].source.fd);
	}
	sys_close(sys, &dev->irq_fd);
	pthread_mutex_destroy(&dev->lock);
	free(dev->queue);
	free(dev->chain);
	dev->nqueues = 0;
	dev->queue = NULL;
	dev->chain = NULL;
	dev->host = NULL;
}

static int open_eventfd(const struct virtio_device *dev, int *fd, struct vmm_error *err)
{
	const struct sys *sys = dev->host->sys;
	int ret = sys->ops->eventfd(sys->ctx);

	if (ret < 0)
		return vmm_error_errno(err, ret, "unable to create an eventfd");
	*fd = ret;
	return 0;
}

int virtq_watch(struct virtq *q, struct vmm_error *err)
{
	return loop_add(q->dev->loop, &q->source, EPOLLIN | EPOLLET, err);
}

static int connect_queue(struct virtio_device *dev, struct virtq *q, uint64_t gpa,
			 struct vmm_error *err)
{
	struct kvm_ioeventfd notify = {
		.addr = gpa + VIRTIO_MMIO_QUEUE_NOTIFY,
		.len = 4,
		.datamatch = q->index,
		.flags = KVM_IOEVENTFD_FLAG_DATAMATCH,
	};
	int ret = open_eventfd(dev, &q->source.fd, err);

	if (ret < 0)
		return ret;
	ret = virtq_watch(q, err);
	if (ret < 0)
		return ret;
	notify.fd = q->source.fd;
	if (!dev->host->kvm_vm)
		return 0;
	return kvm_vm_ioeventfd(dev->host->kvm_vm, &notify, err);
}

int virtio_connect(struct virtio_device *dev, uint64_t gpa, uint32_t gsi, struct vmm_error *err)
{
	struct kvm_irqfd irqfd = {.gsi = gsi};
	int ret = open_eventfd(dev, &dev->irq_fd, err);

	if (ret == 0 && dev->host->kvm_vm) {
		irqfd.fd = (uint32_t)dev->irq_fd;
		ret = kvm_vm_irqfd(dev->host->kvm_vm, &irqfd, err);
	}
	for (unsigned int i = 0; ret >= 0 && i < dev->nqueues; i++)
		ret = connect_queue(dev, &dev->queue[i], gpa, err);
	if (ret < 0)
		vmm_error_prefix(err, "%s", dev->name);
	return ret < 0 ? ret : 0;
}

void virtio_interrupt(struct virtio_device *dev, uint32_t why)
{
	uint64_t one = 1;
	ssize_t n;

	/* first the reason, then the pulse: whoever handles the pulse sees the reason */
	atomic_fetch_or(&dev->interrupt, why);
	n = write(dev->irq_fd, &one, sizeof(one));
	(void)n; /* KVM takes the count away at once */
}

bool virtio_runs(const struct virtio_device *dev)
{
	return dev->active && !(atomic_load(&dev->status) & VIRTIO_CONFIG_S_NEEDS_RESET);
}

bool virtio_may_hold(const struct virtio_device *dev)
{
	return dev->host->mem->mode == MEM_MODE_SHARED;
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
	va_list ap;

	if (before & VIRTIO_CONFIG_S_NEEDS_RESET)
		return;
	/* whoever sees the bit sees the reason, too */
	if (before & VIRTIO_CONFIG_S_DRIVER_OK)
		atomic_fetch_or(&dev->interrupt, VIRTIO_MMIO_INT_CONFIG);
	atomic_fetch_or(&dev->status, VIRTIO_CONFIG_S_NEEDS_RESET);
	va_start(ap, fmt);
	complain(dev, fmt, ap);
	va_end(ap);
	if (before & VIRTIO_CONFIG_S_DRIVER_OK)
		virtio_interrupt(dev, VIRTIO_MMIO_INT_CONFIG);
}

void virtio_set_config(struct virtio_device *dev, uint32_t offset, const void *data, uint32_t len)
{
	pthread_mutex_lock(&dev->lock);
	memcpy(dev->config + offset, data, len);
	dev->generation++;
	pthread_mutex_unlock(&dev->lock);
	if (virtio_runs(dev))
		virtio_interrupt(dev, VIRTIO_MMIO_INT_CONFIG);
}
