// SPDX-License-Identifier: MIT
/*
 * Who may define what, once (TOML 1.0, sections "Keys", "Table", "Inline Table" and "Array of
 * Tables"). What a table may still get depends on how it came to be (enum toml_origin):
 *
 *	origin         as [a] itself    on the way to [a.b]    on the way to a.b = …
 *	BY_SUBTABLE    once             yes                    yes, and becomes BY_DOTTED
 *	BY_HEADER      no               yes                    no
 *	BY_DOTTED      no               yes                    yes
 *	BY_VALUE       no               no                     no
 *
 * An array of tables made by headers stands for its last element on the way to [a.b].
 */
#include "vmm/config/toml_parser.h"

static int refuse(struct toml_parser *p, const struct toml_key *key, const struct toml_node *old,
		  const char *why)
{
	struct toml_pos pos = old->key.data ? old->key_pos : old->pos;

	return toml_fault(p, key->pos, "'%.*s' %s in line %u",
			  toml_clip(key->text.len, key->text.data), key->text.data, why, pos.line);
}

/* The last element of an array made by [[headers]], or NULL */
static struct toml_node *last_element(const struct toml_node *node)
{
	if (node->type != TOML_ARRAY || node->origin != TOML_BY_HEADER)
		return NULL;
	return node->children.last;
}

static int add_table(struct toml_parser *p, struct toml_node *parent, const struct toml_key *key,
		     enum toml_origin origin, struct toml_node **out)
{
	int ret = toml_add(p, parent, key, key->pos, out);

	if (ret < 0)
		return ret;
	(*out)->type = TOML_TABLE;
	(*out)->origin = origin;
	return 0;
}

int toml_descend_header(struct toml_parser *p, struct toml_node **table, const struct toml_key *key)
{
	struct toml_node *old = toml_find(*table, key->text.data, key->text.len);

	if (!old)
		return add_table(p, *table, key, TOML_BY_SUBTABLE, table);
	if (old->type == TOML_TABLE && old->origin != TOML_BY_VALUE)
		*table = old;
	else if (last_element(old))
		*table = last_element(old);
	else
		return refuse(p, key, old, "cannot have tables below it: it got its value");
	return 0;
}

int toml_descend_dotted(struct toml_parser *p, struct toml_node **table, const struct toml_key *key)
{
	struct toml_node *old = toml_find(*table, key->text.data, key->text.len);

	if (!old)
		return add_table(p, *table, key, TOML_BY_DOTTED, table);
	if (old->type != TOML_TABLE || old->origin == TOML_BY_VALUE ||
	    old->origin == TOML_BY_HEADER)
		return refuse(p, key, old, "cannot be added to: it was already defined");
	old->origin = TOML_BY_DOTTED;
	*table = old;
	return 0;
}

int toml_define_table(struct toml_parser *p, struct toml_node *parent, const struct toml_key *key,
		      struct toml_node **out)
{
	struct toml_node *old = toml_find(parent, key->text.data, key->text.len);

	if (!old)
		return add_table(p, parent, key, TOML_BY_HEADER, out);
	if (old->type != TOML_TABLE || old->origin != TOML_BY_SUBTABLE)
		return refuse(p, key, old, "is defined twice: first");
	old->origin = TOML_BY_HEADER;
	old->key_pos = key->pos;
	old->pos = key->pos;
	*out = old;
	return 0;
}

int toml_define_element(struct toml_parser *p, struct toml_node *parent, const struct toml_key *key,
			struct toml_node **out)
{
	struct toml_node *array = toml_find(parent, key->text.data, key->text.len);
	int ret;

	if (!array) {
		ret = toml_add(p, parent, key, key->pos, &array);
		if (ret < 0)
			return ret;
		array->type = TOML_ARRAY;
		array->origin = TOML_BY_HEADER;
	} else if (array->type != TOML_ARRAY || array->origin != TOML_BY_HEADER) {
		return refuse(p, key, array, "is not an array of tables: it was defined");
	}
	ret = toml_add(p, array, NULL, key->pos, out);
	if (ret < 0)
		return ret;
	(*out)->type = TOML_TABLE;
	(*out)->origin = TOML_BY_HEADER;
	return 0;
}

int toml_define_value(struct toml_parser *p, struct toml_node *parent, const struct toml_key *key,
		      struct toml_node **out)
{
	struct toml_node *old = toml_find(parent, key->text.data, key->text.len);

	if (old)
		return refuse(p, key, old, "is defined twice: first");
	return toml_add(p, parent, key, key->pos, out);
}
