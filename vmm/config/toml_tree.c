// SPDX-License-Identifier: MIT
/*
 * Nodes and their children. Children are a list in the order of the document; those of a table are
 * also an AA tree (Andersson, "Balanced Search Trees Made Simple", 1993): a binary tree kept flat
 * by two rotations, so that no order of keys makes looking them up slow.
 */
#include "vmm/config/toml_parser.h"

#include <errno.h>
#include <string.h>

/* Any total order will do. */
static int compare(struct toml_text a, struct toml_text b)
{
	if (a.len != b.len)
		return a.len < b.len ? -1 : 1;
	return memcmp(a.data, b.data, a.len);
}

/* A left child on its parent's level: turn right. */
static struct toml_node *skew(struct toml_node *n)
{
	struct toml_node *left = n->left;

	if (!left || left->level != n->level)
		return n;
	n->left = left->right;
	left->right = n;
	return left;
}

/* Two right children on one level: turn left and lift the middle one. */
static struct toml_node *split(struct toml_node *n)
{
	struct toml_node *right = n->right;

	if (!right || !right->right || right->right->level != n->level)
		return n;
	n->right = right->left;
	right->left = n;
	right->level++;
	return right;
}

/* Recursion is as deep as the tree: twice log2 of TOML_MAX_VALUES at most. */
static struct toml_node *insert(struct toml_node *tree, struct toml_node *node)
{
	if (!tree)
		return node;
	if (compare(node->key, tree->key) < 0)
		tree->left = insert(tree->left, node);
	else
		tree->right = insert(tree->right, node);
	return split(skew(tree));
}

struct toml_node *toml_find(const struct toml_node *table, const char *key, size_t len)
{
	struct toml_text wanted = {.data = key, .len = len};
	struct toml_node *n;

	if (!table || table->type != TOML_TABLE)
		return NULL;
	n = table->children.root;
	while (n) {
		int order = compare(wanted, n->key);

		if (!order)
			return n;
		n = order < 0 ? n->left : n->right;
	}
	return NULL;
}

static void append(struct toml_children *children, struct toml_node *node)
{
	if (children->last)
		children->last->next = node;
	else
		children->first = node;
	children->last = node;
	children->count++;
}

int toml_add(struct toml_parser *p, struct toml_node *parent, const struct toml_key *key,
	     struct toml_pos pos, struct toml_node **out)
{
	struct toml_node *node;

	if (parent && parent->depth == TOML_MAX_DEPTH)
		return toml_fault(p, pos, "nested more than %d levels deep", TOML_MAX_DEPTH);
	if (p->nvalues == TOML_MAX_VALUES)
		return toml_fault(p, pos, "more than %u values in one document", TOML_MAX_VALUES);
	node = arena_alloc(&p->doc->arena, sizeof(*node));
	if (!node)
		return -ENOMEM;
	p->nvalues++;
	node->pos = pos;
	node->level = 1;
	if (key) {
		node->key = key->text;
		node->key_pos = key->pos;
	}
	if (parent) {
		node->depth = (uint8_t)(parent->depth + 1);
		append(&parent->children, node);
		if (key)
			parent->children.root = insert(parent->children.root, node);
	}
	*out = node;
	return 0;
}
