// SPDX-License-Identifier: MIT
#include "vmm/config/describe.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void add(char *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(char *out, const char *fmt, ...)
{
	size_t len = strlen(out);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out + len, DESCRIPTION_MAX - len, fmt, ap);
	va_end(ap);
}

static void add_size(char *out, uint64_t bytes)
{
	static const char *const units[] = {"", "K", "M", "G", "T"};
	size_t unit = 0;

	for (; bytes && bytes % 1024 == 0 && unit < 4; unit++)
		bytes /= 1024;
	add(out, "%" PRIu64 "%s", bytes, units[unit]);
}

/* "none", "EPYC" (-v1 to -v5) or "EPYC-Turin" (-v1) */
static void add_choices(char *out, const struct schema *key)
{
	struct schema_choice c = schema_choice(key, 0), next;

	for (size_t i = 0; c.name; i++, c = next) {
		next = schema_choice(key, i + 1);
		add(out, "%s\"%s\"", i == 0 ? "" : next.name ? ", " : " or ", c.name);
		if (c.versions == 1)
			add(out, " (-v1)");
		else if (c.versions)
			add(out, " (-v1 to -v%" PRIu32 ")", c.versions);
	}
}

void describe_type(const struct schema *key, char out[DESCRIPTION_MAX])
{
	static const char *const words[] = {
		[SCHEMA_BOOL] = "true or false",
		[SCHEMA_BITS] = "an integer, or above 63 bits a string like \"0x8000000000000000\"",
		[SCHEMA_SIZE] = "bytes, or a string like \"512M\" (K, M, G, T), from ",
		[SCHEMA_MAC] = "a unicast address like \"52:54:00:12:34:56\"",
		[SCHEMA_STRING] = "a string",
		[SCHEMA_PATH] = "a path",
		[SCHEMA_SOCKET] = "the path of a Unix socket",
		[SCHEMA_OUTPUT] = "\"stdio\", \"null\", \"file:PATH\" or \"unix:PATH\"",
		[SCHEMA_ENDPOINT] = "the path of a Unix socket, or \"vsock:CID:PORT\"",
	};

	snprintf(out, DESCRIPTION_MAX, "%s", words[key->type] ? words[key->type] : "");
	if (key->type == SCHEMA_NUMBER && key->hex) {
		add(out, "an integer from 0x%" PRIx64 " to 0x%" PRIx64, key->min, key->max);
	} else if (key->type == SCHEMA_NUMBER) {
		add(out, "%san integer from %" PRIu64 " to %" PRIu64, key->or_zero ? "0 or " : "",
		    key->min, key->max);
	} else if (key->type == SCHEMA_SIZE) {
		add_size(out, key->min);
		add(out, " to ");
		add_size(out, key->max);
		if (key->multiple)
			add(out, " in steps of ");
		if (key->multiple)
			add_size(out, key->multiple);
	} else if (key->type == SCHEMA_CHOICE) {
		add_choices(out, key);
	} else if (key->type == SCHEMA_HEX) {
		add(out, "a string of %" PRIu64 " hexadecimal digits", key->max * 2);
	} else if (key->type == SCHEMA_STRING && key->max) {
		add(out, " of at most %" PRIu64 " bytes", key->max);
	}
}

void describe_header(const struct schema *table, char out[HEADER_MAX])
{
	snprintf(out, HEADER_MAX, table->max_elements ? "[[%s]]" : "[%s]", table->name);
}

/* What a key is when not given; nothing if it then does not apply. */
static void add_default(char *out, const struct schema *key)
{
	struct schema_choice c;

	switch (key->type) {
	case SCHEMA_BOOL:
		add(out, "; default %s", key->number ? "true" : "false");
		break;
	case SCHEMA_NUMBER:
	case SCHEMA_BITS:
		add(out, key->hex ? "; default 0x%" PRIx64 : "; default %" PRIu64, key->number);
		break;
	case SCHEMA_SIZE:
		add(out, "; default \"");
		add_size(out, key->number);
		add(out, "\"");
		break;
	case SCHEMA_CHOICE:
		for (size_t i = 0; (c = schema_choice(key, i)).value != key->number; i++)
			;
		add(out, "; default \"%s\"", c.name);
		break;
	case SCHEMA_OUTPUT:
		add(out, "; default \"stdio\"");
		break;
	default:
		if (key->text)
			add(out, "; default \"%s\"", key->text);
	}
}

void config_help(void (*line)(void *ctx, const char *text), void *ctx)
{
	char text[DESCRIPTION_MAX + 8], type[DESCRIPTION_MAX], header[HEADER_MAX];

	for (const struct schema *table = NULL; (table = schema_next(NULL, table));) {
		describe_header(table, header);
		snprintf(text, sizeof(text), "%s %s", header, table->help);
		if (table->max_elements)
			add(text, ", up to %zu times", table->max_elements);
		line(ctx, text);
		for (const struct schema *key = NULL; (key = schema_next(table, key));) {
			snprintf(text, sizeof(text), "  %s: %s", key->name, key->help);
			line(ctx, text);
			describe_type(key, type);
			if (key->required)
				add(type, "; required");
			else
				add_default(type, key);
			snprintf(text, sizeof(text), "      %s", type);
			line(ctx, text);
		}
	}
}
