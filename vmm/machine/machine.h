/* SPDX-License-Identifier: MIT */
/* Create, load, launch, destroy. */
#ifndef VMM_MACHINE_MACHINE_H
#define VMM_MACHINE_MACHINE_H

#include "vmm/machine/vm.h"

/* minivmm_create() over any system calls: tests put the KVM model here. */
int machine_create(struct minivmm **vm, const struct vmm_config *config, const struct sys *sys,
		   const struct vmm_log *log, struct vmm_error *err);

#endif
