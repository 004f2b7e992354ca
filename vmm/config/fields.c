// SPDX-License-Identifier: MIT
/* Defaults, setting single keys, and giving back what a configuration owns. */
#include "vmm/config/config.h"

#include "vmm/config/place.h"
#include "vmm/config/toml.h"
#include "vmm/config/value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *config_file_name(const struct vmm_config *config)
{
	return config->document ? config->document->name : NULL;
}

void config_init(struct vmm_config *config)
{
	memset(config, 0, sizeof(*config));
	for (const struct schema *table = NULL; (table = schema_next(NULL, table));)
		if (!table->max_elements)
			schema_set_defaults(table, config, 0);
}

static void free_texts(struct vmm_config *config, const struct schema *table, size_t index)
{
	for (const struct schema *key = NULL; (key = schema_next(table, key));) {
		char **text = schema_text(key, schema_field(table, key, config, index));

		if (text && *text != key->text)
			free(*text);
	}
}

void config_clear(struct vmm_config *config)
{
	for (const struct schema *table = NULL; (table = schema_next(NULL, table));)
		for (size_t i = 0; i < schema_count(table, config); i++)
			free_texts(config, table, i);
	tree_free(config->document);
	config_init(config);
}

static int set_value(struct vmm_config *config, const struct key_path *path,
		     const struct schema *table, const struct schema *key,
		     const struct tree_node *value, struct vmm_error *err)
{
	size_t count = schema_count(table, config);
	bool is_new = path->has_index && path->index == count;
	int ret;

	if (path->has_index != (table->max_elements > 0))
		return vmm_error_set(err, -EINVAL, "%s",
				     path->has_index ? "is no array of tables"
						     : "needs an index: [0]");
	if (path->index > count)
		return vmm_error_set(err, -EINVAL, "the next element is %zu", count);
	if (is_new && !schema_add_element(table, config))
		return vmm_error_set(err, -EINVAL, "more than %zu", table->max_elements);
	ret = config_store(config, table, path->index, key, value, NULL, err);
	if (ret < 0) {
		if (is_new)
			schema_drop_element(table, config);
		return ret;
	}
	place_forget(config->document, path);
	schema_set_given(table, table, config, 0);
	return 0;
}

static int set_text(struct vmm_config *config, const char *name, const char *text,
		    struct vmm_error *err)
{
	const struct schema *table, *key;
	struct key_path path;
	struct tree *tree;
	int ret;

	if (!key_path_parse(name, &path) || !path.key)
		return vmm_error_set(err, -EINVAL, "not of the form TABLE.KEY");
	table = schema_find(NULL, path.table, path.table_len);
	key = table ? schema_find(table, path.key, strlen(path.key)) : NULL;
	if (!key)
		return vmm_error_set(err, -EINVAL, "there is no such key");
	tree = toml_read_value(text, strlen(text));
	if (!tree)
		return vmm_error_errno(err, -ENOMEM, "unable to read the value");
	if (tree->faults.no_memory)
		ret = vmm_error_errno(err, -ENOMEM, "unable to read the value");
	else if (tree->faults.count)
		ret = vmm_error_set(err, -EINVAL, "%s", tree->faults.list[0].text);
	else
		ret = set_value(config, &path, table, key, tree->root, err);
	tree_free(tree);
	return ret;
}

int config_set(struct vmm_config *config, const char *key, const char *value, struct vmm_error *err)
{
	int ret = set_text(config, key, value, err);

	if (ret < 0)
		vmm_error_prefix(err, "%s", key);
	return ret;
}
