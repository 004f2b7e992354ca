// SPDX-License-Identifier: MIT
/* The guest's buffer for a quote, which the guest may take away; and requests that nobody waits for
 * any more. */
#include "tests/unit/quote_fixture.h"
#include "tests/unit/suite.h"

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
	quote_address_set(&address, &(struct endpoint){.kind = ENDPOINT_UNIX, .path = path});
	ck_assert_int_eq(loop_init(&loop, sys_host(), &err), 0);
	model_answer(m, "eventfd", -EMFILE);
	ck_assert_int_eq(quote_create(&service, &address, model_sys(m), &loop, &mem, &quiet,
				      on_done, &loop, &err),
			 -EMFILE);
	ck_assert_ptr_null(service);
	loop_destroy(&loop);
}
END_TEST

SUITE(test_quote_buffer)
{
	TCase *tc = tcase_create("quote");

	tcase_add_test(tc, a_buffer_that_is_not_shared_memory_is_refused);
	tcase_add_test(tc, a_buffer_turned_private_costs_the_request_only);
	tcase_add_test(tc, a_buffer_with_a_private_end_gets_an_error);
	tcase_add_test(tc, only_the_pages_that_are_written_have_to_be_shared);
	tcase_add_test(tc, a_guest_that_converts_all_the_time_does_no_harm);
	tcase_add_test(tc, requests_in_flight_at_the_end_are_dropped);
	tcase_add_test(tc, a_failure_to_start_leaves_nothing);
	return quote_suite("quote_buffer", tc);
}
