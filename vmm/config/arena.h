/* SPDX-License-Identifier: MIT */
/*
 * An arena: memory that is handed out piece by piece and given back all at once. A parsed document
 * lives in one, so that no error path has to free half a tree.
 */
#ifndef VMM_CONFIG_ARENA_H
#define VMM_CONFIG_ARENA_H

#include <stddef.h>

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks; /* newest first; NULL: empty. A zeroed struct is a new arena */
	size_t left;		    /* bytes not handed out in the newest chunk */
};

/* `len` zeroed bytes, aligned for any object; NULL if there is no memory. */
void *arena_alloc(struct arena *arena, size_t len);

/* A copy of `len` bytes with a NUL behind it; NULL if there is no memory. */
char *arena_copy(struct arena *arena, const char *data, size_t len);

/* Gives everything back. The arena may be used again. */
void arena_free(struct arena *arena);

#endif
