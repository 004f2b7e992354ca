// SPDX-License-Identifier: MIT
/* Limits of what passes in a second, and timers. */
#include "tests/unit/suite.h"
#include "vmm/base/timer.h"
#include "vmm/virtio/rate.h"

#include <poll.h>
#include <stdlib.h>

#define SECOND 1000000000ULL

START_TEST(without_a_limit_nothing_waits)
{
	struct rate rate = {0};

	for (uint64_t now = 0; now < 100; now++) {
		ck_assert_uint_eq(rate_wait(&rate, now), 0);
		rate_spend(&rate, UINT32_MAX, now);
	}
}
END_TEST

/* Somebody who passes whenever it may passes what is allowed, and the burst, over any time. */
START_TEST(a_limit_holds_over_time)
{
	static const uint32_t amounts[] = {1, 60, 1500, 65536, 5000000};
	const uint64_t limit = 1000000;
	struct rate rate = {.per_second = limit};
	uint64_t start = 5 * SECOND, now = start, passed = 0;

	while (now < start + 20 * SECOND) {
		uint64_t wait = rate_wait(&rate, now);

		if (wait == 0) {
			rate_spend(&rate, amounts[_i], now);
			passed += amounts[_i];
			now += 1000;
		}
		now += wait;
	}
	ck_assert_uint_ge(passed, 20 * limit - amounts[_i] * 1001ULL / 1000);
	ck_assert_uint_le(passed, 20 * limit + limit / 10 + amounts[_i]);
}
END_TEST

START_TEST(a_pause_saves_up_a_burst_and_no_more)
{
	struct rate rate = {.per_second = 1000};
	uint64_t now = 1000 * SECOND;
	unsigned int passed = 0;

	for (; rate_wait(&rate, now) == 0; passed++)
		rate_spend(&rate, 1, now);
	/* 100 ms of 1000 a second, and one whose price is to be paid */
	ck_assert_uint_eq(passed, 101);
	ck_assert_uint_eq(rate_wait(&rate, now), SECOND / 1000);
}
END_TEST

static unsigned int expirations;

static void expired(struct timer *timer)
{
	expirations++;
	timer->loop->stop = true;
}

START_TEST(a_timer_expires_once_when_it_was_set_for)
{
	struct timer timer = {.source.fd = -1};
	struct vmm_error err;
	struct loop loop;
	uint64_t before;

	timer_destroy(&timer);
	ck_assert_int_eq(loop_init(&loop, sys_host(), &err), 0);
	ck_assert_int_eq(timer_init(&timer, &loop, expired, &err), 0);
	loop_poll(&loop, 10);
	ck_assert_uint_eq(expirations, 0);
	before = timer_now();
	timer_set(&timer, 3600 * SECOND);
	timer_set(&timer, 20000000);
	ck_assert_int_eq(loop_run(&loop, &err), 0);
	ck_assert_uint_ge(timer_now() - before, 20000000);
	timer_set(&timer, 1000000);
	timer_set(&timer, 0);
	poll(NULL, 0, 5);
	loop_poll(&loop, 10);
	ck_assert_uint_eq(expirations, 1);
	timer_destroy(&timer);
	timer_destroy(&timer);
	loop_destroy(&loop);
}
END_TEST

SUITE(test_rate)
{
	Suite *s = suite_create("rate");
	TCase *tc = tcase_create("rate");

	tcase_add_test(tc, without_a_limit_nothing_waits);
	tcase_add_loop_test(tc, a_limit_holds_over_time, 0, 5);
	tcase_add_test(tc, a_pause_saves_up_a_burst_and_no_more);
	tcase_add_test(tc, a_timer_expires_once_when_it_was_set_for);
	suite_add_tcase(s, tc);
	return s;
}
