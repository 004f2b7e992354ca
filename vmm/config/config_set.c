// SPDX-License-Identifier: MIT
/* One key, set by code or on the command line. */
#include "vmm/config/internal.h"

#include <errno.h>
#include <string.h>

/*
 * Where the table's struct is. A new element of an array only starts to count when its first key
 * was stored: *element says that it is one.
 */
static int find_base(struct vmm_config *config, const struct schema_table *table,
		     const struct config_path *path, void **base, bool *element,
		     struct vmm_error *err)
{
	size_t count = schema_count(table, config);

	*element = false;
	if (path->has_index != (table->max_elements > 0))
		return vmm_error_set(err, -EINVAL, "%s",
				     path->has_index ? "is no array of tables"
						     : "needs an index: [0]");
	if (path->has_index && path->index == count) {
		*base = schema_add_element(table, config);
		*element = true;
		if (!*base)
			return vmm_error_set(err, -EINVAL, "more than %zu", table->max_elements);
		return 0;
	}
	if (path->has_index && path->index > count)
		return vmm_error_set(err, -EINVAL, "the next element is %zu", count);
	*base = schema_base(table, config, path->index);
	return 0;
}

static int set_value(struct vmm_config *config, const struct schema_table *table,
		     const struct config_path *path, const struct schema_key *key,
		     const struct toml_node *value, struct vmm_error *err)
{
	const bool present = true;
	size_t count = schema_count(table, config);
	bool element;
	void *base;
	int ret;

	ret = find_base(config, table, path, &base, &element, err);
	if (ret < 0)
		return ret;
	ret = config_store(key, base, value, NULL, err);
	if (ret < 0) {
		if (element)
			memcpy((char *)config + table->count, &count, sizeof(count));
		return ret;
	}
	config_places_forget(config->places, table, path->index, key);
	if (table->present)
		memcpy((char *)config + table->present, &present, sizeof(present));
	return 0;
}

static int set_text(struct vmm_config *config, const char *name, const char *text,
		    struct vmm_error *err)
{
	const struct schema_table *table;
	const struct schema_key *key = NULL;
	struct config_path path;
	struct toml *doc;
	int ret;

	if (!config_path_parse(name, &path) || !path.key)
		return vmm_error_set(err, -EINVAL, "not of the form TABLE.KEY");
	table = schema_find_table(path.table, path.table_len);
	if (table)
		key = schema_find_key(table, path.key, strlen(path.key));
	if (!key)
		return vmm_error_set(err, -EINVAL, "there is no such key");
	doc = toml_parse_value(text, strlen(text));
	if (!doc)
		return vmm_error_errno(err, -ENOMEM, "unable to read the value");
	if (doc->nfaults)
		ret = vmm_error_set(err, -EINVAL, "%s", doc->faults[0].text);
	else
		ret = set_value(config, table, &path, key, doc->root, err);
	toml_free(doc);
	return ret;
}

int config_set(struct vmm_config *config, const char *key, const char *value, struct vmm_error *err)
{
	int ret = set_text(config, key, value, err);

	if (ret < 0)
		vmm_error_prefix(err, "%s", key);
	return ret;
}
