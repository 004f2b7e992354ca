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
	size_t need, size;
	char *data;

	if (!t || t->failed)
		return false;
	size = t->size ? t->size : 256;
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

	if (!t)
		return;
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

void text_add_hex(struct text *t, const void *bytes, size_t len)
{
	const uint8_t *b = bytes;

	while (len-- > 0)
		text_add(t, "%02x", *b++);
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
