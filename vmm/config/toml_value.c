// SPDX-License-Identifier: MIT
/* Values of all types; arrays and inline tables recurse, no deeper than TOML_MAX_DEPTH. */
#include "vmm/config/toml_parser.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static bool is_token(int c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       (c > 0 && strchr("_+-.:", c));
}

static size_t token_len(const struct toml_parser *p, size_t from)
{
	size_t len = 0;

	while (is_token(toml_peek(p, from + len)))
		len++;
	return len;
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(struct toml_text token, const char *word)
{
	return token.len == strlen(word) && memcmp(token.data, word, token.len) == 0;
}

static bool is_word_in_any_case(struct toml_text token, const char *word)
{
	return token.len == strlen(word) && strncasecmp(token.data, word, token.len) == 0;
}

/* true, false, numbers, dates and times: all made of the same few characters, without quotes */
static int bare_value(struct toml_parser *p, struct toml_node *node)
{
	struct toml_text token = {p->text + p->at, token_len(p, 0)};
	struct toml_pos pos = p->pos;

	if (!token.len)
		return toml_expected(p, "a value");
	/* "1979-05-27 07:32:00": the one place where a value holds a space */
	if (token.len == 10 && toml_looks_like_time(token) && toml_peek(p, 10) == ' ' &&
	    is_digit(toml_peek(p, 11)))
		token.len += 1 + token_len(p, 11);
	toml_skip(p, token.len);

	if (is_word(token, "true") || is_word(token, "false")) {
		node->type = TOML_BOOL;
		node->boolean = token.data[0] == 't';
		return 0;
	}
	if (toml_looks_like_time(token))
		return toml_datetime(p, pos, token, node);
	if (is_digit(token.data[0]) || strchr("+-.", token.data[0]) || is_word(token, "inf") ||
	    is_word(token, "nan"))
		return toml_number(p, pos, token, node);
	if (is_word_in_any_case(token, "true") || is_word_in_any_case(token, "false"))
		return toml_fault(p, pos, "'%.*s' is not a value: did you mean %s?", (int)token.len,
				  token.data, token.len == 4 ? "true" : "false");
	return toml_fault(p, pos, "'%.*s' is not a value; a text must be in quotes",
			  toml_clip(token.len, token.data), token.data);
}

static int array(struct toml_parser *p, struct toml_node *node)
{
	int ret;

	toml_skip(p, 1);
	node->type = TOML_ARRAY;
	for (;;) {
		struct toml_node *element;

		ret = toml_skip_space(p);
		if (ret < 0)
			return ret;
		if (toml_accept(p, ']'))
			return 0;
		ret = toml_add(p, node, NULL, p->pos, &element);
		if (ret < 0)
			return ret;
		ret = toml_value(p, element);
		if (ret < 0)
			return ret;
		ret = toml_skip_space(p);
		if (ret < 0)
			return ret;
		if (!toml_accept(p, ',') && toml_peek(p, 0) != ']')
			return toml_expected(p, "',' or ']' in the array");
	}
}

/* One line (but for what is inside its values), and no comma behind the last pair */
static int inline_table(struct toml_parser *p, struct toml_node *node)
{
	int ret;

	toml_skip(p, 1);
	node->type = TOML_TABLE;
	toml_skip_blanks(p);
	if (toml_accept(p, '}'))
		return 0;
	for (;;) {
		ret = toml_key_value(p, node);
		if (ret < 0)
			return ret;
		toml_skip_blanks(p);
		if (toml_accept(p, '}'))
			return 0;
		if (!toml_accept(p, ','))
			return toml_expected(p, "',' or '}' in the inline table");
		toml_skip_blanks(p);
	}
}

int toml_value(struct toml_parser *p, struct toml_node *node)
{
	int ret;

	node->pos = p->pos;
	node->origin = TOML_BY_VALUE;
	switch (toml_peek(p, 0)) {
	case '"':
	case '\'':
		node->type = TOML_STRING;
		return toml_string(p, &node->string);
	case '[':
		p->open++;
		ret = array(p, node);
		break;
	case '{':
		p->open++;
		ret = inline_table(p, node);
		break;
	default:
		return bare_value(p, node);
	}
	if (ret == 0)
		p->open--;
	return ret;
}

int toml_key_value(struct toml_parser *p, struct toml_node *table)
{
	struct toml_node *node;
	struct toml_key key;
	int ret;

	ret = toml_key_path(p, &table, toml_descend_dotted, &key);
	if (ret < 0)
		return ret;
	if (!toml_accept(p, '='))
		return toml_expected(p, "'=' after the key");
	ret = toml_define_value(p, table, &key, &node);
	if (ret < 0)
		return ret;
	toml_skip_blanks(p);
	ret = toml_value(p, node);
	if (ret < 0)
		node->type = TOML_NONE;
	return ret;
}
