/* SPDX-License-Identifier: MIT */
/* TOML's values that hold no others: strings, booleans, numbers, dates and times. */
#ifndef VMM_CONFIG_TOML_SCALAR_H
#define VMM_CONFIG_TOML_SCALAR_H

#include "vmm/config/scan.h"

/* The opening quote comes next. With `many`, three quotes open a string of many lines. */
int toml_string(struct scan *s, bool many, struct tree_text *out);

/* All others are made of the same few characters, without quotes. */
int toml_bare_value(struct scan *s, struct tree_node *node);

#endif
