// SPDX-License-Identifier: MIT
/* Hexadecimal, UTF-8, and how far two words are from each other. */
#include "tests/unit/suite.h"
#include "vmm/base/words.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

START_TEST(bytes_come_back_from_their_digits)
{
	uint8_t bytes[256], back[256];
	char text[513];

	for (unsigned int i = 0; i < 256; i++)
		bytes[i] = (uint8_t)i;
	hex_write(text, bytes, sizeof(bytes));
	ck_assert_uint_eq(strlen(text), 512);
	ck_assert_int_eq(memcmp(text, "000102", 6), 0);
	ck_assert_str_eq(text + 508, "feff");
	ck_assert(hex_read(text, back, sizeof(back)));
	ck_assert_mem_eq(bytes, back, sizeof(bytes));
}
END_TEST

START_TEST(digits_of_another_number_of_bytes_are_refused)
{
	uint8_t bytes[2];

	ck_assert(hex_read("aBCd", bytes, 2));
	ck_assert_uint_eq(bytes[0] << 8 | bytes[1], 0xabcd);
	ck_assert(hex_read("", bytes, 0));
	ck_assert(!hex_read("", bytes, 2));
	ck_assert(!hex_read("a", bytes, 2));
	ck_assert(!hex_read("abc", bytes, 2));
	ck_assert(!hex_read("abcde", bytes, 2));
	ck_assert(!hex_read("0x12", bytes, 2));
	ck_assert(!hex_read("12 4", bytes, 2));
	ck_assert(!hex_read("12/:", bytes, 2));
	ck_assert(!hex_read("@`gG", bytes, 2));
}
END_TEST

static const struct {
	const char *text;
	size_t len;
} sequences[] = {
	{"a", 1},
	{"\x7f", 1},
	{"\x80", 0},
	{"\xbf", 0},
	{"\xc0\x80", 0}, /* overlong */
	{"\xc1\xbf", 0},
	{"\xc2\x80", 2},
	{"\xc2\x7f", 0},
	{"\xc2\xc0", 0},
	{"\xdf\xbf", 2},
	{"\xe0\x9f\xbf", 0}, /* overlong */
	{"\xe0\xa0\x80", 3},
	{"\xe1\x80\xc0", 0},
	{"\xed\x9f\xbf", 3},
	{"\xed\xa0\x80", 0}, /* a surrogate */
	{"\xee\x80\x80", 3},
	{"\xf0\x8f\xbf\xbf", 0}, /* overlong */
	{"\xf0\x90\x80\x80", 4},
	{"\xf4\x8f\xbf\xbf", 4},
	{"\xf4\x90\x80\x80", 0}, /* above U+10FFFF */
	{"\xf5\x80\x80\x80", 0},
	{"\xff", 0},
};

START_TEST(utf8_is_what_the_standard_says)
{
	const char *s = sequences[_i].text;
	size_t size = strlen(s);

	ck_assert_uint_eq(utf8_len(s, size), sequences[_i].len);
	/* the bytes behind it do not matter, and it is never longer than what is left */
	for (size_t left = 0; left < sequences[_i].len; left++)
		ck_assert_uint_eq(utf8_len(s, left), 0);
}
END_TEST

START_TEST(nul_is_a_sequence)
{
	ck_assert_uint_eq(utf8_len("", 1), 1);
	ck_assert_uint_eq(utf8_len("", 0), 0);
}
END_TEST

static size_t distance(const char *a, const char *b)
{
	size_t d = word_distance(a, strlen(a), b, strlen(b));

	ck_assert_uint_eq(d, word_distance(b, strlen(b), a, strlen(a)));
	return d;
}

START_TEST(distance_counts_insertions_removals_and_replacements)
{
	ck_assert_uint_eq(distance("", ""), 0);
	ck_assert_uint_eq(distance("vcpus", "vcpus"), 0);
	ck_assert_uint_eq(distance("vcpu", "vcpus"), 1);
	ck_assert_uint_eq(distance("vcups", "vcpus"), 2);
	ck_assert_uint_eq(distance("kitten", "sitting"), 3);
	ck_assert_uint_eq(distance("", "memory"), 6);
	ck_assert_uint_eq(word_distance("run away", 3, "run", 3), 0);
}
END_TEST

START_TEST(words_too_long_to_compare_are_far_apart)
{
	char a[WORD_MAX + 2];

	memset(a, 'a', sizeof(a));
	ck_assert_uint_eq(word_distance(a, WORD_MAX, a, WORD_MAX), 0);
	ck_assert_uint_eq(word_distance(a, WORD_MAX + 1, a, WORD_MAX + 1), SIZE_MAX);
	ck_assert_uint_eq(word_distance(a, 0, a, WORD_MAX + 1), SIZE_MAX);
}
END_TEST

SUITE(test_words)
{
	Suite *suite = suite_create("words");
	TCase *tc = tcase_create("words");

	tcase_add_test(tc, bytes_come_back_from_their_digits);
	tcase_add_test(tc, digits_of_another_number_of_bytes_are_refused);
	tcase_add_loop_test(tc, utf8_is_what_the_standard_says, 0,
			    sizeof(sequences) / sizeof(sequences[0]));
	tcase_add_test(tc, nul_is_a_sequence);
	tcase_add_test(tc, distance_counts_insertions_removals_and_replacements);
	tcase_add_test(tc, words_too_long_to_compare_are_far_apart);
	suite_add_tcase(suite, tc);
	return suite;
}
