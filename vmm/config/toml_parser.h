/* SPDX-License-Identifier: MIT */
/*
 * What the toml_*.c files share: the parser's state and its steps, grouped by the file that defines
 * them. Every step that can fail returns 0, -EINVAL after noting a fault, or -ENOMEM.
 */
#ifndef VMM_CONFIG_TOML_PARSER_H
#define VMM_CONFIG_TOML_PARSER_H

#include "vmm/config/toml.h"

struct toml_parser {
	const char *text; /* valid UTF-8 */
	size_t len;
	size_t at;	     /* offset of the next byte */
	struct toml_pos pos; /* and its place */
	char *scratch;	     /* len + 1 bytes: no string or number decodes to more than that */
	size_t nvalues;
	unsigned int open; /* arrays and inline tables whose end was not reached */
	struct toml *doc;
};

struct toml_key {
	struct toml_text text;
	struct toml_pos pos;
};

#define TOML_END (-1)

/* The byte `ahead` of the next one, or TOML_END. */
static inline int toml_peek(const struct toml_parser *p, size_t ahead)
{
	return ahead < p->len - p->at ? (unsigned char)p->text[p->at + ahead] : TOML_END;
}

/* toml_scan.c: characters, blanks, comments, ends of lines */
int toml_check_text(struct toml_parser *p); /* size and UTF-8; skips a byte order mark */
void toml_skip(struct toml_parser *p, size_t nbytes);
bool toml_accept(struct toml_parser *p, char c); /* skips c if it comes next */
size_t
toml_newline(const struct toml_parser *p);    /* bytes of the LF or CRLF that comes next, or 0 */
bool toml_is_control(int c);		      /* a control character other than tab */
void toml_skip_blanks(struct toml_parser *p); /* spaces and tabs */
int toml_skip_space(struct toml_parser *p);   /* blanks, comments and newlines */
int toml_finish_line(struct toml_parser *p, const char *after);
void toml_drop_line(struct toml_parser *p);
int toml_fault(struct toml_parser *p, struct toml_pos pos, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int toml_expected(struct toml_parser *p, const char *what); /* "expected WHAT, found …" */

/* toml_string.c: the four kinds of strings; the opening quote comes next */
int toml_string(struct toml_parser *p, struct toml_text *out);	    /* any of the four */
int toml_line_string(struct toml_parser *p, struct toml_text *out); /* "…" or '…', for keys */

/* toml_escape.c: the backslash comes next; the characters it stands for go to p->scratch[*len] */
int toml_escape(struct toml_parser *p, size_t *len);

/* toml_number.c, toml_datetime.c: a whole token at `pos` */
int toml_number(struct toml_parser *p, struct toml_pos pos, struct toml_text token,
		struct toml_node *node);
bool toml_looks_like_time(struct toml_text token);
int toml_datetime(struct toml_parser *p, struct toml_pos pos, struct toml_text token,
		  struct toml_node *node);

/* toml_value.c: any value, into a node that is already in its place in the tree */
int toml_value(struct toml_parser *p, struct toml_node *node);
int toml_key_value(struct toml_parser *p, struct toml_node *table); /* key = value */

/* toml_key.c: a.b."c d": goes down from *table by `descend` for all parts but the last */
typedef int toml_descend_fn(struct toml_parser *p, struct toml_node **table,
			    const struct toml_key *key);
int toml_key_path(struct toml_parser *p, struct toml_node **table, toml_descend_fn *descend,
		  struct toml_key *last);

/* toml_define.c: the rules on who may define and extend which table */
toml_descend_fn toml_descend_header;
toml_descend_fn toml_descend_dotted;
int toml_define_table(struct toml_parser *p, struct toml_node *parent, const struct toml_key *key,
		      struct toml_node **out);
int toml_define_element(struct toml_parser *p, struct toml_node *parent, const struct toml_key *key,
			struct toml_node **out);
int toml_define_value(struct toml_parser *p, struct toml_node *parent, const struct toml_key *key,
		      struct toml_node **out);

/* toml_tree.c: a new last child of a table (key not NULL and not in it yet) or of an array (key
 * NULL). Bounds depth and number. `parent` NULL makes a node outside the tree. */
int toml_add(struct toml_parser *p, struct toml_node *parent, const struct toml_key *key,
	     struct toml_pos pos, struct toml_node **out);

#endif
