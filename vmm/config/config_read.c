// SPDX-License-Identifier: MIT
/* A document into a configuration, by the schema; every fault on the way is gathered. */
#include "vmm/config/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
	struct vmm_config *config;
	struct config_faults faults;
	const struct toml_node *root;
	const char *dir;
};

/* For config_nearest(): the names of all tables, or of all keys of one. */
struct names {
	const struct schema_table *table;
	size_t next;
};

static const char *next_table(void *ctx)
{
	struct names *names = ctx;

	return names->next < schema_ntables ? schema_tables[names->next++].name : NULL;
}

static const char *next_key(void *ctx)
{
	struct names *names = ctx;

	return names->next < names->table->nkeys ? names->table->keys[names->next++].name : NULL;
}

/* The table that has a key of this name; NULL if there is none. */
static const struct schema_table *table_with(struct toml_text key)
{
	for (size_t i = 0; i < schema_ntables; i++) {
		if (schema_find_key(&schema_tables[i], key.data, key.len))
			return &schema_tables[i];
	}
	return NULL;
}

/* "[machine]" or "[[disk]]" */
static void table_header(const struct schema_table *table, char *out, size_t size)
{
	snprintf(out, size, table->max_elements ? "[[%s]]" : "[%s]", table->name);
}

static void unknown_key(struct reader *r, const struct schema_table *table,
			const struct toml_node *node)
{
	struct names names = {.table = table};
	const char *like = config_nearest(node->key.data, node->key.len, next_key, &names);
	const struct schema_table *other = table_with(node->key);
	int len = toml_clip(node->key.len, node->key.data);
	char here[32], there[32];

	table_header(table, here, sizeof(here));
	if (other) {
		table_header(other, there, sizeof(there));
		config_fault_add(&r->faults, node->key_pos,
				 "unknown key '%.*s' in %s: it belongs in %s", len, node->key.data,
				 here, there);
	} else if (like) {
		config_fault_add(&r->faults, node->key_pos,
				 "unknown key '%.*s' in %s: did you mean '%s'?", len,
				 node->key.data, here, like);
	} else {
		config_fault_add(&r->faults, node->key_pos, "unknown key '%.*s' in %s", len,
				 node->key.data, here);
	}
}

/* At the top of the document: a table's name misspelt, or a key without its table. */
static void unknown_table(struct reader *r, const struct toml_node *node)
{
	bool is_table = node->type == TOML_TABLE || node->type == TOML_ARRAY;
	const struct schema_table *other = is_table ? NULL : table_with(node->key);
	const char *what = is_table ? "table" : "key";
	struct names names = {0};
	const char *like = config_nearest(node->key.data, node->key.len, next_table, &names);
	int len = toml_clip(node->key.len, node->key.data);
	char there[32];

	if (other)
		table_header(other, there, sizeof(there));
	else if (like)
		table_header(schema_find_table(like, strlen(like)), there, sizeof(there));
	if (other)
		config_fault_add(&r->faults, node->key_pos, "unknown key '%.*s': it belongs in %s",
				 len, node->key.data, there);
	else if (like)
		config_fault_add(&r->faults, node->key_pos, "unknown %s '%.*s': did you mean %s?",
				 what, len, node->key.data, there);
	else
		config_fault_add(&r->faults, node->key_pos, "unknown %s '%.*s'", what, len,
				 node->key.data);
}

/* `label` is how messages call the table: "machine", "disk[0]". */
static void read_table(struct reader *r, const struct schema_table *table, void *base,
		       const char *label, const struct toml_node *node)
{
	struct vmm_error err;
	int ret;

	for (const struct toml_node *n = node->children.first; n; n = n->next) {
		const struct schema_key *key = schema_find_key(table, n->key.data, n->key.len);

		if (!key) {
			unknown_key(r, table, n);
			continue;
		}
		if (n->type == TOML_NONE) /* a syntax fault, noted already */
			continue;
		ret = config_store(key, base, n, r->dir, &err);
		if (ret == -ENOMEM)
			r->faults.no_memory = true;
		else if (ret < 0)
			config_fault_add(&r->faults, n->pos, "%s.%s: %s", label, key->name,
					 err.text);
	}
}

static void read_elements(struct reader *r, const struct schema_table *table,
			  const struct toml_node *array)
{
	char label[32];

	for (const struct toml_node *n = array->children.first; n; n = n->next) {
		void *base;

		if (n->type != TOML_TABLE) {
			config_fault_add(&r->faults, n->pos, "%s: expected a table, found %s",
					 table->name, toml_type_name(n->type));
			continue;
		}
		snprintf(label, sizeof(label), "%s[%zu]", table->name,
			 schema_count(table, r->config));
		base = schema_add_element(table, r->config);
		if (!base) {
			config_fault_add(&r->faults, n->pos, "more than %zu tables [[%s]]",
					 table->max_elements, table->name);
			return;
		}
		read_table(r, table, base, label, n);
	}
}

static void read_top(struct reader *r, const struct toml_node *node)
{
	const struct schema_table *table = schema_find_table(node->key.data, node->key.len);
	const bool present = true;
	char header[32];

	if (!table) {
		unknown_table(r, node);
		return;
	}
	if (node->type == TOML_NONE)
		return;
	if (node->type != (table->max_elements ? TOML_ARRAY : TOML_TABLE)) {
		table_header(table, header, sizeof(header));
		config_fault_add(&r->faults, node->key_pos, "%s must be written as %s", table->name,
				 header);
		return;
	}
	if (table->present)
		memcpy((char *)r->config + table->present, &present, sizeof(present));
	if (table->max_elements)
		read_elements(r, table, node);
	else
		read_table(r, table, schema_base(table, r->config, 0), table->name, node);
}

static void note_complaint(void *ctx, const char *key, const char *complaint)
{
	struct reader *r = ctx;

	config_fault_add(&r->faults, config_path_locate(r->root, key), "%s: %s", key, complaint);
}

int config_read_text(struct vmm_config *config, const char *text, size_t len, const char *name,
		     const char *dir, config_fault_fn *fault, void *ctx, struct vmm_error *err)
{
	struct toml *doc = toml_parse(text, len);
	struct reader *r = calloc(1, sizeof(*r));
	int ret;

	if (!doc || !r) {
		ret = vmm_error_errno(err, -ENOMEM, "unable to read %s", name);
		goto out;
	}
	r->config = config;
	r->root = doc->root;
	r->dir = dir;
	for (size_t i = 0; i < doc->nfaults; i++)
		config_fault_add(&r->faults, doc->faults[i].pos, "%s", doc->faults[i].text);
	for (const struct toml_node *n = doc->root->children.first; n; n = n->next)
		read_top(r, n);
	/* what a line with a fault would have said may be just what seems to be missing */
	config_check(config, r->faults.count == 0, note_complaint, r);
	config_places_free(config->places);
	config->places = config_places_new(name, doc->root);
	r->faults.no_memory |= !config->places;
	ret = config_fault_report(&r->faults, name, fault, ctx, err);
out:
	free(r);
	toml_free(doc);
	return ret;
}
