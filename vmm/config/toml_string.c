// SPDX-License-Identifier: MIT
/*
 * Strings: "basic" with escapes and 'literal' without, each on one line or, in three quotes, on
 * many. They are decoded into the parser's scratch buffer and copied into the tree.
 */
#include "vmm/config/toml_parser.h"

#include <errno.h>

static int keep(struct toml_parser *p, size_t len, struct toml_text *out)
{
	out->data = arena_copy(&p->doc->arena, p->scratch, len);
	out->len = len;
	return out->data ? 0 : -ENOMEM;
}

int toml_line_string(struct toml_parser *p, struct toml_text *out)
{
	char quote = (char)toml_peek(p, 0);
	size_t len = 0;
	int ret;

	toml_skip(p, 1);
	while (!toml_accept(p, quote)) {
		int c = toml_peek(p, 0);

		if (c == TOML_END || toml_newline(p))
			return toml_fault(p, p->pos, "expected %c at the end of the string", quote);
		if (toml_is_control(c))
			return toml_fault(p, p->pos, "control character 0x%02x in a string",
					  (unsigned int)c);
		if (c == '\\' && quote == '"') {
			ret = toml_escape(p, &len);
			if (ret < 0)
				return ret;
			continue;
		}
		p->scratch[len++] = (char)c;
		toml_skip(p, 1);
	}
	return keep(p, len, out);
}

/* A backslash as the last thing on a line: it, the newline and all space after it do not count. */
static bool skip_line_continuation(struct toml_parser *p)
{
	struct toml_parser start = *p;
	bool newline = false;

	toml_skip(p, 1);
	for (;;) {
		toml_skip_blanks(p);
		if (!toml_newline(p))
			break;
		newline = true;
		toml_skip(p, toml_newline(p));
	}
	if (!newline)
		*p = start;
	return newline;
}

/*
 * Up to two quotes may stand directly before the closing three, so a run of three to five ends the
 * string. Adds the quotes that belong to it.
 */
static bool close_many(struct toml_parser *p, char quote, size_t *len)
{
	size_t run = 0;

	while (run < 5 && toml_peek(p, run) == quote)
		run++;
	toml_skip(p, run);
	for (size_t i = run < 3 ? 0 : 3; i < run; i++)
		p->scratch[(*len)++] = quote;
	return run >= 3;
}

static int many_lines(struct toml_parser *p, struct toml_text *out)
{
	struct toml_pos start = p->pos;
	char quote = (char)toml_peek(p, 0);
	size_t len = 0;
	int ret;

	toml_skip(p, 3);
	toml_skip(p, toml_newline(p)); /* one directly after the quotes does not count */
	while (!close_many(p, quote, &len)) {
		size_t newline = toml_newline(p);
		int c = toml_peek(p, 0);

		if (c == TOML_END)
			return toml_fault(p, start, "the string that begins here is never closed");
		if (toml_is_control(c) && !newline)
			return toml_fault(p, p->pos, "control character 0x%02x in a string",
					  (unsigned int)c);
		if (c == '\\' && quote == '"') {
			if (skip_line_continuation(p))
				continue;
			ret = toml_escape(p, &len);
			if (ret < 0)
				return ret;
			continue;
		}
		for (newline = newline ? newline : 1; newline; newline--) {
			p->scratch[len++] = (char)toml_peek(p, 0);
			toml_skip(p, 1);
		}
	}
	return keep(p, len, out);
}

int toml_string(struct toml_parser *p, struct toml_text *out)
{
	int quote = toml_peek(p, 0);

	if (toml_peek(p, 1) == quote && toml_peek(p, 2) == quote)
		return many_lines(p, out);
	return toml_line_string(p, out);
}
