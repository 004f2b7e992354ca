// SPDX-License-Identifier: MIT
/* The event loop: who is called, what functions may do to sources, and when it ends. */
#include "tests/unit/suite.h"
#include "vmm/base/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct counter {
	struct loop_source source; /* an eventfd */
	struct loop *loop;
	struct counter *other; /* removed by the first call, if set */
	unsigned int calls, stop_after;
	uint32_t events;
};

static void count(struct loop_source *source, uint32_t events)
{
	struct counter *c = (struct counter *)source;
	uint64_t value;

	c->calls++;
	c->events = events;
	ck_assert_int_eq(read(source->fd, &value, sizeof(value)), sizeof(value));
	if (c->other) {
		loop_remove(c->loop, &c->other->source);
		close(c->other->source.fd);
		c->other = NULL;
	}
	if (c->calls == c->stop_after)
		c->loop->stop = true;
	else /* ready again */
		ck_assert_int_eq(write(source->fd, &value, sizeof(value)), sizeof(value));
}

static struct counter counter(struct loop *loop, unsigned int stop_after)
{
	return (struct counter){.source = {.ready = count, .fd = eventfd(1, EFD_CLOEXEC)},
				.loop = loop,
				.stop_after = stop_after};
}

START_TEST(a_ready_source_is_called_until_the_loop_is_stopped)
{
	struct loop loop;
	struct counter c;

	ck_assert_int_eq(loop_init(&loop, sys_host(), NULL), 0);
	ck_assert(fcntl(loop.epoll_fd, F_GETFD) & FD_CLOEXEC);
	c = counter(&loop, 3);
	ck_assert_int_eq(loop_add(&loop, &c.source, EPOLLIN, NULL), 0);
	ck_assert_int_eq(loop_run(&loop, NULL), 0);
	ck_assert_uint_eq(c.calls, 3);
	ck_assert_uint_eq(c.events, EPOLLIN);
	close(c.source.fd);
	loop_destroy(&loop);
	loop_destroy(&loop); /* twice does no harm */
}
END_TEST

START_TEST(a_source_removed_by_another_is_not_called)
{
	struct loop loop;
	struct counter a, b;

	ck_assert_int_eq(loop_init(&loop, sys_host(), NULL), 0);
	a = counter(&loop, 2);
	b = counter(&loop, 0);
	/* both are ready; whichever comes first removes the other */
	a.other = &b;
	b.other = &a;
	b.stop_after = 2;
	ck_assert_int_eq(loop_add(&loop, &a.source, EPOLLIN, NULL), 0);
	ck_assert_int_eq(loop_add(&loop, &b.source, EPOLLIN, NULL), 0);
	ck_assert_int_eq(loop_run(&loop, NULL), 0);
	ck_assert_uint_eq(a.calls + b.calls, 2);
	ck_assert(a.calls == 0 || b.calls == 0);
	close(a.calls ? a.source.fd : b.source.fd);
	loop_destroy(&loop);
}
END_TEST

START_TEST(no_ready_source_starves_another)
{
	struct loop loop;
	struct counter busy, other;

	ck_assert_int_eq(loop_init(&loop, sys_host(), NULL), 0);
	busy = counter(&loop, 1000); /* always ready */
	other = counter(&loop, 5);
	ck_assert_int_eq(loop_add(&loop, &busy.source, EPOLLIN, NULL), 0);
	ck_assert_int_eq(loop_add(&loop, &other.source, EPOLLIN, NULL), 0);
	ck_assert_int_eq(loop_run(&loop, NULL), 0);
	ck_assert_uint_eq(other.calls, 5);
	ck_assert_uint_le(busy.calls, 6);
	close(busy.source.fd);
	close(other.source.fd);
	loop_destroy(&loop);
}
END_TEST

START_TEST(modified_events_take_effect)
{
	struct loop loop;
	struct counter quiet, c;

	ck_assert_int_eq(loop_init(&loop, sys_host(), NULL), 0);
	quiet = counter(&loop, 1);
	c = counter(&loop, 10);
	ck_assert_int_eq(loop_add(&loop, &quiet.source, EPOLLIN, NULL), 0);
	ck_assert_int_eq(loop_add(&loop, &c.source, EPOLLIN, NULL), 0);
	ck_assert_int_eq(loop_modify(&loop, &quiet.source, 0), 0);
	ck_assert_int_eq(loop_run(&loop, NULL), 0);
	ck_assert_uint_eq(quiet.calls, 0);
	loop_remove(&loop, &quiet.source);
	ck_assert_int_eq(loop_modify(&loop, &quiet.source, EPOLLIN), -ENOENT);
	close(quiet.source.fd);
	close(c.source.fd);
	loop_destroy(&loop);
}
END_TEST

START_TEST(a_descriptor_that_cannot_be_watched_is_an_error_with_a_sentence)
{
	struct vmm_error err = {0};
	struct loop_source source = {.fd = -1};
	struct loop loop;

	ck_assert_int_eq(loop_init(&loop, sys_host(), NULL), 0);
	ck_assert_int_eq(loop_add(&loop, &source, EPOLLIN, &err), -EBADF);
	ck_assert_int_eq(err.code, -EBADF);
	ck_assert_int_ne(err.text[0], '\0');
	loop_destroy(&loop);
	ck_assert_int_eq(loop_run(&loop, &err), -EBADF);
}
END_TEST

SUITE(test_loop)
{
	Suite *suite = suite_create("loop");
	TCase *tc = tcase_create("loop");

	tcase_add_test(tc, a_ready_source_is_called_until_the_loop_is_stopped);
	tcase_add_test(tc, a_source_removed_by_another_is_not_called);
	tcase_add_test(tc, no_ready_source_starves_another);
	tcase_add_test(tc, modified_events_take_effect);
	tcase_add_test(tc, a_descriptor_that_cannot_be_watched_is_an_error_with_a_sentence);
	suite_add_tcase(suite, tc);
	return suite;
}
