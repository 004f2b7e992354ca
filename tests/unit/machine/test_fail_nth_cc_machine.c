// SPDX-License-Identifier: MIT
/*
 * The same for whole machines: create, load, launch and run, with the configuration, the loader and
 * the firmware image of a real one. Each call fails once with each errno, and the error names both.
 */
#include "tests/unit/cc_machine.h"
#include "tests/unit/suite.h"

#include <time.h>

static const int errnos[] = {EIO, ENOMEM, EINVAL, EFAULT, EBUSY, EAGAIN, EINTR};

#define ERRNOS 7

static const char *const techs[] = {"snp", "sw-protected", "tdx"};

#define CASES (3 * CC_MACHINE_KERNELS)

static const struct model_step guest[] = {
	MAP_GPA_ANY(MIB(2), 4, 0),
	MAP_GPA_ANY(MIB(2), 4, 16),
	OUT(PLATFORM_SERIAL_PORT, 1, '!'),
	POWER_OFF,
};

/* Calls that a machine can do without, whatever the errno. */
static const char *const optional[] = {
	"KVM_CHECK_EXTENSION", "cloexec", "KVM_GET_DEVICE_ATTR", "madvise", "fallocate",
	"KVM_TDX_GET_CPUID",   "copy", /* read instead */
};

/* Calls that are made again, or that are a question whose answer then is no. */
static const struct {
	const char *call;
	int code[4];
} repeated[] = {
	{"KVM_CREATE_VM", {EINTR}},
	{"KVM_RUN", {EINTR, EAGAIN}},
	{"KVM_CREATE_GUEST_MEMFD", {EINVAL}},
	{"KVM_SET_MEMORY_ATTRIBUTES2", {EAGAIN, EINTR}},
	{"KVM_SET_MEMORY_ATTRIBUTES", {EAGAIN, EINTR}},
	{"KVM_SEV_SNP_LAUNCH_UPDATE", {EIO, EAGAIN, EINTR}},
	{"KVM_SEV_SNP_LAUNCH_FINISH", {EBUSY}},
	{"KVM_TDX_INIT_VM", {EAGAIN}},
	{"KVM_TDX_INIT_MEM_REGION", {EBUSY, EAGAIN, EINTR}},
	{"KVM_TDX_FINALIZE_VM", {EBUSY, EAGAIN, EINTR}},
};

/* The first is a question, see test_fail_nth_cc.c. */
static bool is_probe(struct model *m, unsigned long n, int code)
{
	for (unsigned long k = 1; k < n; k++)
		if (strcmp(model_call_name(m, k), "KVM_SET_MEMORY_ATTRIBUTES2") == 0)
			return false;
	return code == EINVAL && strcmp(model_call_name(m, n), "KVM_SET_MEMORY_ATTRIBUTES2") == 0;
}

/* A guest that runs is told that its request failed. */
static bool is_request(const char *call, bool runs)
{
	return runs && strncmp(call, "KVM_SET_MEMORY_ATTRIBUTES", 25) == 0;
}

static bool is_optional(const char *call, int code)
{
	for (size_t i = 0; i < ARRAY_SIZE(optional); i++)
		if (strcmp(optional[i], call) == 0)
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(repeated); i++)
		for (size_t k = 0; k < 4; k++)
			if (strcmp(repeated[i].call, call) == 0 && repeated[i].code[k] == code)
				return true;
	return false;
}

static void setup_machine(struct machine *t, int i)
{
	const char *tech = techs[i / CC_MACHINE_KERNELS];

	cc_machine_setup(t, tech, (unsigned int)(i % CC_MACHINE_KERNELS), "1");
	model_skip_measurement(t->model);
	model_script(t->model, 0, 0, guest, ARRAY_SIZE(guest));
}

/* 0, or a negative errno and the sentence. *launched: calls up to the first KVM_RUN. */
static int live(struct machine *t, unsigned long *launched, char text[VMM_ERROR_TEXT])
{
	int ret = cc_machine_launch(t);

	*launched = model_calls(t->model);

	text[0] = '\0';
	if (ret == 0)
		ret = minivmm_run(t->vm, &t->err);
	if (ret < 0) {
		ck_assert_int_eq(t->err.code, ret);
		strcpy(text, t->err.text);
		return ret;
	}
	ck_assert_msg(minivmm_wait(t->vm, 20000, &t->result) == 0, "the VM does not end");
	strcpy(text, t->result.text);
	return t->result.end == MINIVMM_POWEROFF ? 0 : -ECANCELED;
}

/* Threads come down after they were joined. */
static bool threads_come_down_to(size_t expected)
{
	const struct timespec moment = {.tv_nsec = 1000000};

	for (int i = 0; i < 2000; i++) {
		if (count_entries("/proc/self/task") == expected)
			return true;
		nanosleep(&moment, NULL);
	}
	return false;
}

static void check_failed(const char *text, unsigned long n, const char *call, int code)
{
	const char *name = strerrorname_np(code);

	ck_assert_msg(text[0] != '\0' && !strchr(text, '\n'), "call %lu (%s), %s: \"%s\"", n, call,
		      name, text);
	if (is_optional(call, code))
		return;
	ck_assert_msg(strstr(text, name) != NULL, "call %lu (%s): %s is not in \"%s\"", n, call,
		      name, text);
	if (strncmp(call, "KVM_", 4) == 0)
		ck_assert_msg(strstr(text, call) != NULL, "call %lu, %s: %s is not in \"%s\"", n,
			      name, call, text);
}

static bool fail_call(int i, unsigned long n, int code)
{
	size_t fds = count_entries("/proc/self/fd"), threads = count_entries("/proc/self/task");
	char text[VMM_ERROR_TEXT];
	unsigned long launched;
	struct machine t;
	const char *call;
	bool made;
	int ret;

	setup_machine(&t, i);
	model_fail_at(t.model, n, code);
	ret = live(&t, &launched, text);
	made = model_calls(t.model) >= n;
	call = model_call_name(t.model, n);
	if (!made)
		ck_assert_msg(ret == 0, "without a failure: %s", text);
	else if (ret == 0)
		ck_assert_msg(is_optional(call, code) || is_request(call, n > launched) ||
				      is_probe(t.model, n, code),
			      "call %lu (%s), %s: goes unnoticed", n, call, strerrorname_np(code));
	else
		check_failed(text, n, call, code);
	cc_machine_teardown(&t);
	ck_assert_msg(count_entries("/proc/self/fd") == fds, "call %lu: descriptors leak", n);
	ck_assert_msg(threads_come_down_to(threads), "call %lu: threads leak", n);
	return made;
}

START_TEST(each_call_of_a_machine_may_fail)
{
	for (size_t e = 0; e < ERRNOS; e++) {
		unsigned long n = 1;

		while (fail_call(_i, n, errnos[e]))
			n++;
		ck_assert_uint_gt(n, 50);
	}
}
END_TEST

SUITE(test_fail_nth_cc_machine)
{
	Suite *s = suite_create("fail_nth_cc_machine");
	TCase *tc = tcase_create("fail_nth_cc_machine");

	tcase_set_timeout(tc, 100);
	tcase_add_loop_test(tc, each_call_of_a_machine_may_fail, 0, CASES);
	suite_add_tcase(s, tc);
	return s;
}
