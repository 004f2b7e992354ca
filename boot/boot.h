/* SPDX-License-Identifier: MIT */
/*
 * The boot loader: turns files into boot items. It records them in the load plan and writes their
 * bytes into shared guest memory. It knows nothing of KVM or of confidential launches.
 */
#ifndef BOOT_BOOT_H
#define BOOT_BOOT_H

#include "boot/config.h"
#include "mem/plan.h"

/* What is started, opened. */
struct boot;
struct fw_kernel;

/*
 * Opens the files that `config` names and decides whether a guest can be started like this at all:
 * reads headers and metadata, and touches no guest memory, so it is done before there is a VM.
 * What they ask of the launch is in *demand. The files stay open until boot_close(), and are what
 * boot_load() loads: nobody puts others in their places in between. The strings of `config` must
 * outlive *boot.
 */
int boot_open(struct boot **boot, const struct boot_config *config, const struct sys *sys,
	      struct boot_demand *demand, struct vmm_error *err);
void boot_close(struct boot *boot); /* NULL is allowed */

/*
 * Loads all of it into `mem`, once, and fills `plan` (initialised by the caller) with the items,
 * the memory map and the entry state. `mem` has all its RAM regions; one for the firmware is added.
 * Returns 0 or a negative errno; on failure the contents of guest memory and plan are unspecified.
 */
int boot_load(struct boot *boot, struct load_plan *plan, struct vmm_error *err);

/* Kernel and initrd that a guest with firmware is given when it asks for them; NULL: none. */
const struct fw_kernel *boot_fw_kernel(const struct boot *boot);

#endif
