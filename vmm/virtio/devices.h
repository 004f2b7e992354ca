/* SPDX-License-Identifier: MIT */
/*
 * Which virtio devices a configuration asks for, and where they stand. A device's place is its
 * position in that order, so window, interrupt and ACPI name are a function of the configuration
 * alone: the tables that describe them are measured.
 */
#ifndef VMM_VIRTIO_DEVICES_H
#define VMM_VIRTIO_DEVICES_H

#include "boot/acpi.h"
#include "cc/tech.h"
#include "vmm/machine/files.h"
#include "vmm/virtio/virtio.h"

/* As many as there are interrupts for devices: an edge-triggered line is not shared. */
#define VIRTIO_MAX_DEVICES 16

struct virtio_set {
	struct virtio_device *dev[VIRTIO_MAX_DEVICES];
	size_t n;
	struct virtio_device *console; /* one of them, or NULL */
};

/* Can a VM of this kind have these devices? */
int virtio_check(const struct vmm_config *config, const struct cc_tech *tech,
		 struct vmm_error *err);

/* Has the host, now, what the devices need? All faults; nothing is left open. For `minivmm check`. */
void virtio_check_host(const struct vmm_config *config, const struct sys *sys,
		       files_fault_fn *fault, void *ctx);

/* Where the devices stand, in order; returns how many there are. */
size_t virtio_places(const struct vmm_config *config, struct acpi_virtio place[VIRTIO_MAX_DEVICES]);

/* Creates the devices, connects them to KVM, and puts them on the bus. `host` outlives *set. After
 * a failure call virtio_destroy_all(), too. */
int virtio_create_all(struct virtio_set *set, const struct vmm_config *config,
		      struct virtio_host *host, struct bus *mmio, struct vmm_error *err);

/* Writes out what devices still hold back; no thread is left that uses them. */
void virtio_flush_all(struct virtio_set *set);

/* No thread is left that uses them. */
void virtio_destroy_all(struct virtio_set *set);

#endif
