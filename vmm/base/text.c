// SPDX-License-Identifier: MIT
#include "vmm/base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Makes room for `len` more bytes and the NUL. */
static bool reserve(struct text *t, size_t len)
{
	size_t need, size = t->size ? t->size : 256;
	char *data;

	if (t->failed)
		return false;
	if (__builtin_add_overflow(t->len, len, &need) ||
	    __builtin_add_overflow(need, (size_t)1, &need))
		goto fail;
	if (need <= t->size)
		return true;
	while (size < need)
		if (__builtin_mul_overflow(size, (size_t)2, &size))
			goto fail;
	data = realloc(t->data, size);
	if (!data)
		goto fail;
	t->data = data;
	t->size = size;
	return true;

fail:
	t->failed = true;
	return false;
}

void text_add_bytes(struct text *t, const void *bytes, size_t len)
{
	if (!reserve(t, len))
		return;
	if (len > 0)
		memcpy(t->data + t->len, bytes, len);
	t->len += len;
	t->data[t->len] = '\0';
}

void text_add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len < 0) {
		t->failed = true;
		return;
	}
	if (!reserve(t, (size_t)len))
		return;
	va_start(ap, fmt);
	vsnprintf(t->data + t->len, t->size - t->len, fmt, ap);
	va_end(ap);
	t->len += (size_t)len;
}

int text_take(struct text *t, char **out, struct vmm_error *err)
{
	*out = NULL;
	text_add_bytes(t, "", 0);
	if (t->failed) {
		text_free(t);
		return vmm_error_errno(err, -ENOMEM, "unable to build a text");
	}
	*out = t->data;
	*t = (struct text){0};
	return 0;
}

void text_free(struct text *t)
{
	free(t->data);
	*t = (struct text){0};
}

/* Bytes of the UTF-8 sequence at `s` (RFC 3629, section 4), 0 if it is none or one of U+0080 to
 * U+009F. Sequences that are longer than need be could hide a control character. */
static size_t sequence(const unsigned char *s)
{
	size_t len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;

	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	if ((s[0] == 0xc2 || s[0] == 0xe0) && s[1] < 0xa0)
		return 0;
	if (s[0] == 0xf0 && s[1] < 0x90)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80) /* also at the final NUL */
			return 0;
	return len;
}

void text_make_printable(char *text)
{
	unsigned char *s = (unsigned char *)text;

	while (*s) {
		size_t len = 1;

		if (*s < 0x20 || *s == 0x7f)
			*s = '?';
		else if (*s >= 0x80) {
			len = sequence(s);
			if (len == 0) {
				*s = '?';
				len = 1;
			}
		}
		s += len;
	}
}

void text_vprint(char *buf, size_t size, const char *fmt, va_list ap)
{
	if (vsnprintf(buf, size, fmt, ap) < 0)
		buf[0] = '\0';
	text_make_printable(buf);
}
