/* SPDX-License-Identifier: MIT */
/*
 * ACPI tables (ACPI 6.5): RSDP, XSDT, FADT, FACS, MADT, DSDT. A PC with the fixed hardware of ACPI,
 * as small as stock distribution kernels accept: PM1 event and control block with power button,
 * PM timer, reset register; the devices in the DSDT.
 */
#ifndef BOOT_ACPI_H
#define BOOT_ACPI_H

#include "mem/layout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ACPI_MAX_VIRTIO 32
#define ACPI_MAX_VCPUS	4096U /* the most that a KVM for x86 can be configured for */

struct acpi_virtio {
	uint64_t gpa; /* of the 4 KiB register window, below 4 GiB */
	uint32_t gsi; /* edge triggered */
};

struct acpi_config {
	uint32_t vcpus; /* APIC id = index */
	struct acpi_virtio virtio[ACPI_MAX_VIRTIO];
	size_t nvirtio;
	uint32_t serial_irq; /* 0: the serial port has no interrupt, the driver polls */
	bool no_pic;	     /* no 8259 stands beside the I/O APIC */
};

/* Can this machine be described? 0, or -EINVAL with what is out of range. acpi_build() asks. */
int acpi_check(const struct acpi_config *config, struct vmm_error *err);

/*
 * Bytes that the tables of `config` need at most; a multiple of the page size. More than the
 * 128 KiB from 0xe0000 to 0xfffff for about 2,700 CPUs and more: the loader has to place them
 * elsewhere. 0 for a configuration that acpi_build() refuses.
 */
size_t acpi_size(const struct acpi_config *config);

/*
 * Builds all tables into `buf` (acpi_size() bytes, zeroed by the function), which the guest sees at
 * `gpa` (64-byte aligned, below 4 GiB). The RSDP stands at `gpa` itself. Returns the number of
 * bytes used, or a negative errno: -EINVAL for what cannot be described, -ENOSPC for a buffer that
 * is too small; nothing is ever written beyond it.
 */
int acpi_build(const struct acpi_config *config, void *buf, size_t size, uint64_t gpa,
	       struct vmm_error *err);

#endif
