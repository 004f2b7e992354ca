// SPDX-License-Identifier: MIT
#include "vmm/base/error.h"

#include "vmm/base/words.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int(vmm_error_set)(struct vmm_error *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	err->code = code;
	err->firmware = 0;
	va_start(ap, fmt);
	text_vprint(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return code;
}

int(vmm_error_errno)(struct vmm_error *err, int code, const char *fmt, ...)
{
	const char *name = strerrorname_np(-code);
	const char *meaning = strerrordesc_np(-code);
	va_list ap;

	if (!err)
		return code;
	err->code = code;
	err->firmware = 0;
	va_start(ap, fmt);
	text_vprint(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	if (name && meaning)
		vmm_error_hint(err, "%s (%s)", name, meaning);
	else
		vmm_error_hint(err, "errno %d", -code);
	return code;
}

void vmm_error_prefix(struct vmm_error *err, const char *fmt, ...)
{
	char text[VMM_ERROR_TEXT];
	va_list ap;
	size_t len;

	if (!err)
		return;
	memcpy(text, err->text, sizeof(text));
	va_start(ap, fmt);
	text_vprint(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	/* what does not fit is cut; gcc's sanitizers want to see that this is on purpose */
	len = strlen(err->text);
	if (snprintf(err->text + len, sizeof(err->text) - len, ": %s", text) < 0)
		err->text[len] = '\0';
	text_make_printable(err->text); /* the cut may go through a character */
}

void vmm_error_hint(struct vmm_error *err, const char *fmt, ...)
{
	va_list ap;
	size_t len;

	if (!err)
		return;
	len = strlen(err->text);
	if (len + 3 > sizeof(err->text))
		return;
	memcpy(err->text + len, ": ", 3);
	va_start(ap, fmt);
	text_vprint(err->text + len + 2, sizeof(err->text) - len - 2, fmt, ap);
	va_end(ap);
}
