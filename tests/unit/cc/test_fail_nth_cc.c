// SPDX-License-Identifier: MIT
/*
 * A confidential launch once for each call through the seam and each plausible errno, with that
 * call failing. Every time the launch ends with an error that names call and errno, and item and
 * address where there is one, or the call was one of those listed in cc_failing.h; and every time
 * nothing is left open or mapped. Calls of the firmware with each of its status codes:
 * test_fail_nth_cc_status.c.
 */
#include "tests/unit/cc_failing.h"
#include "tests/unit/suite.h"

static const struct cc_tech *const techs[] = {&cc_snp, &cc_tdx, &cc_sw_protected};

/* Every technology in every mode, in the variants there are for it. */
#define CASES		(3 * LAUNCH_MODES * VARIANTS)
#define CASE_TECH(i)	techs[(i) / (LAUNCH_MODES * VARIANTS)]
#define CASE_MODE(i)	((unsigned int)(i) / VARIANTS % LAUNCH_MODES)
#define CASE_VARIANT(i) ((enum failing_variant)((i) % VARIANTS))

static bool exists(int i)
{
	bool firmware = CASE_TECH(i) != &cc_sw_protected;

	if (CASE_VARIANT(i) >= FIRST_OF_SNP)
		return CASE_TECH(i) == &cc_snp;
	return CASE_VARIANT(i) == VARIANT_USUAL || firmware;
}

/* Is call `n` the question whether the kernel has the flag that keeps contents? EINVAL is one of
 * its answers; a kernel of revision 5 that gives it is not one. */
static bool is_probe(unsigned long n, int code)
{
	for (unsigned long k = 1; k < n; k++)
		if (strcmp(model_call_name(t.m, k), "KVM_SET_MEMORY_ATTRIBUTES2") == 0)
			return false;
	return code == EINVAL && strcmp(model_call_name(t.m, n), "KVM_SET_MEMORY_ATTRIBUTES2") == 0;
}

/* The launch is a good one, though a call of it has failed. */
static void check_launched(int i, unsigned long n, const char *call, int code)
{
	uint8_t digest[CC_DIGEST];

	ck_assert_msg(is_optional(call, code) || is_probe(n, code),
		      "call %lu (%s), %s: goes unnoticed", n, call, strerrorname_np(code));
	if (t.config.tech == &cc_sw_protected)
		return;
	model_check_launch(t.m, 0, t.config.tech == &cc_snp);
	if (CASE_MODE(i) == REV5 && is_probe(n, code))
		return;
	model_launch_digest(t.m, 0, digest);
	ck_assert_msg(memcmp(digest, t.expected.digest, CC_DIGEST) == 0,
		      "call %lu (%s), %s: another measurement", n, call, strerrorname_np(code));
}

/* Returns whether call `n` was made at all. */
static bool fail_call(int i, unsigned long n, int code)
{
	size_t fds = open_files();
	const char *call;
	bool made;
	int ret;

	failing_init(CASE_TECH(i), CASE_MODE(i), CASE_VARIANT(i));
	model_fail_at(t.m, n, code);
	ret = launch_all(&t);
	made = model_calls(t.m) >= n;
	call = model_call_name(t.m, n);
	if (!made)
		ck_assert_msg(ret == 0, "without a failure: %s", t.err.text);
	else if (ret == 0)
		check_launched(i, n, call, code);
	else if (is_probe(n, code)) /* contents are not kept: an ID block notices */
		launch_says(&t, "BAD_MEASUREMENT");
	else
		check_sentence(n, call, code, 0);
	if (ret < 0)
		ck_assert_int_eq(t.err.code, ret);
	if (ret < 0 && !is_optional(call, code) && !is_probe(n, code))
		ck_assert_msg(ret == -code, "call %lu (%s): %s becomes %s", n, call,
			      strerrorname_np(code), strerrorname_np(-ret));
	launch_close(&t);
	ck_assert_msg(open_files() == fds, "call %lu (%s): descriptors leak", n, call);
	return made;
}

START_TEST(each_call_of_a_launch_may_fail)
{
	for (size_t e = 0; e < ERRNOS && exists(_i); e++) {
		unsigned long n = 1;

		while (fail_call(_i, n, errnos[e]))
			n++;
		ck_assert_uint_gt(n, 30);
	}
}
END_TEST

SUITE(test_fail_nth_cc)
{
	Suite *s = suite_create("fail_nth_cc");
	TCase *tc = tcase_create("fail_nth_cc");

	tcase_set_timeout(tc, 100);
	tcase_add_loop_test(tc, each_call_of_a_launch_may_fail, 0, CASES);
	suite_add_tcase(s, tc);
	return s;
}
