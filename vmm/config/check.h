/* SPDX-License-Identifier: MIT */
/* The checks that span keys. */
#ifndef VMM_CONFIG_CHECK_H
#define VMM_CONFIG_CHECK_H

#include "vmm/config/config.h"

/*
 * Adds what is wrong as "KEY: …", at the key's place in `tree` (may be NULL) or at the beginning. Not
 * `complete`: without complaints about what is not there.
 */
struct tree;
void config_check(const struct vmm_config *config, bool complete, const struct tree *tree,
		  struct faults *faults);

#endif
