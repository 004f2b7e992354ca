/* SPDX-License-Identifier: MIT */
/*
 * A document as a tree of values that all know their line and column. A reader of a notation (toml.h)
 * fills it by means of scan.h; whoever uses it need not know which notation that was, and what the
 * keys mean is schema.h's part. Input is bounded in size, depth and number of values, and no order of
 * keys makes it slow.
 *
 *	struct tree *tree = toml_read(text, len);
 *
 *	if (!tree)
 *		return -ENOMEM;
 *	if (tree->faults.count)
 *		…
 *	tree_free(tree);
 */
#ifndef VMM_CONFIG_TREE_H
#define VMM_CONFIG_TREE_H

#include "vmm/config/faults.h"

#define TREE_MAX_LEN	(1u << 20) /* bytes of text */
#define TREE_MAX_DEPTH	64	   /* tables and arrays within each other; the root is 0 */
#define TREE_MAX_VALUES (1u << 18) /* nodes in the tree */
#define TREE_MAX_FAULTS 20	   /* of syntax, after which reading stops */

/* UTF-8 without surrogates. A NUL stands behind it, but it may also hold NULs ("\u0000"). */
struct tree_text {
	const char *data;
	size_t len;
};

enum tree_type {
	TREE_NONE, /* the value had a syntax fault */
	TREE_STRING,
	TREE_INTEGER,
	TREE_FLOAT,
	TREE_BOOL,
	TREE_DATETIME,	     /* with offset from UTC; these four are checked, and kept as written */
	TREE_DATETIME_LOCAL, /* without */
	TREE_DATE_LOCAL,
	TREE_TIME_LOCAL,
	TREE_ARRAY,
	TREE_TABLE,
};

struct tree_node {
	struct tree_text key; /* data is NULL in arrays and for the root */
	struct place key_place;
	struct place place; /* of the value; for tables without one, of the key in the header */
	enum tree_type type;
	unsigned int origin; /* for the reader: how it came to be */
	uint8_t depth;
	union {
		struct tree_text string; /* also of dates and times */
		int64_t integer;
		double real;
		bool boolean;
		struct {
			struct tree_node *first, *last; /* in the order of the document */
			size_t count;
		} children;
	};
	const struct tree_node *parent;
	struct tree_node *next;	 /* of the same parent */
	struct tree_node *older; /* of the whole tree */
};

struct tree {
	struct tree_node *root; /* a table, or the only value there is */
	struct faults faults;
	char *name;    /* of the file; NULL, or freed with the tree */
	char *strings; /* memory of all texts, filled from the front */
	size_t strings_len;
	struct tree_node *newest;
	size_t nvalues;
	void *index; /* all keys of all tables: tsearch(3) */
};

/* With an empty table for a root; NULL: no memory. `len` is of the text that will be read. */
struct tree *tree_new(size_t len);
void tree_free(struct tree *tree); /* NULL is allowed */

/*
 * A new last child of a table (`key` not NULL and not in it yet) or of an array (`key` NULL); with
 * `parent` NULL a node outside the tree. 0, -ENOMEM, or -EINVAL after noting that it is one too many
 * or too deep.
 */
int tree_add(struct tree *tree, struct tree_node *parent, const struct tree_text *key,
	     struct place place, struct tree_node **out);

/* The value of `key` in a table; NULL if there is none or `table` is no table. */
struct tree_node *tree_find(const struct tree *tree, const struct tree_node *table, const char *key,
			    size_t len);

/* "a string", "an integer", …, for messages */
const char *tree_type_name(enum tree_type type);

/* How many bytes of a text to show in a message: all, or the whole characters in the first 40. */
int tree_clip(size_t len, const char *text);

#endif
