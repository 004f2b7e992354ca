/* SPDX-License-Identifier: MIT */
/*
 * For `minivmm check`: is everything there that the configuration names outside of itself, and can a
 * VM use it now? Nothing is changed, locked, made or waited for, and nothing stays open.
 */
#ifndef VMM_MACHINE_HOST_CHECK_H
#define VMM_MACHINE_HOST_CHECK_H

#include "vmm/machine/files.h"

/* All faults, each with the key at fault at the beginning of its text. */
void host_check(const struct vmm_config *config, const struct cc_tech *tech, const struct sys *sys,
		files_fault_fn *fault, void *ctx);

#endif
