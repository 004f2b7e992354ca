/* SPDX-License-Identifier: MIT */
/*
 * The device tree: the same machine as in the ACPI tables, as a flattened tree (Devicetree
 * Specification 0.4) for Linux's SETUP_DTB.
 *
 * On x86, Linux (arch/x86/kernel/devicetree.c) reads from it what the bindings of the first SoC
 * with a device tree, intel,ce4100, name, and makes platform devices as on other architectures:
 *
 *	/cpus/cpu@*	"reg" is the APIC id
 *	intel,ce4100-lapic, intel,ce4100-ioapic
 *			the interrupt controllers, used where ACPI is not
 *	/soc		the bus with the devices: virtio,mmio, and isa with the serial port
 *
 * Memory, command line and initrd come from the boot parameters, and stand in the tree for
 * everybody else.
 *
 * The devices are in the tree only if the command line has "acpi=off", which a kernel without ACPI
 * takes no harm from. Otherwise Linux would have each of them twice, and those of the tree come
 * first: they would take the registers away from those of ACPI, but get no interrupt, because with
 * ACPI the I/O APIC is not the one of the tree.
 */
#ifndef BOOT_FDT_H
#define BOOT_FDT_H

#include "boot/config.h"
#include "mem/plan.h"

/* Bytes that fdt_build() needs at most for this machine; a multiple of the page size. */
size_t fdt_size(const struct acpi_config *platform, size_t nram, const char *cmdline);

/*
 * Builds the tree into `buf`, 8-byte aligned. `ram` are the ranges of guest RAM, `cmdline` is never
 * NULL, and with initrd_len 0 there is no initrd. Returns the number of bytes used, or a negative
 * errno: -ENOSPC for a buffer that is too small, -EINVAL for what cannot be described.
 */
int fdt_build(const struct acpi_config *platform, const struct gpa_range *ram, size_t nram,
	      const char *cmdline, uint64_t initrd_gpa, uint64_t initrd_len, void *buf, size_t size,
	      struct vmm_error *err);

/* enough for what fdt_words() writes */
#define FDT_WORDS (ACPI_MAX_VIRTIO * 64UL)

/*
 * What a kernel needs on its command line to find its virtio devices, to be appended: with
 * "acpi=off" and no device tree virtio_mmio.device=SIZE@GPA:IRQ for each (Linux,
 * Documentation/admin-guide/kernel-parameters.txt), else nothing. Were they there beside the ACPI
 * tables, Linux would find every device twice. Returns the length.
 */
size_t fdt_words(const struct boot_config *config, char text[FDT_WORDS]);

#endif
