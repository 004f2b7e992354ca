// SPDX-License-Identifier: MIT
/* Two VMs at once in one process: they share nothing, and each has its own end. */
#include "tests/unit/machine_fixture.h"
#include "tests/unit/suite.h"

#include <errno.h>

static pthread_barrier_t meeting;

/* Both guests have to be in KVM_RUN at the same time to get past this. */
static void meet(struct model *m, void *ctx)
{
	(void)m;
	(void)ctx;
	pthread_barrier_wait(&meeting);
}

static const struct model_step first_guest[] = {CALL(meet, NULL), OUT(PLATFORM_SERIAL_PORT, 1, 'a'),
						CALL(meet, NULL), POWER_OFF};
static const struct model_step second_guest[] = {CALL(meet, NULL),
						 OUT(PLATFORM_SERIAL_PORT, 1, 'b'),
						 CALL(meet, NULL), EXIT(KVM_EXIT_SHUTDOWN)};

static void assert_file_is(const char *path, const char *text)
{
	char buf[64] = "";
	FILE *f = fopen(path, "r");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fread(buf, 1, sizeof(buf) - 1, f), strlen(text));
	ck_assert_str_eq(buf, text);
	fclose(f);
}

/* Over one model, as two VMs of a host. */
START_TEST(two_vms_run_side_by_side)
{
	struct test_file console[2] = {file_make("", 0), file_make("", 0)};
	struct model *m = model_new();
	struct machine t[2];
	char output[64];

	pthread_barrier_init(&meeting, NULL, 2);
	model_script(m, 0, 0, first_guest, ARRAY_SIZE(first_guest));
	model_script(m, 1, 0, second_guest, ARRAY_SIZE(second_guest));
	for (int i = 0; i < 2; i++) {
		machine_setup(&t[i], m, "2");
		snprintf(output, sizeof(output), "\"file:%s\"", console[i].path);
		ck_assert_int_eq(config_set(&t[i].config, "serial.output", output, NULL), 0);
	}
	/* in step with each other, so that neither finishes before the other begins */
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(
			machine_create(&t[i].vm, &t[i].config, model_sys(m), NULL, &t[i].err), 0);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(minivmm_load(t[i].vm, &t[i].err), 0);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(minivmm_launch(t[i].vm, &t[i].err), 0);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(minivmm_run(t[i].vm, &t[i].err), 0);
	machine_must_end(&t[1], MINIVMM_CRASH);
	machine_must_end(&t[0], MINIVMM_POWEROFF);
	ck_assert_str_eq(t[0].result.text, "");
	assert_file_is(console[0].path, "a");
	assert_file_is(console[1].path, "b");

	for (int i = 0; i < 2; i++) {
		machine_teardown(&t[i]);
		file_free(&console[i]);
	}
	model_check_clean(m);
	model_free(m);
	pthread_barrier_destroy(&meeting);
}
END_TEST

START_TEST(the_end_of_one_does_not_disturb_the_other)
{
	struct model *m = model_new();
	struct machine t[2];

	for (int i = 0; i < 2; i++) {
		machine_setup(&t[i], m, "2");
		machine_must_start(&t[i]);
	}
	minivmm_stop(t[0].vm, MINIVMM_STOP_NOW);
	machine_must_end(&t[0], MINIVMM_STOPPED);
	machine_teardown(&t[0]);

	ck_assert_int_eq(minivmm_wait(t[1].vm, 50, &t[1].result), -ETIMEDOUT);
	ck_assert_int_eq(t[1].result.end, MINIVMM_RUNNING);
	minivmm_stop(t[1].vm, MINIVMM_STOP_NOW);
	machine_must_end(&t[1], MINIVMM_STOPPED);
	machine_teardown(&t[1]);
	model_check_clean(m);
	model_free(m);
}
END_TEST

/* Whole lives in several threads, each over a model of its own: what an embedder does. */
static void *live(void *arg)
{
	static const struct model_step guest[] = {OUT(PLATFORM_SERIAL_PORT, 1, 'x'), POWER_OFF};
	struct machine *t = arg;

	for (int i = 0; i < 10 && t->result.end != MINIVMM_FAILED; i++) {
		struct model *m = model_new();

		model_script(m, 0, 0, guest, ARRAY_SIZE(guest));
		t->model = m;
		if (machine_start(t) < 0 || minivmm_wait(t->vm, 20000, &t->result) < 0)
			t->result.end = MINIVMM_FAILED;
		minivmm_destroy(t->vm);
		t->vm = NULL;
		model_check_clean(m);
		model_free(m);
	}
	return NULL;
}

START_TEST(threads_of_the_caller_have_vms_of_their_own)
{
	struct machine t[3];
	pthread_t thread[3];

	for (int i = 0; i < 3; i++)
		machine_setup(&t[i], NULL, "2");
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, live, &t[i]), 0);
	for (int i = 0; i < 3; i++) {
		pthread_join(thread[i], NULL);
		ck_assert_msg(t[i].result.end == MINIVMM_POWEROFF, "%s", t[i].err.text);
		machine_teardown(&t[i]);
	}
}
END_TEST

SUITE(test_machine_two)
{
	Suite *s = suite_create("machine_two");
	TCase *tc = tcase_create("two");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, two_vms_run_side_by_side);
	tcase_add_test(tc, the_end_of_one_does_not_disturb_the_other);
	tcase_add_test(tc, threads_of_the_caller_have_vms_of_their_own);
	suite_add_tcase(s, tc);
	return s;
}
