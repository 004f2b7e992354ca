/* SPDX-License-Identifier: MIT */
/* What the config_*.c files share, grouped by the file that defines it. */
#ifndef VMM_CONFIG_INTERNAL_H
#define VMM_CONFIG_INTERNAL_H

#include "vmm/config/schema.h"
#include "vmm/config/toml.h"

/*
 * config_value.c: converts one TOML value and stores it in the key's field of the table's struct at
 * `base`. `dir` is what relative paths are relative to, or NULL. -EINVAL with "expected …" in err,
 * which leaves the field alone, or -ENOMEM.
 */
int config_store(const struct schema_key *key, void *base, const struct toml_node *value,
		 const char *dir, struct vmm_error *err);

/* config_text.c: the same for char * fields; takes the place of the old string. */
int config_store_text(const struct schema_key *key, void *base, const struct toml_node *value,
		      const char *dir, struct vmm_error *err);

/*
 * config_describe.c: "\"none\", \"auto\" or \"snp\"", "an integer from 1 to 255": what a key
 * takes, and what it is when not given ("" if it then does not apply).
 */
void config_describe_type(const struct schema_key *key, char *out, size_t size);
void config_describe_default(const struct schema_key *key, char *out, size_t size);

/* config_suggest.c: the name most like `name`, if half of it agrees; else NULL. */
const char *config_nearest(const char *name, size_t len, const char *(*next)(void *ctx), void *ctx);

/* config_fault.c: faults are gathered, then reported in the order of their lines. */
#define CONFIG_MAX_FAULTS 100 /* further ones are only counted */

struct config_fault {
	struct toml_pos pos;
	size_t order; /* in which it was found, for equal positions */
	char *text;
};

struct config_faults {
	struct config_fault list[CONFIG_MAX_FAULTS];
	size_t count;	/* found, may exceed what is in the list */
	bool no_memory; /* a fault or a value could not be stored */
};

void config_fault_add(struct config_faults *faults, struct toml_pos pos, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Calls `fault` for each and empties the list. 0: there were none; -EINVAL with the first in err.
 * `file` may be NULL, and a position 0: they are left out then. */
int config_fault_report(struct config_faults *faults, const char *file, config_fault_fn *fault,
			void *ctx, struct vmm_error *err);

/*
 * config_check.c: the checks that span keys. `key` is the one to point at, as for config_set(), or
 * the name of a table. Not `complete`: without complaints about what is not there.
 */
typedef void config_complaint_fn(void *ctx, const char *key, const char *complaint);
void config_check(const struct vmm_config *config, bool complete, config_complaint_fn *complain,
		  void *ctx);

/* config_place.c: where the keys of a file stand; NULL: no memory */
struct config_places *config_places_new(const char *file, const struct toml_node *root);
void config_places_free(struct config_places *places);
const char *config_places_file(const struct config_places *places);
/* The key got another value than the file's. */
void config_places_forget(struct config_places *places, const struct schema_table *table,
			  size_t index, const struct schema_key *key);
/* Of the key that a fault's text begins with, or else of its table; line 0: neither is there. */
struct toml_pos config_places_find(const struct config_places *places, const char *text);

/* config_path.c: "disk[0].path" taken apart */
struct config_path {
	const char *table;
	size_t table_len;
	size_t index; /* 0 without brackets */
	bool has_index;
	const char *key; /* NULL without a dot; otherwise to the end of the string */
};

bool config_path_parse(const char *text, struct config_path *path);
/* Where in a document that is, or the nearest thing above it that is there. */
struct toml_pos config_path_locate(const struct toml_node *root, const char *text);

#endif
