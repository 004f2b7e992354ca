// SPDX-License-Identifier: MIT
/* "did you mean …?": the known name with the least edit distance. */
#include "vmm/config/internal.h"

#include <string.h>

#define MAX_LEN 32 /* of names that are compared; no key is as long */

/*
 * Levenshtein's distance: how many characters must be inserted, removed or replaced. before[j] is
 * the distance from a's first i - 1 characters to b's first j, now[j] that from a's first i.
 */
static size_t distance(const char *a, size_t alen, const char *b, size_t blen)
{
	size_t before[MAX_LEN + 1], now[MAX_LEN + 1];

	for (size_t j = 0; j <= blen; j++)
		before[j] = j;
	for (size_t i = 1; i <= alen; i++) {
		now[0] = i;
		for (size_t j = 1; j <= blen; j++) {
			size_t replace = before[j - 1] + (a[i - 1] != b[j - 1]);
			size_t other = before[j] < now[j - 1] ? before[j] : now[j - 1];

			now[j] = replace <= other ? replace : other + 1;
		}
		memcpy(before, now, sizeof(before));
	}
	return before[blen];
}

const char *config_nearest(const char *name, size_t len, const char *(*next)(void *ctx), void *ctx)
{
	const char *known, *best = NULL;
	size_t least = MAX_LEN;

	if (len > MAX_LEN)
		return NULL;
	while ((known = next(ctx))) {
		size_t known_len = strlen(known);
		size_t longer = len > known_len ? len : known_len;
		size_t d;

		if (known_len > MAX_LEN)
			continue;
		d = distance(name, len, known, known_len);
		if (d < least && d * 2 <= longer) {
			least = d;
			best = known;
		}
	}
	return best;
}
