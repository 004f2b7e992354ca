// SPDX-License-Identifier: MIT
/* Integers (64 bits, signed) and floats (IEEE 754 binary64). */
#include "vmm/config/toml_parser.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Reads a token from left to right, dropping underscores into `out`. */
struct number {
	const char *in;
	const char *end;
	char *out;
	size_t len;
};

static bool next_is(const struct number *n, const char *set)
{
	return n->in < n->end && *n->in && strchr(set, *n->in);
}

static void take(struct number *n)
{
	n->out[n->len++] = *n->in++;
}

/* One or more digits out of `set`, with single underscores between them. */
static bool digits(struct number *n, const char *set)
{
	if (!next_is(n, set))
		return false;
	while (next_is(n, set)) {
		take(n);
		if (n->end - n->in >= 2 && n->in[0] == '_' && n->in[1] && strchr(set, n->in[1]))
			n->in++;
	}
	return true;
}

static int malformed(struct toml_parser *p, struct toml_pos pos, struct toml_text token)
{
	return toml_fault(p, pos, "'%.*s' is not a number; a text must be in quotes",
			  toml_clip(token.len, token.data), token.data);
}

static int integer(struct toml_parser *p, struct toml_pos pos, struct number *n, int base,
		   struct toml_node *node)
{
	long long value;

	n->out[n->len] = '\0';
	errno = 0;
	value = strtoll(n->out, NULL, base);
	if (errno == ERANGE)
		return toml_fault(p, pos, "integer does not fit into 64 bits with sign");
	node->type = TOML_INTEGER;
	node->integer = value;
	return 0;
}

static int based_integer(struct toml_parser *p, struct toml_pos pos, struct toml_text token,
			 struct toml_node *node)
{
	struct number n = {token.data + 2, token.data + token.len, p->scratch, 0};
	const char *set = "01";
	int base = 2;

	if (token.data[1] == 'x') {
		set = "0123456789abcdefABCDEF";
		base = 16;
	} else if (token.data[1] == 'o') {
		set = "01234567";
		base = 8;
	}
	if (!digits(&n, set) || n.in != n.end)
		return malformed(p, pos, token);
	return integer(p, pos, &n, base, node);
}

/* strtod() that takes a point for a point, whatever the caller of the library made its locale */
static int read_float(const char *text, double *out)
{
	locale_t c = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);

	if (!c)
		return -ENOMEM;
	*out = strtod_l(text, NULL, c);
	freelocale(c);
	return 0;
}

static int decimal(struct toml_parser *p, struct toml_pos pos, struct toml_text token,
		   struct toml_node *node)
{
	struct number n = {token.data, token.data + token.len, p->scratch, 0};
	const char *first;
	bool is_float = false;
	int ret;

	if (next_is(&n, "+-"))
		take(&n);
	first = n.in;
	if (!digits(&n, "0123456789"))
		return malformed(p, pos, token);
	if (*first == '0' && n.in - first > 1)
		return toml_fault(p, pos, "a decimal number must not begin with a zero");
	if (next_is(&n, ".")) {
		is_float = true;
		take(&n);
		if (!digits(&n, "0123456789"))
			return malformed(p, pos, token);
	}
	if (next_is(&n, "eE")) {
		is_float = true;
		take(&n);
		if (next_is(&n, "+-"))
			take(&n);
		if (!digits(&n, "0123456789"))
			return malformed(p, pos, token);
	}
	if (n.in != n.end)
		return malformed(p, pos, token);
	if (!is_float)
		return integer(p, pos, &n, 10, node);
	n.out[n.len] = '\0';
	ret = read_float(n.out, &node->real);
	if (ret < 0)
		return ret;
	if (isinf(node->real))
		return toml_fault(p, pos, "number too large for a 64-bit float");
	node->type = TOML_FLOAT;
	return 0;
}

/* inf and nan, with or without sign */
static bool special(struct toml_text token, struct toml_node *node)
{
	bool negative = token.data[0] == '-';
	size_t sign = negative || token.data[0] == '+';
	const char *name = token.data + sign;

	if (token.len - sign != 3)
		return false;
	if (memcmp(name, "inf", 3) == 0)
		node->real = negative ? -(double)INFINITY : (double)INFINITY;
	else if (memcmp(name, "nan", 3) == 0)
		node->real = copysign((double)NAN, negative ? -1.0 : 1.0);
	else
		return false;
	node->type = TOML_FLOAT;
	return true;
}

int toml_number(struct toml_parser *p, struct toml_pos pos, struct toml_text token,
		struct toml_node *node)
{
	if (special(token, node))
		return 0;
	if (token.len > 2 && token.data[0] == '0' && strchr("xob", token.data[1]))
		return based_integer(p, pos, token, node);
	return decimal(p, pos, token, node);
}
