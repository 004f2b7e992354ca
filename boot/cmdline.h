/* SPDX-License-Identifier: MIT */
/* What the loader reads in the kernel's command line, and adds to it. */
#ifndef BOOT_CMDLINE_H
#define BOOT_CMDLINE_H

#include "boot/boot.h"

/* Will the kernel do without ACPI? */
bool cmdline_acpi_off(const char *cmdline);

/* enough for what cmdline_devices() writes */
#define CMDLINE_DEVICES (ACPI_MAX_VIRTIO * 64UL)

/*
 * What a kernel needs on its command line to find its virtio devices, to be appended: with
 * "acpi=off" and no device tree virtio_mmio.device=SIZE@GPA:IRQ for each (Linux,
 * Documentation/admin-guide/kernel-parameters.txt), else nothing. Were they there beside the ACPI
 * tables, Linux would find every device twice. Returns the length.
 */
size_t cmdline_devices(const struct boot_config *config, char text[CMDLINE_DEVICES]);

#endif
