// SPDX-License-Identifier: MIT
#include "tests/unit/suite.h"
#include "vmm/base/json.h"

#include <stdint.h>
#include <stdlib.h>

static void finish_and_compare(struct text *t, const char *expected)
{
	char *out;

	ck_assert_int_eq(text_take(t, &out, NULL), 0);
	ck_assert_str_eq(out, expected);
	free(out);
}

START_TEST(objects_and_arrays_are_indented)
{
	struct text t = {0};
	struct json j = {.out = &t};

	json_object(&j, NULL);
	json_u64(&j, "big", UINT64_MAX);
	json_array(&j, "list");
	json_bool(&j, NULL, true);
	json_object(&j, NULL);
	json_hex(&j, "gpa", 0x100000);
	json_end(&j);
	json_end(&j);
	json_string(&j, "none", NULL);
	json_end(&j);
	finish_and_compare(&t, "{\n"
			       "  \"big\": 18446744073709551615,\n"
			       "  \"list\": [\n"
			       "    true,\n"
			       "    {\n"
			       "      \"gpa\": \"0x100000\"\n"
			       "    }\n"
			       "  ],\n"
			       "  \"none\": null\n"
			       "}\n");
}
END_TEST

START_TEST(empty_levels_stay_on_their_line)
{
	struct text t = {0};
	struct json j = {.out = &t};

	json_object(&j, NULL);
	json_array(&j, "a");
	json_end(&j);
	json_object(&j, "o");
	json_end(&j);
	json_end(&j);
	finish_and_compare(&t, "{\n  \"a\": [],\n  \"o\": {}\n}\n");
}
END_TEST

START_TEST(bytes_are_hexadecimal)
{
	static const uint8_t bytes[] = {0x00, 0x0f, 0xff};
	struct text t = {0};
	struct json j = {.out = &t};

	json_bytes(&j, NULL, bytes, sizeof(bytes));
	finish_and_compare(&t, "\"000fff\"");
}
END_TEST

/* clang-format off */
static const struct {
	const char *in, *out;
} strings[] = {
	{"plain", "\"plain\""},
	{"a\"b\\c/d", "\"a\\\"b\\\\c/d\""},
	{"\n\t\x01\x1f\x7f", "\"\\u000a\\u0009\\u0001\\u001f\\u007f\""},
	{"\xc2\x80\xc2\x9b\xc2\xa0", "\"\\u0080\\u009b\xc2\xa0\""},
	{"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80", "\"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80\""},
	{"\xed\x9f\xbf\xee\x80\x80", "\"\xed\x9f\xbf\xee\x80\x80\""},	/* around the surrogates */
	{"\x80", "\"\\ufffd\""},					/* continuation alone */
	{"\xc0\xaf", "\"\\ufffd\\ufffd\""},				/* overlong */
	{"\xe0\x9f\xbf", "\"\\ufffd\\ufffd\\ufffd\""},			/* overlong */
	{"\xf0\x8f\xbf\xbf", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""},	/* overlong */
	{"\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\""},			/* surrogate */
	{"\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""},	/* above U+10FFFF */
	{"\xff" "a", "\"\\ufffda\""},
	{"\xc3", "\"\\ufffd\""},					/* cut by the end */
	{"\xe2\x82", "\"\\ufffd\\ufffd\""},
	{"\xf0\x9f\x98", "\"\\ufffd\\ufffd\\ufffd\""},
};
/* clang-format on */

START_TEST(strings_are_escaped)
{
	struct text t = {0};
	struct json j = {.out = &t};

	json_string(&j, NULL, strings[_i].in);
	finish_and_compare(&t, strings[_i].out);
}
END_TEST

START_TEST(keys_are_escaped)
{
	struct text t = {0};
	struct json j = {.out = &t};

	json_object(&j, NULL);
	json_bool(&j, "a\"b", false);
	json_end(&j);
	finish_and_compare(&t, "{\n  \"a\\\"b\": false\n}\n");
}
END_TEST

START_TEST(too_many_levels_fail_instead_of_overrunning)
{
	struct text t = {0};
	struct json j = {.out = &t};
	char *out;

	for (int i = 0; i < JSON_MAX_DEPTH + 3; i++)
		json_array(&j, NULL);
	for (int i = 0; i < JSON_MAX_DEPTH + 3; i++)
		json_end(&j);
	ck_assert_int_lt(text_take(&t, &out, NULL), 0);
}
END_TEST

SUITE(test_json)
{
	Suite *suite = suite_create("json");
	TCase *tc = tcase_create("json");

	tcase_add_test(tc, objects_and_arrays_are_indented);
	tcase_add_test(tc, empty_levels_stay_on_their_line);
	tcase_add_test(tc, bytes_are_hexadecimal);
	tcase_add_loop_test(tc, strings_are_escaped, 0, sizeof(strings) / sizeof(strings[0]));
	tcase_add_test(tc, keys_are_escaped);
	tcase_add_test(tc, too_many_levels_fail_instead_of_overrunning);
	suite_add_tcase(suite, tc);
	return suite;
}
