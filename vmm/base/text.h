/* SPDX-License-Identifier: MIT */
/*
 * A text that grows. Running out of memory is remembered instead of reported by each call, so that
 * a report can be written line after line and checked once, by text_take().
 *
 *	struct text t = {0};
 *
 *	text_add(&t, "vCPUs: %u\n", n);
 *	return text_take(&t, &string, err);
 */
#ifndef VMM_BASE_TEXT_H
#define VMM_BASE_TEXT_H

#include "vmm/base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct text {
	char *data; /* NUL terminated, or NULL while nothing was added */
	size_t len; /* without the NUL */
	size_t size;
	bool failed; /* memory was short: the text is incomplete and takes no more */
};

/* Into NULL nothing is written. */
void text_add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_add_bytes(struct text *t, const void *bytes, size_t len);
void text_add_hex(struct text *t, const void *bytes, size_t len);

/*
 * Hands the string over to the caller, who frees it with free(), and leaves *t empty. An empty text
 * gives "". -ENOMEM if memory was short at any time; *out is NULL then.
 */
int text_take(struct text *t, char **out, struct vmm_error *err);

/* Throws the text away and leaves *t empty. */
void text_free(struct text *t);

#endif
