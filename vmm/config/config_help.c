// SPDX-License-Identifier: MIT
/* The reference of all keys, straight from the schema. */
#include "vmm/config/internal.h"

#include <stdarg.h>
#include <stdio.h>

struct sink {
	void (*line)(void *ctx, const char *text);
	void *ctx;
};

static void print(const struct sink *sink, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void print(const struct sink *sink, const char *fmt, ...)
{
	char text[640];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	sink->line(sink->ctx, text);
}

static void print_key(const struct sink *sink, const struct schema_key *key)
{
	char type[400], initial[64];

	config_describe_type(key, type, sizeof(type));
	config_describe_default(key, initial, sizeof(initial));
	print(sink, "  %s: %s", key->name, key->help);
	if (key->required)
		print(sink, "      %s; required", type);
	else if (initial[0])
		print(sink, "      %s; default %s", type, initial);
	else
		print(sink, "      %s", type);
}

void config_help(void (*line)(void *ctx, const char *text), void *ctx)
{
	const struct sink sink = {.line = line, .ctx = ctx};

	for (size_t i = 0; i < schema_ntables; i++) {
		const struct schema_table *table = &schema_tables[i];

		if (table->max_elements)
			print(&sink, "[[%s]] %s, up to %zu times", table->name, table->help,
			      table->max_elements);
		else
			print(&sink, "[%s] %s", table->name, table->help);
		for (size_t j = 0; j < table->nkeys; j++)
			print_key(&sink, &table->keys[j]);
	}
}
