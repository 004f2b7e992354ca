// SPDX-License-Identifier: MIT
/* Who may define which table, once: every pair of ways to write one, in both orders. */
#include "tests/unit/suite.h"
#include "vmm/base/bytes.h"
#include "vmm/config/toml.h"

#include <stdio.h>
#include <string.h>

/* NULL: allowed. Otherwise the message, at this place. */
static const struct {
	const char *text;
	const char *message;
	uint32_t line, column;
} cases[] = {
	/* a header, twice or in parts */
	{"[a]\n[a]", "'a' is defined twice: first in line 1", 2, 2},
	{"[a.b]\n[a]", NULL, 0, 0},
	{"[a]\n[a.b]", NULL, 0, 0},
	{"[a.b]\n[a]\n[a]", "'a' is defined twice: first in line 2", 3, 2},
	{"[a.b]\n[a.c]\n[a.b]", "'b' is defined twice: first in line 1", 3, 4},
	{"[a.b]\n[ a . \"b\" ]", "'b' is defined twice: first in line 1", 2, 7},
	/* a header and a value */
	{"a = 1\n[a]", "'a' is defined twice: first in line 1", 2, 2},
	{"a = 1\n[a.b]", "'a' cannot have tables below it: it got its value in line 1", 2, 2},
	{"[a]\nb = 1\n[a.b]", "'b' is defined twice: first in line 2", 3, 4},
	{"[a.b]\n[a]\nb = 1", "'b' is defined twice: first in line 1", 3, 1},
	/* an inline table is closed */
	{"a = {}\n[a]", "'a' is defined twice: first in line 1", 2, 2},
	{"a = {}\n[a.b]", "'a' cannot have tables below it: it got its value in line 1", 2, 2},
	{"a = {}\na.b = 1", "'a' cannot be added to: it was already defined in line 1", 2, 1},
	{"a = {b = {}, b.c = 1}", "'b' cannot be added to: it was already defined in line 1", 1,
	 14},
	{"a = {b.c = 1, b.d = 2}", NULL, 0, 0},
	{"a = {b.c = 1, b.c = 2}", "'c' is defined twice: first in line 1", 1, 17},
	{"a = {b.c = 1}\n[a.b.d]", "'a' cannot have tables below it: it got its value in line 1", 2,
	 2},
	/* dotted keys */
	{"a.b = 1\na.c = 2", NULL, 0, 0},
	{"a.b = 1\na.b = 2", "'b' is defined twice: first in line 1", 2, 3},
	{"a.b = 1\na.b.c = 2", "'b' cannot be added to: it was already defined in line 1", 2, 3},
	{"a.b.c = 1\na.b = 2", "'b' is defined twice: first in line 1", 2, 3},
	{"a.b = 1\n[a]", "'a' is defined twice: first in line 1", 2, 2},
	{"[f]\na.b.c = 1\n[f.a.b]", "'b' is defined twice: first in line 2", 3, 6},
	{"[f]\na.b.c = 1\n[f.a.d]", NULL, 0, 0},
	{"[a.b.c]\n[a]\nb.d = 1", NULL, 0, 0},
	{"[a.b.c]\n[a]\nb.d = 1\n[a.b]", "'b' is defined twice: first in line 1", 4, 4},
	{"[a.b.c]\n[a]\nb.c.d = 1", "'c' cannot be added to: it was already defined in line 1", 3,
	 3},
	/* arrays of tables */
	{"[[a]]\n[[a]]", NULL, 0, 0},
	{"[[a]]\nb = 1\n[[a]]\nb = 2", NULL, 0, 0},
	{"[[a]]\n[a.b]\n[[a]]\n[a.b]", NULL, 0, 0},
	{"[[a]]\n[a.b]\n[a.b]", "'b' is defined twice: first in line 2", 3, 4},
	{"[[a]]\n[a]", "'a' is defined twice: first in line 1", 2, 2},
	{"[a]\n[[a]]", "'a' is not an array of tables: it was defined in line 1", 2, 3},
	{"[a.b]\n[[a]]", "'a' is not an array of tables: it was defined in line 1", 2, 3},
	{"a = []\n[[a]]", "'a' is not an array of tables: it was defined in line 1", 2, 3},
	{"a = [{}]\n[a.b]", "'a' cannot have tables below it: it got its value in line 1", 2, 2},
	{"[[a.b]]\n[a]\nb.c = 1", "'b' cannot be added to: it was already defined in line 1", 3, 1},
	{"[[a]]\nb = {}\n[[a.b]]", "'b' is not an array of tables: it was defined in line 2", 3, 5},
	{"[[a]]\n[[a.b]]\n[[a]]\n[[a.b]]\n[a.b.c]", NULL, 0, 0},
};

START_TEST(tables_are_defined_once)
{
	struct tree *doc = toml_read(cases[_i].text, strlen(cases[_i].text));

	ck_assert_ptr_nonnull(doc);
	if (!cases[_i].message) {
		ck_assert_msg(doc->faults.count == 0, "%s: %s", cases[_i].text,
			      doc->faults.list[0].text);
	} else {
		ck_assert_msg(doc->faults.count == 1, "%s: %zu faults", cases[_i].text,
			      doc->faults.count);
		ck_assert_str_eq(doc->faults.list[0].text, cases[_i].message);
		ck_assert_uint_eq(doc->faults.list[0].place.line, cases[_i].line);
		ck_assert_uint_eq(doc->faults.list[0].place.column, cases[_i].column);
	}
	tree_free(doc);
}
END_TEST

static struct tree_node *below(const struct tree *doc, const struct tree_node *table,
			       const char *key)
{
	struct tree_node *node = tree_find(doc, table, key, strlen(key));

	ck_assert_ptr_nonnull(node);
	return node;
}

START_TEST(subtable_goes_to_the_last_element)
{
	static const char text[] = "[[a]]\n[a.b]\nx = 1\n[[a]]\n[a.b]\nx = 2\n";
	struct tree *doc = toml_read(text, strlen(text));
	struct tree_node *array = below(doc, doc->root, "a");

	ck_assert_uint_eq(array->children.count, 2);
	ck_assert_int_eq(below(doc, below(doc, array->children.first, "b"), "x")->integer, 1);
	ck_assert_int_eq(below(doc, below(doc, array->children.last, "b"), "x")->integer, 2);
	tree_free(doc);
}
END_TEST

START_TEST(every_key_of_a_large_table_is_found)
{
	char text[1000 * 16] = "", name[16];
	size_t len = 0;
	struct tree *doc;

	/* 613 is coprime to 1000: every number once, in no particular order */
	for (int i = 0; i < 1000; i++)
		len += (size_t)sprintf(text + len, "k%d = %d\n", i * 613 % 1000, i * 613 % 1000);
	doc = toml_read(text, len);
	ck_assert_uint_eq(doc->faults.count, 0);
	for (int i = 0; i < 1000; i++) {
		sprintf(name, "k%d", i);
		ck_assert_int_eq(below(doc, doc->root, name)->integer, i);
	}
	ck_assert_ptr_null(tree_find(doc, doc->root, "k1000", 5));
	ck_assert_ptr_null(tree_find(doc, doc->root, "k", 1));
	ck_assert_ptr_null(tree_find(doc, below(doc, doc->root, "k1"), "k", 1));
	tree_free(doc);
}
END_TEST

SUITE(test_toml_tables)
{
	Suite *suite = suite_create("toml_tables");
	TCase *tc = tcase_create("tables");

	tcase_add_loop_test(tc, tables_are_defined_once, 0, ARRAY_SIZE(cases));
	tcase_add_test(tc, subtable_goes_to_the_last_element);
	tcase_add_test(tc, every_key_of_a_large_table_is_found);
	suite_add_tcase(suite, tc);
	return suite;
}
