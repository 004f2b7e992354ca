// SPDX-License-Identifier: MIT
/*
 * The client of the quote generation service, against services that are good, slow, dead and lying.
 * The test is the service; the client works in a thread of its own, as in a VM.
 */
#include "tests/unit/mem_fixture.h"

#include "vmm/quote.h"
#include "vmm/quote_frame.h"

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

static void count_warnings(void *ctx, int level, const char *line)
{
	(void)ctx;
	ck_assert_int_eq(level, VMM_LOG_WARN);
	ck_assert_ptr_nonnull(strstr(line, "no quote"));
	warnings++;
}

static const struct vmm_log quiet = {.write = count_warnings, .level = VMM_LOG_INFO};

static void on_done(void *ctx)
{
	ck_assert_ptr_eq(ctx, &loop);
	done++;
}

static void on_stop(struct loop_source *source, uint32_t events)
{
	(void)source;
	(void)events;
	loop.stop = true;
}

static void *io_main(void *arg)
{
	(void)arg;
	ck_assert_int_eq(loop_run(&loop, NULL), 0);
	return NULL;
}

static void listen_with(int backlog)
{
	struct quote_address address;

	ck_assert_int_eq(quote_address_parse(&address, path, &err), 0);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(listener, 0);
	ck_assert_int_eq(bind(listener, &address.u.any, address.len), 0);
	ck_assert_int_eq(listen(listener, backlog), 0);
}

/* A client whose requests may take this long. */
static void start_client(unsigned int limit_ms)
{
	struct quote_address address;

	start_as(&dialects[FIRST_INPLACE + 1], KVM_X86_SW_PROTECTED_VM);
	add(0, MIB(4));
	ck_assert_int_eq(quote_address_parse(&address, path, &err), 0);
	ck_assert_int_eq(loop_init(&loop, sys_host(), &err), 0);
	stop_source = (struct loop_source){.ready = on_stop, .fd = eventfd(0, EFD_CLOEXEC)};
	ck_assert_int_eq(loop_add(&loop, &stop_source, EPOLLIN, &err), 0);
	ck_assert_int_eq(quote_create(&service, &address, model_sys(m), &loop, &mem, &quiet,
				      on_done, &loop, &err),
			 0);
	quote_set_time_limit(service, limit_ms);
	ck_assert_int_eq(pthread_create(&io, NULL, io_main, NULL), 0);
}

static void start_all(void)
{
	listen_with(32);
	start_client(QUOTE_TIME_LIMIT_MS);
}

static void quote_setup(void)
{
	setup();
	strcpy(dir, "/tmp/quote.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/qgs", dir);
	done = warnings = 0;
	for (size_t i = 0; i < sizeof(report); i++)
		report[i] = (uint8_t)(i * 7);
}

static void stop_client(void)
{
	eventfd_write(stop_source.fd, 1);
	pthread_join(io, NULL);
	quote_destroy(service);
	service = NULL;
	close(stop_source.fd);
	loop_destroy(&loop);
}

static void quote_teardown(void)
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

/* A buffer as a guest prepares it. */
static void prepare(uint64_t gpa)
{
	uint8_t *p = mem_ptr(&mem, gpa, SIZE);

	ck_assert_ptr_nonnull(p);
	memset(p, 0, SIZE);
	put_le64(p, QUOTE_VERSION);
	put_le32(p + 16, REPORT);
	memcpy(p + QUOTE_HEADER_SIZE, report, REPORT);
}

static int ask(uint64_t gpa)
{
	prepare(gpa);
	return quote_submit(service, gpa, SIZE, report, REPORT);
}

static void must_ask(uint64_t gpa)
{
	ck_assert_int_eq(ask(gpa), 0);
}

static void sleep_ms(unsigned int ms)
{
	const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

	nanosleep(&pause, NULL);
}

/* Until `n` requests have ended; 20 seconds are a hang. */
static void wait_done(unsigned int n)
{
	for (unsigned int i = 0; i < 20000 && done < n; i++)
		sleep_ms(1);
	ck_assert_uint_eq(done, n);
}

/* --- the service ------------------------------------------------------------------------------ */

static int accept_one(void)
{
	struct pollfd p = {.fd = listener, .events = POLLIN};
	int fd;

	ck_assert_int_eq(poll(&p, 1, 20000), 1);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

static void read_all(int fd, uint8_t *to, size_t len)
{
	while (len > 0) {
		ssize_t n = recv(fd, to, len, 0);

		ck_assert_int_gt(n, 0);
		to += n;
		len -= (size_t)n;
	}
}

/* Takes the next connection and the request that comes over it. */
static int take_request(void)
{
	uint8_t expected[QUOTE_LENGTH_SIZE + QUOTE_MESSAGE_FIXED + REPORT], got[sizeof(expected)];
	int fd = accept_one();

	read_all(fd, got, sizeof(got));
	quote_request_encode(report, REPORT, expected);
	ck_assert_mem_eq(got, expected, sizeof(got));
	return fd;
}

/* An answer with a quote of `len` bytes; returns the size of all. */
static size_t make_answer(uint8_t *out, uint32_t len)
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
static void send_to(int fd, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n < 0)
			return;
		bytes += n;
		len -= (size_t)n;
	}
}

static void answer(int fd, uint32_t len)
{
	uint8_t *bytes = malloc(QUOTE_LENGTH_SIZE + QUOTE_MESSAGE_FIXED + (size_t)len);

	ck_assert_ptr_nonnull(bytes);
	send_to(fd, bytes, make_answer(bytes, len));
	free(bytes);
	close(fd);
}

static void assert_quote(uint64_t gpa, uint32_t len)
{
	const uint8_t *p = mem_ptr(&mem, gpa, SIZE);

	ck_assert_uint_eq(STATUS(gpa), QUOTE_STATUS_DONE);
	ck_assert_uint_eq(get_le32(p + 20), len);
	for (uint32_t i = 0; i < len; i++)
		ck_assert_uint_eq(p[QUOTE_HEADER_SIZE + i], (uint8_t)(i * 3 + 1));
}

/* Nothing but the status was written. */
static void assert_no_quote(uint64_t gpa, uint64_t status)
{
	const uint8_t *p = mem_ptr(&mem, gpa, SIZE);

	ck_assert_uint_eq(STATUS(gpa), status);
	ck_assert_uint_eq(get_le32(p + 20), 0);
	ck_assert_mem_eq(p + QUOTE_HEADER_SIZE, report, REPORT);
}

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

static uint64_t buffer_of(unsigned int i)
{
	return BUFFER + i * SIZE;
}

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
START_TEST(the_log_hears_of_it_once)
{
	start_all();
	for (unsigned int i = 0; i < 50; i++) {
		must_ask(BUFFER);
		close(take_request());
		wait_done(i + 1);
	}
	ck_assert_uint_eq(warnings, 1);
	/* and again after a quote */
	must_ask(BUFFER);
	answer(take_request(), 10);
	wait_done(51);
	must_ask(BUFFER);
	close(take_request());
	wait_done(52);
	ck_assert_uint_eq(warnings, 2);
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

/* --- the guest's buffer ----------------------------------------------------------------------- */

START_TEST(a_buffer_that_is_not_shared_memory_is_refused)
{
	start_all();
	prepare(BUFFER);
	ck_assert_int_eq(quote_submit(service, MIB(4), SIZE, report, REPORT), -EFAULT);
	ck_assert_int_eq(mem_convert(&mem, BUFFER, SIZE, true, &err), 0);
	for (unsigned int i = 0; i < 2 * QUOTE_MAX_IN_FLIGHT; i++)
		ck_assert_int_eq(quote_submit(service, BUFFER, SIZE, report, REPORT), -EACCES);
	/* none of them has used up anything */
	must_ask(buffer_of(1));
	answer(take_request(), 10);
	wait_done(1);
	assert_quote(buffer_of(1), 10);
}
END_TEST

START_TEST(a_buffer_turned_private_costs_the_request_only)
{
	int fd;

	start_all();
	must_ask(BUFFER);
	fd = take_request();
	ck_assert_int_eq(mem_convert(&mem, BUFFER, SIZE, true, &err), 0);
	answer(fd, 100);
	wait_done(1);
	must_ask(buffer_of(1));
	answer(take_request(), 100);
	wait_done(2);
	assert_quote(buffer_of(1), 100);
}
END_TEST

START_TEST(a_buffer_with_a_private_end_gets_an_error)
{
	int fd;

	start_all();
	must_ask(BUFFER);
	fd = take_request();
	ck_assert_int_eq(mem_convert(&mem, BUFFER + PAGE_SIZE, PAGE_SIZE, true, &err), 0);
	answer(fd, PAGE_SIZE);
	wait_done(1);
	ck_assert_uint_eq(STATUS(BUFFER), QUOTE_STATUS_ERROR);
}
END_TEST

/* A private page behind a short quote is no matter. */
START_TEST(only_the_pages_that_are_written_have_to_be_shared)
{
	int fd;

	start_all();
	must_ask(BUFFER);
	fd = take_request();
	ck_assert_int_eq(mem_convert(&mem, BUFFER + PAGE_SIZE, PAGE_SIZE, true, &err), 0);
	answer(fd, 100);
	wait_done(1);
	ck_assert_uint_eq(STATUS(BUFFER), QUOTE_STATUS_DONE);
}
END_TEST

struct flipping {
	pthread_t thread;
	_Atomic bool stop;
};

static void *flip_pages(void *arg)
{
	struct flipping *f = arg;

	for (bool private = true; !f->stop; private = !private)
		if (mem_convert(&mem, BUFFER, SIZE, private, NULL) == 0)
			sleep_ms(1);
	mem_convert(&mem, BUFFER, SIZE, false, NULL);
	return NULL;
}

/* Whatever the moment is, nobody touches a private page: the model would raise SIGBUS. */
START_TEST(a_guest_that_converts_all_the_time_does_no_harm)
{
	struct flipping flipping = {0};
	unsigned int asked = 0;

	start_all();
	ck_assert_int_eq(pthread_create(&flipping.thread, NULL, flip_pages, &flipping), 0);
	/* as often as the scheduler lets a request find the pages shared */
	for (unsigned int i = 0; i < 300 || (asked == 0 && i < 300000); i++) {
		if (quote_submit(service, BUFFER, SIZE, report, REPORT) < 0)
			continue;
		answer(take_request(), 5000);
		wait_done(++asked);
	}
	flipping.stop = true;
	pthread_join(flipping.thread, NULL);
	ck_assert_uint_gt(asked, 0);
	must_ask(BUFFER);
	answer(take_request(), 300);
	wait_done(asked + 1);
	assert_quote(BUFFER, 300);
}
END_TEST

/* --- the end ---------------------------------------------------------------------------------- */

/* Sockets, timers and the like; files of the model are its own affair. */
static unsigned int open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *entry;
	unsigned int n = 0;

	ck_assert_ptr_nonnull(d);
	while ((entry = readdir(d))) {
		char target[32] = "";

		if (readlinkat(dirfd(d), entry->d_name, target, sizeof(target) - 1) < 0)
			continue;
		n += strncmp(target, "socket:", 7) == 0 || strncmp(target, "anon_inode:", 11) == 0;
	}
	closedir(d);
	return n;
}

START_TEST(requests_in_flight_at_the_end_are_dropped)
{
	unsigned int before;
	int fd, half;

	listen_with(32);
	before = open_files();
	start_client(QUOTE_TIME_LIMIT_MS);
	for (unsigned int i = 0; i < QUOTE_MAX_IN_FLIGHT; i++)
		must_ask(buffer_of(i));
	fd = take_request();
	half = take_request();
	send_to(half, (const uint8_t *)"\0\0\1\0half", 8);
	sleep_ms(20);
	stop_client();
	close(fd);
	close(half);
	mem_destroy(&mem);
	kvm_vm_close(&vm);
	kvm_system_close(&kvm);
	ck_assert_uint_eq(open_files(), before);
	ck_assert_uint_eq(done, 0);
}
END_TEST

START_TEST(a_failure_to_start_leaves_nothing)
{
	struct quote_address address;

	start_as(&dialects[FIRST_INPLACE], KVM_X86_SW_PROTECTED_VM);
	ck_assert_int_eq(quote_address_parse(&address, path, &err), 0);
	ck_assert_int_eq(loop_init(&loop, sys_host(), &err), 0);
	model_answer(m, "eventfd", -EMFILE);
	ck_assert_int_eq(quote_create(&service, &address, model_sys(m), &loop, &mem, &quiet,
				      on_done, &loop, &err),
			 -EMFILE);
	ck_assert_ptr_null(service);
	loop_destroy(&loop);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("quote");
	TCase *tc = tcase_create("quote");
	SRunner *sr;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, quote_setup, quote_teardown);
	tcase_add_test(tc, a_quote_reaches_the_guest);
	tcase_add_test(tc, a_quote_may_fill_the_buffer_to_its_end);
	tcase_add_test(tc, one_byte_more_is_an_error);
	tcase_add_test(tc, an_answer_in_single_bytes_is_put_together);
	tcase_add_test(tc, bytes_behind_the_answer_are_nobodys);
	tcase_add_test(tc, a_large_report_goes_out_in_pieces);
	tcase_add_test(tc, sixteen_are_in_flight_and_no_more);
	tcase_add_test(tc, a_service_with_a_short_queue_is_tried_again);
	tcase_add_test(tc, a_slow_one_holds_nobody_up);
	tcase_add_test(tc, without_service_the_guest_is_told);
	tcase_add_test(tc, the_log_hears_of_it_once);
	tcase_add_test(tc, a_service_may_come_back);
	tcase_add_test(tc, one_that_hangs_up_unheard_is_unavailable);
	tcase_add_loop_test(tc, the_time_limit_ends_a_request, 0, 4);
	tcase_add_test(tc, a_busy_client_keeps_the_time_limit);
	tcase_add_test(tc, an_answer_cut_at_any_byte_is_no_quote);
	tcase_add_loop_test(tc, a_lying_answer_is_an_error, 0, (int)ARRAY_SIZE(lies));
	tcase_add_test(tc, a_buffer_that_is_not_shared_memory_is_refused);
	tcase_add_test(tc, a_buffer_turned_private_costs_the_request_only);
	tcase_add_test(tc, a_buffer_with_a_private_end_gets_an_error);
	tcase_add_test(tc, only_the_pages_that_are_written_have_to_be_shared);
	tcase_add_test(tc, a_guest_that_converts_all_the_time_does_no_harm);
	tcase_add_test(tc, requests_in_flight_at_the_end_are_dropped);
	tcase_add_test(tc, a_failure_to_start_leaves_nothing);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
