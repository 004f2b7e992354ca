// SPDX-License-Identifier: MIT
/* Pages hashed on all CPUs come out in order, and in memory that does not grow with them. */
#include "cc/page_hash.h"
#include "tests/unit/suite.h"

#include <malloc.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 4096

struct seen {
	const uint8_t *bytes;
	uint64_t npages;
	size_t most; /* bytes of heap */
};

static void compare(void *ctx, const uint8_t digest[48])
{
	struct seen *seen = ctx;
	size_t heap = mallinfo2().uordblks + mallinfo2().hblkhd;
	struct sha384_ctx sha;
	uint8_t expected[48];

	sha384_init(&sha);
	sha384_update(&sha, PAGE, seen->bytes + seen->npages++ * PAGE);
	sha384_digest(&sha, sizeof(expected), expected);
	ck_assert_mem_eq(digest, expected, sizeof(expected));
	if (heap > seen->most)
		seen->most = heap;
}

/* One page, a part of a chunk, whole ones, and many times what is kept of them at once. */
static const uint64_t sizes[] = {1, 63, 64, 65, 2048, 2049, 12345};

START_TEST(digests_come_in_order_from_bounded_memory)
{
	uint8_t *bytes = malloc(sizes[_i] * PAGE);
	struct seen seen = {.bytes = bytes};
	size_t before;

	ck_assert_ptr_nonnull(bytes);
	for (uint64_t i = 0; i < sizes[_i] * PAGE; i += 64)
		memcpy(&bytes[i], &i, sizeof(i));
	before = mallinfo2().uordblks + mallinfo2().hblkhd;
	ck_assert_int_eq(page_hash(bytes, sizes[_i], compare, &seen, NULL), 0);
	ck_assert_uint_eq(seen.npages, sizes[_i]);
	ck_assert_uint_le(seen.most, before + 256 * 1024);
	free(bytes);
}
END_TEST

SUITE(test_page_hash)
{
	Suite *s = suite_create("page_hash");
	TCase *tc = tcase_create("page_hash");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, digests_come_in_order_from_bounded_memory, 0,
			    (int)(sizeof(sizes) / sizeof(sizes[0])));
	suite_add_tcase(s, tc);
	return s;
}
