// SPDX-License-Identifier: MIT
/*
 * Each call of firmware or TDX module fails once, with each of the codes that it has for it; and
 * each page of a launch is refused once, in the middle of whatever call comes to it. Every time the
 * error names the call and the code, and the page by item and address.
 */
#include "cc/launch.h"
#include "cc/snp_status.h"
#include "cc/tech.h"
#include "tests/unit/cc_failing.h"
#include "tests/unit/suite.h"

#define INVALID_PARAM 0x16

/* What the firmware may say, and two numbers that it does not. */
static uint32_t status_at(unsigned int i)
{
	static const uint32_t odd[] = {0x99, 0xffffffff};

	return i <= 0x27 ? i : odd[i - 0x28];
}

#define STATUSES 0x2a /* from 1 on */

static bool is_firmware(const char *call)
{
	/* a question that nothing depends on */
	if (strcmp(call, "KVM_TDX_GET_CPUID") == 0)
		return false;
	return strncmp(call, "KVM_SEV_", 8) == 0 || strncmp(call, "KVM_TDX_", 8) == 0;
}

/* The numbers of the calls of the firmware in an undisturbed launch. */
static size_t firmware_calls(const struct cc_tech *tech, unsigned int mode,
			     enum failing_variant variant, unsigned long call[64])
{
	size_t n = 0;

	failing_init(tech, mode, variant);
	must(launch_all(&t), &t);
	for (unsigned long k = 1; k <= model_calls(t.m); k++) {
		if (!is_firmware(model_call_name(t.m, k)))
			continue;
		ck_assert_uint_lt(n, 64);
		call[n++] = k;
	}
	launch_close(&t);
	return n;
}

/* --- SNP -------------------------------------------------------------------------------------- */

#define SNP_CASES	(LAUNCH_MODES * VARIANTS)
#define CASE_MODE(i)	((unsigned int)(i) / VARIANTS)
#define CASE_VARIANT(i) ((enum failing_variant)((i) % VARIANTS))

START_TEST(each_call_of_the_firmware_may_fail_with_each_status)
{
	unsigned long call[64];
	size_t n = firmware_calls(&cc_snp, CASE_MODE(_i), CASE_VARIANT(_i), call);
	/* all of them once for each mode, some for each variant */
	unsigned int step = CASE_VARIANT(_i) == VARIANT_USUAL ? 1 : 7;

	ck_assert_uint_gt(n, 8);
	for (unsigned int s = 1; s < STATUSES; s += step) {
		for (size_t k = 0; k < n; k++) {
			failing_init(&cc_snp, CASE_MODE(_i), CASE_VARIANT(_i));
			model_set_fail_status(t.m, status_at(s));
			model_fail_at(t.m, call[k], EIO);
			ck_assert_int_eq(launch_all(&t), -EIO);
			check_sentence(call[k], model_call_name(t.m, call[k]), EIO, status_at(s));
			launch_says(&t, snp_status_name(status_at(s)));
			launch_close(&t);
		}
	}
}
END_TEST

/* Where the firmware cannot make a context for the guest, KVM answers LAUNCH_START with ENOTTY. */
START_TEST(a_start_without_context_has_its_status)
{
	for (unsigned int s = 1; s < STATUSES; s++) {
		failing_init(&cc_snp, (unsigned int)_i, VARIANT_USUAL);
		model_set_fail_status(t.m, status_at(s));
		model_fail_nth_of(t.m, "KVM_SEV_SNP_LAUNCH_START", 1, ENOTTY);
		ck_assert_int_eq(launch_all(&t), -ENOTTY);
		launch_says(&t, "KVM_SEV_SNP_LAUNCH_START");
		launch_says(&t, "ENOTTY");
		launch_says(&t, snp_status_name(status_at(s)));
		ck_assert_uint_eq(t.err.firmware, status_at(s));
		launch_close(&t);
	}
}
END_TEST

/* The table that the firmware itself has corrected is refused again: that is the end, and the
 * vCPUs' tables are not set to what nobody has accepted. */
START_TEST(a_corrected_cpuid_page_may_be_refused)
{
	static const char update[] = "KVM_SEV_SNP_LAUNCH_UPDATE";
	unsigned long nth = 2; /* the page is submitted a second time */

	failing_init(&cc_snp, (unsigned int)_i, VARIANT_CORRECTED);
	must(launch_prepare(&t), &t);
	/* items before it take a call each */
	while (strcmp(t.plan.item[nth - 2].name, "CPUID") != 0)
		nth++;
	model_set_fail_status(t.m, INVALID_PARAM);
	model_fail_nth_of(t.m, update, nth, EIO);
	ck_assert_int_eq(launch_complete(&t), -EIO);
	ck_assert_uint_eq(model_count(t.m, update), nth);
	ck_assert_uint_eq(model_vm(t.m, 0)->snp->cpuid_refused, 1);
	check_place(t.err.text, launch_find(&t, "CPUID")->gpa);
	launch_says(&t, "INVALID_PARAM");
	launch_says(&t, "the firmware does not accept the CPUID table");
	launch_logged(&t, "corrected CPUID leaf 0x7.0 EBX");
	ck_assert_uint_eq(model_count(t.m, "KVM_SET_CPUID2"), FAILING_VCPUS);
	launch_close(&t);
}
END_TEST

/* --- TDX -------------------------------------------------------------------------------------- */

static const uint64_t module_status[] = {0xc000010000000008, 0x8000020300000000,
					 0xc0000b0a00000001};

static void says_status(uint64_t status)
{
	char number[32];

	snprintf(number, sizeof(number), "%#llx", (unsigned long long)status);
	launch_says(&t, number);
	ck_assert_uint_eq(t.err.firmware, status);
}

/* EIO from the module, EINVAL from KVM for what the module does not take. */
START_TEST(each_call_of_the_module_may_fail_with_a_status)
{
	static const int codes[] = {EIO, EINVAL};
	unsigned long call[64];
	size_t n = firmware_calls(&cc_tdx, (unsigned int)_i, VARIANT_PARTIAL, call);

	for (size_t s = 0; s < 2 * ARRAY_SIZE(module_status); s++) {
		for (size_t k = 0; k < n; k++) {
			failing_init(&cc_tdx, (unsigned int)_i, VARIANT_PARTIAL);
			model_set_fail_status(t.m, module_status[s / 2]);
			model_fail_at(t.m, call[k], codes[s % 2]);
			ck_assert_int_eq(launch_all(&t), -codes[s % 2]);
			check_sentence(call[k], model_call_name(t.m, call[k]), codes[s % 2],
				       module_status[s / 2]);
			says_status(module_status[s / 2]);
			launch_close(&t);
		}
	}
}
END_TEST

/* Contention in the module, which has a status too: tried again, and named when it does not end. */
START_TEST(a_busy_module_is_named)
{
	static const char *const calls[] = {"KVM_TDX_INIT_MEM_REGION", "KVM_TDX_FINALIZE_VM"};
	const uint64_t busy = 0x8000020000000092;

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		failing_init(&cc_tdx, (unsigned int)_i, VARIANT_USUAL);
		model_set_fail_status(t.m, busy);
		model_fail_nth_of(t.m, calls[i], 1, EBUSY);
		must(launch_all(&t), &t);
		ck_assert_uint_eq(launch_pauses, 1);
		launch_assert_measured(&t);
		launch_close(&t);

		failing_init(&cc_tdx, (unsigned int)_i, VARIANT_USUAL);
		model_set_fail_status(t.m, busy);
		model_answer(t.m, calls[i], -EBUSY);
		ck_assert_int_eq(launch_all(&t), -EBUSY);
		ck_assert_uint_eq(launch_pauses, CC_RETRIES);
		launch_says(&t, calls[i]);
		launch_says(&t, "EBUSY");
		says_status(busy);
		launch_close(&t);
	}
}
END_TEST

/* --- pages ------------------------------------------------------------------------------------ */

/* The nth page of the plan, from 1, in the order in which a launch gives them to the firmware. */
static uint64_t page_of_plan(uint64_t n)
{
	for (size_t i = 0; i < t.plan.nitems; i++) {
		const struct load_item *item = &t.plan.item[i];

		if (n <= item->len / PAGE_SIZE)
			return item->gpa + (n - 1) * PAGE_SIZE;
		n -= item->len / PAGE_SIZE;
	}
	ck_abort_msg("the plan has no such page");
	return 0;
}

static uint64_t pages_of_plan(void)
{
	uint64_t n = 0;

	for (size_t i = 0; i < t.plan.nitems; i++)
		n += t.plan.item[i].len / PAGE_SIZE;
	return n;
}

/* Of SNP and TDX, in each mode, whole items, two pages in a call, and copies. */
#define PAGE_CASES	     (2 * LAUNCH_MODES * 3)
#define PAGE_CASE_TECH(i)    ((i) % 2 ? &cc_tdx : &cc_snp)
#define PAGE_CASE_MODE(i)    ((unsigned int)(i) / 2 % LAUNCH_MODES)
#define PAGE_CASE_VARIANT(i) ((enum failing_variant)((i) / 2 / LAUNCH_MODES))

/* Pages before it are done, in the same call or in others; the error is about this one, and not
 * about the item's first. */
START_TEST(each_page_may_be_refused)
{
	const bool snp = PAGE_CASE_TECH(_i) == &cc_snp;
	uint64_t pages = 1;

	for (uint64_t n = 1; n <= pages; n++) {
		failing_init(PAGE_CASE_TECH(_i), PAGE_CASE_MODE(_i), PAGE_CASE_VARIANT(_i));
		model_set_fail_status(t.m, snp ? 0x1a : 0);
		model_fail_page(t.m, n, EIO);
		ck_assert_int_eq(launch_all(&t), -EIO);
		check_place(t.err.text, page_of_plan(n));
		ck_assert_uint_eq(t.cc.stats.pages, n - 1);
		ck_assert_uint_eq(model_vm(t.m, 0)->twice, 0);
		ck_assert_uint_eq(launch_pauses, 0);
		if (snp)
			launch_says(&t, snp_status_name(0x1a));
		pages = pages_of_plan();
		launch_close(&t);
	}
	ck_assert_uint_gt(pages, 10);
}
END_TEST

/* The same without a status: it may be a signal, so it is tried again, but not for ever. */
START_TEST(a_page_may_never_come_through)
{
	const bool snp = PAGE_CASE_TECH(_i) == &cc_snp;
	const uint64_t n = snp ? 5 : 3; /* in the middle of the first item */

	failing_init(PAGE_CASE_TECH(_i), PAGE_CASE_MODE(_i), PAGE_CASE_VARIANT(_i));
	model_fail_page(t.m, n, EBUSY);
	ck_assert_int_eq(launch_all(&t), snp ? -EIO : -EBUSY);
	ck_assert_uint_ne(page_of_plan(n), t.plan.item[0].gpa);
	check_place(t.err.text, page_of_plan(n));
	ck_assert_uint_eq(launch_pauses, CC_RETRIES);
	ck_assert_uint_eq(t.cc.stats.pages, n - 1);
	launch_close(&t);
}
END_TEST

SUITE(test_fail_nth_cc_status)
{
	Suite *s = suite_create("fail_nth_cc_status");
	TCase *tc = tcase_create("fail_nth_cc_status");

	tcase_set_timeout(tc, 100);
	tcase_add_loop_test(tc, each_call_of_the_firmware_may_fail_with_each_status, 0, SNP_CASES);
	tcase_add_loop_test(tc, a_start_without_context_has_its_status, 0, LAUNCH_MODES);
	tcase_add_loop_test(tc, a_corrected_cpuid_page_may_be_refused, 0, LAUNCH_MODES);
	tcase_add_loop_test(tc, each_call_of_the_module_may_fail_with_a_status, 0, LAUNCH_MODES);
	tcase_add_loop_test(tc, a_busy_module_is_named, 0, LAUNCH_MODES);
	tcase_add_loop_test(tc, each_page_may_be_refused, 0, PAGE_CASES);
	tcase_add_loop_test(tc, a_page_may_never_come_through, 0, PAGE_CASES);
	suite_add_tcase(s, tc);
	return s;
}
