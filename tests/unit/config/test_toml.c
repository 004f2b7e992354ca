// SPDX-License-Identifier: MIT
/*
 * The TOML parser: values, places, faults, bounds. What TOML 1.0 allows and refuses in general is
 * the corpus's part (tests/toml); here is what that does not see, or what is ours.
 */
#include "tests/unit/suite.h"
#include "vmm/base/bytes.h"
#include "vmm/config/toml.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct tree *parse(const char *text)
{
	struct tree *doc = toml_read(text, strlen(text));

	ck_assert_ptr_nonnull(doc);
	return doc;
}

static struct tree *parse_good(const char *text)
{
	struct tree *doc = parse(text);

	ck_assert_msg(doc->faults.count == 0, "%s: %s", text, doc->faults.list[0].text);
	return doc;
}

static struct tree_node *get(const struct tree *doc, const char *key)
{
	struct tree_node *node = tree_find(doc, doc->root, key, strlen(key));

	ck_assert_ptr_nonnull(node);
	return node;
}

/* The document has exactly this fault. */
static void faulty(const char *text, uint32_t line, uint32_t column, const char *message)
{
	struct tree *doc = parse(text);

	ck_assert_uint_eq(doc->faults.count, 1);
	ck_assert_str_eq(doc->faults.list[0].text, message);
	ck_assert_uint_eq(doc->faults.list[0].place.line, line);
	ck_assert_uint_eq(doc->faults.list[0].place.column, column);
	tree_free(doc);
}

static void at(struct place pos, uint32_t line, uint32_t column)
{
	ck_assert_uint_eq(pos.line, line);
	ck_assert_uint_eq(pos.column, column);
}

START_TEST(keys_and_values_know_line_and_column)
{
	struct tree *doc = parse_good("a = 1\n"
				      "  b.c   = [ 10,\n"
				      "\t20 ]\r\n"
				      "\n"
				      "[d] # comment\n"
				      "e = { f = true }\n"
				      "[[ g ]]\n");
	const struct tree_node *n;

	at(get(doc, "a")->key_place, 1, 1);
	at(get(doc, "a")->place, 1, 5);
	n = tree_find(doc, get(doc, "b"), "c", 1);
	at(get(doc, "b")->key_place, 2, 3);
	at(n->key_place, 2, 5);
	at(n->place, 2, 11);
	at(n->children.first->place, 2, 13);
	at(n->children.last->place, 3, 2);
	at(get(doc, "d")->place, 5, 2);
	n = tree_find(doc, get(doc, "d"), "e", 1);
	at(n->place, 6, 5);
	at(n->children.first->key_place, 6, 7);
	at(n->children.first->place, 6, 11);
	at(get(doc, "g")->children.first->place, 7, 4);
	tree_free(doc);
}
END_TEST

START_TEST(columns_count_characters_not_bytes)
{
	struct tree *doc = parse_good("\"äöü€𝄞\" = 1");

	at(doc->root->children.first->place, 1, 11);
	tree_free(doc);
	faulty("\"äöü€𝄞\" 1", 1, 9, "expected '=' after the key, found '1'");
}
END_TEST

START_TEST(byte_order_mark_at_the_start_is_no_character)
{
	struct tree *doc = parse_good("\xef\xbb\xbf"
				      "a = 1");

	at(get(doc, "a")->key_place, 1, 1);
	tree_free(doc);
}
END_TEST

START_TEST(children_keep_the_order_of_the_document)
{
	struct tree *doc = parse_good("m=0\nz=1\na=2\nq=3\nb=4\n");
	int64_t i = 0;

	for (const struct tree_node *n = doc->root->children.first; n; n = n->next)
		ck_assert_int_eq(n->integer, i++);
	ck_assert_int_eq(i, 5);
	ck_assert_uint_eq(doc->root->children.count, 5);
	tree_free(doc);
}
END_TEST

START_TEST(integers_are_exact_to_the_last_of_64_bits)
{
	struct tree *doc = parse_good("a = 9223372036854775807\nb = -9223372036854775808\n"
				      "c = 0x7fff_ffff_ffff_ffff\nd = 0o17\ne = 0b1_01\nf = +7");

	ck_assert(get(doc, "a")->integer == INT64_MAX);
	ck_assert(get(doc, "b")->integer == INT64_MIN);
	ck_assert(get(doc, "c")->integer == INT64_MAX);
	ck_assert_int_eq(get(doc, "d")->integer, 15);
	ck_assert_int_eq(get(doc, "e")->integer, 5);
	ck_assert_int_eq(get(doc, "f")->integer, 7);
	tree_free(doc);
	faulty("a = 9223372036854775808", 1, 5, "integer does not fit into 64 bits with sign");
	faulty("a = -9223372036854775809", 1, 5, "integer does not fit into 64 bits with sign");
	faulty("a = 0x8000000000000000", 1, 5, "integer does not fit into 64 bits with sign");
}
END_TEST

START_TEST(floats_do_not_depend_on_the_locale)
{
	struct tree *doc;

	setlocale(LC_ALL, "de_DE.UTF-8"); /* a comma for a point, if the system has it */
	doc = parse_good("a = 1_0.5\nb = -5e-1\nc = inf\nd = -inf\ne = nan\nf = 6.02E+23");
	ck_assert(get(doc, "a")->real == 10.5);
	ck_assert(get(doc, "b")->real == -0.5);
	ck_assert(get(doc, "c")->real == (double)INFINITY);
	ck_assert(get(doc, "d")->real == -(double)INFINITY);
	ck_assert(isnan(get(doc, "e")->real));
	ck_assert(get(doc, "f")->real == 6.02e23);
	tree_free(doc);
	faulty("a = 1e400", 1, 5, "number too large for a 64-bit float");
}
END_TEST

START_TEST(strings_of_all_kinds_are_decoded)
{
	struct tree *doc = parse_good("a = \"\\b\\t\\n\\f\\r\\\"\\\\ \\u00e9\\U0001D11E\"\n"
				      "b = 'C:\\n'\n"
				      "c = \"\"\"\nx\\\n   \n  y\"\"\"\"\"\n"
				      "d = '''\r\n''q'''\n"
				      "e = \"a\\u0000b\"");

	ck_assert_str_eq(get(doc, "a")->string.data, "\b\t\n\f\r\"\\ é𝄞");
	ck_assert_str_eq(get(doc, "b")->string.data, "C:\\n");
	ck_assert_str_eq(get(doc, "c")->string.data, "xy\"\"");
	ck_assert_str_eq(get(doc, "d")->string.data, "''q");
	ck_assert_uint_eq(get(doc, "e")->string.len, 3);
	ck_assert_mem_eq(get(doc, "e")->string.data, "a\0b", 4);
	tree_free(doc);
}
END_TEST

START_TEST(times_are_kept_as_written)
{
	struct tree *doc = parse_good("a = 2024-02-29T23:59:60.1234567899-07:30\n"
				      "b = 1979-05-27 07:32:00z\nc = 1979-05-27\nd = 07:32:00.5\n"
				      "e = 2000-12-31T00:00:00");

	ck_assert_int_eq(get(doc, "a")->type, TREE_DATETIME);
	ck_assert_str_eq(get(doc, "a")->string.data, "2024-02-29T23:59:60.1234567899-07:30");
	ck_assert_int_eq(get(doc, "b")->type, TREE_DATETIME);
	ck_assert_str_eq(get(doc, "b")->string.data, "1979-05-27 07:32:00z");
	ck_assert_int_eq(get(doc, "c")->type, TREE_DATE_LOCAL);
	ck_assert_str_eq(get(doc, "c")->string.data, "1979-05-27");
	ck_assert_int_eq(get(doc, "d")->type, TREE_TIME_LOCAL);
	ck_assert_str_eq(get(doc, "d")->string.data, "07:32:00.5");
	ck_assert_int_eq(get(doc, "e")->type, TREE_DATETIME_LOCAL);
	tree_free(doc);
}
END_TEST

static const struct {
	const char *text;
	uint32_t line, column;
	const char *message;
} faults[] = {
	{"a", 1, 2, "expected '=' after the key, found the end of the file"},
	{"a\n", 1, 2, "expected '=' after the key, found the end of the line"},
	{"a = \n", 1, 5, "expected a value, found the end of the line"},
	{"a = # x\n", 1, 5, "expected a value, found '#'"},
	{"= 1", 1, 1, "expected a key, found '='"},
	{"a. = 1", 1, 4, "expected a key, found '='"},
	{"é = 1", 1, 1, "expected a key, found 'é'"},
	{"a = 512M", 1, 5, "'512M' is not a number; a text must be in quotes"},
	{"a = 1__0", 1, 5, "'1__0' is not a number; a text must be in quotes"},
	{"a = .5", 1, 5, "'.5' is not a number; a text must be in quotes"},
	{"a = 007", 1, 5, "a decimal number must not begin with a zero"},
	{"a = snp", 1, 5, "'snp' is not a value; a text must be in quotes"},
	{"a = True", 1, 5, "'True' is not a value: did you mean true?"},
	{"a = 1 b = 2", 1, 7, "expected the end of the line after the value, found 'b'"},
	{"[a] b = 2", 1, 5, "expected the end of the line after the header, found 'b'"},
	{"[a", 1, 3, "expected ']' after the name, found the end of the file"},
	{"[[a] ]", 1, 5, "expected ']]' after the name, found ' '"},
	{"a = \"x\n", 1, 7, "expected \" at the end of the string"},
	{"a = 'x", 1, 7, "expected ' at the end of the string"},
	{"a = \"\"\"\nx\ny", 1, 5, "the string that begins here is never closed"},
	{"a = \"\\q\"", 1, 6, "no such escape: \\q (a backslash itself is \\\\)"},
	{"a = \"\\", 1, 6, "a backslash must be written \\\\"},
	{"a = \"\\u12\"", 1, 6, "\\u needs 4 hexadecimal digits"},
	{"a = \"\\U0000000x\"", 1, 6, "\\U needs 8 hexadecimal digits"},
	{"a = \"\\ud800\"", 1, 6, "U+D800 is not a character"},
	{"a = \"\\U00110000\"", 1, 6, "U+110000 is not a character"},
	{"a = \"x\x01\"", 1, 7, "control character 0x01 in a string"},
	{"a = '''x\ry'''", 1, 9, "control character 0x0d in a string"},
	{"# x\x7f", 1, 4, "control character 0x7f in a comment"},
	{"a = 1\r", 1, 6,
	 "expected the end of the line after the value, found control character 0x0d"},
	{"a = [1\n2]", 2, 1, "expected ',' or ']' in the array, found '2'"},
	{"a = [1,", 1, 8, "expected a value, found the end of the file"},
	{"a = { b = 1,\n c = 2 }", 1, 13, "expected a key, found the end of the line"},
	{"a = { b = 1 c", 1, 13, "expected ',' or '}' in the inline table, found 'c'"},
	{"a = 2023-02-29", 1, 5,
	 "'2023-02-29' is not a date or time: that month does not have such a day"},
	{"a = 1900-02-29", 1, 5,
	 "'1900-02-29' is not a date or time: that month does not have such a day"},
	{"a = 2023-13-01", 1, 5, "'2023-13-01' is not a date or time: the month must be 01 to 12"},
	{"a = 24:00:00", 1, 5, "'24:00:00' is not a date or time: the hour must be 00 to 23"},
	{"a = 23:60:00", 1, 5, "'23:60:00' is not a date or time: the minute must be 00 to 59"},
	{"a = 23:00:61", 1, 5, "'23:00:61' is not a date or time: the second must be 00 to 60"},
	{"a = 23:00", 1, 5, "'23:00' is not a date or time: a time is written HH:MM:SS"},
	{"a = 23:00:00.", 1, 5, "'23:00:00.' is not a date or time: digits must follow the point"},
	{"a = 2023-1-01", 1, 5, "'2023-1-01' is not a date or time: a date is written YYYY-MM-DD"},
	{"a = 2023-01-01x", 1, 5,
	 "'2023-01-01x' is not a date or time: a time after a date begins with T"},
	{"a = 2023-01-01T00:00:00x", 1, 5,
	 "'2023-01-01T00:00:00x' is not a date or time: an offset is written Z, +HH:MM or -HH:MM"},
	{"a = 2023-01-01T00:00:00+24:00", 1, 5,
	 "'2023-01-01T00:00:00+24:00' is not a date or time: the offset must be within 23:59"},
	{"a = 23:00:00Z", 1, 5, "'23:00:00Z' is not a date or time: there is something behind it"},
	{"a = \"\xff\"", 1, 6, "not valid UTF-8 (byte 0xff)"},
	{"a = 1\nb = \"é\xc3", 2, 7, "not valid UTF-8 (byte 0xc3)"},
};

START_TEST(fault_says_where_and_what)
{
	faulty(faults[_i].text, faults[_i].line, faults[_i].column, faults[_i].message);
}
END_TEST

START_TEST(one_fault_does_not_hide_the_next)
{
	struct tree *doc = parse("a = 512M\nb = 1\nb = 2\n[c\nd = 1\n[e]\nf = x\ng = 3\n");

	ck_assert_uint_eq(doc->faults.count, 4);
	at(doc->faults.list[0].place, 1, 5);
	at(doc->faults.list[1].place, 3, 1);
	ck_assert_str_eq(doc->faults.list[1].text, "'b' is defined twice: first in line 2");
	at(doc->faults.list[2].place, 4, 3);
	at(doc->faults.list[3].place, 7, 5);
	/* what could not be understood is not there by another meaning */
	ck_assert_int_eq(get(doc, "a")->type, TREE_NONE);
	ck_assert_int_eq(get(doc, "b")->integer, 1);
	ck_assert_ptr_null(tree_find(doc, doc->root, "d", 1));
	ck_assert_int_eq(tree_find(doc, get(doc, "e"), "g", 1)->integer, 3);
	tree_free(doc);
}
END_TEST

START_TEST(fault_where_the_next_line_would_be_misunderstood_ends_the_reading)
{
	faulty("a = [\n1\n2\n]\nb = x\n", 3, 1, "expected ',' or ']' in the array, found '2'");
	faulty("a = [1 2,\n3]\n", 1, 8, "expected ',' or ']' in the array, found '2'");
	faulty("a = \"\"\"\n\\q\nb\n\"\"\"\n", 2, 1,
	       "no such escape: \\q (a backslash itself is \\\\)");
}
END_TEST

START_TEST(number_of_faults_is_bounded)
{
	char text[1000] = "";
	struct tree *doc;

	for (int i = 0; i < 100; i++)
		strcat(text, "a = x\n");
	doc = parse(text);
	ck_assert_uint_eq(doc->faults.count, TREE_MAX_FAULTS);
	tree_free(doc);
}
END_TEST

/* `n` times `unit`, between `before` and `after` */
static char *repeat(const char *before, const char *unit, size_t n, const char *after)
{
	size_t len = strlen(unit);
	char *text = malloc(strlen(before) + n * len + strlen(after) + 1);

	strcpy(text, before);
	for (size_t i = 0; i < n; i++)
		memcpy(text + strlen(before) + i * len, unit, len);
	strcpy(text + strlen(before) + n * len, after);
	return text;
}

START_TEST(depth_is_bounded)
{
	static const struct {
		const char *before, *unit, *after;
		size_t most; /* of the unit */
	} cases[] = {
		{"a = ", "[", "1", TREE_MAX_DEPTH - 1},
		{"", "a.", "b = 1", TREE_MAX_DEPTH - 1},
		{"a = ", "{a = ", "1", TREE_MAX_DEPTH - 1},
		{"[", "a.", "b]", TREE_MAX_DEPTH - 1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (size_t more = 0; more < 2; more++) {
			char *text = repeat(cases[i].before, cases[i].unit, cases[i].most + more,
					    cases[i].after);
			struct tree *doc = parse(text);
			bool deep =
				doc->faults.count && strcmp(doc->faults.list[0].text,
							    "nested more than 64 levels deep") == 0;

			ck_assert_msg(deep == more, "%s: %s", text, doc->faults.list[0].text);
			tree_free(doc);
			free(text);
		}
	}
}
END_TEST

START_TEST(size_is_bounded)
{
	char *text = repeat("", "#", TREE_MAX_LEN, "");
	struct tree *doc = toml_read(text, TREE_MAX_LEN);

	ck_assert_uint_eq(doc->faults.count, 0);
	tree_free(doc);
	free(text);
	text = repeat("", "#", TREE_MAX_LEN + 1, "");
	faulty(text, 1, 1, "larger than 1024 KiB");
	free(text);
}
END_TEST

START_TEST(number_of_values_is_bounded)
{
	char *text = repeat("a = [", "1,", TREE_MAX_VALUES, "]");

	faulty(text, 1, 5 + 2 * (TREE_MAX_VALUES - 2) + 1,
	       "more than 262144 values in one document");
	free(text);
}
END_TEST

static const struct {
	const char *before, *after;
} forms[] = {{"key", " = 1"}, {"[t", "]"}, {"a.b.c", " = 1"}};

/* A megabyte of keys, in the orders that make a naive tree or list slow. */
START_TEST(megabyte_of_keys_takes_well_under_a_second)
{
	char *text = malloc(TREE_MAX_LEN + 64);

	for (unsigned int order = 0; order < 2; order++) {
		struct timespec start, end;
		struct tree *doc;
		size_t len = 0, n = 0;
		double seconds;

		while (len < TREE_MAX_LEN - 32) {
			unsigned int number = (unsigned int)(order ? 9999999 - n : n);

			len += (size_t)sprintf(text + len, "%s%07u%s\n", forms[_i].before, number,
					       forms[_i].after);
			n++;
		}
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
		doc = parse_good(text);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
		seconds = (double)(end.tv_sec - start.tv_sec) +
			  (double)(end.tv_nsec - start.tv_nsec) / 1e9;
		ck_assert_msg(seconds < 1.0, "%s: %zu keys took %.2f s", forms[_i].before, n,
			      seconds);
		tree_free(doc);
	}
	free(text);
}
END_TEST

START_TEST(every_cut_of_a_document_is_read_without_a_crash)
{
	static const char whole[] =
		"a.b = [1, 0x2, 1e5, \"\\u00e9\", '''x\n''', {c = 1979-05-27 07:32:00Z}]\n"
		"[[d.e]]\n\"f\" = true # é\n";

	for (size_t len = 0; len < sizeof(whole); len++) {
		char *text = malloc(len + 1); /* its own memory: asan sees a read beyond */
		struct tree *doc;

		memcpy(text, whole, len);
		doc = toml_read(text, len);
		ck_assert_ptr_nonnull(doc);
		tree_free(doc);
		free(text);
	}
}
END_TEST

START_TEST(single_value_is_read_alone)
{
	struct tree *doc = toml_read_value(" [1, 2] ", 8);

	ck_assert_uint_eq(doc->faults.count, 0);
	ck_assert_uint_eq(doc->root->children.count, 2);
	tree_free(doc);
	doc = toml_read_value("1\nb = 2", 7);
	ck_assert_uint_eq(doc->faults.count, 1);
	ck_assert_str_eq(doc->faults.list[0].text,
			 "expected the end after the value, found the end of the line");
	tree_free(doc);
}
END_TEST

SUITE(test_toml)
{
	Suite *suite = suite_create("toml");
	TCase *tc = tcase_create("parser");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, keys_and_values_know_line_and_column);
	tcase_add_test(tc, columns_count_characters_not_bytes);
	tcase_add_test(tc, byte_order_mark_at_the_start_is_no_character);
	tcase_add_test(tc, children_keep_the_order_of_the_document);
	tcase_add_test(tc, integers_are_exact_to_the_last_of_64_bits);
	tcase_add_test(tc, floats_do_not_depend_on_the_locale);
	tcase_add_test(tc, strings_of_all_kinds_are_decoded);
	tcase_add_test(tc, times_are_kept_as_written);
	tcase_add_loop_test(tc, fault_says_where_and_what, 0, ARRAY_SIZE(faults));
	tcase_add_test(tc, one_fault_does_not_hide_the_next);
	tcase_add_test(tc, fault_where_the_next_line_would_be_misunderstood_ends_the_reading);
	tcase_add_test(tc, number_of_faults_is_bounded);
	tcase_add_test(tc, depth_is_bounded);
	tcase_add_test(tc, size_is_bounded);
	tcase_add_test(tc, number_of_values_is_bounded);
	tcase_add_loop_test(tc, megabyte_of_keys_takes_well_under_a_second, 0, ARRAY_SIZE(forms));
	tcase_add_test(tc, every_cut_of_a_document_is_read_without_a_crash);
	tcase_add_test(tc, single_value_is_read_alone);
	suite_add_tcase(suite, tc);
	return suite;
}
