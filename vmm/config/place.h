/* SPDX-License-Identifier: MIT */
/* Naming a key from outside, as "machine.vcpus" or "disk[0].path", and where it stands in a document. */
#ifndef VMM_CONFIG_PLACE_H
#define VMM_CONFIG_PLACE_H

#include "vmm/config/tree.h"

struct key_path {
	const char *table;
	size_t table_len;
	size_t index; /* 0 without brackets */
	bool has_index;
	const char *key; /* NULL without a dot; otherwise to the end of the string */
};

bool key_path_parse(const char *text, struct key_path *path);

/*
 * Of the key that a fault's text begins with, as above or as the loader calls what the key names
 * ("kernel", "command line"), or else of its table; line 0: neither is there. `tree` may be NULL.
 */
struct place place_of(const struct tree *tree, const char *text);

/* The key got another value than the document's. */
void place_forget(const struct tree *tree, const struct key_path *path);

#endif
