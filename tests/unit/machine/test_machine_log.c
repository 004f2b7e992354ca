// SPDX-License-Identifier: MIT
/* A guest cannot fill the log, whatever it does again and again. */
#include "tests/unit/machine_fixture.h"
#include "tests/unit/suite.h"

#define TIMES 25000

static struct model *m;
static struct machine t;
static unsigned int lines;
static char last[1024];

static void on_line(void *ctx, int level, const char *line)
{
	(void)ctx, (void)level;
	lines++;
	snprintf(last, sizeof(last), "%s", line);
}

static void setup(void)
{
	m = model_new();
	machine_setup(&t, m, "1");
	lines = 0;
}

static void teardown(void)
{
	machine_teardown(&t);
	model_check_clean(m);
	model_free(m);
}

/* The guest does `step` TIMES times and powers off; lines that this made. */
static unsigned int do_again_and_again(struct model_step step, enum vmm_log_level level)
{
	struct model_step *steps = calloc(TIMES + 1, sizeof(*steps));
	unsigned int before;

	ck_assert_ptr_nonnull(steps);
	for (size_t i = 0; i < TIMES; i++)
		steps[i] = step;
	steps[TIMES] = (struct model_step)POWER_OFF;
	model_script(m, 0, 0, steps, TIMES + 1);
	ck_assert_int_eq(machine_create(&t.vm, &t.config, model_sys(m), NULL, &t.err), 0);
	t.vm->log.write = on_line;
	t.vm->log.level = level;
	ck_assert_int_eq(minivmm_load(t.vm, &t.err), 0);
	ck_assert_int_eq(minivmm_launch(t.vm, &t.err), 0);
	before = lines;
	ck_assert_int_eq(minivmm_run(t.vm, &t.err), 0);
	machine_must_end(&t, MINIVMM_POWEROFF);
	free(steps);
	return lines - before;
}

START_TEST(pvpanic_in_a_loop_does_not_fill_the_log)
{
	unsigned int n = do_again_and_again(
		(struct model_step)OUT(PLATFORM_PVPANIC_PORT, 1, PVPANIC_CRASH_LOADED),
		VMM_LOG_WARN);

	ck_assert_uint_eq(n, VMM_LOG_LINES + 2);
	ck_assert_str_eq(last, "24990 lines like this were left out: guest panic, its crash "
			       "kernel takes over");
}
END_TEST

/* Whoever looks at the debug port wants to see whole boots, but no endless ones. */
START_TEST(debug_port_does_not_fill_the_log)
{
	unsigned int n = do_again_and_again((struct model_step)OUT(DEBUG_CONSOLE_PORT, 1, '\n'),
					    VMM_LOG_DEBUG);

	ck_assert_uint_ge(n, 10000);
	ck_assert_uint_lt(n, TIMES);
	ck_assert_ptr_nonnull(strstr(last, "lines like this were left out: guest: "));
}
END_TEST

SUITE(test_machine_log)
{
	Suite *s = suite_create("machine_log");
	TCase *tc = tcase_create("log");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, pvpanic_in_a_loop_does_not_fill_the_log);
	tcase_add_test(tc, debug_port_does_not_fill_the_log);
	suite_add_tcase(s, tc);
	return s;
}
