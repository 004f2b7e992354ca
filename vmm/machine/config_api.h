/* SPDX-License-Identifier: MIT */
/* The configuration behind the public interface's opaque type. */
#ifndef VMM_MACHINE_CONFIG_API_H
#define VMM_MACHINE_CONFIG_API_H

#include "vmm/config/config.h"
#include "vmm/minivmm.h"

struct minivmm_config {
	struct vmm_config config;
};

#endif
