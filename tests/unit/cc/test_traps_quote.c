// SPDX-License-Identifier: MIT
/* The traps of GetQuote: see the table in test_traps_tdx.c. A guest polls the status, so what it
 * finds when that changes must be whole, and must be a quote. */
#include "tests/unit/quote_fixture.h"
#include "tests/unit/suite.h"

#include <signal.h>
#include <sys/mman.h>

#define QUOTE_LEN ((uint32_t)(SIZE - QUOTE_HEADER_SIZE))
/* As large as there are: it takes a while to copy. */
#define LARGE_LEN (QUOTE_BUFFER_MAX - QUOTE_HEADER_SIZE)
#define ROUNDS	  200

/* --- a guest that polls ----------------------------------------------------------------------- */

static struct {
	const uint8_t *buffer;
	_Atomic unsigned int polls, rounds; /* since the last answer; finished */
	_Atomic bool stop;
	unsigned int torn; /* rounds in which the quote was not all there */
} guest;

static bool is_quote(const uint8_t *p)
{
	if (get_le32(p + 20) != LARGE_LEN)
		return false;
	/* what is copied last first */
	for (uint32_t i = LARGE_LEN; i-- > 0;)
		if (p[QUOTE_HEADER_SIZE + i] != (uint8_t)(i * 3 + 1))
			return false;
	return true;
}

static void *poll_status(void *arg)
{
	const uint64_t *status = (const void *)(guest.buffer + 8);

	(void)arg;
	while (!guest.stop) {
		uint64_t now = __atomic_load_n(status, __ATOMIC_ACQUIRE);

		if (now != QUOTE_STATUS_DONE) {
			guest.polls += now == QUOTE_STATUS_IN_FLIGHT;
			continue;
		}
		guest.torn += !is_quote(guest.buffer);
		guest.rounds++;
		/* until the next request */
		while (!guest.stop &&
		       __atomic_load_n(status, __ATOMIC_ACQUIRE) == QUOTE_STATUS_DONE)
			;
	}
	return NULL;
}

/* As prepare(), but without a status of 0, which means done, on the way. */
static void ask_again(uint8_t *p)
{
	__atomic_store_n((uint64_t *)(p + 8), QUOTE_STATUS_UNAVAILABLE, __ATOMIC_RELEASE);
	put_le32(p + 20, 0);
	memset(p + QUOTE_HEADER_SIZE, 0, LARGE_LEN);
	ck_assert_int_eq(quote_submit(service, BUFFER, QUOTE_BUFFER_MAX, report, REPORT), 0);
}

START_TEST(trap_getquote_status_written_before_data)
{
	uint8_t *p;
	pthread_t thread;

	start_all();
	prepare(BUFFER);
	p = mem_ptr(&mem, BUFFER, QUOTE_BUFFER_MAX);
	__atomic_store_n((uint64_t *)(p + 8), QUOTE_STATUS_UNAVAILABLE, __ATOMIC_RELEASE);
	memset(&guest, 0, sizeof(guest));
	guest.buffer = p;
	ck_assert_int_eq(pthread_create(&thread, NULL, poll_status, NULL), 0);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		int fd;

		ask_again(p);
		fd = take_request();
		/* the guest is at it when the answer comes */
		guest.polls = 0;
		for (unsigned int ms = 0; ms < 20000 && guest.polls == 0; ms++)
			sleep_ms(1);
		answer(fd, LARGE_LEN);
		wait_done(i + 1);
		for (unsigned int ms = 0; ms < 20000 && guest.rounds <= i; ms++)
			sleep_ms(1);
		ck_assert_uint_eq(guest.rounds, i + 1);
	}
	guest.stop = true;
	pthread_join(thread, NULL);
	ck_assert_uint_eq(guest.torn, 0);
}
END_TEST

/* --- the order of writes ---------------------------------------------------------------------- */

static uint8_t *closed_page; /* the second of the buffer */
static volatile uint64_t status_at_fault;
static volatile sig_atomic_t faults;

/* The client writes to the page: what has the guest been told by then? */
static void on_fault(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	if ((uintptr_t)info->si_addr / PAGE_SIZE != (uintptr_t)closed_page / PAGE_SIZE)
		_exit(1);
	status_at_fault = *(volatile uint64_t *)(closed_page - PAGE_SIZE + 8);
	faults++;
	mprotect(closed_page, PAGE_SIZE, PROT_READ | PROT_WRITE);
}

/* The same without luck: the data's second page cannot be written to until we have looked. */
START_TEST(trap_getquote_status_written_before_the_last_data)
{
	const struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
	int fd;

	start_all();
	must_ask(BUFFER);
	fd = take_request();
	closed_page = mem_ptr(&mem, BUFFER + PAGE_SIZE, PAGE_SIZE);
	ck_assert_int_eq(sigaction(SIGSEGV, &action, NULL), 0);
	ck_assert_int_eq(mprotect(closed_page, PAGE_SIZE, PROT_READ), 0);
	answer(fd, QUOTE_LEN);
	wait_done(1);
	ck_assert_int_eq(faults, 1);
	ck_assert_uint_eq(status_at_fault, QUOTE_STATUS_IN_FLIGHT);
	assert_quote(BUFFER, QUOTE_LEN);
}
END_TEST

/* --- the frame -------------------------------------------------------------------------------- */

/* The service's message has a length and a header before the quote; the guest gets neither. */
START_TEST(trap_framed_message_handed_to_the_guest)
{
	static const uint8_t zeros[64];
	const uint8_t *p;

	start_all();
	must_ask(BUFFER);
	/* behind the report, where the quote's end is to be */
	memset((uint8_t *)mem_ptr(&mem, BUFFER, SIZE) + QUOTE_HEADER_SIZE, 0, REPORT);
	answer(take_request(), 100);
	wait_done(1);
	p = mem_ptr(&mem, BUFFER, SIZE);
	ck_assert_uint_eq(get_le32(p + 20), 100);
	ck_assert_uint_eq(p[QUOTE_HEADER_SIZE], 1);
	ck_assert_uint_eq(p[QUOTE_HEADER_SIZE + 99], (uint8_t)(99 * 3 + 1));
	ck_assert_mem_eq(p + QUOTE_HEADER_SIZE + 100, zeros, sizeof(zeros));
}
END_TEST

SUITE(test_traps_quote)
{
	TCase *tc = tcase_create("traps");

	tcase_add_test(tc, trap_getquote_status_written_before_data);
	tcase_add_test(tc, trap_getquote_status_written_before_the_last_data);
	tcase_add_test(tc, trap_framed_message_handed_to_the_guest);
	return quote_suite("traps_quote", tc);
}
