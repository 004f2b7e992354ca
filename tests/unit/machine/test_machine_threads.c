// SPDX-License-Identifier: MIT
/* Threads that cannot be started, that do not end, and that are woken for nothing. */
#include "tests/unit/machine_fixture.h"
#include "tests/unit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static struct model *m;
static struct machine t;
static atomic_bool held, inside;

static void setup(void)
{
	m = model_new();
	atomic_store(&held, true);
	atomic_store(&inside, false);
	machine_setup(&t, m, "2");
}

static void teardown(void)
{
	atomic_store(&held, false);
	machine_teardown(&t);
	model_check_clean(m);
	model_free(m);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void pause_ms(unsigned int ms)
{
	nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

/* A vCPU thread that hears nothing, as in a system call that does not end. */
static void be_held(struct model *model, void *ctx)
{
	(void)model;
	(void)ctx;
	atomic_store(&inside, true);
	while (atomic_load(&held))
		pause_ms(1);
}

START_TEST(waiting_keeps_its_limit_when_a_thread_does_not_end)
{
	static const struct model_step guest[] = {CALL(be_held, NULL), HALT()};
	int64_t start;

	model_script(m, 0, 1, guest, ARRAY_SIZE(guest));
	machine_must_start(&t);
	while (!atomic_load(&inside))
		pause_ms(1);
	minivmm_stop(t.vm, MINIVMM_STOP_NOW);
	start = now_ms();
	ck_assert_int_eq(minivmm_wait(t.vm, 200, &t.result), -ETIMEDOUT);
	ck_assert_int_eq(t.result.end, MINIVMM_RUNNING);
	ck_assert_int_ge(now_ms() - start, 200);
	ck_assert_int_lt(now_ms() - start, 2000);
	/* the VM is over, its threads are not: no time at all is no time */
	start = now_ms();
	ck_assert_int_eq(minivmm_wait(t.vm, 0, &t.result), -ETIMEDOUT);
	ck_assert_int_lt(now_ms() - start, 1000);
	atomic_store(&held, false);
	machine_must_end(&t, MINIVMM_STOPPED);
}
END_TEST

/* What is left of the console's output is written with a patience of its own. */
START_TEST(waiting_keeps_its_limit_when_the_console_has_no_reader)
{
	static const struct model_step guest[] = {
		OUTS(PLATFORM_SERIAL_PORT, 1, '.', 200), CALL(be_held, NULL),
		OUTS(PLATFORM_SERIAL_PORT, 1, '.', 200), POWER_OFF};
	char filler[4096] = {0}, path[40] = "/tmp/fifo.XXXXXX", value[64];
	int64_t start;
	int ends[2];

	/* a pipe whose room is used up */
	ck_assert_int_eq(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
	while (write(ends[1], filler, sizeof(filler)) > 0)
		;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[1]);
	snprintf(value, sizeof(value), "\"file:%s\"", path);
	ck_assert_int_eq(config_set(&t.config, "serial.output", value, &t.err), 0);
	model_script(m, 0, 0, guest, ARRAY_SIZE(guest));
	machine_must_start(&t);
	while (!atomic_load(&inside))
		pause_ms(1);
	atomic_store(&held, false);
	ck_assert_int_eq(
		poll(&(struct pollfd){.fd = minivmm_end_fd(t.vm), .events = POLLIN}, 1, 20000), 1);
	start = now_ms();
	ck_assert_int_eq(minivmm_wait(t.vm, 100, &t.result), -ETIMEDOUT);
	ck_assert_int_lt(now_ms() - start, 600);
	machine_must_end(&t, MINIVMM_POWEROFF);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

static void resized_in_time(void)
{
	int64_t start = now_ms();

	minivmm_terminal_resized(t.vm); /* asks the console's loop, whose thread there is not */
	ck_assert_int_lt(now_ms() - start, 5000);
}

/* Each thread of the VM in turn cannot be started: whoever asks a loop for something then must not
 * wait for a thread that never was. */
START_TEST(a_loop_whose_thread_cannot_be_started_is_given_up)
{
	ck_assert_int_eq(config_set(&t.config, "machine.io-threads", "3", &t.err), 0);
	ck_assert_int_eq(config_set(&t.config, "console.output", "\"null\"", &t.err), 0);
	ck_assert_int_eq(machine_create(&t.vm, &t.config, model_sys(m), NULL, &t.err), 0);
	ck_assert_int_eq(minivmm_load(t.vm, &t.err), 0);
	ck_assert_int_eq(minivmm_launch(t.vm, &t.err), 0);
	model_fail_nth_of(m, "thread_start", model_count(m, "thread_start") + 1 + (unsigned long)_i,
			  EAGAIN);
	ck_assert_int_eq(minivmm_run(t.vm, &t.err), -EAGAIN);
	resized_in_time();
	for (size_t i = 0; i < t.vm->io.nloops; i++)
		ck_assert_int_ne(t.vm->io.loops[i]->phase, LOOP_LIVE);
	ck_assert_int_eq(minivmm_wait(t.vm, 1000, &t.result), 0);
	ck_assert_int_eq(t.result.end, MINIVMM_FAILED);
}
END_TEST

/* KVM_RUN returns EAGAIN each time: no thread may spin on that, and it hears a stop at once. */
START_TEST(a_vcpu_that_is_woken_for_nothing_does_not_spin)
{
	static struct model_step guest[20000];
	uint64_t before, after;
	int64_t start;

	for (size_t i = 0; i < ARRAY_SIZE(guest); i++)
		guest[i] = (struct model_step)RETURN(EAGAIN);
	model_script(m, 0, 1, guest, ARRAY_SIZE(guest));
	machine_must_start(&t);
	while (minivmm_exits(t.vm) < 66)
		pause_ms(1);
	before = minivmm_exits(t.vm);
	pause_ms(300);
	after = minivmm_exits(t.vm);
	ck_assert_uint_le(after - before, 60); /* 10 ms each, and some room */
	start = now_ms();
	minivmm_stop(t.vm, MINIVMM_STOP_NOW);
	machine_must_end(&t, MINIVMM_STOPPED);
	ck_assert_int_lt(now_ms() - start, 5000);
}
END_TEST

SUITE(test_machine_threads)
{
	Suite *s = suite_create("machine_threads");
	TCase *tc = tcase_create("threads");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, waiting_keeps_its_limit_when_a_thread_does_not_end);
	tcase_add_test(tc, waiting_keeps_its_limit_when_the_console_has_no_reader);
	/* the I/O thread, two more of them, two vCPUs */
	tcase_add_loop_test(tc, a_loop_whose_thread_cannot_be_started_is_given_up, 0, 5);
	tcase_add_test(tc, a_vcpu_that_is_woken_for_nothing_does_not_spin);
	suite_add_tcase(s, tc);
	return s;
}
