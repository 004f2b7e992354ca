// SPDX-License-Identifier: MIT
/* Characters and their places, blanks, comments, ends of lines, and how a fault is noted. */
#include "vmm/config/toml_parser.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CLIP 40 /* bytes of the document shown in a message */

size_t toml_utf8_len(const char *s, size_t left)
{
	const unsigned char *b = (const unsigned char *)s;
	unsigned char low = 0x80, high = 0xbf; /* of the second byte */
	size_t len;

	if (!left)
		return 0;
	if (b[0] < 0x80)
		return 1;
	if (b[0] >= 0xc2 && b[0] <= 0xdf)
		len = 2;
	else if (b[0] >= 0xe0 && b[0] <= 0xef)
		len = 3;
	else if (b[0] >= 0xf0 && b[0] <= 0xf4)
		len = 4;
	else
		return 0;
	if (b[0] == 0xe0)
		low = 0xa0; /* overlong below */
	else if (b[0] == 0xed)
		high = 0x9f; /* surrogates above */
	else if (b[0] == 0xf0)
		low = 0x90; /* overlong below */
	else if (b[0] == 0xf4)
		high = 0x8f; /* beyond U+10FFFF above */
	if (left < len || b[1] < low || b[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++) {
		if (b[i] < 0x80 || b[i] > 0xbf)
			return 0;
	}
	return len;
}

int toml_check_text(struct toml_parser *p)
{
	struct toml_parser start;

	if (p->len > TOML_MAX_LEN)
		return toml_fault(p, p->pos, "larger than %u KiB", TOML_MAX_LEN >> 10);
	if (p->len >= 3 && memcmp(p->text, "\xef\xbb\xbf", 3) == 0)
		p->at = 3; /* not a character of the document: the column stays 1 */
	start = *p;
	while (p->at < p->len) {
		size_t len = toml_utf8_len(p->text + p->at, p->len - p->at);

		if (!len)
			return toml_fault(p, p->pos, "not valid UTF-8 (byte 0x%02x)",
					  (unsigned int)toml_peek(p, 0));
		toml_skip(p, len);
	}
	*p = start;
	return 0;
}

void toml_skip(struct toml_parser *p, size_t nbytes)
{
	while (nbytes--) {
		unsigned char c = (unsigned char)p->text[p->at++];

		if (c == '\n') {
			p->pos.line++;
			p->pos.column = 1;
		} else if ((c & 0xc0) != 0x80) {
			p->pos.column++;
		}
	}
}

bool toml_accept(struct toml_parser *p, char c)
{
	if (toml_peek(p, 0) != c)
		return false;
	toml_skip(p, 1);
	return true;
}

size_t toml_newline(const struct toml_parser *p)
{
	if (toml_peek(p, 0) == '\n')
		return 1;
	return toml_peek(p, 0) == '\r' && toml_peek(p, 1) == '\n' ? 2 : 0;
}

bool toml_is_control(int c)
{
	return (c >= 0 && c < 0x20 && c != '\t') || c == 0x7f;
}

void toml_skip_blanks(struct toml_parser *p)
{
	while (toml_peek(p, 0) == ' ' || toml_peek(p, 0) == '\t')
		toml_skip(p, 1);
}

static int skip_comment(struct toml_parser *p)
{
	if (toml_peek(p, 0) != '#')
		return 0;
	while (toml_peek(p, 0) != TOML_END && !toml_newline(p)) {
		if (toml_is_control(toml_peek(p, 0)))
			return toml_fault(p, p->pos, "control character 0x%02x in a comment",
					  (unsigned int)toml_peek(p, 0));
		toml_skip(p, 1);
	}
	return 0;
}

int toml_skip_space(struct toml_parser *p)
{
	for (;;) {
		size_t newline;
		int ret;

		toml_skip_blanks(p);
		ret = skip_comment(p);
		if (ret < 0)
			return ret;
		newline = toml_newline(p);
		if (!newline)
			return 0;
		toml_skip(p, newline);
	}
}

/* Nothing but a comment may follow on a line; `after` says what it would follow. */
int toml_finish_line(struct toml_parser *p, const char *after)
{
	char what[64];
	int ret;

	toml_skip_blanks(p);
	ret = skip_comment(p);
	if (ret < 0)
		return ret;
	if (toml_newline(p)) {
		toml_skip(p, toml_newline(p));
		return 0;
	}
	if (toml_peek(p, 0) == TOML_END)
		return 0;
	snprintf(what, sizeof(what), "the end of the line after %s", after);
	return toml_expected(p, what);
}

/* The way on after a fault: the rest of the line is not looked at. */
void toml_drop_line(struct toml_parser *p)
{
	while (toml_peek(p, 0) != TOML_END && !toml_newline(p))
		toml_skip(p, 1);
	toml_skip(p, toml_newline(p));
}

int toml_fault(struct toml_parser *p, struct toml_pos pos, const char *fmt, ...)
{
	struct toml_fault *fault;
	va_list ap;

	if (p->doc->nfaults == TOML_MAX_FAULTS)
		return -EINVAL;
	fault = &p->doc->faults[p->doc->nfaults++];
	fault->pos = pos;
	va_start(ap, fmt);
	vsnprintf(fault->text, sizeof(fault->text), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

int toml_expected(struct toml_parser *p, const char *what)
{
	int c = toml_peek(p, 0);

	if (c == TOML_END)
		return toml_fault(p, p->pos, "expected %s, found the end of the file", what);
	if (toml_newline(p))
		return toml_fault(p, p->pos, "expected %s, found the end of the line", what);
	if (toml_is_control(c))
		return toml_fault(p, p->pos, "expected %s, found control character 0x%02x", what,
				  (unsigned int)c);
	return toml_fault(p, p->pos, "expected %s, found '%.*s'", what,
			  (int)toml_utf8_len(p->text + p->at, p->len - p->at), p->text + p->at);
}

int toml_clip(size_t len, const char *text)
{
	size_t shown = 0;

	if (len <= CLIP)
		return (int)len;
	for (;;) {
		size_t next = toml_utf8_len(text + shown, len - shown);

		if (!next || shown + next > CLIP)
			return (int)shown;
		shown += next;
	}
}
