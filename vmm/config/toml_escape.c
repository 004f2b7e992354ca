// SPDX-License-Identifier: MIT
/* What a backslash in a basic string stands for. */
#include "vmm/config/toml_parser.h"

#include <errno.h>

static int hex_digit(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* RFC 3629, section 3. At most four bytes, and never more than the escape was long. */
static size_t encode_utf8(uint32_t c, char *out)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

static int unicode_escape(struct toml_parser *p, struct toml_pos pos, unsigned int ndigits,
			  size_t *len)
{
	uint32_t c = 0;

	for (unsigned int i = 0; i < ndigits; i++) {
		int digit = hex_digit(toml_peek(p, 0));

		if (digit < 0)
			return toml_fault(p, pos, "\\%c needs %u hexadecimal digits",
					  ndigits == 4 ? 'u' : 'U', ndigits);
		c = c << 4 | (uint32_t)digit;
		toml_skip(p, 1);
	}
	if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return toml_fault(p, pos, "U+%04X is not a character", (unsigned int)c);
	*len += encode_utf8(c, p->scratch + *len);
	return 0;
}

int toml_escape(struct toml_parser *p, size_t *len)
{
	struct toml_pos pos = p->pos;
	int c = toml_peek(p, 1);
	char plain;

	switch (c) {
	case 'b':
		plain = '\b';
		break;
	case 't':
		plain = '\t';
		break;
	case 'n':
		plain = '\n';
		break;
	case 'f':
		plain = '\f';
		break;
	case 'r':
		plain = '\r';
		break;
	case '"':
	case '\\':
		plain = (char)c;
		break;
	case 'u':
		toml_skip(p, 2);
		return unicode_escape(p, pos, 4, len);
	case 'U':
		toml_skip(p, 2);
		return unicode_escape(p, pos, 8, len);
	default:
		if (c > 0x20 && c < 0x7f)
			return toml_fault(p, pos,
					  "no such escape: \\%c (a backslash itself is \\\\)", c);
		return toml_fault(p, pos, "a backslash must be written \\\\");
	}
	toml_skip(p, 2);
	p->scratch[(*len)++] = plain;
	return 0;
}
