// SPDX-License-Identifier: MIT
/* Keys: bare, quoted, and several of them joined by dots. */
#include "vmm/config/toml_parser.h"

#include <errno.h>

static bool is_bare(int c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

static int bare_key(struct toml_parser *p, struct toml_text *out)
{
	size_t len = 0;

	while (is_bare(toml_peek(p, len)))
		len++;
	if (!len)
		return toml_expected(p, "a key");
	out->data = arena_copy(&p->doc->arena, p->text + p->at, len);
	out->len = len;
	toml_skip(p, len);
	return out->data ? 0 : -ENOMEM;
}

static int one_key(struct toml_parser *p, struct toml_key *key)
{
	int c = toml_peek(p, 0);

	key->pos = p->pos;
	if (c == '"' || c == '\'')
		return toml_line_string(p, &key->text);
	return bare_key(p, &key->text);
}

int toml_key_path(struct toml_parser *p, struct toml_node **table, toml_descend_fn *descend,
		  struct toml_key *last)
{
	for (;;) {
		int ret = one_key(p, last);

		if (ret < 0)
			return ret;
		toml_skip_blanks(p);
		if (!toml_accept(p, '.'))
			return 0;
		toml_skip_blanks(p);
		ret = descend(p, table, last);
		if (ret < 0)
			return ret;
	}
}
