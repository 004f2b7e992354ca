// SPDX-License-Identifier: MIT
/*
 * Conversions, in each dialect: exactly what has to change, in the largest ranges, with a record
 * that is true whatever fails. The loop tests go through the dialects.
 */
#include "tests/unit/mem_fixture.h"
#include "tests/unit/suite.h"

static const struct dialect *d;

static void start(int dialect)
{
	d = &dialects[dialect];
	start_as(d, KVM_X86_SNP_VM);
}

/* Two regions that adjoin, and a third after a hole. */
static void three_regions(void)
{
	add(MIB(1), PAGES(16));
	add(MIB(1) + PAGES(16), PAGES(16));
	add(MIB(2), PAGES(16));
}

static void convert(uint64_t gpa, uint64_t len, bool private)
{
	ck_assert_msg(mem_convert(&mem, gpa, len, private, &err) == 0, "%s", err.text);
}

static bool all_are(uint64_t gpa, uint64_t len, bool private)
{
	for (uint64_t at = gpa; at < gpa + len; at += PAGE_SIZE)
		if (mem_is_private(&mem, at) != private)
			return false;
	return true;
}

/* --- what is converted --- */

START_TEST(pages_become_private_and_shared_again)
{
	start(_i);
	add(MIB(1), PAGES(16));
	convert(MIB(1) + PAGES(2), PAGES(5), true);
	ck_assert(all_are(MIB(1), PAGES(2), false));
	ck_assert(all_are(MIB(1) + PAGES(2), PAGES(5), true));
	ck_assert(all_are(MIB(1) + PAGES(7), PAGES(9), false));
	assert_record_is_true();
	convert(MIB(1) + PAGES(3), PAGES(1), false);
	ck_assert(all_are(MIB(1) + PAGES(3), PAGES(1), false));
	assert_record_is_true();
	ck_assert_uint_eq(conversions(d), 2 + (d->mode == MEM_MODE_IN_PLACE));
	ck_assert_uint_eq(mem.stats.conversions, 2);
	ck_assert_uint_eq(mem.stats.retries, 0);
}
END_TEST

/* The probe is one conversion ioctl of the in-place dialects. */
static unsigned long since_start(void)
{
	return conversions(d) - (d->mode == MEM_MODE_IN_PLACE);
}

START_TEST(a_range_is_one_ioctl_however_large)
{
	start(_i);
	add(0, MIB(512));
	convert(0, MIB(512), true);
	ck_assert_uint_eq(since_start(), 1);
	convert(MIB(1), MIB(510), false);
	ck_assert_uint_eq(since_start(), 2);
}
END_TEST

START_TEST(only_runs_that_differ_are_converted)
{
	start(_i);
	add(0, PAGES(100));
	convert(PAGES(10), PAGES(10), true);
	convert(PAGES(50), PAGES(10), true);
	convert(PAGES(99), PAGES(1), true);
	ck_assert_uint_eq(since_start(), 3);
	/* the gaps: 0-9, 20-49, 60-98 */
	convert(0, PAGES(100), true);
	ck_assert_uint_eq(since_start(), 6);
	ck_assert(all_are(0, PAGES(100), true));
	ck_assert_uint_eq(model_wasted_pages(m), 0);
}
END_TEST

START_TEST(pages_in_the_wanted_state_cost_nothing)
{
	start(_i);
	add(0, PAGES(100));
	convert(0, PAGES(100), false);
	ck_assert_uint_eq(since_start(), 0);
	convert(0, PAGES(100), true);
	convert(PAGES(1), PAGES(98), true);
	ck_assert_uint_eq(since_start(), 1);
}
END_TEST

START_TEST(a_range_may_span_regions)
{
	start(_i);
	three_regions();
	convert(MIB(1) + PAGES(8), PAGES(16), true);
	ck_assert_uint_eq(since_start(), 2);
	ck_assert(all_are(MIB(1), PAGES(8), false));
	ck_assert(all_are(MIB(1) + PAGES(8), PAGES(16), true));
	ck_assert(all_are(MIB(1) + PAGES(24), PAGES(8), false));
	assert_record_is_true();
}
END_TEST

START_TEST(what_is_no_range_of_ram_is_refused_before_anything_is_converted)
{
	static const struct {
		uint64_t gpa, len;
		int code;
	} bad[] = {
		{MIB(1) + 1, PAGE_SIZE, -EINVAL},
		{MIB(1), PAGE_SIZE + 1, -EINVAL},
		{MIB(1), 0, -EINVAL},
		{UINT64_MAX - PAGE_SIZE + 1, PAGE_SIZE, -EINVAL},
		{MIB(1), UINT64_MAX - PAGE_SIZE + 1, -EINVAL},
		{0, PAGE_SIZE, -EFAULT},
		{MIB(1) - PAGE_SIZE, 2 * PAGE_SIZE, -EFAULT},
		{MIB(1) + 16 * PAGE_SIZE, 17 * PAGE_SIZE, -EFAULT}, /* into the hole */
		{MIB(1), MIB(2), -EFAULT},			    /* over the hole */
		{GIB(4), PAGE_SIZE, -EFAULT},
	};

	start(_i);
	three_regions();
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ck_assert_int_eq(mem_convert(&mem, bad[i].gpa, bad[i].len, true, &err),
				 bad[i].code);
		ck_assert_int_eq(mem_discard_shared(&mem, bad[i].gpa, bad[i].len, &err),
				 bad[i].code);
	}
	ck_assert_uint_eq(since_start(), 0);
	ck_assert_int_eq(mem_convert(&mem, MIB(1), MIB(2), true, &err), -EFAULT);
	assert_says("there is no RAM at guest address 0x120000");
}
END_TEST

/* --- what has been populated --- */

START_TEST(trap_populated_pages_are_not_covered_again)
{
	struct load_item item = {.name = "kernel", .gpa = PAGES(8), .len = PAGES(4)};
	void *page;

	d = &dialects[_i];
	start_as(d, KVM_X86_TDX_VM);
	three_regions();
	add(0, PAGES(32));
	convert(item.gpa, item.len, true);
	for (uint64_t gpa = item.gpa; gpa < item.gpa + item.len; gpa += PAGE_SIZE)
		ck_assert_int_eq(model_populate_page(m, 0, gpa,
						     d->mode == MEM_MODE_SPLIT
							     ? (uintptr_t)mem_source(&mem, &item) +
								       (gpa - item.gpa)
							     : 0,
						     &page),
				 0);
	/* all RAM: the model calls a foul when the kernel on the image is covered */
	for (size_t i = 0; i < mem.nregions; i++)
		convert(mem.region[i].gpa, mem.region[i].len, true);
	ck_assert_uint_eq(model_wasted_pages(m), 0);
	ck_assert_uint_eq(since_start(), 1 + 3 + 2);
	assert_record_is_true();
}
END_TEST

/* --- random --- */

#define ORACLE_PAGES 256

static void random_step(bool *oracle)
{
	uint64_t page = (uint64_t)rand() % ORACLE_PAGES;
	uint64_t n = 1 + (uint64_t)rand() % (ORACLE_PAGES - page);
	bool private = rand() & 1;
	uint64_t runs = 0, before = since_start();

	if (rand() % 4)
		n = n % 8 + 1 < ORACLE_PAGES - page ? n % 8 + 1 : 1;
	for (uint64_t i = page; i < page + n; i++) {
		/* a run ends where a region does: after every 64 pages */
		bool starts = i == page || i % 64 == 0 || oracle[i - 1] == private;

		runs += oracle[i] != private && starts;
	}
	convert(MIB(1) + PAGES(page), PAGES(n), private);
	for (uint64_t i = page; i < page + n; i++)
		oracle[i] = private;
	ck_assert_uint_eq(since_start() - before, runs);
}

START_TEST(ten_thousand_random_conversions)
{
	static bool oracle[ORACLE_PAGES];
	char buf[1];

	start(_i);
	for (uint64_t i = 0; i < ORACLE_PAGES; i += 64)
		add(MIB(1) + PAGES(i), PAGES(64));
	mem_seal(&mem);
	model_seal(m, 0);
	srand(20260923);
	for (int step = 0; step < 10000; step++) {
		uint64_t page = (uint64_t)rand() % ORACLE_PAGES;
		uint64_t gpa = MIB(1) + PAGES(page);

		random_step(oracle);
		ck_assert_int_eq(mem_is_private(&mem, gpa), oracle[page]);
		ck_assert_int_eq(mem_read(&mem, gpa, buf, 1), oracle[page] ? -EACCES : 0);
		ck_assert_int_eq(mem_ptr(&mem, gpa, 1) == NULL, oracle[page]);
		if (step % 500)
			continue;
		for (page = 0; page < ORACLE_PAGES; page++)
			ck_assert_int_eq(mem_is_private(&mem, MIB(1) + PAGES(page)), oracle[page]);
		assert_record_is_true();
	}
	ck_assert_uint_eq(model_wasted_pages(m), 0);
}
END_TEST

SUITE(test_mem_convert)
{
	Suite *s = suite_create("memory conversion");
	TCase *tc = tcase_create("ranges");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, pages_become_private_and_shared_again, 0, DIALECTS);
	tcase_add_loop_test(tc, a_range_is_one_ioctl_however_large, 0, DIALECTS);
	tcase_add_loop_test(tc, only_runs_that_differ_are_converted, 0, DIALECTS);
	tcase_add_loop_test(tc, pages_in_the_wanted_state_cost_nothing, 0, DIALECTS);
	tcase_add_loop_test(tc, a_range_may_span_regions, 0, DIALECTS);
	tcase_add_loop_test(tc, what_is_no_range_of_ram_is_refused_before_anything_is_converted, 0,
			    DIALECTS);
	suite_add_tcase(s, tc);

	tc = tcase_create("populated");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, trap_populated_pages_are_not_covered_again, 0, DIALECTS);
	suite_add_tcase(s, tc);

	tc = tcase_create("random");
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, ten_thousand_random_conversions, 0, DIALECTS);
	suite_add_tcase(s, tc);
	return s;
}
