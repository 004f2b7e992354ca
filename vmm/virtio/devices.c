// SPDX-License-Identifier: MIT
#include "vmm/virtio/devices.h"

#include <errno.h>

/*
 * Pins of the I/O APIC that no PC device's driver asks for (0 timer, 1 keyboard, 2 cascade, 4
 * serial port, 8 clock, 9 SCI, 12 mouse, 13 FPU). Those of an 8259 come first: kernels without ACPI
 * know no others.
 */
static const uint32_t gsis[VIRTIO_MAX_DEVICES] = {
	5, 6, 7, 10, 11, 14, 15, 3, 16, 17, 18, 19, 20, 21, 22, 23,
};

/* The kinds of devices, in the order of their places. */
static const struct virtio_ops *const kinds[] = {
	&virtio_rng, &virtio_blk, &virtio_net, &virtio_console, &virtio_balloon, &virtio_vsock,
};

/* The kind of the n-th device, and which one of its kind it is; NULL behind the last. */
static const struct virtio_ops *kind_of(const struct vmm_config *config, size_t n, size_t *index)
{
	for (size_t kind = 0; kind < ARRAY_SIZE(kinds); kind++) {
		size_t count = kinds[kind]->count(config);

		*index = n;
		if (n < count)
			return kinds[kind];
		n -= count;
	}
	return NULL;
}

static size_t count_all(const struct vmm_config *config)
{
	size_t n = 0;

	for (size_t kind = 0; kind < ARRAY_SIZE(kinds); kind++)
		n += kinds[kind]->count(config);
	return n;
}

static struct acpi_virtio place_of(size_t n)
{
	return (struct acpi_virtio){
		.gpa = LAYOUT_VIRTIO_BASE + n * VIRTIO_WINDOW,
		.gsi = gsis[n],
	};
}

int virtio_check(const struct vmm_config *config, const struct cc_tech *tech, struct vmm_error *err)
{
	size_t n = count_all(config);

	if (n > VIRTIO_MAX_DEVICES)
		return vmm_error_set(err, -EINVAL,
				     "%zu virtio devices are configured: there are interrupts for "
				     "%d",
				     n, VIRTIO_MAX_DEVICES);
	/* pages that the guest gives away would have to become shared, and it must not trust what
	 * it finds in them when it gets them back */
	if (config->balloon.present && tech->private_memory)
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
	const struct virtio_ops *ops;
	struct vmm_error err;
	size_t index;

	for (size_t n = 0; (ops = kind_of(config, n, &index)) != NULL; n++)
		if (ops->check && ops->check(sys, config, index, &err) < 0)
			fault(ctx, &err);
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

int virtio_create_all(struct virtio_set *set, const struct vmm_config *config,
		      struct virtio_host *host, struct bus *mmio, struct vmm_error *err)
{
	const struct virtio_ops *ops;
	size_t index;

	while ((ops = kind_of(config, set->n, &index)) != NULL) {
		struct acpi_virtio place = place_of(set->n);
		struct virtio_device *dev;
		int ret = virtio_create(&dev, ops, host, config, index, err);

		if (ret < 0)
			return ret;
		set->dev[set->n++] = dev;
		if (ops == &virtio_console)
			set->console = dev;
		ret = virtio_connect(dev, place.gpa, place.gsi, err);
		if (ret == 0)
			ret = bus_add(mmio, place.gpa, VIRTIO_WINDOW, &dev->dev, err);
		if (ret < 0)
			return ret;
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
	while (set->n > 0)
		virtio_destroy(set->dev[--set->n]);
}
