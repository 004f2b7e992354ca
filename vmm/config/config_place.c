// SPDX-License-Identifier: MIT
/* Where the keys of a configuration stand in its file, for what is found out after reading. */
#include "vmm/config/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A key, or a table (key NULL), that the file has. */
struct config_place {
	const struct schema_table *table;
	const struct schema_key *key;
	size_t index;
	struct toml_pos pos;
};

struct config_places {
	char *file;
	size_t n, size;
	struct config_place *place;
};

static bool add(struct config_places *places, struct config_place place)
{
	if (places->n == places->size) {
		size_t size = places->size ? places->size * 2 : 16;
		struct config_place *more =
			reallocarray(places->place, size, sizeof(places->place[0]));

		if (!more)
			return false;
		places->place = more;
		places->size = size;
	}
	places->place[places->n++] = place;
	return true;
}

static bool add_table(struct config_places *places, const struct schema_table *table, size_t index,
		      const struct toml_node *node, struct toml_pos pos)
{
	if (!add(places, (struct config_place){table, NULL, index, pos}))
		return false;
	for (const struct toml_node *n = node->children.first; n; n = n->next) {
		const struct schema_key *key = schema_find_key(table, n->key.data, n->key.len);

		if (key && !add(places, (struct config_place){table, key, index, n->key_pos}))
			return false;
	}
	return true;
}

static bool add_top(struct config_places *places, const struct toml_node *node)
{
	const struct schema_table *table = schema_find_table(node->key.data, node->key.len);
	size_t index = 0;

	if (!table)
		return true;
	if (node->type == TOML_TABLE)
		return add_table(places, table, 0, node, node->pos);
	if (node->type != TOML_ARRAY)
		return true;
	for (const struct toml_node *n = node->children.first; n; n = n->next)
		if (n->type == TOML_TABLE && !add_table(places, table, index++, n, n->pos))
			return false;
	return true;
}

struct config_places *config_places_new(const char *file, const struct toml_node *root)
{
	struct config_places *places = calloc(1, sizeof(*places));
	bool good;

	if (!places)
		return NULL;
	places->file = strdup(file);
	good = places->file != NULL;
	for (const struct toml_node *n = root->children.first; good && n; n = n->next)
		good = add_top(places, n);
	if (good)
		return places;
	config_places_free(places);
	return NULL;
}

void config_places_free(struct config_places *places)
{
	if (!places)
		return;
	free(places->place);
	free(places->file);
	free(places);
}

const char *config_places_file(const struct config_places *places)
{
	return places ? places->file : NULL;
}

void config_places_forget(struct config_places *places, const struct schema_table *table,
			  size_t index, const struct schema_key *key)
{
	for (size_t i = 0; places && i < places->n; i++)
		if (places->place[i].table == table && places->place[i].index == index &&
		    places->place[i].key == key)
			places->place[i].table = NULL;
}

static struct toml_pos find(const struct config_places *places, const struct schema_table *table,
			    size_t index, const struct schema_key *key)
{
	for (size_t i = 0; i < places->n; i++) {
		const struct config_place *p = &places->place[i];

		if (p->table == table && p->index == index && p->key == key)
			return p->pos;
	}
	return (struct toml_pos){0, 0};
}

/* How a sentence names a key: as "disk[0].path", or one of [boot] by what it leads to, as the loader
 * does. */
static bool name_of(const char *text, char *name, size_t size)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-.[]";
	static const char *const loaded[] = {"kernel", "initrd", "firmware", "igvm"};
	static const char cmdline[] = "command line";
	size_t len = strspn(text, letters);

	if (strncmp(text, cmdline, strlen(cmdline)) == 0)
		return snprintf(name, size, "boot.cmdline") > 0;
	for (size_t i = 0; i < sizeof(loaded) / sizeof(loaded[0]); i++)
		if (strlen(loaded[i]) == len && strncmp(text, loaded[i], len) == 0)
			return snprintf(name, size, "boot.%s", loaded[i]) > 0;
	if (len == 0 || len >= size)
		return false;
	memcpy(name, text, len);
	name[len] = '\0';
	return true;
}

struct toml_pos config_places_find(const struct config_places *places, const char *text)
{
	struct toml_pos pos = {0, 0};
	const struct schema_table *table;
	const struct schema_key *key;
	struct config_path path;
	char name[64];

	if (!places || !name_of(text, name, sizeof(name)) || !config_path_parse(name, &path))
		return pos;
	table = schema_find_table(path.table, path.table_len);
	if (!table)
		return pos;
	key = path.key ? schema_find_key(table, path.key, strlen(path.key)) : NULL;
	if (key)
		pos = find(places, table, path.index, key);
	return pos.line ? pos : find(places, table, path.index, NULL);
}
