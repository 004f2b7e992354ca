// SPDX-License-Identifier: MIT
/* Turns between queues that share something. */
#include "tests/unit/suite.h"
#include "vmm/virtio/fair.h"

#include <stdlib.h>

static struct fair fair;
static uint64_t got[FAIR_MAX];

/* As long as all of them want more, n turns in which each is given `amount[i]`. */
static void turns(unsigned int n, const uint64_t *amount)
{
	while (n-- > 0) {
		int next = fair_next(&fair);

		ck_assert_int_ge(next, 0);
		got[next] += amount[next];
		fair_charge(&fair, (unsigned int)next, amount[next]);
	}
}

START_TEST(nobody_waits_at_first_and_after_leaving)
{
	ck_assert_int_eq(fair_next(&fair), -1);
	fair_wait(&fair, 63);
	fair_wait(&fair, 63);
	ck_assert_int_eq(fair_next(&fair), 63);
	fair_leave(&fair, 63);
	fair_leave(&fair, 63);
	ck_assert_int_eq(fair_next(&fair), -1);
}
END_TEST

START_TEST(shares_are_equal_whatever_one_takes_at_a_time)
{
	static const uint64_t amount[FAIR_MAX] = {1000, 10, 1, 100};

	for (unsigned int i = 0; i < 4; i++)
		fair_wait(&fair, i);
	turns(10000, amount);
	for (unsigned int i = 0; i < 4; i++) {
		ck_assert_uint_ge(got[i] + 1000, got[0]);
		ck_assert_uint_le(got[i], got[0] + 1000);
	}
}
END_TEST

START_TEST(one_that_comes_late_is_next_and_has_no_claim_on_the_past)
{
	static const uint64_t amount[FAIR_MAX] = {1, 1};

	fair_wait(&fair, 0);
	turns(1000, amount);
	fair_wait(&fair, 1);
	ck_assert_int_eq(fair_next(&fair), 1);
	turns(100, amount);
	ck_assert_uint_ge(got[1], 50);
	ck_assert_uint_le(got[1], 51);
}
END_TEST

START_TEST(pauses_give_no_advantage)
{
	static const uint64_t amount[FAIR_MAX] = {10, 10};

	fair_wait(&fair, 0);
	for (unsigned int i = 0; i < 1000; i++) {
		fair_wait(&fair, 1);
		turns(2, amount);
		fair_leave(&fair, 1);
	}
	ck_assert_uint_ge(got[0], got[1] * 9 / 10);
}
END_TEST

START_TEST(what_costs_nothing_is_not_one_queues_for_ever)
{
	static const uint64_t amount[FAIR_MAX] = {0, 0};

	fair_wait(&fair, 0);
	fair_wait(&fair, 1);
	fair_charge(&fair, 0, amount[0]);
	ck_assert_int_eq(fair_next(&fair), 1);
}
END_TEST

SUITE(test_fair)
{
	Suite *s = suite_create("fair");
	TCase *tc = tcase_create("fair");

	tcase_add_test(tc, nobody_waits_at_first_and_after_leaving);
	tcase_add_test(tc, shares_are_equal_whatever_one_takes_at_a_time);
	tcase_add_test(tc, one_that_comes_late_is_next_and_has_no_claim_on_the_past);
	tcase_add_test(tc, pauses_give_no_advantage);
	tcase_add_test(tc, what_costs_nothing_is_not_one_queues_for_ever);
	suite_add_tcase(s, tc);
	return s;
}
