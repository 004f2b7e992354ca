// SPDX-License-Identifier: MIT
/* A document: line by line, either a [header], a key = value, or nothing. */
#include "vmm/config/toml_parser.h"

#include <errno.h>
#include <stdlib.h>

/* "[a.b]" or "[[a.b]]": from here on, keys go into *table. */
static int header(struct toml_parser *p, struct toml_node **table)
{
	struct toml_node *parent = p->doc->root;
	struct toml_key key;
	bool element;
	int ret;

	toml_skip(p, 1);
	element = toml_accept(p, '[');
	toml_skip_blanks(p);
	ret = toml_key_path(p, &parent, toml_descend_header, &key);
	if (ret < 0)
		return ret;
	if (!toml_accept(p, ']') || (element && !toml_accept(p, ']')))
		return toml_expected(p, element ? "']]' after the name" : "']' after the name");
	if (element)
		ret = toml_define_element(p, parent, &key, table);
	else
		ret = toml_define_table(p, parent, &key, table);
	if (ret < 0)
		return ret;
	return toml_finish_line(p, "the header");
}

static int key_value_line(struct toml_parser *p, struct toml_node *table)
{
	int ret = toml_key_value(p, table);

	if (ret < 0)
		return ret;
	return toml_finish_line(p, "the value");
}

/* Keys behind a header with a fault must not end up in the table before it. */
static int lost_table(struct toml_parser *p, struct toml_node **table)
{
	int ret = toml_add(p, NULL, NULL, p->pos, table);

	if (ret < 0)
		return ret;
	(*table)->type = TOML_TABLE;
	return 0;
}

/*
 * A fault in one line does not hide those in the next: parsing goes on there, unless the fault is
 * inside brackets or a string of many lines, where the next line would only be misunderstood.
 */
static int document(struct toml_parser *p)
{
	struct toml_node *table = p->doc->root;
	int ret;

	for (;;) {
		uint32_t line;
		bool is_header;

		ret = toml_skip_space(p);
		if (ret == 0 && toml_peek(p, 0) == TOML_END)
			return 0;
		line = p->pos.line;
		is_header = toml_peek(p, 0) == '[';
		if (ret == 0 && is_header)
			ret = header(p, &table);
		else if (ret == 0)
			ret = key_value_line(p, table);
		if (ret == 0)
			continue;
		if (ret != -EINVAL || p->pos.line != line || p->open ||
		    p->doc->nfaults == TOML_MAX_FAULTS)
			return ret;
		if (is_header) {
			ret = lost_table(p, &table);
			if (ret < 0)
				return ret;
		}
		toml_drop_line(p);
	}
}

static int single_value(struct toml_parser *p)
{
	int ret;

	toml_skip_blanks(p);
	ret = toml_value(p, p->doc->root);
	if (ret < 0)
		return ret;
	toml_skip_blanks(p);
	if (toml_peek(p, 0) != TOML_END)
		return toml_expected(p, "the end after the value");
	return 0;
}

static int parse(struct toml_parser *p, int (*what)(struct toml_parser *p))
{
	int ret = toml_check_text(p);

	if (ret < 0)
		return ret;
	p->scratch = malloc(p->len + 1);
	if (!p->scratch)
		return -ENOMEM;
	ret = what(p);
	free(p->scratch);
	return ret;
}

static struct toml *parse_new(const char *text, size_t len, int (*what)(struct toml_parser *p))
{
	struct toml *doc = calloc(1, sizeof(*doc));
	struct toml_parser p = {.text = text, .len = len, .pos = {1, 1}, .doc = doc};
	int ret;

	if (!doc)
		return NULL;
	ret = lost_table(&p, &doc->root);
	if (ret == 0)
		ret = parse(&p, what);
	if (ret == -ENOMEM) {
		toml_free(doc);
		return NULL;
	}
	return doc;
}

struct toml *toml_parse(const char *text, size_t len)
{
	return parse_new(text, len, document);
}

struct toml *toml_parse_value(const char *text, size_t len)
{
	return parse_new(text, len, single_value);
}

void toml_free(struct toml *doc)
{
	if (!doc)
		return;
	arena_free(&doc->arena);
	free(doc);
}

const char *toml_type_name(enum toml_type type)
{
	static const char *const names[] = {
		[TOML_NONE] = "nothing",
		[TOML_STRING] = "a string",
		[TOML_INTEGER] = "an integer",
		[TOML_FLOAT] = "a float",
		[TOML_BOOL] = "a boolean",
		[TOML_DATETIME] = "a date-time",
		[TOML_DATETIME_LOCAL] = "a local date-time",
		[TOML_DATE_LOCAL] = "a local date",
		[TOML_TIME_LOCAL] = "a local time",
		[TOML_ARRAY] = "an array",
		[TOML_TABLE] = "a table",
	};

	return names[type];
}
