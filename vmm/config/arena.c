// SPDX-License-Identifier: MIT
#include "vmm/config/arena.h"

#include "vmm/base/bytes.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE (16u << 10)

struct arena_chunk {
	struct arena_chunk *older;
	size_t size;
	alignas(max_align_t) char data[];
};

static int add_chunk(struct arena *arena, size_t size)
{
	struct arena_chunk *chunk;
	size_t total;

	if (size < CHUNK_SIZE)
		size = CHUNK_SIZE;
	if (__builtin_add_overflow(size, sizeof(*chunk), &total))
		return -1;
	chunk = calloc(1, total);
	if (!chunk)
		return -1;
	chunk->size = size;
	chunk->older = arena->chunks;
	arena->chunks = chunk;
	arena->left = size;
	return 0;
}

void *arena_alloc(struct arena *arena, size_t len)
{
	void *piece;
	uint64_t size;

	/* never 0: two pieces never share an address */
	if (!align_up_checked(len ? len : 1, alignof(max_align_t), &size))
		return NULL;
	if (size > arena->left && add_chunk(arena, size) < 0)
		return NULL;
	piece = arena->chunks->data + (arena->chunks->size - arena->left);
	arena->left -= size;
	return piece;
}

char *arena_copy(struct arena *arena, const char *data, size_t len)
{
	char *copy;
	size_t size;

	if (__builtin_add_overflow(len, 1, &size))
		return NULL;
	copy = arena_alloc(arena, size);
	if (copy && len)
		memcpy(copy, data, len);
	return copy;
}

void arena_free(struct arena *arena)
{
	while (arena->chunks) {
		struct arena_chunk *chunk = arena->chunks;

		arena->chunks = chunk->older;
		free(chunk);
	}
	arena->left = 0;
}
