// SPDX-License-Identifier: MIT
/* A document into a configuration, by the schema; every fault on the way is gathered. */
#include "vmm/config/check.h"
#include "vmm/config/describe.h"
#include "vmm/config/toml.h"
#include "vmm/config/value.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct reader {
	struct vmm_config *config;
	struct tree *tree;
	const char *dir;
};

/* The table that has a key of this name; NULL if there is none. */
static const struct schema *table_with(struct tree_text key)
{
	const struct schema *table = NULL;

	while ((table = schema_next(NULL, table)))
		if (schema_find(table, key.data, key.len))
			break;
	return table;
}

/* A name misspelt, or a key in another table than its own, or in none (`table` NULL). */
static void unknown(struct reader *r, const struct schema *table, const struct tree_node *node)
{
	bool is_key = table || (node->type != TREE_TABLE && node->type != TREE_ARRAY);
	const struct schema *other = is_key ? table_with(node->key) : NULL;
	const struct schema *like = schema_nearest(table, node->key.data, node->key.len);
	char header[HEADER_MAX], in[HEADER_MAX + 8] = "", hint[64] = "";

	if (table) {
		describe_header(table, header);
		snprintf(in, sizeof(in), " in %s", header);
	}
	if (other) {
		describe_header(other, header);
		snprintf(hint, sizeof(hint), ": it belongs in %s", header);
	} else if (like && table) {
		snprintf(hint, sizeof(hint), ": did you mean '%s'?", like->name);
	} else if (like) {
		describe_header(like, header);
		snprintf(hint, sizeof(hint), ": did you mean %s?", header);
	}
	faults_add(&r->tree->faults, node->key_place, "unknown %s '%.*s'%s%s",
		   is_key ? "key" : "table", tree_clip(node->key.len, node->key.data),
		   node->key.data, in, hint);
}

/* `label` is how messages call the table: "machine", "disk[0]". */
static void read_table(struct reader *r, const struct schema *table, size_t index,
		       const char *label, const struct tree_node *node)
{
	struct vmm_error err;

	for (const struct tree_node *n = node->children.first; n; n = n->next) {
		const struct schema *key = schema_find(table, n->key.data, n->key.len);
		int ret = 0;

		if (!key)
			unknown(r, table, n);
		else if (n->type != TREE_NONE) /* a syntax fault, noted already */
			ret = config_store(r->config, table, index, key, n, r->dir, &err);
		if (ret == -ENOMEM)
			r->tree->faults.no_memory = true;
		else if (ret < 0)
			faults_add(&r->tree->faults, n->place, "%s.%s: %s", label, key->name,
				   err.text);
	}
}

static void read_elements(struct reader *r, const struct schema *table,
			  const struct tree_node *array)
{
	char label[32];

	for (const struct tree_node *n = array->children.first; n; n = n->next) {
		size_t index = schema_count(table, r->config);

		if (n->type != TREE_TABLE) {
			faults_add(&r->tree->faults, n->place, "%s: expected a table, found %s",
				   table->name, tree_type_name(n->type));
		} else if (!schema_add_element(table, r->config)) {
			faults_add(&r->tree->faults, n->place, "more than %zu tables [[%s]]",
				   table->max_elements, table->name);
			return;
		} else {
			snprintf(label, sizeof(label), "%s[%zu]", table->name, index);
			read_table(r, table, index, label, n);
		}
	}
}

static void read_top(struct reader *r, const struct tree_node *node)
{
	const struct schema *table = schema_find(NULL, node->key.data, node->key.len);
	char header[HEADER_MAX];

	if (!table) {
		unknown(r, NULL, node);
	} else if (node->type == TREE_NONE) {
		return;
	} else if (node->type != (table->max_elements ? TREE_ARRAY : TREE_TABLE)) {
		describe_header(table, header);
		faults_add(&r->tree->faults, node->key_place, "%s must be written as %s",
			   table->name, header);
	} else if (table->max_elements) {
		read_elements(r, table, node);
	} else {
		schema_set_given(table, table, r->config, 0);
		read_table(r, table, 0, table->name, node);
	}
}

int config_read_text(struct vmm_config *config, const char *text, size_t len, const char *name,
		     const char *dir, config_fault_fn *fault, void *ctx, struct vmm_error *err)
{
	struct reader r = {.config = config, .tree = toml_read(text, len), .dir = dir};
	int ret;

	if (r.tree)
		r.tree->name = strdup(name);
	if (!r.tree || !r.tree->name) {
		tree_free(r.tree);
		return vmm_error_errno(err, -ENOMEM, "unable to read %s", name);
	}
	for (const struct tree_node *n = r.tree->root->children.first; n; n = n->next)
		read_top(&r, n);
	/* what a line with a fault would have said may be just what seems to be missing */
	config_check(config, r.tree->faults.count == 0, r.tree, &r.tree->faults);
	ret = faults_report(&r.tree->faults, name, fault, ctx, err);
	tree_free(config->document);
	config->document = r.tree;
	return ret;
}

/* --- files ------------------------------------------------------------------------------------ */

/* The text as far as a document may be long, and a byte more, so that its reader sees one too long. */
static int read_whole(const char *path, bool is_stdin, char *text, size_t *len,
		      struct vmm_error *err)
{
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	int ret;

	if (fd < 0)
		return vmm_error_errno(err, -errno, "unable to open %s", path);
	do {
		n = read(fd, text + *len, CONFIG_FILE_MAX + 1 - *len);
		ret = n < 0 ? -errno : 0;
		*len += n > 0 ? (size_t)n : 0;
	} while (n > 0 || ret == -EINTR);
	if (!is_stdin)
		close(fd);
	return ret < 0 ? vmm_error_errno(err, ret, "unable to read %s", path) : 0;
}

int config_read_file(struct vmm_config *config, const char *path, config_fault_fn *fault, void *ctx,
		     struct vmm_error *err)
{
	bool is_stdin = strcmp(path, "-") == 0;
	const char *name = is_stdin ? "<stdin>" : path;
	const char *slash = strrchr(name, '/');
	/* the part before the last slash; nothing is the working directory */
	char *dir = strndup(name, !slash ? 0 : slash == name ? 1 : (size_t)(slash - name));
	char *text = malloc(CONFIG_FILE_MAX + 1);
	size_t len = 0;
	int ret;

	if (!dir || !text)
		ret = vmm_error_errno(err, -ENOMEM, "unable to read %s", name);
	else
		ret = read_whole(name, is_stdin, text, &len, err);
	if (ret == 0)
		ret = config_read_text(config, text, len, name, dir, fault, ctx, err);
	free(dir);
	free(text);
	return ret;
}
