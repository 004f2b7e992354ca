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

static void check_tree(const struct toml_node *node, unsigned int depth)
{
	const struct toml_children *children = &node->children;
	size_t count = 0;

	check(depth <= TOML_MAX_DEPTH && node->pos.line && node->pos.column);
	if (node->type == TOML_STRING)
		check(node->string.data && node->string.data[node->string.len] == '\0');
	if (node->type != TOML_ARRAY && node->type != TOML_TABLE)
		return;
	for (const struct toml_node *n = children->first; n; n = n->next) {
		if (node->type == TOML_TABLE)
			check(toml_find(node, n->key.data, n->key.len) == n);
		else
			check(!n->key.data);
		check(n->next || n == children->last);
		check_tree(n, depth + 1);
		count++;
	}
	check(count == children->count);
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
	struct toml *doc;
	int ret;

	doc = toml_parse(text, size);
	check(doc != NULL);
	check_tree(doc->root, 0);
	config_init(&config);
	ret = config_read_text(&config, text, size, "f", "/d", count_fault, &nfaults, &err);
	check((ret < 0) == (nfaults > 0));
	check(ret == 0 || nfaults >= doc->nfaults);
	if (ret == 0)
		check(config_validate(&config, &err) == 0);
	config_clear(&config);
	toml_free(doc);
	return 0;
}
