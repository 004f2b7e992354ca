/* SPDX-License-Identifier: MIT */
/*
 * A text on its way into a tree: where reading is, what comes next, and what is wrong there. For the
 * readers of notations. Every step that can fail returns 0, -EINVAL after noting a fault, or -ENOMEM.
 */
#ifndef VMM_CONFIG_SCAN_H
#define VMM_CONFIG_SCAN_H

#include "vmm/config/tree.h"

#include <errno.h>

struct scan {
	const char *text; /* valid UTF-8 */
	size_t len;
	size_t at;	    /* offset of the next byte */
	struct place place; /* and its place */
	unsigned int open;  /* brackets whose end was not reached */
	struct tree *tree;
};

#define SCAN_END (-1)

/* The byte `ahead` of the next one, or SCAN_END. */
static inline int scan_peek(const struct scan *s, size_t ahead)
{
	return ahead < s->len - s->at ? (unsigned char)s->text[s->at + ahead] : SCAN_END;
}

/*
 * Begins with `text` and a new tree, then runs `read` unless the text is too long or not UTF-8. The
 * tree has what could be understood; NULL: no memory.
 */
struct tree *scan_read(const char *text, size_t len, int (*read)(struct scan *s));

void scan_skip(struct scan *s, size_t nbytes);
bool scan_accept(struct scan *s, char c);  /* skips c if it comes next */
void scan_skip_blanks(struct scan *s);	   /* spaces and tabs */
size_t scan_newline(const struct scan *s); /* bytes of the LF or CRLF that comes next, or 0 */
bool scan_is_control(int c);		   /* a control character other than tab */

/* Notes a fault; -EINVAL. */
#define scan_fault(s, place, ...) (faults_add(&(s)->tree->faults, place, __VA_ARGS__), -EINVAL)
int scan_expected(struct scan *s, const char *what); /* "expected WHAT, found …" */

/* A text of the tree is made piece by piece, and complete with scan_text(). */
void scan_put(struct scan *s, char c);
void scan_put_character(struct scan *s, uint32_t c); /* as UTF-8 */
struct tree_text scan_text(struct scan *s,
			   size_t start); /* what was put since strings_len was that */

/* The next `len` bytes as a text of the tree. */
struct tree_text scan_take(struct scan *s, size_t len);

#endif
