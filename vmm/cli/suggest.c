// SPDX-License-Identifier: MIT
#include "vmm/cli/cli.h"

#include <string.h>

#define WORD_MAX 16

/* Levenshtein's distance, row by row. A word too long to be a command's is far from all of them. */
unsigned int word_distance(const char *a, const char *b)
{
	unsigned int row[WORD_MAX + 1];
	size_t la = strlen(a), lb = strlen(b);

	if (la > WORD_MAX || lb > WORD_MAX)
		return WORD_MAX;
	for (size_t i = 0; i <= lb; i++)
		row[i] = (unsigned int)i;
	for (size_t i = 1; i <= la; i++) {
		unsigned int diagonal = row[0];

		row[0] = (unsigned int)i;
		for (size_t k = 1; k <= lb; k++) {
			unsigned int best = diagonal + (a[i - 1] != b[k - 1]);

			if (row[k] + 1 < best)
				best = row[k] + 1;
			if (row[k - 1] + 1 < best)
				best = row[k - 1] + 1;
			diagonal = row[k];
			row[k] = best;
		}
	}
	return row[lb];
}
