/* SPDX-License-Identifier: MIT */
/*
 * What OVMF expects of a machine beyond what a directly started kernel does; made for VMs with
 * firmware only.
 *
 *   fw_cfg      how it learns of CPUs, memory map and ACPI tables, and gets kernel and initrd
 *   Q35         whose ID it recognises the machine by, see vmm/dev/q35.h
 *   port 0x402  where its debug builds write; goes to the log, at level debug
 *   CMOS        where it reads how much RAM there is
 *
 * Its variables live in RAM: OVMF finds that its flash cannot be written to, and makes do.
 */
#ifndef VMM_MACHINE_PLATFORM_OVMF_H
#define VMM_MACHINE_PLATFORM_OVMF_H

#include "vmm/base/error.h"

struct cmos;
struct device;
struct minivmm;
struct platform_ovmf;

/* Makes the devices and adds them to the VM's buses. `reset` is the reset register, whose port lies
 * among those of the PCI configuration: it is reached through them. On failure *ovmf is NULL. */
int platform_ovmf_create(struct platform_ovmf **ovmf, struct minivmm *vm, struct cmos *cmos,
			 struct device *reset, struct vmm_error *err);

/* Fills fw_cfg, after the loader has run. Kernel and initrd are read from vm->boot's files. */
int platform_ovmf_load(struct platform_ovmf *ovmf, struct vmm_error *err);

void platform_ovmf_destroy(struct platform_ovmf *ovmf); /* NULL is allowed */

#endif
