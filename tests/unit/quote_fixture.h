/* SPDX-License-Identifier: MIT */
/*
 * For the tests of the client of the quote generation service: the test is the service, good, slow,
 * dead or lying; the client works in a thread of its own, as in a VM.
 */
#ifndef TESTS_UNIT_QUOTE_FIXTURE_H
#define TESTS_UNIT_QUOTE_FIXTURE_H

#include "tests/unit/mem_fixture.h"

#include "cc/quote.h"
#include "cc/quote_frame.h"

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>

#define BUFFER	  PAGES(8) /* guest address of the first buffer */
#define SIZE	  PAGES(2)
#define REPORT	  1024
#define STATUS(g) (*(volatile uint64_t *)((uint8_t *)mem_ptr(&mem, (g), 16) + 8))

static char dir[32];
static char path[64];
static int listener = -1;
static struct loop loop;
static struct loop_source stop_source;
static pthread_t io;
static struct quote_service *service;
static _Atomic unsigned int done;
static uint8_t report[REPORT];
static _Atomic unsigned int warnings;

static inline void count_warnings(void *ctx, int level, const char *line)
{
	(void)ctx;
	ck_assert_int_eq(level, VMM_LOG_WARN);
	ck_assert(strstr(line, "no quote") || strstr(line, "more lines"));
	warnings++;
}

static const struct vmm_log quiet = {.write = count_warnings, .level = VMM_LOG_INFO};

static inline void on_done(void *ctx)
{
	ck_assert_ptr_eq(ctx, &loop);
	done++;
}

static inline void on_stop(struct loop_source *source, uint32_t events)
{
	(void)source;
	(void)events;
	loop.stop = true;
}

static inline void *io_main(void *arg)
{
	(void)arg;
	ck_assert_int_eq(loop_run(&loop, NULL), 0);
	return NULL;
}

static inline void listen_with(int backlog)
{
	struct quote_address address;

	quote_address_set(&address, &(struct endpoint){.kind = ENDPOINT_UNIX, .path = path});
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(listener, 0);
	ck_assert_int_eq(bind(listener, &address.u.any, address.len), 0);
	ck_assert_int_eq(listen(listener, backlog), 0);
}

/* A client whose requests may take this long. */
static inline void start_client(unsigned int limit_ms)
{
	struct quote_address address;

	start_as(&dialects[FIRST_INPLACE + 1], KVM_X86_SW_PROTECTED_VM);
	add(0, MIB(4));
	quote_address_set(&address, &(struct endpoint){.kind = ENDPOINT_UNIX, .path = path});
	ck_assert_int_eq(loop_init(&loop, sys_host(), &err), 0);
	stop_source = (struct loop_source){.ready = on_stop, .fd = eventfd(0, EFD_CLOEXEC)};
	ck_assert_int_eq(loop_add(&loop, &stop_source, EPOLLIN, &err), 0);
	ck_assert_int_eq(quote_create(&service, &address, model_sys(m), &loop, &mem, &quiet,
				      on_done, &loop, &err),
			 0);
	quote_set_time_limit(service, limit_ms);
	ck_assert_int_eq(pthread_create(&io, NULL, io_main, NULL), 0);
}

static inline void start_all(void)
{
	listen_with(32);
	start_client(QUOTE_TIME_LIMIT_MS);
}

static inline void quote_setup(void)
{
	setup();
	strcpy(dir, "/tmp/quote.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/qgs", dir);
	done = warnings = 0;
	for (size_t i = 0; i < sizeof(report); i++)
		report[i] = (uint8_t)(i * 7);
}

static inline void stop_client(void)
{
	eventfd_write(stop_source.fd, 1);
	pthread_join(io, NULL);
	quote_destroy(service);
	service = NULL;
	close(stop_source.fd);
	loop_destroy(&loop);
}

static inline void quote_teardown(void)
{
	if (service)
		stop_client();
	if (listener >= 0)
		close(listener);
	listener = -1;
	unlink(path);
	rmdir(dir);
	teardown();
}

/* Buffers one behind the other. */
static inline uint64_t buffer_of(unsigned int i)
{
	return BUFFER + i * SIZE;
}

/* A buffer as a guest prepares it. */
static inline void prepare(uint64_t gpa)
{
	uint8_t *p = mem_ptr(&mem, gpa, SIZE);

	ck_assert_ptr_nonnull(p);
	memset(p, 0, SIZE);
	put_le64(p, QUOTE_VERSION);
	put_le32(p + 16, REPORT);
	memcpy(p + QUOTE_HEADER_SIZE, report, REPORT);
}

static inline int ask(uint64_t gpa)
{
	prepare(gpa);
	return quote_submit(service, gpa, SIZE, report, REPORT);
}

static inline void must_ask(uint64_t gpa)
{
	ck_assert_int_eq(ask(gpa), 0);
}

static inline void sleep_ms(unsigned int ms)
{
	const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

	nanosleep(&pause, NULL);
}

/* Until `n` requests have ended; 20 seconds are a hang. */
static inline void wait_done(unsigned int n)
{
	for (unsigned int i = 0; i < 20000 && done < n; i++)
		sleep_ms(1);
	ck_assert_uint_eq(done, n);
}

/* --- the service ------------------------------------------------------------------------------ */

static inline int accept_one(void)
{
	struct pollfd p = {.fd = listener, .events = POLLIN};
	int fd;

	ck_assert_int_eq(poll(&p, 1, 20000), 1);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

static inline void read_all(int fd, uint8_t *to, size_t len)
{
	while (len > 0) {
		ssize_t n = recv(fd, to, len, 0);

		ck_assert_int_gt(n, 0);
		to += n;
		len -= (size_t)n;
	}
}

/* Takes the next connection and the request that comes over it. */
static inline int take_request(void)
{
	uint8_t expected[QUOTE_LENGTH_SIZE + QUOTE_MESSAGE_FIXED + REPORT], got[sizeof(expected)];
	int fd = accept_one();

	read_all(fd, got, sizeof(got));
	quote_request_encode(report, REPORT, expected);
	ck_assert_mem_eq(got, expected, sizeof(got));
	return fd;
}

/* An answer with a quote of `len` bytes; returns the size of all. */
static inline size_t make_answer(uint8_t *out, uint32_t len)
{
	uint8_t *message = out + QUOTE_LENGTH_SIZE;
	uint32_t size = QUOTE_MESSAGE_FIXED + len;

	for (unsigned int i = 0; i < 4; i++)
		out[i] = (uint8_t)(size >> (24 - 8 * i));
	memset(message, 0, QUOTE_MESSAGE_FIXED);
	put_le16(message, 1);
	put_le16(message + 2, 1);
	put_le32(message + 4, 1);
	put_le32(message + 8, size);
	put_le32(message + 20, len);
	for (uint32_t i = 0; i < len; i++)
		message[QUOTE_MESSAGE_FIXED + i] = (uint8_t)(i * 3 + 1);
	return QUOTE_LENGTH_SIZE + size;
}

/* The client may hang up first: that is its right. */
static inline void send_to(int fd, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n < 0)
			return;
		bytes += n;
		len -= (size_t)n;
	}
}

static inline void answer(int fd, uint32_t len)
{
	uint8_t *bytes = malloc(QUOTE_LENGTH_SIZE + QUOTE_MESSAGE_FIXED + (size_t)len);

	ck_assert_ptr_nonnull(bytes);
	send_to(fd, bytes, make_answer(bytes, len));
	free(bytes);
	close(fd);
}

static inline void assert_quote(uint64_t gpa, uint32_t len)
{
	const uint8_t *p = mem_ptr(&mem, gpa, SIZE);

	ck_assert_uint_eq(STATUS(gpa), QUOTE_STATUS_DONE);
	ck_assert_uint_eq(get_le32(p + 20), len);
	for (uint32_t i = 0; i < len; i++)
		ck_assert_uint_eq(p[QUOTE_HEADER_SIZE + i], (uint8_t)(i * 3 + 1));
}

/* Nothing but the status was written. */
static inline void assert_no_quote(uint64_t gpa, uint64_t status)
{
	const uint8_t *p = mem_ptr(&mem, gpa, SIZE);

	ck_assert_uint_eq(STATUS(gpa), status);
	ck_assert_uint_eq(get_le32(p + 20), 0);
	ck_assert_mem_eq(p + QUOTE_HEADER_SIZE, report, REPORT);
}

static inline Suite *quote_suite(const char *name, TCase *tc)
{
	Suite *s = suite_create(name);

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, quote_setup, quote_teardown);
	suite_add_tcase(s, tc);
	return s;
}

#endif
