// SPDX-License-Identifier: MIT
/* Quote generation services that are not there, slow, dead or lying. */
#include "tests/unit/quote_fixture.h"
#include "tests/unit/suite.h"

/* --- services that are not there -------------------------------------------------------------- */

START_TEST(without_service_the_guest_is_told)
{
	start_client(QUOTE_TIME_LIMIT_MS);
	must_ask(BUFFER);
	wait_done(1);
	assert_no_quote(BUFFER, QUOTE_STATUS_UNAVAILABLE);
}
END_TEST

/* A guest cannot fill the host's disk with our complaints. */
START_TEST(good_and_bad_reports_in_turn_do_not_fill_the_log)
{
	start_all();
	for (unsigned int i = 0; i < 50; i += 2) {
		must_ask(BUFFER);
		close(take_request());
		wait_done(i + 1);
		must_ask(BUFFER);
		answer(take_request(), 10);
		wait_done(i + 2);
	}
	ck_assert_uint_eq(warnings, VMM_LOG_LINES + 1); /* and one that there are more */
}
END_TEST

START_TEST(a_service_may_come_back)
{
	start_all();
	must_ask(BUFFER);
	close(take_request());
	wait_done(1);
	assert_no_quote(BUFFER, QUOTE_STATUS_UNAVAILABLE);
	close(listener);
	must_ask(BUFFER);
	wait_done(2);
	assert_no_quote(BUFFER, QUOTE_STATUS_UNAVAILABLE);
	unlink(path);
	listen_with(1);
	must_ask(BUFFER);
	answer(take_request(), 77);
	wait_done(3);
	assert_quote(BUFFER, 77);
}
END_TEST

START_TEST(one_that_hangs_up_unheard_is_unavailable)
{
	start_all();
	must_ask(BUFFER);
	close(accept_one());
	wait_done(1);
	assert_no_quote(BUFFER, QUOTE_STATUS_UNAVAILABLE);
}
END_TEST

/* 0: accepts nobody; 1: takes the request; 2: stops within the answer; 3: sends a byte at times */
START_TEST(the_time_limit_ends_a_request)
{
	static const uint8_t start[] = {0, 0, 1, 0};
	struct timespec before, after;
	int fd = -1;

	listen_with(4);
	start_client(400);
	clock_gettime(CLOCK_MONOTONIC, &before);
	must_ask(BUFFER);
	if (_i > 0)
		fd = take_request();
	if (_i > 1)
		send_to(fd, start, sizeof(start));
	for (unsigned int i = 0; _i == 3 && i < 8; i++) {
		send_to(fd, (const uint8_t *)"x", 1);
		sleep_ms(100);
	}
	wait_done(1);
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_no_quote(BUFFER, QUOTE_STATUS_UNAVAILABLE);
	ck_assert_int_ge((after.tv_sec - before.tv_sec) * 1000 +
				 (after.tv_nsec - before.tv_nsec) / 1000000,
			 400);
	if (_i == 0)
		return;
	close(fd);
	/* and the next is served */
	must_ask(BUFFER);
	answer(take_request(), 10);
	wait_done(2);
	assert_quote(BUFFER, 10);
}
END_TEST

/* The limit holds although other requests wake the client all the time. */
START_TEST(a_busy_client_keeps_the_time_limit)
{
	unsigned int i;
	int slow;

	listen_with(4);
	start_client(500);
	must_ask(buffer_of(0));
	slow = take_request();
	for (i = 1; i < 2000 && STATUS(buffer_of(0)) == QUOTE_STATUS_IN_FLIGHT; i++) {
		must_ask(buffer_of(1));
		answer(take_request(), 16);
		sleep_ms(5);
		while (STATUS(buffer_of(1)) == QUOTE_STATUS_IN_FLIGHT)
			sleep_ms(1);
	}
	assert_no_quote(buffer_of(0), QUOTE_STATUS_UNAVAILABLE);
	close(slow);
}
END_TEST

/* --- services that lie ------------------------------------------------------------------------ */

START_TEST(an_answer_cut_at_any_byte_is_no_quote)
{
	uint8_t bytes[QUOTE_LENGTH_SIZE + QUOTE_MESSAGE_FIXED + 16];
	size_t len = make_answer(bytes, 16);

	start_all();
	for (size_t cut = 0; cut < len; cut++) {
		int fd;

		must_ask(BUFFER);
		fd = take_request();
		send_to(fd, bytes, cut);
		close(fd);
		wait_done((unsigned int)cut + 1);
		assert_no_quote(BUFFER, QUOTE_STATUS_UNAVAILABLE);
	}
}
END_TEST

static const struct {
	size_t at; /* in the frame */
	uint32_t value;
} lies[] = {
	{0, 0},			      /* length 0 */
	{0, 0x17000000},	      /* 23 */
	{0, 0xffffffff},	      /* 4 GiB */
	{0, 0x01000000 | 0x20 << 16}, /* 2 MiB and one */
	{4, 0x00010002},	      /* version */
	{8, 0},			      /* a request */
	{12, 0},		      /* size of the message */
	{16, 0x12001},		      /* error */
	{20, 8},		      /* an id */
	{24, 0xffffffff},	      /* size of the quote */
	{24, 15},
	{24, 17},
};

START_TEST(a_lying_answer_is_an_error)
{
	uint8_t bytes[QUOTE_LENGTH_SIZE + QUOTE_MESSAGE_FIXED + 16];
	size_t len = make_answer(bytes, 16);
	int fd;

	start_all();
	put_le32(bytes + lies[_i].at, lies[_i].value);
	must_ask(BUFFER);
	fd = take_request();
	send_to(fd, bytes, len);
	wait_done(1);
	assert_no_quote(BUFFER, QUOTE_STATUS_ERROR);
	close(fd);
}
END_TEST

SUITE(test_quote_service)
{
	TCase *tc = tcase_create("quote");

	tcase_add_test(tc, without_service_the_guest_is_told);
	tcase_add_test(tc, good_and_bad_reports_in_turn_do_not_fill_the_log);
	tcase_add_test(tc, a_service_may_come_back);
	tcase_add_test(tc, one_that_hangs_up_unheard_is_unavailable);
	tcase_add_loop_test(tc, the_time_limit_ends_a_request, 0, 4);
	tcase_add_test(tc, a_busy_client_keeps_the_time_limit);
	tcase_add_test(tc, an_answer_cut_at_any_byte_is_no_quote);
	tcase_add_loop_test(tc, a_lying_answer_is_an_error, 0, (int)ARRAY_SIZE(lies));
	return quote_suite("quote_service", tc);
}
