// SPDX-License-Identifier: MIT
#include "vmm/config/toml_scalar.h"

#include "vmm/base/words.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char decimal_digits[] = "0123456789";

static bool is_in(const char *set, int c)
{
	return c > 0 && strchr(set, c);
}

/* --- strings: "basic" with escapes, 'literal' without ----------------------------------------- */

static int unicode_escape(struct scan *s, unsigned int ndigits)
{
	struct place place = s->place;
	uint32_t c = 0;

	scan_skip(s, 2);
	for (unsigned int i = 0; i < ndigits; i++, scan_skip(s, 1)) {
		int next = scan_peek(s, 0);
		int digit = next < 0 ? -1 : hex_digit((char)next);

		if (digit < 0)
			return scan_fault(s, place, "\\%c needs %u hexadecimal digits",
					  ndigits == 4 ? 'u' : 'U', ndigits);
		c = c << 4 | (uint32_t)digit;
	}
	if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return scan_fault(s, place, "U+%04X is not a character", (unsigned int)c);
	scan_put_character(s, c);
	return 0;
}

/* A backslash as the last thing on a line: it, the newline and all space after it do not count. */
static bool skip_line_continuation(struct scan *s)
{
	struct scan start = *s;
	bool newline = false;

	scan_skip(s, 1);
	for (scan_skip_blanks(s); scan_newline(s); scan_skip_blanks(s)) {
		newline = true;
		scan_skip(s, scan_newline(s));
	}
	if (!newline)
		*s = start;
	return newline;
}

static int escape(struct scan *s)
{
	static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
	int c = scan_peek(s, 1);

	if (c == 'u' || c == 'U')
		return unicode_escape(s, c == 'u' ? 4 : 8);
	if (is_in(from, c)) {
		scan_put(s, to[strchr(from, c) - from]);
		scan_skip(s, 2);
		return 0;
	}
	if (c > 0x20 && c < 0x7f)
		return scan_fault(s, s->place, "no such escape: \\%c (a backslash itself is \\\\)",
				  c);
	return scan_fault(s, s->place, "a backslash must be written \\\\");
}

/*
 * The end of a string? Of many lines, up to two quotes may stand directly before the closing three, so
 * that a run of three to five ends it; those that belong to it are added.
 */
static bool close_string(struct scan *s, char quote, bool many)
{
	size_t run = 0;

	if (!many)
		return scan_accept(s, quote);
	while (run < 5 && scan_peek(s, run) == quote)
		run++;
	scan_skip(s, run);
	for (size_t i = run < 3 ? 0 : 3; i < run; i++)
		scan_put(s, quote);
	return run >= 3;
}

int toml_string(struct scan *s, bool many, struct tree_text *out)
{
	size_t start = s->tree->strings_len;
	char quote = (char)scan_peek(s, 0);
	struct place place = s->place;

	many = many && scan_peek(s, 1) == quote && scan_peek(s, 2) == quote;
	scan_skip(s, many ? 3 : 1);
	if (many)
		scan_skip(s, scan_newline(s)); /* one directly after the quotes does not count */
	while (!close_string(s, quote, many)) {
		size_t newline = scan_newline(s);
		int c = scan_peek(s, 0);
		int ret = 0;

		if (many && c == SCAN_END)
			return scan_fault(s, place, "the string that begins here is never closed");
		if (!many && (c == SCAN_END || newline))
			return scan_fault(s, s->place, "expected %c at the end of the string",
					  quote);
		if (scan_is_control(c) && !newline)
			return scan_fault(s, s->place, "control character 0x%02x in a string",
					  (unsigned int)c);
		if (c == '\\' && quote == '"') {
			if (!many || !skip_line_continuation(s))
				ret = escape(s);
			if (ret < 0)
				return ret;
			continue;
		}
		for (size_t n = newline ? newline : 1; n; n--, scan_skip(s, 1))
			scan_put(s, (char)scan_peek(s, 0));
	}
	*out = scan_text(s, start);
	return 0;
}

/* --- a whole token, at `place`; `text` is a copy of it that may be written to ------------------- */

struct token {
	struct place place;
	const char *data;
	int shown; /* bytes of it, in a message */
	char *text;
	size_t len;
};

static int malformed(struct scan *s, const struct token *t)
{
	return scan_fault(s, t->place, "'%.*s' is not a number; a text must be in quotes", t->shown,
			  t->data);
}

static int integer(struct scan *s, const struct token *t, const char *digits, int base,
		   struct tree_node *node)
{
	errno = 0;
	node->integer = strtoll(digits, NULL, base);
	if (errno == ERANGE)
		return scan_fault(s, t->place, "integer does not fit into 64 bits with sign");
	node->type = TREE_INTEGER;
	return 0;
}

/* strtod() that takes a point for a point, whatever the caller of the library made its locale */
static int real(struct scan *s, const struct token *t, bool is_infinite, struct tree_node *node)
{
	locale_t c = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);

	if (!c)
		return -ENOMEM;
	node->real = strtod_l(t->text, NULL, c);
	freelocale(c);
	if (isinf(node->real) && !is_infinite)
		return scan_fault(s, t->place, "number too large for a 64-bit float");
	node->type = TREE_FLOAT;
	return 0;
}

/* Single underscores between two digits do not count; any others stay, and are no digits. */
static void drop_underscores(struct token *t, const char *digits)
{
	size_t len = 0;

	for (size_t i = 0; i < t->len; i++)
		if (t->data[i] != '_' || !i || i + 1 == t->len || !is_in(digits, t->data[i - 1]) ||
		    !is_in(digits, t->data[i + 1]))
			t->text[len++] = t->data[i];
	t->text[len] = '\0';
}

static int based_integer(struct scan *s, struct token *t, struct tree_node *node)
{
	static const char *const sets[] = {"01", "01234567", "0123456789abcdefABCDEF"};
	static const int bases[] = {2, 8, 16};
	int i = t->text[1] == 'b' ? 0 : t->text[1] == 'o' ? 1 : 2;

	drop_underscores(t, sets[i]);
	if (!t->text[2] || t->text[2 + strspn(t->text + 2, sets[i])])
		return malformed(s, t);
	return integer(s, t, t->text + 2, bases[i], node);
}

/* Digits behind one of `before`, at *at, which moves behind them; 0: no such part, -1: no digits. */
static int part(const char **at, const char *before, bool sign)
{
	size_t n;

	if (!is_in(before, **at))
		return 0;
	(*at)++;
	if (sign && is_in("+-", **at))
		(*at)++;
	n = strspn(*at, decimal_digits);
	*at += n;
	return n ? 1 : -1;
}

static int number(struct scan *s, struct token *t, struct tree_node *node)
{
	const char *at;
	int fraction, exponent;
	size_t n;

	if (t->len > 2 && t->text[0] == '0' && is_in("xob", t->text[1]))
		return based_integer(s, t, node);
	drop_underscores(t, decimal_digits);
	at = t->text + is_in("+-", t->text[0]);
	if (strcmp(at, "inf") == 0 || strcmp(at, "nan") == 0)
		return real(s, t, true, node);
	n = strspn(at, decimal_digits);
	if (n > 1 && *at == '0')
		return scan_fault(s, t->place, "a decimal number must not begin with a zero");
	at += n;
	fraction = part(&at, ".", false);
	exponent = part(&at, "eE", true);
	if (!n || fraction < 0 || exponent < 0 || *at)
		return malformed(s, t);
	if (fraction || exponent)
		return real(s, t, false, node);
	return integer(s, t, t->text, 10, node);
}

/* --- dates and times: RFC 3339, section 5.6, and its parts without offset, date or time --------- */

struct field {
	char before; /* 0: nothing */
	uint8_t digits;
	uint8_t min;
	uint16_t max;
	const char *wrong; /* what to say of any other */
};

/* NULL, or what is wrong with the three fields at *at, which moves behind them. */
static const char *fields(const char **at, const struct field field[3], const char *form,
			  unsigned int value[3])
{
	const char *wrong = NULL;

	for (int i = 0; i < 3 && field[i].digits; i++) {
		if (field[i].before && *(*at)++ != field[i].before)
			return form;
		value[i] = 0;
		for (int n = field[i].digits; n; n--, (*at)++) {
			if (!is_in(decimal_digits, **at))
				return form;
			value[i] = value[i] * 10 + (unsigned int)(**at - '0');
		}
		if (!wrong && (value[i] < field[i].min || value[i] > field[i].max))
			wrong = field[i].wrong;
	}
	return wrong;
}

static const char *date(const char **at)
{
	static const char no_day[] = "that month does not have such a day";
	static const struct field field[] = {{0, 4, 0, 9999, NULL},
					     {'-', 2, 1, 12, "the month must be 01 to 12"},
					     {'-', 2, 1, 31, no_day}};
	unsigned int v[3];
	const char *wrong = fields(at, field, "a date is written YYYY-MM-DD", v);
	bool leap;

	if (wrong)
		return wrong;
	leap = v[0] % 4 == 0 && (v[0] % 100 != 0 || v[0] % 400 == 0);
	if (v[1] == 2 && v[2] > (leap ? 29 : 28))
		return no_day;
	return v[2] == 31 && (v[1] == 4 || v[1] == 6 || v[1] == 9 || v[1] == 11) ? no_day : NULL;
}

static const char *clock(const char **at)
{
	static const struct field field[] = {
		{0, 2, 0, 23, "the hour must be 00 to 23"},
		{':', 2, 0, 59, "the minute must be 00 to 59"},
		{':', 2, 0, 60, "the second must be 00 to 60"}}; /* RFC 3339 knows leap seconds */
	unsigned int v[3];
	const char *wrong = fields(at, field, "a time is written HH:MM:SS", v);

	return !wrong && part(at, ".", false) < 0 ? "digits must follow the point" : wrong;
}

static const char *offset(const char **at)
{
	static const char form[] = "an offset is written Z, +HH:MM or -HH:MM";
	static const char far[] = "the offset must be within 23:59";
	static const struct field field[] = {{0, 2, 0, 23, far}, {':', 2, 0, 59, far}, {0}};
	unsigned int v[3];
	char c = *(*at)++;

	if (c == 'Z' || c == 'z')
		return NULL;
	return c == '+' || c == '-' ? fields(at, field, form, v) : form;
}

/* NULL, or what is wrong. */
static const char *moment(const char *at, enum tree_type *type)
{
	const char *wrong;

	if (at[2] == ':') {
		*type = TREE_TIME_LOCAL;
		wrong = clock(&at);
	} else {
		*type = TREE_DATE_LOCAL;
		wrong = date(&at);
		if (wrong || !*at)
			return wrong;
		if (!is_in("Tt ", *at++))
			return "a time after a date begins with T";
		*type = TREE_DATETIME_LOCAL;
		wrong = clock(&at);
		if (wrong || !*at)
			return wrong;
		*type = TREE_DATETIME;
		wrong = offset(&at);
	}
	return wrong || !*at ? wrong : "there is something behind it";
}

/* --- which of them it is ---------------------------------------------------------------------- */

static size_t token_len(const struct scan *s, size_t from)
{
	size_t len = 0;

	while (is_in("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-.:",
		     scan_peek(s, from + len)))
		len++;
	return len;
}

static bool looks_like_time(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && is_in(decimal_digits, text[n]))
		n++;
	return n < len && ((n == 2 && text[n] == ':') || (n == 4 && text[n] == '-'));
}

/* "1979-05-27 07:32:00": the one place where a value holds a space */
static size_t value_len(const struct scan *s)
{
	size_t len = token_len(s, 0);

	if (len == 10 && looks_like_time(s->text + s->at, len) && scan_peek(s, 10) == ' ' &&
	    is_in(decimal_digits, scan_peek(s, 11)))
		len += 1 + token_len(s, 11);
	return len;
}

int toml_bare_value(struct scan *s, struct tree_node *node)
{
	struct token t = {.place = s->place, .data = s->text + s->at, .len = value_len(s)};
	const char *wrong, *word = NULL;

	if (!t.len)
		return scan_expected(s, "a value");
	t.shown = tree_clip(t.len, t.data);
	t.text = s->tree->strings + s->tree->strings_len;
	node->string = scan_take(s, t.len);
	if (looks_like_time(t.text, t.len)) {
		wrong = moment(t.text, &node->type);
		return wrong ? scan_fault(s, t.place, "'%.*s' is not a date or time: %s", t.shown,
					  t.data, wrong)
			     : 0;
	}
	if (is_in("0123456789+-.", t.text[0]) || strcmp(t.text, "inf") == 0 ||
	    strcmp(t.text, "nan") == 0)
		return number(s, &t, node);
	if (strcasecmp(t.text, "true") == 0)
		word = "true";
	else if (strcasecmp(t.text, "false") == 0)
		word = "false";
	if (word && strcmp(t.text, word) == 0) {
		node->type = TREE_BOOL;
		node->boolean = word[0] == 't';
		return 0;
	}
	if (word)
		return scan_fault(s, t.place, "'%s' is not a value: did you mean %s?", t.text,
				  word);
	return scan_fault(s, t.place, "'%.*s' is not a value; a text must be in quotes", t.shown,
			  t.data);
}
