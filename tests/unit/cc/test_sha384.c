// SPDX-License-Identifier: MIT
/* SHA-384 with blocks compressed by our own code is SHA-384. */
#include "cc/sha384.h"
#include "tests/unit/suite.h"

#include <stdlib.h>
#include <string.h>

#define SIZE (16 * SHA384_BLOCK)

static void random_bytes(uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)random();
}

/* FIPS 180-4, 5.3.4 and the one block that "abc" is padded to; the digest is NIST's example. */
START_TEST(one_block_by_hand)
{
	static const uint8_t abc[] = {
		0xcb, 0x00, 0x75, 0x3f, 0x45, 0xa3, 0x5e, 0x8b, 0xb5, 0xa0, 0x3d, 0x69,
		0x9a, 0xc6, 0x50, 0x07, 0x27, 0x2c, 0x32, 0xab, 0x0e, 0xde, 0xd1, 0x63,
		0x1a, 0x8b, 0x60, 0x5a, 0x43, 0xff, 0x5b, 0xed, 0x80, 0x86, 0x07, 0x2b,
		0xa1, 0xe7, 0xcc, 0x23, 0x58, 0xba, 0xec, 0xa1, 0x34, 0xc8, 0x25, 0xa7,
	};
	uint8_t block[SHA384_BLOCK] = {'a', 'b', 'c', 0x80, [SHA384_BLOCK - 1] = 24};
	struct sha384_ctx sha;

	if (!sha384_blocks_usable())
		return; /* then none of it is ever used */
	sha384_init(&sha);
	sha384_blocks(sha.state, block, 1);
	for (size_t i = 0; i < sizeof(abc); i++)
		ck_assert_uint_eq((uint8_t)(sha.state[i / 8] >> (56 - i % 8 * 8)), abc[i]);
}
END_TEST

/* In pieces of all lengths, at all alignments, beginning within blocks, among nettle's own. */
START_TEST(pieces_of_all_lengths)
{
	static uint8_t bytes[SIZE];
	uint8_t expected[SHA384_DIGEST_SIZE], digest[SHA384_DIGEST_SIZE];

	srandom(384);
	random_bytes(bytes, sizeof(bytes));
	for (int round = 0; round < 2000; round++) {
		const size_t from = (size_t)random() % 16;
		struct sha384_ctx sha, nettle;

		sha384_init(&sha);
		sha384_init(&nettle);
		for (size_t at = from, len; at < SIZE; at += len) {
			len = (size_t)random() % (round % 2 ? SIZE : 3 * SHA384_BLOCK);
			if (round % 3 == 0)
				len -= len % SHA384_BLOCK;
			if (len == 0 || len > SIZE - at)
				len = SIZE - at;
			sha384_take(&sha, bytes + at, len);
			sha384_update(&nettle, len, bytes + at);
		}
		sha384_digest(&sha, sizeof(digest), digest);
		sha384_digest(&nettle, sizeof(expected), expected);
		ck_assert_mem_eq(digest, expected, sizeof(expected));
	}
}
END_TEST

SUITE(test_sha384)
{
	Suite *s = suite_create("sha384");
	TCase *tc = tcase_create("sha384");

	tcase_add_test(tc, one_block_by_hand);
	tcase_add_test(tc, pieces_of_all_lengths);
	suite_add_tcase(s, tc);
	return s;
}
