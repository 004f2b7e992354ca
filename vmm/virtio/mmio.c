// SPDX-License-Identifier: MIT
/*
 * The registers of a virtio device over MMIO, version 2 (virtio 1.2, section 4.2.2), and the life
 * of a device that the driver leads through them (section 3.1). vCPU threads come here, several at
 * a time. What only describes the device-to-be is changed under dev->lock; activating and resetting
 * it happens in its I/O thread. InterruptACK, which comes with each
 * interrupt, waits for nothing.
 */
#include "vmm/virtio/virtio.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <string.h>

#define MAGIC	0x74726976 /* "virt" */
#define VERSION 2
#define VENDOR	0x6d766d6d /* "mmvm"; no meaning for drivers */

/* What the transport offers for every device. */
static const uint64_t transport_features = BIT(VIRTIO_RING_F_INDIRECT_DESC) |
					   BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_F_VERSION_1) |
					   BIT(VIRTIO_F_ACCESS_PLATFORM);

static const uint32_t driver_status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
				      VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK |
				      VIRTIO_CONFIG_S_FAILED;

static uint64_t offered(const struct virtio_device *dev)
{
	return dev->offered | transport_features;
}

/* --- the status register (sections 2.1, 3.1.1) ------------------------------------------------ */

/* Section 2.2: a subset of what was offered. A confidential guest that did not accept
 * ACCESS_PLATFORM would place its buffers in memory that nobody else can read. */
static bool features_good(const struct virtio_device *dev)
{
	uint64_t needed = BIT(VIRTIO_F_VERSION_1);

	if (dev->host->confidential)
		needed |= BIT(VIRTIO_F_ACCESS_PLATFORM);
	return !(dev->driver_features & ~offered(dev)) && (dev->driver_features & needed) == needed;
}

/* Have driver and device agreed, and gone no further? Without FEATURES_OK the features may be
 * anything, in the middle of being chosen or gone with a reset. */
static bool may_activate(uint32_t status)
{
	return (status & (VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK |
			  VIRTIO_CONFIG_S_NEEDS_RESET)) == VIRTIO_CONFIG_S_FEATURES_OK;
}

/* The device is dead until here, so nobody has seen the queues yet. In the I/O thread, which may be
 * another vCPU's reset later than the DRIVER_OK that it is called for: only what is so now counts. */
static void activate(void *arg)
{
	struct virtio_device *dev = arg;
	int ret = 0;

	pthread_mutex_lock(&dev->lock);
	if (!may_activate(atomic_load(&dev->status))) {
		pthread_mutex_unlock(&dev->lock);
		return;
	}
	dev->active = true;
	dev->features = dev->driver_features;
	for (unsigned int i = 0; i < dev->nqueues; i++)
		virtq_start(&dev->queue[i], dev->host->mem, dev->name, dev->features);
	atomic_fetch_or(&dev->status, VIRTIO_CONFIG_S_DRIVER_OK);
	pthread_mutex_unlock(&dev->lock);

	if (dev->ops->activate)
		ret = dev->ops->activate(dev);
	if (ret < 0)
		virtio_broken(dev, "cannot go on with what the driver asks for (%s)",
			      strerrorname_np(-ret));
	/* the driver may have notified before DRIVER_OK, and that was dropped */
	for (unsigned int i = 0; i < dev->nqueues; i++)
		if (dev->queue[i].live)
			virtq_kick(&dev->queue[i]);
}

/* In the I/O thread. */
static void reset(void *arg)
{
	struct virtio_device *dev = arg;

	if (dev->active && dev->ops->reset)
		dev->ops->reset(dev);
	pthread_mutex_lock(&dev->lock);
	dev->active = false;
	dev->features = dev->driver_features = 0;
	dev->feature_page = dev->driver_page = dev->queue_sel = 0;
	for (unsigned int i = 0; i < dev->nqueues; i++)
		virtq_reset(&dev->queue[i]);
	atomic_store(&dev->interrupt, 0);
	atomic_store(&dev->status, 0);
	pthread_mutex_unlock(&dev->lock);
}

/* Bits are only ever added, in the order of section 3.1.1. True when the device is to be
 * activated, which the caller does without the lock. */
static bool add_status(struct virtio_device *dev, uint32_t value)
{
	uint32_t status = atomic_load(&dev->status);
	uint32_t next = value & (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_FAILED);

	if ((status | next) & VIRTIO_CONFIG_S_ACKNOWLEDGE)
		next |= value & VIRTIO_CONFIG_S_DRIVER;
	if ((status | next) & VIRTIO_CONFIG_S_DRIVER && features_good(dev))
		next |= value & VIRTIO_CONFIG_S_FEATURES_OK;
	atomic_fetch_or(&dev->status, next);
	return may_activate(status | next) && value & VIRTIO_CONFIG_S_DRIVER_OK;
}

static void write_status(struct virtio_device *dev, uint32_t value)
{
	bool ready;

	if (value == 0) {
		loop_call(dev->loop, reset, dev);
		return;
	}
	pthread_mutex_lock(&dev->lock);
	ready = add_status(dev, value & driver_status);
	pthread_mutex_unlock(&dev->lock);
	if (ready)
		loop_call(dev->loop, activate, dev);
}

/* --- registers of a queue --------------------------------------------------------------------- */

static void set_half(uint64_t *field, bool high, uint32_t value)
{
	*field = high ? (*field & UINT32_MAX) | (uint64_t)value << 32
		      : (*field & ~(uint64_t)UINT32_MAX) | value;
}

static void write_ready(struct virtio_device *dev, struct virtq *q, uint32_t value)
{
	q->ready = value & 1 && virtq_valid(q);
	if (value & 1 && !q->ready)
		virtio_broken(dev, "queue %u is set up with %u entries or unaligned", q->index,
			      q->size);
}

/* A queue is set up before DRIVER_OK; later writes are ignored, also that of 0 to QueueReady: it
 * takes a reset to stop a queue (RING_RESET is not offered). */
static void write_queue(struct virtio_device *dev, struct virtq *q, uint64_t offset, uint32_t value)
{
	if (!q || dev->active || !(atomic_load(&dev->status) & VIRTIO_CONFIG_S_FEATURES_OK))
		return;
	if (offset == VIRTIO_MMIO_QUEUE_READY)
		write_ready(dev, q, value);
	else if (q->ready)
		return;
	switch (offset) {
	case VIRTIO_MMIO_QUEUE_NUM:
		/* what is too much stays too much */
		q->size = value <= UINT16_MAX ? (uint16_t)value : 0;
		break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
		set_half(&q->desc.gpa, offset == VIRTIO_MMIO_QUEUE_DESC_HIGH, value);
		break;
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
		set_half(&q->avail.gpa, offset == VIRTIO_MMIO_QUEUE_AVAIL_HIGH, value);
		break;
	case VIRTIO_MMIO_QUEUE_USED_LOW:
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
		set_half(&q->used.gpa, offset == VIRTIO_MMIO_QUEUE_USED_HIGH, value);
		break;
	}
}

/* --- the window; the lock is held ------------------------------------------------------------- */

static struct virtq *selected(struct virtio_device *dev)
{
	return dev->queue_sel < dev->nqueues ? &dev->queue[dev->queue_sel] : NULL;
}

static uint32_t read_register(struct virtio_device *dev, uint64_t offset)
{
	const struct virtq *q = selected(dev);

	switch (offset) {
	case VIRTIO_MMIO_MAGIC_VALUE:
		return MAGIC;
	case VIRTIO_MMIO_VERSION:
		return VERSION;
	case VIRTIO_MMIO_DEVICE_ID:
		return dev->ops->id;
	case VIRTIO_MMIO_VENDOR_ID:
		return VENDOR;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return dev->feature_page < 2 ? (uint32_t)(offered(dev) >> 32 * dev->feature_page)
					     : 0;
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
		return q ? q->max_size : 0;
	case VIRTIO_MMIO_QUEUE_READY:
		return q && q->ready;
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		return atomic_load(&dev->interrupt) | atomic_load(&dev->standing);
	case VIRTIO_MMIO_STATUS:
		return atomic_load(&dev->status);
	case VIRTIO_MMIO_SHM_LEN_LOW:
	case VIRTIO_MMIO_SHM_LEN_HIGH:
	case VIRTIO_MMIO_SHM_BASE_LOW:
	case VIRTIO_MMIO_SHM_BASE_HIGH:
		return UINT32_MAX; /* no such region */
	case VIRTIO_MMIO_CONFIG_GENERATION:
		return dev->generation;
	default:
		return 0;
	}
}

static void write_register(struct virtio_device *dev, uint64_t offset, uint32_t value)
{
	bool agreed = atomic_load(&dev->status) & VIRTIO_CONFIG_S_FEATURES_OK;

	switch (offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		dev->feature_page = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		dev->driver_page = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		if (!agreed && dev->driver_page < 2)
			set_half(&dev->driver_features, dev->driver_page, value);
		break;
	case VIRTIO_MMIO_QUEUE_SEL:
		dev->queue_sel = value;
		break;
	case VIRTIO_MMIO_QUEUE_NOTIFY:
		/* normally an ioeventfd has caught it */
		if (value < dev->nqueues)
			virtq_kick(&dev->queue[value]);
		break;
	default:
		write_queue(dev, selected(dev), offset, value);
		break;
	}
}

/* The configuration space: any width, any alignment (section 4.2.2.2). */
static uint64_t read_config(const struct virtio_device *dev, uint64_t offset, unsigned int len)
{
	const uint8_t *config = dev->config;
	uint8_t bytes[8] = {0};

	for (unsigned int i = 0; i < len && offset + i < dev->config_len; i++)
		bytes[i] = config[offset + i];
	return get_le64(bytes);
}

static void write_config(struct virtio_device *dev, uint64_t offset, unsigned int len,
			 uint64_t value)
{
	uint8_t bytes[8];

	put_le64(bytes, value);
	if (dev->ops->write_config && range_inside(offset, len, 0, dev->config_len))
		dev->ops->write_config(dev, (uint32_t)offset, bytes, len);
}

static uint64_t mmio_read(struct device *bus_dev, uint64_t offset, unsigned int len)
{
	struct virtio_device *dev = container_of(bus_dev, struct virtio_device, dev);
	uint64_t value = 0;

	pthread_mutex_lock(&dev->lock);
	if (offset >= VIRTIO_MMIO_CONFIG)
		value = read_config(dev, offset - VIRTIO_MMIO_CONFIG, len);
	else if (len == 4 && offset % 4 == 0)
		value = read_register(dev, offset);
	pthread_mutex_unlock(&dev->lock);
	return value;
}

static void mmio_write(struct device *bus_dev, uint64_t offset, unsigned int len, uint64_t value)
{
	struct virtio_device *dev = container_of(bus_dev, struct virtio_device, dev);
	bool word = len == 4 && offset % 4 == 0;

	if (word && offset == VIRTIO_MMIO_STATUS) {
		write_status(dev, (uint32_t)value);
		return;
	}
	if (word && offset == VIRTIO_MMIO_INTERRUPT_ACK) {
		atomic_fetch_and(&dev->interrupt, ~(uint32_t)value);
		return;
	}
	pthread_mutex_lock(&dev->lock);
	if (offset >= VIRTIO_MMIO_CONFIG)
		write_config(dev, offset - VIRTIO_MMIO_CONFIG, len, value);
	else if (word)
		write_register(dev, offset, (uint32_t)value);
	pthread_mutex_unlock(&dev->lock);
}

const struct device_ops virtio_mmio_ops = {
	.name = "virtio",
	.read = mmio_read,
	.write = mmio_write,
};
