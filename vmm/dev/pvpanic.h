/* SPDX-License-Identifier: MIT */
/*
 * pvpanic: one I/O port by which a guest says that it crashed (QEMU, docs/specs/pvpanic.rst; Linux,
 * include/uapi/misc/pvpanic.h). Found through the device QEMU0001 in the DSDT.
 */
#ifndef VMM_DEV_PVPANIC_H
#define VMM_DEV_PVPANIC_H

#include "vmm/dev/bus.h"

#include <stdint.h>

#define PVPANIC_PORTS 1

#define PVPANIC_PANICKED     0x1 /* it will stop or reset */
#define PVPANIC_CRASH_LOADED 0x2 /* it panicked and is about to run its crash kernel */

/* Bit 2 of newer definitions announces an orderly power-off. It is not offered: the power-off
 * itself says as much. */
#define PVPANIC_EVENTS (PVPANIC_PANICKED | PVPANIC_CRASH_LOADED)

struct pvpanic {
	struct device dev;
	void (*event)(void *ctx, uint8_t events); /* at least one PVPANIC_ bit; on a vCPU thread */
	void *ctx;
};

void pvpanic_init(struct pvpanic *pvpanic, void (*event)(void *ctx, uint8_t events), void *ctx);

#endif
