// SPDX-License-Identifier: MIT
/* Stopping a VM: from other threads, from a signal handler, at any moment of its life. */
#include "tests/unit/machine_fixture.h"
#include "tests/unit/suite.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

static struct model *m;
static struct machine t;
static atomic_uint inside;

static void setup(void)
{
	m = model_new();
	atomic_store(&inside, 0);
	machine_setup(&t, m, "4");
}

static void teardown(void)
{
	machine_teardown(&t);
	model_check_clean(m);
	model_free(m);
}

static void count_in(struct model *model, void *ctx)
{
	(void)model;
	(void)ctx;
	atomic_fetch_add(&inside, 1);
}

/* Starts with all vCPUs halted in KVM_RUN. */
static void start_halted(void)
{
	static const struct model_step steps[] = {CALL(count_in, NULL), HALT()};

	for (uint32_t i = 0; i < 4; i++)
		model_script(m, 0, i, steps, ARRAY_SIZE(steps));
	machine_must_start(&t);
	while (atomic_load(&inside) < 4)
		sched_yield();
}

static void *stop_from_thread(void *arg)
{
	(void)arg;
	minivmm_stop(t.vm, MINIVMM_STOP_NOW);
	return NULL;
}

START_TEST(another_thread_stops_vcpus_that_halt)
{
	pthread_t other;

	start_halted();
	ck_assert_int_eq(pthread_create(&other, NULL, stop_from_thread, NULL), 0);
	machine_must_end(&t, MINIVMM_STOPPED);
	pthread_join(other, NULL);
	ck_assert_str_eq(t.result.text, "");
}
END_TEST

static void stop_handler(int sig)
{
	(void)sig;
	minivmm_stop(t.vm, MINIVMM_STOP_NOW);
}

START_TEST(a_signal_handler_may_stop)
{
	struct sigaction action = {.sa_handler = stop_handler};

	sigaction(SIGTERM, &action, NULL);
	start_halted();
	kill(getpid(), SIGTERM);
	machine_must_end(&t, MINIVMM_STOPPED);
}
END_TEST

START_TEST(a_stop_before_the_start_is_not_forgotten)
{
	int ret = machine_create(&t.vm, &t.config, model_sys(m), NULL, &t.err);

	ck_assert_int_eq(ret, 0);
	ck_assert_int_eq(minivmm_load(t.vm, &t.err), 0);
	ck_assert_int_eq(minivmm_launch(t.vm, &t.err), 0);
	minivmm_stop(t.vm, MINIVMM_STOP_NOW);
	ck_assert_int_eq(minivmm_run(t.vm, &t.err), 0);
	machine_must_end(&t, MINIVMM_STOPPED);
}
END_TEST

START_TEST(a_stop_ends_loading_and_launching)
{
	ck_assert_int_eq(machine_create(&t.vm, &t.config, model_sys(m), NULL, &t.err), 0);
	if (_i == 1)
		ck_assert_int_eq(minivmm_load(t.vm, &t.err), 0);
	minivmm_stop(t.vm, MINIVMM_STOP_POWER_BUTTON); /* there is no guest to press it */
	ck_assert_int_eq(mem_check_stop(&t.vm->mem, &t.err), 0);
	minivmm_stop(t.vm, MINIVMM_STOP_NOW);
	if (_i == 0)
		ck_assert_int_eq(minivmm_load(t.vm, &t.err), -ECANCELED);
	else
		ck_assert_int_eq(minivmm_launch(t.vm, &t.err), -ECANCELED);
	ck_assert_msg(strstr(t.err.text, "stopped") != NULL, "%s", t.err.text);
	ck_assert_int_eq(minivmm_run(t.vm, &t.err), -EBUSY);
}
END_TEST

START_TEST(a_vm_may_be_destroyed_while_it_runs)
{
	start_halted();
	/* teardown destroys it without having waited */
}
END_TEST

START_TEST(a_vm_may_be_destroyed_right_after_its_start)
{
	for (int i = 0; i < 30; i++) {
		machine_must_start(&t);
		minivmm_destroy(t.vm);
		t.vm = NULL;
		model_check_clean(m);
	}
}
END_TEST

START_TEST(a_vm_may_be_destroyed_at_each_earlier_stage)
{
	int ret = machine_create(&t.vm, &t.config, model_sys(m), NULL, &t.err);

	ck_assert_int_eq(ret, 0);
	if (_i >= 1)
		ck_assert_int_eq(minivmm_load(t.vm, &t.err), 0);
	if (_i >= 2)
		ck_assert_int_eq(minivmm_launch(t.vm, &t.err), 0);
}
END_TEST

START_TEST(the_steps_of_a_launch_have_an_order)
{
	struct minivmm_result r;

	ck_assert_int_eq(machine_create(&t.vm, &t.config, model_sys(m), NULL, &t.err), 0);
	ck_assert_int_eq(minivmm_launch(t.vm, &t.err), -EBUSY);
	ck_assert_int_eq(minivmm_run(t.vm, &t.err), -EBUSY);
	ck_assert_int_eq(minivmm_load(t.vm, &t.err), 0);
	ck_assert_int_eq(minivmm_load(t.vm, &t.err), -EBUSY);
	ck_assert_int_eq(minivmm_run(t.vm, &t.err), -EBUSY);
	ck_assert_int_eq(minivmm_launch(t.vm, &t.err), 0);
	ck_assert_int_eq(minivmm_launch(t.vm, &t.err), -EBUSY);
	ck_assert_int_eq(minivmm_wait(t.vm, 0, &r), -ETIMEDOUT);
	ck_assert_int_eq(r.end, MINIVMM_RUNNING);
	ck_assert_int_eq(minivmm_run(t.vm, &t.err), 0);
	ck_assert_int_eq(minivmm_run(t.vm, &t.err), -EBUSY);
}
END_TEST

START_TEST(the_first_end_counts_and_waiting_again_is_fine)
{
	static const struct model_step guest[] = {POWER_OFF};
	struct pollfd over;

	model_script(m, 0, 0, guest, ARRAY_SIZE(guest));
	machine_must_start(&t);
	over = (struct pollfd){.fd = minivmm_end_fd(t.vm), .events = POLLIN};
	machine_must_end(&t, MINIVMM_POWEROFF);
	minivmm_stop(t.vm, MINIVMM_STOP_NOW);
	minivmm_stop(t.vm, MINIVMM_STOP_POWER_BUTTON);
	machine_must_end(&t, MINIVMM_POWEROFF);
	ck_assert_int_eq(poll(&over, 1, 0), 1);
}
END_TEST

/* The guest enables the button, gets the interrupt, sees the status bit, clears it, and obeys. */
START_TEST(a_guest_that_listens_obeys_the_power_button)
{
	static const struct model_step guest[] = {
		OUT(PM1_ENABLE, 2, POWER_BUTTON),
		CALL(count_in, NULL),
		WAIT_IRQ(PLATFORM_SCI_IRQ),
		IN(PLATFORM_PM1A_EVT_PORT, 2, POWER_BUTTON),
		OUT(PLATFORM_PM1A_EVT_PORT, 2, POWER_BUTTON),
		IN(PLATFORM_PM1A_EVT_PORT, 2, 0),
		POWER_OFF,
	};

	model_script(m, 0, 0, guest, ARRAY_SIZE(guest));
	machine_must_start(&t);
	while (atomic_load(&inside) < 1)
		sched_yield();
	minivmm_stop(t.vm, MINIVMM_STOP_POWER_BUTTON);
	machine_must_end(&t, MINIVMM_POWEROFF);
	ck_assert_uint_eq(model_irq_raised(m, 0, PLATFORM_SCI_IRQ), 1);
}
END_TEST

START_TEST(a_guest_that_does_not_listen_runs_on_until_it_is_stopped)
{
	start_halted();
	minivmm_stop(t.vm, MINIVMM_STOP_POWER_BUTTON);
	ck_assert_int_eq(minivmm_wait(t.vm, 100, &t.result), -ETIMEDOUT);
	minivmm_stop(t.vm, MINIVMM_STOP_NOW);
	machine_must_end(&t, MINIVMM_STOPPED);
}
END_TEST

/* Stops at random moments of a short life, while vCPUs come and go. */
/* A kernel without panic=-1 says why it cannot go on, and stays. */
START_TEST(a_guest_that_had_panicked_before_it_was_stopped_has_crashed)
{
	static const char says[] = "Kernel panic - not syncing: no root\n";
	struct model_step guest[sizeof(says) + 1];

	for (size_t i = 0; i + 1 < sizeof(says); i++)
		guest[i] = (struct model_step)OUT(PLATFORM_SERIAL_PORT, 1, (uint8_t)says[i]);
	guest[sizeof(says) - 1] = (struct model_step)CALL(count_in, NULL);
	guest[sizeof(says)] = (struct model_step)HALT();
	model_script(m, 0, 0, guest, ARRAY_SIZE(guest));
	machine_must_start(&t);
	while (atomic_load(&inside) < 1)
		sched_yield();
	minivmm_stop(t.vm, MINIVMM_STOP_NOW);
	machine_must_end(&t, MINIVMM_CRASH);
	ck_assert_str_eq(t.result.text, "guest panic: Kernel panic - not syncing: no root");
}
END_TEST

START_TEST(a_stop_at_any_moment_ends_the_vm)
{
	static const struct model_step busy[] = {
		OUT(0x80, 1, 1), OUT(0x80, 1, 2), OUT(0x80, 1, 3), OUT(0x80, 1, 4),
		OUT(0x80, 1, 5), OUT(0x80, 1, 6), OUT(0x80, 1, 7), OUT(0x80, 1, 8),
	};

	for (unsigned int i = 0; i < 40; i++) {
		const struct timespec pause = {.tv_nsec = 20000 * (long)i};

		for (uint32_t v = 0; v < 4; v++)
			model_script(m, i, v, busy, ARRAY_SIZE(busy));
		machine_must_start(&t);
		nanosleep(&pause, NULL);
		minivmm_stop(t.vm, MINIVMM_STOP_NOW);
		machine_must_end(&t, MINIVMM_STOPPED);
		minivmm_destroy(t.vm);
		t.vm = NULL;
		model_check_clean(m);
	}
}
END_TEST

START_TEST(signals_of_the_caller_stay_with_the_caller)
{
	sigset_t before, after;

	pthread_sigmask(SIG_SETMASK, NULL, &before);
	start_halted();
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	for (int sig = 1; sig <= SIGRTMAX; sig++)
		ck_assert_int_eq(sigismember(&before, sig), sigismember(&after, sig));
}
END_TEST

SUITE(test_machine_stop)
{
	Suite *s = suite_create("machine_stop");
	TCase *tc = tcase_create("stop");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, another_thread_stops_vcpus_that_halt);
	tcase_add_test(tc, a_signal_handler_may_stop);
	tcase_add_test(tc, a_stop_before_the_start_is_not_forgotten);
	tcase_add_loop_test(tc, a_stop_ends_loading_and_launching, 0, 2);
	tcase_add_test(tc, a_vm_may_be_destroyed_while_it_runs);
	tcase_add_test(tc, a_vm_may_be_destroyed_right_after_its_start);
	tcase_add_loop_test(tc, a_vm_may_be_destroyed_at_each_earlier_stage, 0, 3);
	tcase_add_test(tc, the_steps_of_a_launch_have_an_order);
	tcase_add_test(tc, the_first_end_counts_and_waiting_again_is_fine);
	tcase_add_test(tc, a_guest_that_listens_obeys_the_power_button);
	tcase_add_test(tc, a_guest_that_does_not_listen_runs_on_until_it_is_stopped);
	tcase_add_test(tc, a_guest_that_had_panicked_before_it_was_stopped_has_crashed);
	tcase_add_test(tc, a_stop_at_any_moment_ends_the_vm);
	tcase_add_test(tc, signals_of_the_caller_stay_with_the_caller);
	suite_add_tcase(s, tc);
	return s;
}
