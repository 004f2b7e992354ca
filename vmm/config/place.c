// SPDX-License-Identifier: MIT
#include "vmm/config/place.h"

#include "vmm/base/bytes.h"

#include <stdio.h>
#include <string.h>

bool key_path_parse(const char *text, struct key_path *path)
{
	*path = (struct key_path){.table = text, .table_len = strcspn(text, ".[")};
	text += path->table_len;
	if (*text == '[') {
		path->has_index = true;
		text++;
		if (*text < '0' || *text > '9')
			return false;
		for (; *text >= '0' && *text <= '9'; text++) {
			path->index = path->index * 10 + (size_t)(*text - '0');
			if (path->index >= TREE_MAX_VALUES)
				return false;
		}
		if (*text++ != ']')
			return false;
	}
	if (*text == '.')
		path->key = text + 1;
	return path->table_len > 0 && (*text == '.' || *text == '\0');
}

static struct tree_node *find_table(const struct tree *tree, const struct key_path *path)
{
	struct tree_node *node = tree_find(tree, tree->root, path->table, path->table_len);
	size_t index = 0;

	if (!node || node->type != TREE_ARRAY)
		return node;
	for (node = node->children.first; node; node = node->next)
		if (node->type == TREE_TABLE && index++ == path->index)
			break;
	return node;
}

static struct tree_node *find_key(const struct tree *tree, const struct key_path *path)
{
	return path->key ? tree_find(tree, find_table(tree, path), path->key, strlen(path->key))
			 : NULL;
}

struct place place_of(const struct tree *tree, const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-.[]";
	static const struct {
		const char *loaded, *key;
	} names[] = {
		{"kernel", "boot.kernel"},
		{"initrd", "boot.initrd"},
		{"igvm", "boot.igvm"},
		{"firmware", "boot.firmware"},
	};
	const struct tree_node *table, *key;
	struct key_path path;
	char name[64];

	snprintf(name, sizeof(name), "%.*s", (int)strspn(text, letters), text);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(name, names[i].loaded) == 0)
			snprintf(name, sizeof(name), "%s", names[i].key);
	if (strncmp(text, "command line", strlen("command line")) == 0)
		snprintf(name, sizeof(name), "boot.cmdline");
	if (!tree || !key_path_parse(name, &path))
		return (struct place){0};
	key = find_key(tree, &path);
	if (key && key->key_place.line)
		return key->key_place;
	table = find_table(tree, &path);
	return table ? table->place : (struct place){0};
}

void place_forget(const struct tree *tree, const struct key_path *path)
{
	struct tree_node *key = tree ? find_key(tree, path) : NULL;

	if (key)
		key->key_place.line = 0;
}
