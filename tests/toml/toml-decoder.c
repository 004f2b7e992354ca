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

static void print_string(struct tree_text text)
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

static void print_float(double real)
{
	if (isnan(real))
		printf("nan");
	else if (isinf(real))
		printf("%sinf", real < 0 ? "-" : "+");
	else
		printf("%.17g", real);
}

static void print_scalar(const struct tree_node *node)
{
	static const char *const types[] = {
		[TREE_STRING] = "string",	  [TREE_INTEGER] = "integer",
		[TREE_FLOAT] = "float",		  [TREE_BOOL] = "bool",
		[TREE_DATETIME] = "datetime",	  [TREE_DATETIME_LOCAL] = "datetime-local",
		[TREE_DATE_LOCAL] = "date-local", [TREE_TIME_LOCAL] = "time-local",
	};

	printf("{\"type\": \"%s\", \"value\": ", types[node->type]);
	if (node->type == TREE_STRING) {
		print_string(node->string);
		putchar('}');
		return;
	}
	putchar('"');
	if (node->type == TREE_INTEGER)
		printf("%" PRId64, node->integer);
	else if (node->type == TREE_FLOAT)
		print_float(node->real);
	else if (node->type == TREE_BOOL)
		printf("%s", node->boolean ? "true" : "false");
	else
		fputs(node->string.data, stdout);
	printf("\"}");
}

static void print_node(const struct tree_node *node)
{
	bool table = node->type == TREE_TABLE;

	if (!table && node->type != TREE_ARRAY) {
		print_scalar(node);
		return;
	}
	putchar(table ? '{' : '[');
	for (const struct tree_node *n = node->children.first; n; n = n->next) {
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
	static char text[TREE_MAX_LEN + 1]; /* one more: a longer document is refused as such */
	size_t len = fread(text, 1, sizeof(text), stdin);
	struct tree *doc = toml_read(text, len);
	int status;

	if (!doc) {
		fprintf(stderr, "out of memory\n");
		return 2;
	}
	for (size_t i = 0; i < doc->faults.count; i++)
		fprintf(stderr, "%u:%u: %s\n", doc->faults.list[i].place.line,
			doc->faults.list[i].place.column, doc->faults.list[i].text);
	status = doc->faults.count ? 1 : 0;
	if (!status) {
		print_node(doc->root);
		putchar('\n');
	}
	tree_free(doc);
	return status;
}
