/* SPDX-License-Identifier: MIT */
/*
 * Reads TOML 1.0 (https://toml.io/en/v1.0.0). NULL: no memory. A text with faults gives a tree too,
 * with what could be understood.
 */
#ifndef VMM_CONFIG_TOML_H
#define VMM_CONFIG_TOML_H

#include "vmm/config/tree.h"

struct tree *toml_read(const char *text, size_t len);

/* One value as it would stand right of a '=': it is the root. */
struct tree *toml_read_value(const char *text, size_t len);

#endif
