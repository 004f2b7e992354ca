// SPDX-License-Identifier: MIT
#include "vmm/base/json.h"

#include "vmm/base/words.h"

#include <inttypes.h>
#include <string.h>

static void put_string(struct text *t, const char *s)
{
	size_t left = strlen(s);

	text_add_bytes(t, "\"", 1);
	while (*s) {
		size_t len = utf8_len(s, left);

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
		len += len == 0;
		s += len;
		left -= len;
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
		if (j->out)
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
	text_add_hex(j->out, bytes, len);
	text_add_bytes(j->out, "\"", 1);
}
