/* SPDX-License-Identifier: MIT */
/*
 * What a configuration may ask for and this version cannot do yet. Asked before anything is
 * created or loaded, so that no VM starts without a part that its owner relies on.
 */
#ifndef VMM_SUPPORTED_H
#define VMM_SUPPORTED_H

#include "vmm/config/config.h"

/* 0, or -ENOTSUP with a sentence that names the first key that is not supported. */
int config_supported(const struct vmm_config *config, struct vmm_error *err);

#endif
