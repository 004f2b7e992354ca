// SPDX-License-Identifier: MIT
/* "machine.vcpus", "disk[0].path": naming a key from outside, and finding it in a document. */
#include "vmm/config/internal.h"

#include <string.h>

bool config_path_parse(const char *text, struct config_path *path)
{
	*path = (struct config_path){.table = text, .table_len = strcspn(text, ".[")};
	text += path->table_len;
	if (*text == '[') {
		path->has_index = true;
		text++;
		if (*text < '0' || *text > '9')
			return false;
		for (; *text >= '0' && *text <= '9'; text++) {
			path->index = path->index * 10 + (size_t)(*text - '0');
			if (path->index >= TOML_MAX_VALUES)
				return false;
		}
		if (*text++ != ']')
			return false;
	}
	if (*text == '.')
		path->key = text + 1;
	return path->table_len > 0 && (*text == '.' || *text == '\0');
}

struct toml_pos config_path_locate(const struct toml_node *root, const char *text)
{
	struct toml_pos pos = {1, 1};
	const struct toml_node *node, *key;
	struct config_path path;

	if (!config_path_parse(text, &path))
		return pos;
	node = toml_find(root, path.table, path.table_len);
	if (!node)
		return pos;
	if (node->type == TOML_ARRAY) {
		node = node->children.first;
		for (size_t i = 0; node && i < path.index; i++)
			node = node->next;
		if (!node)
			return pos;
	}
	key = path.key ? toml_find(node, path.key, strlen(path.key)) : NULL;
	return key ? key->key_pos : node->pos;
}
