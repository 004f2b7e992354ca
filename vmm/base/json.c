// SPDX-License-Identifier: MIT
#include "vmm/base/json.h"

#include <inttypes.h>

/*
 * The length of the UTF-8 sequence at `s`, 1 to 4; 0 if there is none: overlong forms, surrogates
 * and numbers above U+10FFFF are refused (RFC 3629 section 4). A NUL ends every sequence early, so
 * this never reads beyond the string.
 */
static size_t utf8_sequence(const char *s)
{
	const uint8_t *b = (const uint8_t *)s;
	uint8_t low = 0x80, high = 0xbf; /* bounds of the second byte */
	size_t len;

	if (b[0] < 0x80)
		return 1;
	if (b[0] >= 0xc2 && b[0] <= 0xdf)
		len = 2;
	else if (b[0] >= 0xe0 && b[0] <= 0xef)
		len = 3;
	else if (b[0] >= 0xf0 && b[0] <= 0xf4)
		len = 4;
	else
		return 0;
	if (b[0] == 0xe0)
		low = 0xa0;
	if (b[0] == 0xed)
		high = 0x9f;
	if (b[0] == 0xf0)
		low = 0x90;
	if (b[0] == 0xf4)
		high = 0x8f;
	if (b[1] < low || b[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((b[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

static void put_string(struct text *t, const char *s)
{
	text_add_bytes(t, "\"", 1);
	while (*s) {
		size_t len = utf8_sequence(s);

		if (len == 0)
			text_add(t, "\\ufffd");
		else if ((unsigned char)*s < 0x20 || *s == 0x7f)
			text_add(t, "\\u%04x", (unsigned int)*s);
		else if ((unsigned char)*s == 0xc2 && (unsigned char)s[1] < 0xa0)
			text_add(t, "\\u%04x", (unsigned int)(unsigned char)s[1]); /* U+0080 … */
		else if (*s == '"' || *s == '\\')
			text_add(t, "\\%c", *s);
		else
			text_add_bytes(t, s, len);
		s += len ? len : 1;
	}
	text_add_bytes(t, "\"", 1);
}

static void new_line(struct json *j)
{
	text_add_bytes(j->out, "\n", 1);
	for (unsigned int i = 0; i < j->depth; i++)
		text_add_bytes(j->out, "  ", 2);
}

/* Everything in front of a value: comma, line, key. */
static void begin_value(struct json *j, const char *key)
{
	if (j->filled)
		text_add_bytes(j->out, ",", 1);
	j->filled = true;
	if (j->depth > 0)
		new_line(j);
	if (key) {
		put_string(j->out, key);
		text_add_bytes(j->out, ": ", 2);
	}
}

static void open_level(struct json *j, const char *key, const char *open, char close)
{
	begin_value(j, key);
	text_add_bytes(j->out, open, 1);
	if (j->depth == JSON_MAX_DEPTH) {
		j->out->failed = true;
		return;
	}
	j->close[j->depth++] = close;
	j->filled = false;
}

void json_object(struct json *j, const char *key)
{
	open_level(j, key, "{", '}');
}

void json_array(struct json *j, const char *key)
{
	open_level(j, key, "[", ']');
}

void json_end(struct json *j)
{
	bool empty = !j->filled;

	if (j->depth == 0)
		return;
	j->depth--;
	if (!empty)
		new_line(j);
	text_add_bytes(j->out, &j->close[j->depth], 1);
	if (j->depth == 0)
		text_add_bytes(j->out, "\n", 1);
	j->filled = true;
}

void json_string(struct json *j, const char *key, const char *value)
{
	begin_value(j, key);
	if (value)
		put_string(j->out, value);
	else
		text_add(j->out, "null");
}

void json_u64(struct json *j, const char *key, uint64_t value)
{
	begin_value(j, key);
	text_add(j->out, "%" PRIu64, value);
}

void json_bool(struct json *j, const char *key, bool value)
{
	begin_value(j, key);
	text_add(j->out, "%s", value ? "true" : "false");
}

void json_hex(struct json *j, const char *key, uint64_t value)
{
	begin_value(j, key);
	text_add(j->out, "\"0x%" PRIx64 "\"", value);
}

void json_bytes(struct json *j, const char *key, const uint8_t *bytes, size_t len)
{
	begin_value(j, key);
	text_add_bytes(j->out, "\"", 1);
	for (size_t i = 0; i < len; i++)
		text_add(j->out, "%02x", bytes[i]);
	text_add_bytes(j->out, "\"", 1);
}
