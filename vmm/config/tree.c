// SPDX-License-Identifier: MIT
#include "vmm/config/tree.h"

#include "vmm/base/words.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#define CLIP 40 /* bytes of the document shown in a message */

struct tree *tree_new(size_t len)
{
	struct tree *tree = calloc(1, sizeof(*tree));

	if (!tree)
		return NULL;
	if (len > TREE_MAX_LEN) /* whoever reads it refuses it */
		len = 0;
	/* No text is longer than it was written, and a NUL has the place of what must follow it there;
	 * after the last one nothing must. */
	tree->strings = malloc(len + 1);
	if (!tree->strings || tree_add(tree, NULL, NULL, (struct place){1, 1}, &tree->root) < 0) {
		tree_free(tree);
		return NULL;
	}
	tree->root->type = TREE_TABLE;
	return tree;
}

static void keep(void *node)
{
	(void)node; /* they are freed one after the other */
}

void tree_free(struct tree *tree)
{
	if (!tree)
		return;
	tdestroy(tree->index, keep);
	while (tree->newest) {
		struct tree_node *node = tree->newest;

		tree->newest = node->older;
		free(node);
	}
	free(tree->strings);
	free(tree->name);
	faults_clear(&tree->faults);
	free(tree);
}

/* Any total order will do. */
static int compare(const void *left, const void *right)
{
	const struct tree_node *a = left, *b = right;

	if (a->parent != b->parent)
		return (uintptr_t)a->parent < (uintptr_t)b->parent ? -1 : 1;
	if (a->key.len != b->key.len)
		return a->key.len < b->key.len ? -1 : 1;
	return memcmp(a->key.data, b->key.data, a->key.len);
}

struct tree_node *tree_find(const struct tree *tree, const struct tree_node *table, const char *key,
			    size_t len)
{
	const struct tree_node wanted = {.parent = table, .key = {.data = key, .len = len}};
	struct tree_node *const *found;

	if (!table || table->type != TREE_TABLE)
		return NULL;
	found = tfind(&wanted, &tree->index, compare);
	return found ? *found : NULL;
}

int tree_add(struct tree *tree, struct tree_node *parent, const struct tree_text *key,
	     struct place place, struct tree_node **out)
{
	struct tree_node *node;

	if (parent && parent->depth == TREE_MAX_DEPTH) {
		faults_add(&tree->faults, place, "nested more than %d levels deep", TREE_MAX_DEPTH);
		return -EINVAL;
	}
	if (tree->nvalues == TREE_MAX_VALUES) {
		faults_add(&tree->faults, place, "more than %u values in one document",
			   TREE_MAX_VALUES);
		return -EINVAL;
	}
	node = calloc(1, sizeof(*node));
	if (!node)
		return -ENOMEM;
	tree->nvalues++;
	node->older = tree->newest;
	tree->newest = node;
	node->place = place;
	*out = node;
	if (!parent)
		return 0;
	node->parent = parent;
	node->depth = (uint8_t)(parent->depth + 1);
	if (key) {
		node->key = *key;
		node->key_place = place;
		if (!tsearch(node, &tree->index, compare))
			return -ENOMEM;
	}
	if (parent->children.last)
		parent->children.last->next = node;
	else
		parent->children.first = node;
	parent->children.last = node;
	parent->children.count++;
	return 0;
}

const char *tree_type_name(enum tree_type type)
{
	static const char *const names[] = {
		[TREE_NONE] = "nothing",
		[TREE_STRING] = "a string",
		[TREE_INTEGER] = "an integer",
		[TREE_FLOAT] = "a float",
		[TREE_BOOL] = "a boolean",
		[TREE_DATETIME] = "a date-time",
		[TREE_DATETIME_LOCAL] = "a local date-time",
		[TREE_DATE_LOCAL] = "a local date",
		[TREE_TIME_LOCAL] = "a local time",
		[TREE_ARRAY] = "an array",
		[TREE_TABLE] = "a table",
	};

	return names[type];
}

int tree_clip(size_t len, const char *text)
{
	size_t shown = 0, next;

	if (len <= CLIP)
		return (int)len;
	while ((next = utf8_len(text + shown, len - shown)) && shown + next <= CLIP)
		shown += next;
	return (int)shown;
}
