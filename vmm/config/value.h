/* SPDX-License-Identifier: MIT */
/* One value of a document into one field, in the form in which the rest of the program uses it. */
#ifndef VMM_CONFIG_VALUE_H
#define VMM_CONFIG_VALUE_H

#include "vmm/config/schema.h"
#include "vmm/config/tree.h"

/*
 * `index` is of the element of an array of tables; `dir` is what relative paths are relative to, or
 * NULL. The old value is freed. -EINVAL with "expected …" in err, which leaves the field alone, or
 * -ENOMEM.
 */
int config_store(struct vmm_config *config, const struct schema *table, size_t index,
		 const struct schema *key, const struct tree_node *value, const char *dir,
		 struct vmm_error *err);

#endif
