// SPDX-License-Identifier: MIT
#include "tests/unit/suite.h"
#include "vmm/base/text.h"
#include "vmm/base/words.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

START_TEST(an_empty_text_is_an_empty_string)
{
	struct text t = {0};
	char *out;

	ck_assert_int_eq(text_take(&t, &out, NULL), 0);
	ck_assert_str_eq(out, "");
	free(out);
}
END_TEST

START_TEST(lines_are_appended_in_order)
{
	struct text t = {0};
	char *out;

	text_add(&t, "%s: %d\n", "one", 1);
	text_add_bytes(&t, "two and more", 3);
	text_add(&t, "%c", '!');
	ck_assert_uint_eq(t.len, 11);
	ck_assert_int_eq(text_take(&t, &out, NULL), 0);
	ck_assert_str_eq(out, "one: 1\ntwo!");
	free(out);
	ck_assert_ptr_null(t.data);
	ck_assert_uint_eq(t.len, 0);
}
END_TEST

START_TEST(a_text_grows_as_far_as_needed)
{
	struct text t = {0};
	char line[1000];
	char *out;

	memset(line, 'x', sizeof(line));
	for (int i = 0; i < 100; i++)
		text_add_bytes(&t, line, sizeof(line));
	text_add(&t, "%.*s", (int)sizeof(line), line);
	ck_assert_int_eq(text_take(&t, &out, NULL), 0);
	ck_assert_uint_eq(strlen(out), 101 * sizeof(line));
	free(out);
}
END_TEST

START_TEST(too_little_memory_is_remembered)
{
	struct text t = {0};
	struct vmm_error err;
	char *out = (char *)&err;

	text_add(&t, "a");
	text_add_bytes(&t, "b", SIZE_MAX);
	text_add(&t, "c");
	ck_assert(t.failed);
	ck_assert_uint_eq(t.len, 1);
	ck_assert_int_eq(text_take(&t, &out, &err), -ENOMEM);
	ck_assert_ptr_null(out);
	ck_assert_int_eq(err.code, -ENOMEM);
	ck_assert(!t.failed);
}
END_TEST

START_TEST(what_a_terminal_would_act_on_is_masked)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"plain text, \xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xa7",
		 "plain text, \xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xa7"},
		{"a\x1b[2J\n\x7f", "a?[2J??"},
		{"\x9b\x32J", "?2J"},	       /* CSI in Latin-1 */
		{"\xc2\x9b\x32J", "??2J"},     /* CSI in UTF-8 */
		{"\xc1\x9b", "??"},	       /* longer than need be */
		{"\xe0\x82\x9b", "???"},       /* the same */
		{"\xf0\x80\x82\x9b", "????"},  /* the same */
		{"\xe2\x82", "??"},	       /* cut off */
		{"\xc2\xa0\xc3", "\xc2\xa0?"}, /* no more than a space */
		{"", ""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[64];

		strcpy(text, cases[i].in);
		text_make_printable(text);
		ck_assert_str_eq(text, cases[i].out);
	}
}
END_TEST

SUITE(test_text)
{
	Suite *suite = suite_create("text");
	TCase *tc = tcase_create("text");

	tcase_add_test(tc, what_a_terminal_would_act_on_is_masked);

	tcase_add_test(tc, an_empty_text_is_an_empty_string);
	tcase_add_test(tc, lines_are_appended_in_order);
	tcase_add_test(tc, a_text_grows_as_far_as_needed);
	tcase_add_test(tc, too_little_memory_is_remembered);
	suite_add_tcase(suite, tc);
	return suite;
}
