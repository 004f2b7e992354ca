/* SPDX-License-Identifier: MIT */
/* The schema in words, for messages and for config_help(). */
#ifndef VMM_CONFIG_DESCRIBE_H
#define VMM_CONFIG_DESCRIBE_H

#include "vmm/config/schema.h"

/* What a key takes: "\"none\", \"auto\" or \"snp\"", "an integer from 1 to 255". */
#define DESCRIPTION_MAX 400
void describe_type(const struct schema *key, char out[DESCRIPTION_MAX]);

/* "[machine]" or "[[disk]]" */
#define HEADER_MAX 32
void describe_header(const struct schema *table, char out[HEADER_MAX]);

#endif
