// SPDX-License-Identifier: MIT
#include "tests/unit/boot_files.h"
#include "tests/unit/suite.h"

static struct test_guest *g;

static void setup(void)
{
	g = guest_make(MIB(64));
}

static void teardown(void)
{
	guest_free(g);
}

static int add(const char *name, uint64_t gpa, uint64_t used)
{
	return load_plan_add(&g->plan, name, gpa, used, LOAD_DATA, &g->err) ? 0 : g->err.code;
}

START_TEST(items_keep_their_order_and_are_rounded_to_pages)
{
	const struct load_item *item = g->plan.item;

	ck_assert_int_eq(add("second in memory", 0x5000, 1), 0);
	ck_assert_int_eq(add("first in memory", 0x2000, 0x1001), 0);
	ck_assert_uint_eq(g->plan.nitems, 2);
	ck_assert_str_eq(item[0].name, "second in memory");
	ck_assert_uint_eq(item[0].len, 0x1000);
	ck_assert_uint_eq(item[0].used, 1);
	ck_assert_uint_eq(item[1].gpa, 0x2000);
	ck_assert_uint_eq(item[1].len, 0x2000);
	ck_assert_uint_eq(item[1].used, 0x1001);
	ck_assert_ptr_null(item[1].src);
}
END_TEST

START_TEST(a_long_name_is_cut)
{
	ck_assert_int_eq(add("a name that is longer than all the room there is", 0, 1), 0);
	ck_assert_str_eq(g->plan.item[0].name, "a name that is longer than ");
}
END_TEST

START_TEST(only_unmeasured_items_are_not_measured)
{
	static const enum load_kind kinds[] = {LOAD_DATA, LOAD_ZERO, LOAD_UNMEASURED, LOAD_SECRETS,
					       LOAD_CPUID};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		ck_assert_ptr_eq(
			load_plan_add(&g->plan, "x", i * PAGE_SIZE, PAGE_SIZE, kinds[i], &g->err),
			mem_ptr(&g->mem, i * PAGE_SIZE, PAGE_SIZE));
		ck_assert_int_eq(g->plan.item[i].measured, kinds[i] != LOAD_UNMEASURED);
		ck_assert_int_eq(g->plan.item[i].kind, kinds[i]);
	}
	ck_assert_uint_eq(g->plan.item[1].used, 0);
	ck_assert_uint_eq(g->plan.item[1].len, PAGE_SIZE);
}
END_TEST

START_TEST(what_is_no_range_of_pages_is_refused)
{
	ck_assert_refused(add("empty", 0x1000, 0), g, "empty");
	ck_assert_refused(add("unaligned", 0x1800, 1), g, "0x1800");
	ck_assert_refused(add("endless", 0x1000, UINT64_MAX), g, "18446744073709551615");
	ck_assert_uint_eq(g->plan.nitems, 0);
}
END_TEST

START_TEST(what_is_not_ram_is_refused)
{
	ck_assert_int_eq(add("above", MIB(64), 1), -EFAULT);
	ck_assert_int_eq(add("half", MIB(64) - PAGE_SIZE, PAGE_SIZE + 1), -EFAULT);
	ck_assert_int_eq(add("far", UINT64_MAX - PAGE_SIZE + 1, 1), -EFAULT);
	ck_assert_int_eq(add("last page", MIB(64) - PAGE_SIZE, PAGE_SIZE), 0);
}
END_TEST

START_TEST(overlap_is_refused_and_names_the_other)
{
	ck_assert_int_eq(add("one", 0x4000, 0x3000), 0);
	ck_assert_int_eq(add("two", 0x6000, 1), -EEXIST);
	ck_assert_str_eq(g->err.text, "two: 4096 bytes at 0x6000 overlap one at 0x4000+0x3000");
	ck_assert_int_eq(add("around", 0x3000, 0x6000), -EEXIST);
	ck_assert_int_eq(add("before", 0x3000, 0x1000), 0);
	ck_assert_int_eq(add("after", 0x7000, 0x1000), 0);
}
END_TEST

START_TEST(a_full_plan_takes_no_more)
{
	for (uint64_t i = 0; i < LOAD_PLAN_ITEMS; i++)
		ck_assert_int_eq(add("item", i * PAGE_SIZE, 1), 0);
	ck_assert_int_eq(add("one more", LOAD_PLAN_ITEMS * PAGE_SIZE, 1), -ENOSPC);
	ck_assert_uint_eq(g->plan.nitems, LOAD_PLAN_ITEMS);
}
END_TEST

static int find(uint64_t len, uint64_t low, uint64_t high, uint64_t *gpa)
{
	return load_plan_find(&g->plan, len, low, high, gpa);
}

START_TEST(the_highest_place_is_found)
{
	uint64_t gpa;

	ck_assert_int_eq(find(0x1800, 0, UINT64_MAX, &gpa), 0);
	ck_assert_uint_eq(gpa, MIB(64) - 0x2000);
	ck_assert_int_eq(find(0x1800, 0, MIB(32), &gpa), 0);
	ck_assert_uint_eq(gpa, MIB(32) - 0x2000);
	ck_assert_int_eq(find(0x1800, 0, MIB(32) - 1, &gpa), 0);
	ck_assert_uint_eq(gpa, MIB(32) - 0x3000);
}
END_TEST

START_TEST(a_place_avoids_all_items)
{
	uint64_t gpa;

	ck_assert_int_eq(add("top", MIB(62), MIB(2)), 0);
	ck_assert_int_eq(add("near the top", MIB(60), MIB(1)), 0);
	ck_assert_int_eq(find(MIB(1), 0, MIB(64), &gpa), 0);
	ck_assert_uint_eq(gpa, MIB(61));
	ck_assert_int_eq(find(MIB(1) + 1, 0, MIB(64), &gpa), 0);
	ck_assert_uint_eq(gpa, MIB(59) - PAGE_SIZE);
}
END_TEST

START_TEST(no_place_is_an_error)
{
	uint64_t gpa;

	ck_assert_int_eq(find(MIB(64) + 1, 0, UINT64_MAX, &gpa), -ENOSPC);
	ck_assert_int_eq(find(UINT64_MAX, 0, UINT64_MAX, &gpa), -ENOSPC);
	ck_assert_int_eq(find(1, MIB(64), UINT64_MAX, &gpa), -ENOSPC);
	ck_assert_int_eq(find(1, MIB(2), MIB(1), &gpa), -ENOSPC);
	ck_assert_int_eq(add("most", 0, MIB(63)), 0);
	ck_assert_int_eq(find(MIB(1) + 1, 0, MIB(64), &gpa), -ENOSPC);
	ck_assert_int_eq(find(MIB(1), 0, MIB(64), &gpa), 0);
	ck_assert_uint_eq(gpa, MIB(63));
}
END_TEST

START_TEST(high_ram_counts_as_the_highest_place)
{
	struct test_guest *big = guest_make(GIB(4));
	uint64_t gpa;

	ck_assert_int_eq(load_plan_find(&big->plan, 1, 0, UINT64_MAX, &gpa), 0);
	ck_assert_uint_eq(gpa, GIB(6) - PAGE_SIZE);
	ck_assert_int_eq(load_plan_find(&big->plan, 1, 0, GIB(4) + 1, &gpa), 0);
	ck_assert_uint_eq(gpa, GIB(2) - PAGE_SIZE);
	guest_free(big);
}
END_TEST

static int map(uint64_t gpa, uint64_t len)
{
	return load_plan_map(&g->plan, gpa, len, GPA_RAM, &g->err);
}

START_TEST(the_map_is_ascending_without_overlap)
{
	ck_assert_int_eq(map(0, 0x1000), 0);
	ck_assert_int_eq(map(0x800, 0x1000), -EINVAL);
	ck_assert_int_eq(map(0x1000, 0), -EINVAL);
	ck_assert_int_eq(map(0x1000, UINT64_MAX), -EINVAL);
	ck_assert_int_eq(map(0x2000, 0x1000), 0);
	ck_assert_uint_eq(g->plan.nmap, 2);
}
END_TEST

START_TEST(a_full_map_takes_no_more)
{
	for (uint64_t i = 0; i < LOAD_PLAN_MAP; i++)
		ck_assert_int_eq(map(2 * i, 1), 0);
	ck_assert_int_eq(map(2 * LOAD_PLAN_MAP, 1), -ENOSPC);
}
END_TEST

START_TEST(kinds_and_types_have_names)
{
	ck_assert_str_eq(load_kind_name(LOAD_DATA), "data");
	ck_assert_str_eq(load_kind_name(LOAD_ZERO), "zero");
	ck_assert_str_eq(load_kind_name(LOAD_UNMEASURED), "unmeasured");
	ck_assert_str_eq(load_kind_name(LOAD_SECRETS), "secrets");
	ck_assert_str_eq(load_kind_name(LOAD_CPUID), "cpuid");
	ck_assert_str_eq(gpa_type_name(GPA_RAM), "RAM");
	ck_assert_str_eq(gpa_type_name(GPA_RESERVED), "reserved");
	ck_assert_str_eq(gpa_type_name(GPA_ACPI), "ACPI");
}
END_TEST

SUITE(test_plan)
{
	Suite *suite = suite_create("load plan");
	TCase *tc = tcase_create("plan");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, items_keep_their_order_and_are_rounded_to_pages);
	tcase_add_test(tc, a_long_name_is_cut);
	tcase_add_test(tc, only_unmeasured_items_are_not_measured);
	tcase_add_test(tc, what_is_no_range_of_pages_is_refused);
	tcase_add_test(tc, what_is_not_ram_is_refused);
	tcase_add_test(tc, overlap_is_refused_and_names_the_other);
	tcase_add_test(tc, a_full_plan_takes_no_more);
	tcase_add_test(tc, the_highest_place_is_found);
	tcase_add_test(tc, a_place_avoids_all_items);
	tcase_add_test(tc, no_place_is_an_error);
	tcase_add_test(tc, high_ram_counts_as_the_highest_place);
	tcase_add_test(tc, the_map_is_ascending_without_overlap);
	tcase_add_test(tc, a_full_map_takes_no_more);
	tcase_add_test(tc, kinds_and_types_have_names);
	suite_add_tcase(suite, tc);
	return suite;
}
