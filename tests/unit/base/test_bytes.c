// SPDX-License-Identifier: MIT
/* Little-endian numbers at any address, rounding, and ranges that never wrap. */
#include "tests/unit/suite.h"
#include "vmm/base/bytes.h"

#include <stdlib.h>
#include <string.h>

START_TEST(numbers_are_little_endian_at_any_alignment)
{
	uint8_t b[24];

	for (size_t at = 0; at < 8; at++) {
		memset(b, 0xee, sizeof(b));
		put_le64(b + at, 0x1122334455667788);
		for (size_t i = 0; i < 8; i++)
			ck_assert_uint_eq(b[at + i], 0x88 - 0x11 * i);
		ck_assert_uint_eq(b[at + 8], 0xee);
		ck_assert_uint_eq(get_le64(b + at), 0x1122334455667788);
		ck_assert_uint_eq(get_le32(b + at), 0x55667788);
		ck_assert_uint_eq(get_le16(b + at), 0x7788);

		memset(b, 0xee, sizeof(b));
		put_le32(b + at, 0xfedcba98);
		ck_assert_uint_eq(get_le32(b + at), 0xfedcba98);
		ck_assert_uint_eq(b[at + 4], 0xee);
		put_le16(b + at, 0xa1b2);
		ck_assert_uint_eq(get_le32(b + at), 0xfedca1b2);
	}
}
END_TEST

START_TEST(the_high_bit_is_not_a_sign)
{
	const uint8_t b[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	ck_assert_uint_eq(get_le16(b), 0xffff);
	ck_assert_uint_eq(get_le32(b), 0xffffffff);
	ck_assert_uint_eq(get_le64(b), UINT64_MAX);
	ck_assert_uint_eq((uint64_t)get_le32(b), 0xffffffffULL);
}
END_TEST

START_TEST(units_are_64_bits_wide)
{
	ck_assert_uint_eq(KIB(1), 1024);
	ck_assert_uint_eq(MIB(5000), 5242880000ULL);
	ck_assert_uint_eq(GIB(1024), 1ULL << 40);
}
END_TEST

START_TEST(rounding_goes_to_the_next_multiple)
{
	static const struct {
		uint64_t v, down, up;
	} t[] = {{0, 0, 0}, {1, 0, 4096}, {4095, 0, 4096}, {4096, 4096, 4096}, {4097, 4096, 8192}};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		uint64_t up;

		ck_assert_uint_eq(align_down(t[i].v, 4096), t[i].down);
		ck_assert_uint_eq(align_up(t[i].v, 4096), t[i].up);
		ck_assert(align_up_checked(t[i].v, 4096, &up));
		ck_assert_uint_eq(up, t[i].up);
		ck_assert_int_eq(is_aligned(t[i].v, 4096), t[i].down == t[i].up);
	}
	ck_assert_uint_eq(align_down(UINT64_MAX, 4096), UINT64_MAX - 4095);
}
END_TEST

START_TEST(checked_rounding_refuses_what_does_not_fit)
{
	uint64_t up = 7;

	ck_assert(!align_up_checked(UINT64_MAX, 4096, &up));
	ck_assert(!align_up_checked(UINT64_MAX - 4094, 4096, &up));
	ck_assert_uint_eq(up, 7);
	ck_assert(align_up_checked(UINT64_MAX - 4095, 4096, &up));
	ck_assert_uint_eq(up, UINT64_MAX - 4095);
	ck_assert(align_up_checked(UINT64_MAX, 1, &up));
	ck_assert_uint_eq(up, UINT64_MAX);
}
END_TEST

START_TEST(a_range_is_inside_or_not_and_never_wraps)
{
	static const struct {
		uint64_t at, len, base, size;
		bool inside;
	} t[] = {
		{10, 5, 10, 5, true},
		{10, 6, 10, 5, false},
		{9, 1, 10, 5, false},
		{14, 1, 10, 5, true},
		{15, 0, 10, 5, true},
		{15, 1, 10, 5, false},
		{16, 0, 10, 5, false},
		{10, 0, 10, 0, true},
		{10, UINT64_MAX, 10, 5, false},
		{11, UINT64_MAX, 10, 5, false},
		{UINT64_MAX, 2, 0, 5, false},
		{UINT64_MAX, 1, 0, UINT64_MAX, false},
		{UINT64_MAX - 1, 1, 0, UINT64_MAX, true},
		{0, UINT64_MAX, 0, UINT64_MAX, true},
		{1, UINT64_MAX, 0, UINT64_MAX, false},
		{UINT64_MAX - 4, 5, UINT64_MAX - 4, 5, true},
		{UINT64_MAX - 4, 6, UINT64_MAX - 4, 5, false},
		{0, 1, UINT64_MAX - 4, 5, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		ck_assert_msg(range_inside(t[i].at, t[i].len, t[i].base, t[i].size) == t[i].inside,
			      "line %zu of the table", i);
}
END_TEST

SUITE(test_bytes)
{
	Suite *s = suite_create("bytes");
	TCase *tc = tcase_create("bytes");

	tcase_add_test(tc, numbers_are_little_endian_at_any_alignment);
	tcase_add_test(tc, the_high_bit_is_not_a_sign);
	tcase_add_test(tc, units_are_64_bits_wide);
	tcase_add_test(tc, rounding_goes_to_the_next_multiple);
	tcase_add_test(tc, checked_rounding_refuses_what_does_not_fit);
	tcase_add_test(tc, a_range_is_inside_or_not_and_never_wraps);
	suite_add_tcase(s, tc);
	return s;
}
