// SPDX-License-Identifier: MIT
#include "vmm/config/scan.h"

#include "vmm/base/words.h"

#include <errno.h>
#include <string.h>

static int check_text(struct scan *s)
{
	struct scan start;

	if (s->len > TREE_MAX_LEN)
		return scan_fault(s, s->place, "larger than %u KiB", TREE_MAX_LEN >> 10);
	if (s->len >= 3 && memcmp(s->text, "\xef\xbb\xbf", 3) == 0)
		s->at = 3; /* a byte order mark is no character of the document: the column stays 1 */
	start = *s;
	while (s->at < s->len) {
		size_t len = utf8_len(s->text + s->at, s->len - s->at);

		if (!len)
			return scan_fault(s, s->place, "not valid UTF-8 (byte 0x%02x)",
					  (unsigned int)scan_peek(s, 0));
		scan_skip(s, len);
	}
	*s = start;
	return 0;
}

struct tree *scan_read(const char *text, size_t len, int (*read)(struct scan *s))
{
	struct scan s = {.text = text, .len = len, .place = {1, 1}, .tree = tree_new(len)};
	int ret;

	if (!s.tree)
		return NULL;
	ret = check_text(&s);
	if (ret == 0)
		ret = read(&s);
	if (ret != -ENOMEM)
		return s.tree;
	tree_free(s.tree);
	return NULL;
}

void scan_skip(struct scan *s, size_t nbytes)
{
	while (nbytes--) {
		unsigned char c = (unsigned char)s->text[s->at++];

		if (c == '\n') {
			s->place.line++;
			s->place.column = 1;
		} else if ((c & 0xc0) != 0x80) {
			s->place.column++;
		}
	}
}

bool scan_accept(struct scan *s, char c)
{
	if (scan_peek(s, 0) != c)
		return false;
	scan_skip(s, 1);
	return true;
}

void scan_skip_blanks(struct scan *s)
{
	while (scan_peek(s, 0) == ' ' || scan_peek(s, 0) == '\t')
		scan_skip(s, 1);
}

size_t scan_newline(const struct scan *s)
{
	if (scan_peek(s, 0) == '\n')
		return 1;
	return scan_peek(s, 0) == '\r' && scan_peek(s, 1) == '\n' ? 2 : 0;
}

bool scan_is_control(int c)
{
	return (c >= 0 && c < 0x20 && c != '\t') || c == 0x7f;
}

int scan_expected(struct scan *s, const char *what)
{
	int c = scan_peek(s, 0);

	if (c == SCAN_END)
		return scan_fault(s, s->place, "expected %s, found the end of the file", what);
	if (scan_newline(s))
		return scan_fault(s, s->place, "expected %s, found the end of the line", what);
	if (scan_is_control(c))
		return scan_fault(s, s->place, "expected %s, found control character 0x%02x", what,
				  (unsigned int)c);
	return scan_fault(s, s->place, "expected %s, found '%.*s'", what,
			  (int)utf8_len(s->text + s->at, s->len - s->at), s->text + s->at);
}

void scan_put(struct scan *s, char c)
{
	s->tree->strings[s->tree->strings_len++] = c;
}

/* RFC 3629, section 3: the first byte says how many follow, with six bits each. */
void scan_put_character(struct scan *s, uint32_t c)
{
	unsigned int more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
	static const uint8_t first[] = {0, 0xc0, 0xe0, 0xf0};

	scan_put(s, (char)(first[more] | c >> 6 * more));
	while (more--)
		scan_put(s, (char)(0x80 | (c >> 6 * more & 0x3f)));
}

struct tree_text scan_text(struct scan *s, size_t start)
{
	struct tree_text text = {.data = s->tree->strings + start,
				 .len = s->tree->strings_len - start};

	scan_put(s, '\0');
	return text;
}

struct tree_text scan_take(struct scan *s, size_t len)
{
	size_t start = s->tree->strings_len;

	memcpy(s->tree->strings + start, s->text + s->at, len);
	s->tree->strings_len += len;
	scan_skip(s, len);
	return scan_text(s, start);
}
