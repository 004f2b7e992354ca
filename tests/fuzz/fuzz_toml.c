// SPDX-License-Identifier: MIT
/*
 * The TOML parser and the configuration on top, fed with anything. Beyond not crashing, a tree must
 * hold what it promises: places inside the text, children that are found by their keys.
 */
#include "vmm/config/config.h"
#include "vmm/config/toml.h"

#include <stdlib.h>
#include <string.h>

static void check(bool good)
{
	if (!good)
		abort();
}

static void check_tree(const struct tree *tree, const struct tree_node *node, unsigned int depth)
{
	size_t count = 0;

	check(depth <= TREE_MAX_DEPTH && node->place.line && node->place.column);
	if (node->type == TREE_STRING)
		check(node->string.data && node->string.data[node->string.len] == '\0');
	if (node->type != TREE_ARRAY && node->type != TREE_TABLE)
		return;
	for (const struct tree_node *n = node->children.first; n; n = n->next) {
		if (node->type == TREE_TABLE)
			check(tree_find(tree, node, n->key.data, n->key.len) == n);
		else
			check(!n->key.data);
		check(n->next || n == node->children.last);
		check_tree(tree, n, depth + 1);
		count++;
	}
	check(count == node->children.count);
}

static void count_fault(void *ctx, const char *fault)
{
	size_t *count = ctx;

	check(strncmp(fault, "f:", 2) == 0 && !strchr(fault, '\n') && !strchr(fault, '\x1b'));
	(*count)++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct vmm_config config;
	struct vmm_error err;
	size_t nfaults = 0;
	struct tree *doc;
	int ret;

	doc = toml_read(text, size);
	check(doc != NULL);
	check_tree(doc, doc->root, 0);
	config_init(&config);
	ret = config_read_text(&config, text, size, "f", "/d", count_fault, &nfaults, &err);
	check((ret < 0) == (nfaults > 0));
	check(ret == 0 || nfaults >= doc->faults.count);
	if (ret == 0)
		check(config_validate(&config, &err) == 0);
	config_clear(&config);
	tree_free(doc);
	return 0;
}
