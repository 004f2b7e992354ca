// SPDX-License-Identifier: MIT
#include "vmm/base/words.h"

#include <stdio.h>
#include <string.h>

int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool hex_read(const char *text, uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++, text += 2) {
		int high = hex_digit(text[0]);
		int low = high < 0 ? -1 : hex_digit(text[1]);

		if (low < 0)
			return false;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return *text == '\0';
}

void hex_write(char *text, const uint8_t *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		*text++ = digits[bytes[i] >> 4];
		*text++ = digits[bytes[i] & 15];
	}
	*text = '\0';
}

size_t utf8_len(const char *s, size_t left)
{
	const unsigned char *b = (const unsigned char *)s;
	unsigned char low = 0x80, high = 0xbf; /* of the second byte */
	size_t len;

	if (left == 0)
		return 0;
	if (b[0] < 0x80)
		return 1;
	if (b[0] < 0xc2 || b[0] > 0xf4)
		return 0;
	len = b[0] >= 0xf0 ? 4 : b[0] >= 0xe0 ? 3 : 2;
	if (b[0] == 0xe0)
		low = 0xa0;
	else if (b[0] == 0xed)
		high = 0x9f;
	else if (b[0] == 0xf0)
		low = 0x90;
	else if (b[0] == 0xf4)
		high = 0x8f;
	if (left < len || b[1] < low || b[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((b[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

/* row[k]: the distance from a's first i bytes to b's first k. */
size_t word_distance(const char *a, size_t alen, const char *b, size_t blen)
{
	size_t row[WORD_MAX + 1];

	if (alen > WORD_MAX || blen > WORD_MAX)
		return SIZE_MAX;
	for (size_t k = 0; k <= blen; k++)
		row[k] = k;
	for (size_t i = 1; i <= alen; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t k = 1; k <= blen; k++) {
			size_t replace = diagonal + (a[i - 1] != b[k - 1]);
			size_t other = (row[k] < row[k - 1] ? row[k] : row[k - 1]) + 1;

			diagonal = row[k];
			row[k] = replace < other ? replace : other;
		}
	}
	return row[blen];
}

void text_make_printable(char *text)
{
	size_t left = strlen(text), len;

	for (; left > 0; text += len, left -= len) {
		unsigned char c = (unsigned char)text[0];

		len = utf8_len(text, left);
		/* U+0080 to U+009F are controls, too */
		if (c < 0x20 || c == 0x7f || len == 0 ||
		    (c == 0xc2 && (unsigned char)text[1] < 0xa0)) {
			*text = '?';
			len = 1;
		}
	}
}

void text_vprint(char *buf, size_t size, const char *fmt, va_list ap)
{
	if (vsnprintf(buf, size, fmt, ap) < 0)
		buf[0] = '\0';
	text_make_printable(buf);
}
