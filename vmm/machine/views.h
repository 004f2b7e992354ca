/* SPDX-License-Identifier: MIT */
/* What the loader and the launch, which do not know the configuration, are told of it. */
#ifndef VMM_MACHINE_VIEWS_H
#define VMM_MACHINE_VIEWS_H

#include "boot/boot.h"
#include "cc/tech.h"
#include "vmm/config/config.h"

/* The loader's view of a configuration; strings are the configuration's. */
void machine_boot_config(const struct vmm_config *config, const struct cc_tech *tech,
			 struct boot_config *boot);

/* The launch's view of it; see cc_config_init(). */
int machine_cc_config(struct cc_config *cc, const struct vmm_config *config,
		      const struct cc_tech *tech, const struct sys *sys, struct vmm_error *err);

#endif
