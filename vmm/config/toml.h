/* SPDX-License-Identifier: MIT */
/*
 * TOML 1.0 (https://toml.io/en/v1.0.0) into a tree. Every key and value knows its line and column.
 * Nothing here knows what minivmm's keys mean: that is schema.h's part.
 *
 *	struct toml *doc = toml_parse(text, len);
 *
 *	if (!doc)
 *		return -ENOMEM;
 *	for (size_t i = 0; i < doc->nfaults; i++)
 *		…
 *	toml_free(doc);
 *
 * Input is bounded in size, in depth and in number of values, and parsing takes O(n log n) in the
 * size of the text whatever the text is.
 */
#ifndef VMM_CONFIG_TOML_H
#define VMM_CONFIG_TOML_H

#include "vmm/config/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOML_MAX_LEN	(1u << 20) /* bytes of text */
#define TOML_MAX_DEPTH	64	   /* tables and arrays within each other; the root is 0 */
#define TOML_MAX_VALUES (1u << 18) /* nodes in the tree */
#define TOML_MAX_FAULTS 20	   /* syntax faults after which parsing stops */

/* Both count from 1. A column is a character (Unicode code point), not a byte. 0: no position. */
struct toml_pos {
	uint32_t line;
	uint32_t column;
};

/* UTF-8 without surrogates. A NUL stands behind it, but it may also hold NULs ("\u0000"). */
struct toml_text {
	const char *data;
	size_t len;
};

enum toml_type {
	TOML_NONE, /* the value had a syntax fault */
	TOML_STRING,
	TOML_INTEGER,
	TOML_FLOAT,
	TOML_BOOL,
	TOML_DATETIME,	     /* with offset from UTC */
	TOML_DATETIME_LOCAL, /* without */
	TOML_DATE_LOCAL,
	TOML_TIME_LOCAL,
	TOML_ARRAY,
	TOML_TABLE,
};

/* Fields that the type does not have are 0. */
struct toml_time {
	uint16_t year;
	uint8_t month; /* 1..12 */
	uint8_t day;   /* 1..31, and it exists in that month */
	uint8_t hour;
	uint8_t minute;
	uint8_t second;	     /* 0..60: RFC 3339 knows leap seconds */
	uint32_t nanosecond; /* further digits are cut off */
	int16_t offset;	     /* minutes east of UTC */
};

/* How a table or array came to be, which decides who may add to it (toml_define.c). */
enum toml_origin {
	TOML_BY_VALUE,	  /* written as a value, [ … ] or { … }: closed */
	TOML_BY_HEADER,	  /* [table] or [[array of tables]] */
	TOML_BY_SUBTABLE, /* only named on the way to a header further down */
	TOML_BY_DOTTED,	  /* by a dotted key */
};

struct toml_node;

struct toml_children {
	struct toml_node *first; /* in the order of the document, linked by `next` */
	struct toml_node *last;
	struct toml_node *root; /* tables: the same children as a search tree by key */
	size_t count;
};

struct toml_node {
	struct toml_text key; /* data is NULL in arrays and for the root */
	struct toml_pos key_pos;
	struct toml_pos pos; /* of the value; for tables without one, of the key in the header */
	enum toml_type type;
	enum toml_origin origin;
	union {
		struct toml_text string;
		int64_t integer;
		double real;
		bool boolean;
		struct toml_time time;
		struct toml_children children;
	};
	struct toml_node *next;

	/* the search tree (toml_tree.c) */
	struct toml_node *left;
	struct toml_node *right;
	uint8_t level;

	uint8_t depth;
};

struct toml_fault {
	struct toml_pos pos;
	char text[232]; /* one sentence; may hold characters of the document, also unprintable */
};

struct toml {
	struct toml_node *root;
	struct toml_fault faults[TOML_MAX_FAULTS]; /* in the order of the document */
	size_t nfaults;
	struct arena arena; /* the tree's memory */
};

/*
 * Reads a document, or for toml_parse_value() one value as it would stand right of a '='. The tree
 * owns its strings: `text` is not needed afterwards. NULL: no memory. A document with syntax faults
 * gives a tree too, with what could be understood.
 */
struct toml *toml_parse(const char *text, size_t len);
struct toml *toml_parse_value(const char *text, size_t len);
void toml_free(struct toml *doc); /* NULL is allowed */

/* The value of `key` in a table; NULL if there is none or `table` is no table. */
struct toml_node *toml_find(const struct toml_node *table, const char *key, size_t len);

/* "a string", "an integer", …, for messages */
const char *toml_type_name(enum toml_type type);

/* Length of the UTF-8 sequence at s, 1..4; 0 if it is not valid (Unicode 15, table 3-7) or does not
 * end within `left` bytes. */
size_t toml_utf8_len(const char *s, size_t left);

/* How many bytes of a text to show in a message: all, or the whole characters in the first 40. */
int toml_clip(size_t len, const char *text);

#endif
