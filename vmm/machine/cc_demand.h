/* SPDX-License-Identifier: MIT */
/* From what a boot file asks of the launch to what the launch needs. */
#ifndef VMM_MACHINE_CC_DEMAND_H
#define VMM_MACHINE_CC_DEMAND_H

#include "boot/boot.h"
#include "vmm/machine/cc_setup.h"

/*
 * After cc_setup_init(): policy, SEV_FEATURES and TD attributes become those of the file; -EINVAL
 * when the configuration gives others. The file's ID block is used unless the configuration has one
 * of its own.
 */
int cc_setup_demand(struct cc_setup *setup, const struct vmm_config *config,
		    const struct boot_demand *demand, struct vmm_error *err);

#endif
