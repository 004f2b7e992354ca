// SPDX-License-Identifier: MIT
/*
 * Which signals the threads of a running VM block, read from /proc. All are born with the same
 * mask; a vCPU thread inside KVM_RUN has the one of KVM_SET_SIGNAL_MASK instead, where nothing of
 * ours can crash.
 */
#include "tests/unit/machine_fixture.h"
#include "tests/unit/suite.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct model *m;
static struct machine t;

static void setup(void)
{
	m = model_new();
	machine_setup(&t, m, "2");
}

static void teardown(void)
{
	machine_teardown(&t);
	model_check_clean(m);
	model_free(m);
}

static uint64_t blocked_by(const char *tid)
{
	unsigned long long mask = 0;
	bool found = false;
	char line[256];
	FILE *f;

	snprintf(line, sizeof(line), "/proc/self/task/%s/status", tid);
	f = fopen(line, "r");
	ck_assert_ptr_nonnull(f);
	while (!found && fgets(line, sizeof(line), f))
		found = sscanf(line, "SigBlk: %llx", &mask) == 1;
	fclose(f);
	ck_assert(found);
	return mask;
}

static bool blocks(uint64_t mask, int sig)
{
	return mask >> (sig - 1) & 1;
}

/* Looks at all threads but the caller's; *outside counts those that are not inside KVM_RUN. */
static unsigned int check_threads(unsigned int *outside)
{
	static const int blocked[] = {SIGTERM, SIGINT,	SIGHUP,	 SIGQUIT, SIGPIPE,
				      SIGCHLD, SIGALRM, SIGUSR2, SIGWINCH};
	static const int open_to[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
	unsigned int threads = 0;
	struct dirent *entry;
	char self[16];
	DIR *dir;

	*outside = 0;
	snprintf(self, sizeof(self), "%d", gettid());
	dir = opendir("/proc/self/task");
	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir))) {
		uint64_t mask;

		if (entry->d_name[0] == '.' || strcmp(entry->d_name, self) == 0)
			continue;
		mask = blocked_by(entry->d_name);
		for (size_t i = 0; i < ARRAY_SIZE(blocked); i++)
			ck_assert_msg(blocks(mask, blocked[i]), "signal %d", blocked[i]);
		threads++;
		if (blocks(mask, SIGSEGV))
			continue;
		(*outside)++;
		for (size_t i = 0; i < ARRAY_SIZE(open_to); i++)
			ck_assert_msg(!blocks(mask, open_to[i]), "signal %d", open_to[i]);
	}
	closedir(dir);
	return threads;
}

START_TEST(threads_block_all_signals_but_those_of_a_crash)
{
	unsigned int threads, outside;

	machine_must_start(&t);
	threads = check_threads(&outside);
	/* a thread that is just being made blocks everything for a moment */
	for (int i = 0; i < 1000 && outside == 0; i++) {
		usleep(1000);
		threads = check_threads(&outside);
	}
	ck_assert_uint_ge(threads, 3); /* two vCPUs, one for devices */
	ck_assert_uint_ge(outside, 1);
	minivmm_stop(t.vm, MINIVMM_STOP_NOW);
	machine_must_end(&t, MINIVMM_STOPPED);
}
END_TEST

START_TEST(the_callers_mask_stays_as_it_was)
{
	sigset_t before, after;

	pthread_sigmask(SIG_SETMASK, NULL, &before);
	machine_must_start(&t);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	for (int sig = 1; sig < 32; sig++)
		ck_assert_int_eq(sigismember(&before, sig), sigismember(&after, sig));
	minivmm_stop(t.vm, MINIVMM_STOP_NOW);
	machine_must_end(&t, MINIVMM_STOPPED);
}
END_TEST

SUITE(test_machine_signals)
{
	Suite *suite = suite_create("machine_signals");
	TCase *tc = tcase_create("machine_signals");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, threads_block_all_signals_but_those_of_a_crash);
	tcase_add_test(tc, the_callers_mask_stays_as_it_was);
	suite_add_tcase(suite, tc);
	return suite;
}
