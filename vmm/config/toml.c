// SPDX-License-Identifier: MIT
/* A document: line by line, either a [header], a key = value, or nothing. */
#include "vmm/config/toml.h"

#include "vmm/config/scan.h"
#include "vmm/config/toml_scalar.h"

#include <errno.h>

/* --- who may define what, once ---------------------------------------------------------------- */

/* How a table or array came to be. */
enum origin {
	BY_VALUE,    /* written as a value, [ … ] or { … }: closed */
	BY_SUBTABLE, /* only named on the way to a header further down */
	BY_DOTTED,   /* by a dotted key */
	BY_HEADER,   /* [table], also one of an array of tables */
	BY_ELEMENT,  /* an array of tables, by [[header]]s */
};

#define BIT(origin) (1u << (origin))

/*
 * A name in a header or key: what may be there already, and what it is then (TOML 1.0, sections
 * "Keys", "Table", "Inline Table" and "Array of Tables").
 */
struct step {
	unsigned int may_be; /* origins, as bits */
	enum origin becomes;
	bool always; /* also if it was there */
	const char *refusal;
};

static const struct step to_header = {
	BIT(BY_SUBTABLE) | BIT(BY_DOTTED) | BIT(BY_HEADER) | BIT(BY_ELEMENT), BY_SUBTABLE, false,
	"cannot have tables below it: it got its value"};
static const struct step to_key = {BIT(BY_SUBTABLE) | BIT(BY_DOTTED), BY_DOTTED, true,
				   "cannot be added to: it was already defined"};
static const struct step to_value = {0, BY_VALUE, true, "is defined twice: first"};
static const struct step to_table = {BIT(BY_SUBTABLE), BY_HEADER, true, "is defined twice: first"};
static const struct step to_element = {BIT(BY_ELEMENT), BY_ELEMENT, true,
				       "is not an array of tables: it was defined"};

struct key {
	struct tree_text text;
	struct place place;
};

/* From *node, a table, to what `key` names in it. */
static int go(struct scan *s, struct tree_node **node, const struct key *key,
	      const struct step *step)
{
	struct tree_node *table = *node;
	struct tree_node *child = tree_find(s->tree, table, key->text.data, key->text.len);
	bool is_new = !child;
	int ret;

	if (child && !(step->may_be & BIT(child->origin)))
		return scan_fault(s, key->place, "'%.*s' %s in line %u",
				  tree_clip(key->text.len, key->text.data), key->text.data,
				  step->refusal, child->key_place.line);
	if (is_new) {
		ret = tree_add(s->tree, table, &key->text, key->place, &child);
		if (ret < 0)
			return ret;
		if (step != &to_value)
			child->type = step == &to_element ? TREE_ARRAY : TREE_TABLE;
	}
	if (is_new || step->always)
		child->origin = step->becomes;
	if (step == &to_table)
		child->place = child->key_place = key->place;
	if (step == &to_element) {
		ret = tree_add(s->tree, child, NULL, key->place, &child);
		if (ret < 0)
			return ret;
		child->type = TREE_TABLE;
		child->origin = BY_HEADER;
	} else if (child->origin == BY_ELEMENT) {
		child = child->children.last;
	}
	*node = child;
	return 0;
}

/* --- keys: bare, quoted, and several of them joined by dots ------------------------------------ */

static bool is_bare(int c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

static int one_key(struct scan *s, struct key *key)
{
	size_t len = 0;

	key->place = s->place;
	if (scan_peek(s, 0) == '"' || scan_peek(s, 0) == '\'')
		return toml_string(s, false, &key->text);
	while (is_bare(scan_peek(s, len)))
		len++;
	if (!len)
		return scan_expected(s, "a key");
	key->text = scan_take(s, len);
	return 0;
}

/* All but the last are gone to. */
static int key_path(struct scan *s, struct tree_node **table, const struct step *step,
		    struct key *last)
{
	for (;;) {
		int ret = one_key(s, last);

		if (ret < 0)
			return ret;
		scan_skip_blanks(s);
		if (!scan_accept(s, '.'))
			return 0;
		scan_skip_blanks(s);
		ret = go(s, table, last, step);
		if (ret < 0)
			return ret;
	}
}

/* --- space ------------------------------------------------------------------------------------ */

static int skip_comment(struct scan *s)
{
	if (scan_peek(s, 0) != '#')
		return 0;
	while (scan_peek(s, 0) != SCAN_END && !scan_newline(s)) {
		if (scan_is_control(scan_peek(s, 0)))
			return scan_fault(s, s->place, "control character 0x%02x in a comment",
					  (unsigned int)scan_peek(s, 0));
		scan_skip(s, 1);
	}
	return 0;
}

/* Blanks, comments and newlines */
static int skip_space(struct scan *s)
{
	size_t newline;

	do {
		int ret;

		scan_skip_blanks(s);
		ret = skip_comment(s);
		if (ret < 0)
			return ret;
		newline = scan_newline(s);
		scan_skip(s, newline);
	} while (newline);
	return 0;
}

/* Nothing but a comment may follow on a line. */
static int finish_line(struct scan *s, const char *expected)
{
	int ret;

	scan_skip_blanks(s);
	ret = skip_comment(s);
	if (ret < 0)
		return ret;
	if (scan_peek(s, 0) != SCAN_END && !scan_newline(s))
		return scan_expected(s, expected);
	scan_skip(s, scan_newline(s));
	return 0;
}

/* --- values; arrays and inline tables recurse, no deeper than TREE_MAX_DEPTH -------------------- */

static int value(struct scan *s, struct tree_node *node);

static int key_value(struct scan *s, struct tree_node *table)
{
	struct key key;
	int ret = key_path(s, &table, &to_key, &key);

	if (ret < 0)
		return ret;
	if (!scan_accept(s, '='))
		return scan_expected(s, "'=' after the key");
	ret = go(s, &table, &key, &to_value);
	if (ret < 0)
		return ret;
	scan_skip_blanks(s);
	ret = value(s, table);
	if (ret < 0)
		table->type = TREE_NONE;
	return ret;
}

static int array(struct scan *s, struct tree_node *node)
{
	for (;;) {
		struct tree_node *element;
		int ret = skip_space(s);

		if (ret < 0)
			return ret;
		if (scan_accept(s, ']'))
			return 0;
		ret = tree_add(s->tree, node, NULL, s->place, &element);
		if (ret == 0)
			ret = value(s, element);
		if (ret == 0)
			ret = skip_space(s);
		if (ret < 0)
			return ret;
		if (!scan_accept(s, ',') && scan_peek(s, 0) != ']')
			return scan_expected(s, "',' or ']' in the array");
	}
}

/* One line (but for what is inside its values), and no comma behind the last pair */
static int inline_table(struct scan *s, struct tree_node *node)
{
	scan_skip_blanks(s);
	if (scan_accept(s, '}'))
		return 0;
	for (;;) {
		int ret = key_value(s, node);

		if (ret < 0)
			return ret;
		scan_skip_blanks(s);
		if (scan_accept(s, '}'))
			return 0;
		if (!scan_accept(s, ','))
			return scan_expected(s, "',' or '}' in the inline table");
		scan_skip_blanks(s);
	}
}

static int value(struct scan *s, struct tree_node *node)
{
	int c = scan_peek(s, 0);
	int ret;

	node->place = s->place;
	node->origin = BY_VALUE;
	if (c == '"' || c == '\'') {
		ret = toml_string(s, true, &node->string);
		node->type = ret == 0 ? TREE_STRING : TREE_NONE;
		return ret;
	}
	if (c != '[' && c != '{')
		return toml_bare_value(s, node);
	scan_skip(s, 1);
	s->open++;
	node->type = c == '[' ? TREE_ARRAY : TREE_TABLE;
	ret = c == '[' ? array(s, node) : inline_table(s, node);
	if (ret == 0)
		s->open--;
	return ret;
}

/* --- lines ------------------------------------------------------------------------------------ */

/* "[a.b]" or "[[a.b]]": from here on, keys go into *table. */
static int header(struct scan *s, struct tree_node **table)
{
	struct tree_node *node = s->tree->root;
	struct key key;
	bool element;
	int ret;

	scan_skip(s, 1);
	element = scan_accept(s, '[');
	scan_skip_blanks(s);
	ret = key_path(s, &node, &to_header, &key);
	if (ret < 0)
		return ret;
	if (!scan_accept(s, ']') || (element && !scan_accept(s, ']')))
		return scan_expected(s, element ? "']]' after the name" : "']' after the name");
	ret = go(s, &node, &key, element ? &to_element : &to_table);
	if (ret < 0)
		return ret;
	*table = node;
	return finish_line(s, "the end of the line after the header");
}

static int line(struct scan *s, struct tree_node **table)
{
	int ret;

	if (scan_peek(s, 0) == '[')
		return header(s, table);
	ret = key_value(s, *table);
	return ret < 0 ? ret : finish_line(s, "the end of the line after the value");
}

/*
 * A fault in one line does not hide those in the next: reading goes on there, unless the fault is
 * inside brackets or a string of many lines, where the next line would only be misunderstood.
 */
static int document(struct scan *s)
{
	struct tree_node *table = s->tree->root;

	for (;;) {
		int ret = skip_space(s);
		uint32_t number = s->place.line;
		bool is_header = scan_peek(s, 0) == '[';

		if (ret == 0 && scan_peek(s, 0) == SCAN_END)
			return 0;
		if (ret == 0)
			ret = line(s, &table);
		if (ret == 0)
			continue;
		if (ret != -EINVAL || s->place.line != number || s->open ||
		    s->tree->faults.count >= TREE_MAX_FAULTS)
			return ret;
		if (is_header) { /* the keys behind it must not end up in the table before it */
			ret = tree_add(s->tree, NULL, NULL, s->place, &table);
			if (ret < 0)
				return ret;
			table->type = TREE_TABLE;
		}
		while (scan_peek(s, 0) != SCAN_END && !scan_newline(s))
			scan_skip(s, 1);
		scan_skip(s, scan_newline(s));
	}
}

static int single_value(struct scan *s)
{
	int ret;

	scan_skip_blanks(s);
	ret = value(s, s->tree->root);
	if (ret < 0)
		return ret;
	scan_skip_blanks(s);
	if (scan_peek(s, 0) != SCAN_END)
		return scan_expected(s, "the end after the value");
	return 0;
}

struct tree *toml_read(const char *text, size_t len)
{
	return scan_read(text, len, document);
}

struct tree *toml_read_value(const char *text, size_t len)
{
	return scan_read(text, len, single_value);
}
