/* SPDX-License-Identifier: MIT */
/*
 * The devices of a VM: which ones its configuration asks for, created in one place and in one
 * order, and put on the buses. Adding a device touches its own file, the configuration table and
 * platform.c.
 */
#ifndef VMM_MACHINE_PLATFORM_H
#define VMM_MACHINE_PLATFORM_H

#include "vmm/base/error.h"

struct minivmm;
struct platform;

/* Opens what the devices need on the host (console, …) and adds them to the VM's buses and loop.
 * On failure *platform is NULL and the VM's buses and loop must not be used. */
int platform_create(struct platform **platform, struct minivmm *vm, struct vmm_error *err);

/* What devices have to know of the guest that was loaded; after boot_load(). */
int platform_load(struct platform *platform, struct vmm_error *err);

/* The ACPI power button; any thread. */
void platform_power_button(struct platform *platform);

/* Ends the VM now; a guest that has said that it panics, and did nothing since, has crashed. */
void platform_stop(struct platform *platform);

/* The user's terminal may have another size now; any thread, while the VM runs. */
void platform_terminal_resized(struct platform *platform);

/* Writes out what devices still hold back; no vCPU runs any more. */
void platform_flush(struct platform *platform);

void platform_destroy(struct platform *platform);

#endif
