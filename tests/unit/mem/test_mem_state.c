// SPDX-License-Identifier: MIT
/* The record of private pages, against an array of bools. */
#include "mem/state.h"
#include "tests/unit/suite.h"

#include "tests/mock/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NPAGES 300 /* neither a multiple of 64 nor close to one */

static struct model *m;
static struct mem_state *state;
static struct vmm_error err;
static bool expected[NPAGES];

static void setup(void)
{
	m = model_new();
	memset(expected, 0, sizeof(expected));
	ck_assert_int_eq(mem_state_create(&state, model_sys(m), NPAGES, &err), 0);
}

static void teardown(void)
{
	mem_state_destroy(state, model_sys(m));
	model_check_clean(m);
	model_free(m);
}

static void set(uint64_t page, uint64_t npages, bool private)
{
	mem_state_set(state, page, npages, private);
	for (uint64_t i = page; i < page + npages; i++)
		expected[i] = private;
}

/* Looks for the first run in [page, end) in both ways. */
static void check_find(uint64_t page, uint64_t end, bool private)
{
	uint64_t first = page, npages = 0, f, n;
	bool found;

	while (first < end && expected[first] != private)
		first++;
	while (first + npages < end && expected[first + npages] == private)
		npages++;
	found = mem_state_find(state, page, end, private, &f, &n);
	ck_assert_int_eq(found, npages > 0);
	if (found) {
		ck_assert_uint_eq(f, first);
		ck_assert_uint_eq(n, npages);
	}
}

START_TEST(all_pages_are_shared_at_first)
{
	uint64_t first, n;

	ck_assert(!mem_state_find(state, 0, NPAGES, true, &first, &n));
	ck_assert(mem_state_find(state, 0, NPAGES, false, &first, &n));
	ck_assert_uint_eq(first, 0);
	ck_assert_uint_eq(n, NPAGES);
}
END_TEST

START_TEST(runs_that_touch_the_edges_of_words)
{
	static const uint64_t edges[] = {0, 1, 62, 63, 64, 65, 127, 128, 129, 192, 256, 299, 300};
	const size_t n = sizeof(edges) / sizeof(edges[0]);

	for (size_t i = 0; i < n; i++) {
		for (size_t j = i; j < n; j++) {
			set(edges[i], edges[j] - edges[i], true);
			for (size_t k = 0; k < n; k++) {
				check_find(edges[k], NPAGES, true);
				check_find(edges[k], NPAGES, false);
				check_find(0, edges[k], true);
				check_find(0, edges[k], false);
			}
			set(edges[i], edges[j] - edges[i], false);
		}
	}
}
END_TEST

START_TEST(an_empty_range_has_no_run)
{
	uint64_t first, n;

	ck_assert(!mem_state_find(state, 64, 64, false, &first, &n));
	ck_assert(!mem_state_find(state, NPAGES, NPAGES, false, &first, &n));
}
END_TEST

START_TEST(random_changes_agree_with_an_array)
{
	srand(4711);
	for (int step = 0; step < 10000; step++) {
		uint64_t page = (uint64_t)rand() % NPAGES;
		uint64_t n = (uint64_t)rand() % (NPAGES - page + 1);
		uint64_t end = page + n;

		if (step % 4 == 0)
			set(page, n, rand() & 1);
		else
			check_find(page, end, rand() & 1);
	}
}
END_TEST

START_TEST(a_terabyte_of_pages_costs_only_what_is_set)
{
	struct mem_state *large;
	uint64_t first, n;

	ck_assert_int_eq(mem_state_create(&large, model_sys(m), 1ULL << 28, &err), 0);
	mem_state_set(large, (1ULL << 28) - 1, 1, true);
	ck_assert(mem_state_find(large, 0, 1ULL << 28, true, &first, &n));
	ck_assert_uint_eq(first, (1ULL << 28) - 1);
	mem_state_destroy(large, model_sys(m));
}
END_TEST

START_TEST(no_memory_is_an_error)
{
	struct mem_state *none;

	model_answer(m, "mmap", -ENOMEM);
	ck_assert_int_eq(mem_state_create(&none, model_sys(m), NPAGES, &err), -ENOMEM);
	ck_assert_ptr_nonnull(strstr(err.text, "300 pages"));
	mem_state_destroy(NULL, model_sys(m));
}
END_TEST

SUITE(test_mem_state)
{
	Suite *s = suite_create("memory state");
	TCase *tc = tcase_create("state");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, all_pages_are_shared_at_first);
	tcase_add_test(tc, runs_that_touch_the_edges_of_words);
	tcase_add_test(tc, an_empty_range_has_no_run);
	tcase_add_test(tc, random_changes_agree_with_an_array);
	tcase_add_test(tc, a_terabyte_of_pages_costs_only_what_is_set);
	tcase_add_test(tc, no_memory_is_an_error);
	suite_add_tcase(s, tc);
	return s;
}
