// SPDX-License-Identifier: MIT
/* The schema in words, for messages and for config_help(). */
#include "vmm/config/internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void add(char *out, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void add(char *out, size_t size, const char *fmt, ...)
{
	size_t len = strlen(out);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out + len, size - len, fmt, ap);
	va_end(ap);
}

static void add_size(char *out, size_t size, uint64_t bytes)
{
	static const char units[] = "KMGT";
	int unit = -1;

	while (bytes && bytes % 1024 == 0 && unit < 3) {
		bytes /= 1024;
		unit++;
	}
	add(out, size, "%" PRIu64 "%.*s", bytes, unit < 0 ? 0 : 1, units + (unit < 0 ? 0 : unit));
}

/* "none", "EPYC" (-v1 to -v5) or "EPYC-Turin" (-v1) */
static void add_choices(char *out, size_t size, const struct schema_choice *choices)
{
	const struct schema_choice *c;

	for (c = choices; c->name; c++) {
		if (c > choices)
			add(out, size, c[1].name ? ", " : " or ");
		add(out, size, "\"%s\"", c->name);
		if (c->versions == 1)
			add(out, size, " (-v1)");
		else if (c->versions)
			add(out, size, " (-v1 to -v%" PRIu32 ")", c->versions);
	}
}

void config_describe_type(const struct schema_key *key, char *out, size_t size)
{
	out[0] = '\0';
	switch (key->type) {
	case SCHEMA_BOOL:
		add(out, size, "true or false");
		break;
	case SCHEMA_NUMBER:
		if (key->hex)
			add(out, size, "an integer from 0x%" PRIx64 " to 0x%" PRIx64, key->min,
			    key->max);
		else
			add(out, size, "%san integer from %" PRIu64 " to %" PRIu64,
			    key->or_zero ? "0 or " : "", key->min, key->max);
		break;
	case SCHEMA_BITS:
		add(out, size, "an integer, or above 63 bits a string like \"0x8000000000000000\"");
		break;
	case SCHEMA_SIZE:
		add(out, size, "bytes, or a string like \"512M\" (K, M, G, T), from ");
		add_size(out, size, key->min);
		add(out, size, " to ");
		add_size(out, size, key->max);
		if (key->multiple) {
			add(out, size, " in steps of ");
			add_size(out, size, key->multiple);
		}
		break;
	case SCHEMA_CHOICE:
		add_choices(out, size, key->choices);
		break;
	case SCHEMA_HEX:
		add(out, size, "a string of %" PRIu64 " hexadecimal digits", key->max * 2);
		break;
	case SCHEMA_STRING:
		add(out, size, "a string");
		if (key->max)
			add(out, size, " of at most %" PRIu64 " bytes", key->max);
		break;
	case SCHEMA_PATH:
		add(out, size, "a path");
		break;
	case SCHEMA_SOCKET:
		add(out, size, "the path of a Unix socket");
		break;
	case SCHEMA_OUTPUT:
		add(out, size, "\"stdio\", \"null\", \"file:PATH\" or \"unix:PATH\"");
		break;
	case SCHEMA_ENDPOINT:
		add(out, size, "the path of a Unix socket, or \"vsock:CID:PORT\"");
		break;
	case SCHEMA_MAC:
		add(out, size, "a unicast address like \"52:54:00:12:34:56\"");
		break;
	}
}

void config_describe_default(const struct schema_key *key, char *out, size_t size)
{
	const struct schema_choice *c;

	out[0] = '\0';
	switch (key->type) {
	case SCHEMA_BOOL:
		add(out, size, key->number ? "true" : "false");
		break;
	case SCHEMA_NUMBER:
	case SCHEMA_BITS:
		add(out, size, key->hex ? "0x%" PRIx64 : "%" PRIu64, key->number);
		break;
	case SCHEMA_SIZE:
		add(out, size, "\"");
		add_size(out, size, key->number);
		add(out, size, "\"");
		break;
	case SCHEMA_CHOICE:
		for (c = key->choices; c->name && c->value != key->number; c++)
			;
		if (c->name)
			add(out, size, "\"%s\"", c->name);
		break;
	case SCHEMA_HEX:
		break;
	default:
		if (key->text)
			add(out, size, "\"%s\"", key->text);
	}
}
