// SPDX-License-Identifier: MIT
/* The client of the quote generation service, and services that do what they should. */
#include "tests/unit/quote_fixture.h"
#include "tests/unit/suite.h"

/* --- a good service --------------------------------------------------------------------------- */

START_TEST(a_quote_reaches_the_guest)
{
	int fd;

	start_all();
	must_ask(BUFFER);
	ck_assert_uint_eq(STATUS(BUFFER), QUOTE_STATUS_IN_FLIGHT);
	fd = take_request();
	ck_assert_uint_eq(STATUS(BUFFER), QUOTE_STATUS_IN_FLIGHT);
	ck_assert_uint_eq(done, 0);
	answer(fd, 5000);
	wait_done(1);
	assert_quote(BUFFER, 5000);
}
END_TEST

START_TEST(a_quote_may_fill_the_buffer_to_its_end)
{
	static const uint8_t none[16];

	start_all();
	must_ask(BUFFER);
	memset(mem_ptr(&mem, BUFFER + SIZE, 16), 0, 16);
	answer(take_request(), SIZE - QUOTE_HEADER_SIZE);
	wait_done(1);
	assert_quote(BUFFER, SIZE - QUOTE_HEADER_SIZE);
	ck_assert_mem_eq(mem_ptr(&mem, BUFFER + SIZE, 16), none, 16);
}
END_TEST

START_TEST(one_byte_more_is_an_error)
{
	start_all();
	must_ask(BUFFER);
	answer(take_request(), SIZE - QUOTE_HEADER_SIZE + 1);
	wait_done(1);
	assert_no_quote(BUFFER, QUOTE_STATUS_ERROR);
}
END_TEST

START_TEST(an_answer_in_single_bytes_is_put_together)
{
	uint8_t bytes[QUOTE_LENGTH_SIZE + QUOTE_MESSAGE_FIXED + 100];
	size_t len = make_answer(bytes, 100);
	int fd;

	start_all();
	must_ask(BUFFER);
	fd = take_request();
	for (size_t i = 0; i < len; i++) {
		ck_assert_uint_eq(STATUS(BUFFER), QUOTE_STATUS_IN_FLIGHT);
		send_to(fd, bytes + i, 1);
		sleep_ms(1);
	}
	close(fd);
	wait_done(1);
	assert_quote(BUFFER, 100);
}
END_TEST

START_TEST(bytes_behind_the_answer_are_nobodys)
{
	uint8_t bytes[QUOTE_LENGTH_SIZE + QUOTE_MESSAGE_FIXED + 100 + 50] = {0};
	int fd;

	start_all();
	must_ask(BUFFER);
	fd = take_request();
	make_answer(bytes, 100);
	send_to(fd, bytes, sizeof(bytes));
	close(fd);
	wait_done(1);
	assert_quote(BUFFER, 100);
}
END_TEST

/* Larger than the socket takes at once. */
START_TEST(a_large_report_goes_out_in_pieces)
{
	const uint32_t len = QUOTE_BUFFER_MAX - QUOTE_HEADER_SIZE;
	uint8_t *large = malloc(len), *got = malloc(quote_request_size(len));
	int small = 1;
	int fd;

	start_all();
	ck_assert(large && got);
	memset(large, 'R', len);
	prepare(BUFFER);
	setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	ck_assert_int_eq(quote_submit(service, BUFFER, QUOTE_BUFFER_MAX, large, len), 0);
	fd = accept_one();
	sleep_ms(50);
	read_all(fd, got, quote_request_size(len));
	ck_assert_mem_eq(got + QUOTE_LENGTH_SIZE + QUOTE_MESSAGE_FIXED, large, len);
	answer(fd, 4000);
	wait_done(1);
	assert_quote(BUFFER, 4000);
	free(large);
	free(got);
}
END_TEST

/* --- many requests ---------------------------------------------------------------------------- */

START_TEST(sixteen_are_in_flight_and_no_more)
{
	int fd[QUOTE_MAX_IN_FLIGHT];

	start_all();
	for (unsigned int i = 0; i < QUOTE_MAX_IN_FLIGHT; i++)
		must_ask(buffer_of(i));
	for (unsigned int i = 0; i < QUOTE_MAX_IN_FLIGHT; i++)
		fd[i] = take_request();
	ck_assert_int_eq(ask(buffer_of(16)), -EBUSY);
	ck_assert_uint_eq(STATUS(buffer_of(16)), 0);

	/* in another order than they came */
	for (unsigned int i = QUOTE_MAX_IN_FLIGHT; i-- > 0;) {
		answer(fd[i], 1000);
		wait_done(QUOTE_MAX_IN_FLIGHT - i);
		must_ask(buffer_of(16 + i));
	}
	for (unsigned int i = 0; i < QUOTE_MAX_IN_FLIGHT; i++)
		assert_quote(buffer_of(i), 1000);
	for (unsigned int i = 0; i < QUOTE_MAX_IN_FLIGHT; i++)
		answer(take_request(), 2000);
	wait_done(2 * QUOTE_MAX_IN_FLIGHT);
	for (unsigned int i = 0; i < QUOTE_MAX_IN_FLIGHT; i++)
		assert_quote(buffer_of(16 + i), 2000);
}
END_TEST

/* connect() to a Unix socket whose queue is full fails at once instead of waiting. */
START_TEST(a_service_with_a_short_queue_is_tried_again)
{
	listen_with(0);
	start_client(QUOTE_TIME_LIMIT_MS);
	for (unsigned int i = 0; i < 4; i++)
		must_ask(buffer_of(i));
	sleep_ms(150);
	for (unsigned int i = 0; i < 4; i++)
		answer(take_request(), 100);
	wait_done(4);
	for (unsigned int i = 0; i < 4; i++)
		assert_quote(buffer_of(i), 100);
}
END_TEST

START_TEST(a_slow_one_holds_nobody_up)
{
	int slow;

	start_all();
	must_ask(buffer_of(0));
	slow = take_request();
	send_to(slow, (const uint8_t *)"\0\0\1", 3);
	for (unsigned int i = 1; i < 40; i++) {
		must_ask(buffer_of(i));
		answer(take_request(), 64);
		wait_done(i);
		assert_quote(buffer_of(i), 64);
	}
	ck_assert_uint_eq(STATUS(buffer_of(0)), QUOTE_STATUS_IN_FLIGHT);
	close(slow);
	wait_done(40);
	assert_no_quote(buffer_of(0), QUOTE_STATUS_UNAVAILABLE);
}
END_TEST

SUITE(test_quote)
{
	TCase *tc = tcase_create("quote");

	tcase_add_test(tc, a_quote_reaches_the_guest);
	tcase_add_test(tc, a_quote_may_fill_the_buffer_to_its_end);
	tcase_add_test(tc, one_byte_more_is_an_error);
	tcase_add_test(tc, an_answer_in_single_bytes_is_put_together);
	tcase_add_test(tc, bytes_behind_the_answer_are_nobodys);
	tcase_add_test(tc, a_large_report_goes_out_in_pieces);
	tcase_add_test(tc, sixteen_are_in_flight_and_no_more);
	tcase_add_test(tc, a_service_with_a_short_queue_is_tried_again);
	tcase_add_test(tc, a_slow_one_holds_nobody_up);
	return quote_suite("quote", tc);
}
