// SPDX-License-Identifier: MIT
/*
 * TOML on stdin, tagged JSON on stdout: the convention of the toml-test corpus. Every value becomes
 * {"type": …, "value": "…"}, tables become objects and arrays become arrays. Exit status 1: not
 * valid TOML 1.0, with the faults on stderr.
 */
#include "vmm/config/toml.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void print_string(struct toml_text text)
{
	putchar('"');
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void print_fraction(uint32_t nanosecond)
{
	int ndigits = 9;

	if (!nanosecond)
		return;
	for (; nanosecond % 10 == 0; ndigits--)
		nanosecond /= 10;
	printf(".%0*" PRIu32, ndigits, nanosecond);
}

static void print_date(const struct toml_time *t)
{
	printf("%04u-%02u-%02u", t->year, t->month, t->day);
}

static void print_clock(const struct toml_time *t)
{
	printf("%02u:%02u:%02u", t->hour, t->minute, t->second);
	print_fraction(t->nanosecond);
}

static void print_time(const struct toml_node *node)
{
	const struct toml_time *t = &node->time;
	int offset = abs(t->offset);

	if (node->type != TOML_TIME_LOCAL)
		print_date(t);
	if (node->type == TOML_DATETIME || node->type == TOML_DATETIME_LOCAL)
		putchar('T');
	if (node->type != TOML_DATE_LOCAL)
		print_clock(t);
	if (node->type == TOML_DATETIME && !offset)
		putchar('Z');
	else if (node->type == TOML_DATETIME)
		printf("%c%02d:%02d", t->offset < 0 ? '-' : '+', offset / 60, offset % 60);
}

static void print_float(double real)
{
	if (isnan(real))
		printf("nan");
	else if (isinf(real))
		printf("%sinf", real < 0 ? "-" : "+");
	else
		printf("%.17g", real);
}

static void print_scalar(const struct toml_node *node)
{
	static const char *const types[] = {
		[TOML_STRING] = "string",	  [TOML_INTEGER] = "integer",
		[TOML_FLOAT] = "float",		  [TOML_BOOL] = "bool",
		[TOML_DATETIME] = "datetime",	  [TOML_DATETIME_LOCAL] = "datetime-local",
		[TOML_DATE_LOCAL] = "date-local", [TOML_TIME_LOCAL] = "time-local",
	};

	printf("{\"type\": \"%s\", \"value\": ", types[node->type]);
	if (node->type == TOML_STRING) {
		print_string(node->string);
		putchar('}');
		return;
	}
	putchar('"');
	if (node->type == TOML_INTEGER)
		printf("%" PRId64, node->integer);
	else if (node->type == TOML_FLOAT)
		print_float(node->real);
	else if (node->type == TOML_BOOL)
		printf("%s", node->boolean ? "true" : "false");
	else
		print_time(node);
	printf("\"}");
}

static void print_node(const struct toml_node *node)
{
	bool table = node->type == TOML_TABLE;

	if (!table && node->type != TOML_ARRAY) {
		print_scalar(node);
		return;
	}
	putchar(table ? '{' : '[');
	for (const struct toml_node *n = node->children.first; n; n = n->next) {
		if (table) {
			print_string(n->key);
			printf(": ");
		}
		print_node(n);
		if (n->next)
			printf(",\n");
	}
	putchar(table ? '}' : ']');
}

int main(void)
{
	static char text[TOML_MAX_LEN + 1]; /* one more: a longer document is refused as such */
	size_t len = fread(text, 1, sizeof(text), stdin);
	struct toml *doc = toml_parse(text, len);
	int status;

	if (!doc) {
		fprintf(stderr, "out of memory\n");
		return 2;
	}
	for (size_t i = 0; i < doc->nfaults; i++)
		fprintf(stderr, "%u:%u: %s\n", doc->faults[i].pos.line, doc->faults[i].pos.column,
			doc->faults[i].text);
	status = doc->nfaults ? 1 : 0;
	if (!status) {
		print_node(doc->root);
		putchar('\n');
	}
	toml_free(doc);
	return status;
}
