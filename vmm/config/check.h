/* SPDX-License-Identifier: MIT */
#ifndef VMM_CONFIG_CHECK_H
#define VMM_CONFIG_CHECK_H

#include "vmm/config/config.h"

/* Is given "KEY: what is wrong with it", with the key as for config_set(), or the name of a table. */
typedef void config_complaint_fn(void *ctx, const char *complaint);

/* The checks that span keys. Not `complete`: without complaints about what is not there. */
void config_check(const struct vmm_config *config, bool complete, config_complaint_fn *complain,
		  void *ctx);

#endif
