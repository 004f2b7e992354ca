// SPDX-License-Identifier: MIT
#include "vmm/virtio/devices.h"

#include "vmm/base/bytes.h"
#include "vmm/virtio/balloon.h"
#include "vmm/virtio/blk.h"
#include "vmm/virtio/console.h"
#include "vmm/virtio/net.h"
#include "vmm/virtio/rng.h"
#include "vmm/virtio/vsock.h"

#include <errno.h>
#include <linux/virtio_ids.h>

/*
 * Pins of the I/O APIC that no PC device's driver asks for (0 timer, 1 keyboard, 2 cascade, 4
 * serial port, 8 clock, 9 SCI, 12 mouse, 13 FPU). Those of an 8259 come first: kernels without ACPI
 * know no others.
 */
static const uint32_t gsis[VIRTIO_MAX_DEVICES] = {
	5, 6, 7, 10, 11, 14, 15, 3, 16, 17, 18, 19, 20, 21, 22, 23,
};

/* --- the kinds of devices --------------------------------------------------------------------- */

static size_t rng_count(const struct vmm_config *config)
{
	return config->rng.present;
}

static int rng_create(struct virtio_device **dev, struct virtio_host *host,
		      const struct vmm_config *config, size_t index, struct vmm_error *err)
{
	(void)index;
	return virtio_rng_create(dev, host, config->rng.source, err);
}

static size_t disk_count(const struct vmm_config *config)
{
	return config->ndisks;
}

static int disk_create(struct virtio_device **dev, struct virtio_host *host,
		       const struct vmm_config *config, size_t index, struct vmm_error *err)
{
	return virtio_blk_create(dev, host, &config->disk[index], index, err);
}

static size_t net_count(const struct vmm_config *config)
{
	return config->nnets;
}

static size_t console_count(const struct vmm_config *config)
{
	return config->console.present;
}

static int console_create(struct virtio_device **dev, struct virtio_host *host,
			  const struct vmm_config *config, size_t index, struct vmm_error *err)
{
	(void)index;
	return virtio_console_create(dev, host, &config->console, err);
}

static size_t balloon_count(const struct vmm_config *config)
{
	return config->balloon.present;
}

static int balloon_create(struct virtio_device **dev, struct virtio_host *host,
			  const struct vmm_config *config, size_t index, struct vmm_error *err)
{
	(void)index;
	return virtio_balloon_create(dev, host, &config->balloon, err);
}

static size_t vsock_count(const struct vmm_config *config)
{
	return config->vsock.present;
}

static int vsock_create(struct virtio_device **dev, struct virtio_host *host,
			const struct vmm_config *config, size_t index, struct vmm_error *err)
{
	(void)index;
	return virtio_vsock_create(dev, host, config->vsock.cid, config->vsock.path, err);
}

/* In the order of their places. `index` counts the devices of one kind. */
static const struct {
	size_t (*count)(const struct vmm_config *config);
	int (*create)(struct virtio_device **dev, struct virtio_host *host,
		      const struct vmm_config *config, size_t index, struct vmm_error *err);
	/* Has the host what all of them need? NULL: only creating them tells. */
	void (*check)(const struct sys *sys, const struct vmm_config *config, files_fault_fn *fault,
		      void *ctx);
} kinds[] = {
	{rng_count, rng_create, virtio_rng_check},
	{disk_count, disk_create, virtio_blk_check},
	{net_count, virtio_net_create, virtio_net_check},
	{console_count, console_create, NULL},
	{balloon_count, balloon_create, NULL},
	{vsock_count, vsock_create, NULL},
};

/* --- all of them ------------------------------------------------------------------------------ */

static size_t count_all(const struct vmm_config *config)
{
	size_t n = 0;

	for (size_t kind = 0; kind < ARRAY_SIZE(kinds); kind++)
		n += kinds[kind].count(config);
	return n;
}

static struct acpi_virtio place_of(size_t n)
{
	return (struct acpi_virtio){
		.gpa = LAYOUT_VIRTIO_BASE + n * VIRTIO_WINDOW,
		.gsi = gsis[n],
	};
}

int virtio_check(const struct vmm_config *config, enum cc_tech tech, struct vmm_error *err)
{
	size_t n = count_all(config);

	if (n > VIRTIO_MAX_DEVICES)
		return vmm_error_set(err, -EINVAL,
				     "%zu virtio devices are configured: there are interrupts for "
				     "%d",
				     n, VIRTIO_MAX_DEVICES);
	/* pages that the guest gives away would have to become shared, and it must not trust what
	 * it finds in them when it gets them back */
	if (config->balloon.present && tech != CC_NONE)
		return vmm_error_set(err, -ENOTSUP,
				     "balloon: is for plain VMs; a confidential guest keeps its "
				     "memory (machine.cc)");
	if (config->balloon.present && config->machine.hugepages == CONFIG_HUGEPAGES_RESERVED)
		return vmm_error_set(err, -ENOTSUP,
				     "balloon: with machine.hugepages the host's huge pages are "
				     "reserved for the VM, and none is ever given back");
	return 0;
}

void virtio_check_host(const struct vmm_config *config, const struct sys *sys,
		       files_fault_fn *fault, void *ctx)
{
	for (size_t kind = 0; kind < ARRAY_SIZE(kinds); kind++)
		if (kinds[kind].check && kinds[kind].count(config) > 0)
			kinds[kind].check(sys, config, fault, ctx);
}

size_t virtio_places(const struct vmm_config *config, struct acpi_virtio place[VIRTIO_MAX_DEVICES])
{
	size_t n = count_all(config);

	if (n > VIRTIO_MAX_DEVICES)
		n = VIRTIO_MAX_DEVICES; /* refused by virtio_check() */
	for (size_t i = 0; i < n; i++)
		place[i] = place_of(i);
	return n;
}

static int add(struct virtio_set *set, struct virtio_device *dev, struct bus *mmio,
	       struct vmm_error *err)
{
	struct acpi_virtio place = place_of(set->n);
	int ret;

	set->dev[set->n++] = dev;
	if (dev->ops->id == VIRTIO_ID_CONSOLE)
		set->console = dev;
	ret = virtio_connect(dev, place.gpa, place.gsi, err);
	if (ret == 0)
		ret = bus_add(mmio, place.gpa, VIRTIO_WINDOW, &dev->dev, err);
	return ret;
}

int virtio_create_all(struct virtio_set *set, const struct vmm_config *config,
		      struct virtio_host *host, struct bus *mmio, struct vmm_error *err)
{
	for (size_t kind = 0; kind < ARRAY_SIZE(kinds); kind++) {
		for (size_t i = 0; i < kinds[kind].count(config); i++) {
			struct virtio_device *dev;
			int ret = kinds[kind].create(&dev, host, config, i, err);

			if (ret == 0)
				ret = add(set, dev, mmio, err);
			if (ret < 0)
				return ret;
		}
	}
	return 0;
}

void virtio_flush_all(struct virtio_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->dev[i]->ops->flush)
			set->dev[i]->ops->flush(set->dev[i]);
}

void virtio_destroy_all(struct virtio_set *set)
{
	while (set->n > 0) {
		struct virtio_device *dev = set->dev[--set->n];

		if (dev->active && dev->ops->reset)
			dev->ops->reset(dev);
		dev->ops->destroy(dev);
	}
}
