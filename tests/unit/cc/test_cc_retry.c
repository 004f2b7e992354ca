// SPDX-License-Identifier: MIT
/* What a launch makes of calls that have to be made again: signals, contention, partial progress,
 * and calls that never get anywhere. */
#include "cc/tech.h"
#include "tests/unit/cc_fixture.h"
#include "tests/unit/suite.h"

static struct launch t;

static const struct cc_tech *const techs[] = {&cc_snp, &cc_tdx};

#define CASES	     (2 * LAUNCH_MODES)
#define CASE_TECH(i) techs[(i) % 2]
#define CASE_MODE(i) ((unsigned int)(i) / 2)

static const char *populate_call(void)
{
	return t.config.tech == &cc_snp ? "KVM_SEV_SNP_LAUNCH_UPDATE" : "KVM_TDX_INIT_MEM_REGION";
}

static void assert_launched(void)
{
	launch_assert_measured(&t);
	model_check_launch(t.m, 0, t.config.tech == &cc_snp);
	launch_close(&t);
}

/* --- progress --- */

START_TEST(calls_that_do_a_part_are_continued)
{
	static const unsigned int stops[] = {1, 2, 3, 5, 100};

	for (size_t i = 0; i < ARRAY_SIZE(stops); i++) {
		launch_init(&t, CASE_TECH(_i), CASE_MODE(_i), 1);
		model_set_populate_stop(t.m, stops[i]);
		must(launch_all(&t), &t);
		/* getting on, even slowly, needs no pause */
		ck_assert_uint_eq(launch_pauses, 0);
		ck_assert_uint_eq(t.cc.stats.retries, 0);
		assert_launched();
	}
}
END_TEST

START_TEST(interrupted_calls_are_repeated)
{
	static const unsigned int every[] = {2, 3, 5};

	for (size_t i = 0; i < ARRAY_SIZE(every); i++) {
		launch_init(&t, CASE_TECH(_i), CASE_MODE(_i), 1);
		model_set_populate_interrupt(t.m, every[i]);
		must(launch_all(&t), &t);
		ck_assert_uint_gt(t.cc.stats.retries, 0);
		ck_assert_uint_eq(t.cc.stats.retries, launch_pauses);
		ck_assert_uint_eq(t.cc.stats.populates, model_count(t.m, populate_call()));
		assert_launched();
	}
}
END_TEST

/* Both at once, one page at a time; and conversions that find pages in use. */
START_TEST(everything_in_the_way_at_once)
{
	launch_init(&t, CASE_TECH(_i), CASE_MODE(_i), 2);
	model_set_populate_stop(t.m, 1);
	model_set_populate_interrupt(t.m, 2);
	model_set_gmem_eagain_every(t.m, 2);
	must(launch_all(&t), &t);
	assert_launched();
}
END_TEST

/* --- no progress --- */

static unsigned long waited;

static void measure_pause(unsigned int microseconds)
{
	waited += microseconds;
}

START_TEST(a_call_that_is_always_interrupted_ends_the_launch)
{
	bool snp = CASE_TECH(_i) == &cc_snp;

	launch_init(&t, CASE_TECH(_i), CASE_MODE(_i), 1);
	t.cc.pause = measure_pause;
	waited = 0;
	model_set_populate_interrupt(t.m, 1);
	ck_assert_int_eq(launch_all(&t), snp ? -EIO : -EINTR);
	ck_assert_int_eq(t.err.code, snp ? -EIO : -EINTR);
	launch_says(&t, snp ? "kernel at 0x10000" : "BFV at 0x100000000");
	launch_says(&t, populate_call());
	launch_says(&t, snp ? "EIO" : "EINTR");
	ck_assert_uint_eq(t.err.firmware, 0);
	/* some seconds, and not for ever */
	ck_assert_uint_ge(waited, 2000000);
	ck_assert_uint_le(waited, 10000000);
	ck_assert_uint_eq(model_count(t.m, populate_call()), CC_RETRIES + 1);
	launch_close(&t);
}
END_TEST

START_TEST(success_without_progress_ends_the_launch)
{
	launch_init(&t, CASE_TECH(_i), CASE_MODE(_i), 1);
	model_answer(t.m, populate_call(), 0);
	ck_assert_int_eq(launch_all(&t), -EIO);
	launch_says(&t, "makes no progress");
	launch_says(&t, CASE_TECH(_i) == &cc_snp ? "kernel at 0x10000" : "BFV at 0x100000000");
	ck_assert_uint_eq(model_count(t.m, populate_call()), CC_RETRIES + 1);
	launch_close(&t);
}
END_TEST

/* --- errnos --- */

static const struct {
	const struct cc_tech *tech;
	const char *call;
	int code;
	uint32_t status;
	bool retried;
} errors[] = {
	{&cc_snp, "KVM_SEV_SNP_LAUNCH_UPDATE", EAGAIN, 0, true},
	{&cc_snp, "KVM_SEV_SNP_LAUNCH_UPDATE", EINTR, 0, true},
	{&cc_snp, "KVM_SEV_SNP_LAUNCH_UPDATE", EIO, 0, true},
	{&cc_snp, "KVM_SEV_SNP_LAUNCH_UPDATE", EIO, 0x16, false},
	{&cc_snp, "KVM_SEV_SNP_LAUNCH_UPDATE", EINVAL, 0, false},
	{&cc_snp, "KVM_SEV_SNP_LAUNCH_UPDATE", ENOMEM, 0, false},
	{&cc_snp, "KVM_SEV_SNP_LAUNCH_FINISH", EBUSY, 0, true},
	{&cc_snp, "KVM_SEV_SNP_LAUNCH_FINISH", EAGAIN, 0, false},
	{&cc_snp, "KVM_SEV_SNP_LAUNCH_FINISH", EINTR, 0, false},
	{&cc_snp, "KVM_SEV_SNP_LAUNCH_FINISH", EIO, 0x0b, false},
	{&cc_snp, "KVM_SEV_SNP_LAUNCH_FINISH", EIO, 0, false},
	{&cc_snp, "KVM_SEV_INIT2", EBUSY, 0, false},
	{&cc_snp, "KVM_SEV_SNP_LAUNCH_START", EIO, 0x22, false},
	{&cc_tdx, "KVM_TDX_INIT_VM", EAGAIN, 0, true},
	{&cc_tdx, "KVM_TDX_INIT_VM", EBUSY, 0, false},
	{&cc_tdx, "KVM_TDX_INIT_VM", ENOSPC, 0, false},
	{&cc_tdx, "KVM_TDX_INIT_VCPU", EIO, 0, false},
	{&cc_tdx, "KVM_TDX_INIT_MEM_REGION", EINTR, 0, true},
	{&cc_tdx, "KVM_TDX_INIT_MEM_REGION", EAGAIN, 0, true},
	{&cc_tdx, "KVM_TDX_INIT_MEM_REGION", EBUSY, 0, true},
	{&cc_tdx, "KVM_TDX_INIT_MEM_REGION", EIO, 0, false},
	{&cc_tdx, "KVM_TDX_INIT_MEM_REGION", EFAULT, 0, false},
	{&cc_tdx, "KVM_TDX_FINALIZE_VM", EBUSY, 0, true},
	{&cc_tdx, "KVM_TDX_FINALIZE_VM", EAGAIN, 0, true},
	{&cc_tdx, "KVM_TDX_FINALIZE_VM", EINVAL, 0, false},
};

START_TEST(an_error_that_may_pass_is_waited_for)
{
	launch_init(&t, errors[_i].tech, REV8, 1);
	model_set_fail_status(t.m, errors[_i].status);
	model_fail_nth_of(t.m, errors[_i].call, 1, errors[_i].code);
	if (errors[_i].retried) {
		must(launch_all(&t), &t);
		ck_assert_uint_eq(launch_pauses, 1);
		assert_launched();
		return;
	}
	ck_assert_int_eq(launch_all(&t), -errors[_i].code);
	ck_assert_uint_eq(launch_pauses, 0);
	ck_assert_uint_eq(model_count(t.m, errors[_i].call), 1);
	launch_says(&t, errors[_i].call);
	launch_says(&t, strerrorname_np(errors[_i].code));
	ck_assert_uint_eq(t.err.firmware, errors[_i].status);
	launch_close(&t);
}
END_TEST

START_TEST(an_error_that_does_not_pass_is_not_waited_for_for_ever)
{
	if (!errors[_i].retried)
		return;
	launch_init(&t, errors[_i].tech, SPLIT, 1);
	model_answer(t.m, errors[_i].call, -errors[_i].code);
	ck_assert_int_eq(launch_all(&t), -errors[_i].code);
	ck_assert_uint_eq(launch_pauses, CC_RETRIES);
	launch_says(&t, errors[_i].call);
	launch_says(&t, strerrorname_np(errors[_i].code));
	launch_close(&t);
}
END_TEST

/* The second failure comes after the first item is in: what was done is not done again. */
START_TEST(a_later_item_is_repeated_alone)
{
	launch_init(&t, CASE_TECH(_i), CASE_MODE(_i), 1);
	model_fail_nth_of(t.m, populate_call(), 2, EAGAIN);
	model_fail_nth_of(t.m, populate_call(), 4, EINTR);
	must(launch_all(&t), &t);
	ck_assert_uint_eq(launch_pauses, 2);
	ck_assert_uint_eq(t.cc.stats.populates, t.plan.nitems + 2);
	assert_launched();
}
END_TEST

SUITE(test_cc_retry)
{
	Suite *s = suite_create("cc_retry");
	TCase *tc = tcase_create("retry");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, calls_that_do_a_part_are_continued, 0, CASES);
	tcase_add_loop_test(tc, interrupted_calls_are_repeated, 0, CASES);
	tcase_add_loop_test(tc, everything_in_the_way_at_once, 0, CASES);
	tcase_add_loop_test(tc, a_call_that_is_always_interrupted_ends_the_launch, 0, CASES);
	tcase_add_loop_test(tc, success_without_progress_ends_the_launch, 0, CASES);
	tcase_add_loop_test(tc, an_error_that_may_pass_is_waited_for, 0, (int)ARRAY_SIZE(errors));
	tcase_add_loop_test(tc, an_error_that_does_not_pass_is_not_waited_for_for_ever, 0,
			    (int)ARRAY_SIZE(errors));
	tcase_add_loop_test(tc, a_later_item_is_repeated_alone, 0, CASES);
	suite_add_tcase(s, tc);
	return s;
}
