// SPDX-License-Identifier: MIT
/*
 * Conversions that fail: pages in use, every errno that the ioctls have, failures half-way. And
 * KVM_HC_MAP_GPA_RANGE, where the answer goes to a guest.
 */
#include "tests/unit/mem_fixture.h"
#include "tests/unit/suite.h"

static const struct dialect *d;

static void start(int dialect)
{
	d = &dialects[dialect];
	start_as(d, KVM_X86_SNP_VM);
	add(MIB(1), PAGES(64));
	add(MIB(1) + PAGES(64), PAGES(64));
}

static void convert(uint64_t gpa, uint64_t len, bool private)
{
	ck_assert_msg(mem_convert(&mem, gpa, len, private, &err) == 0, "%s", err.text);
}

static uint64_t private_pages(void)
{
	uint64_t n = 0;

	for (uint64_t gpa = MIB(1); gpa < MIB(1) + PAGES(128); gpa += PAGE_SIZE)
		n += mem_is_private(&mem, gpa) == 1;
	return n;
}

/* --- pages in use: in place only --- */

START_TEST(a_page_that_is_in_use_for_a_while_is_waited_for)
{
	start(_i);
	model_pin_page(m, 0, MIB(1) + PAGES(9), 7);
	convert(MIB(1), PAGES(16), true);
	ck_assert_uint_eq(private_pages(), 16);
	ck_assert_uint_eq(mem.stats.retries, 7);
	ck_assert_uint_eq(mem.stats.conversions, 1);
	/* each wait is longer than the one before: 100 us, doubled six times */
	ck_assert_uint_eq(pauses, 7);
	ck_assert_uint_eq(paused_us, 100 * 127);
	assert_record_is_true();
}
END_TEST

/* Sixteen ranges, each refused ten times before it is converted: what a whole call waits is
 * bounded, not what each range waits. */
START_TEST(all_waiting_of_a_call_is_bounded)
{
	start(_i);
	for (unsigned int i = 1; i < 32; i += 2)
		convert(MIB(1) + PAGES(i), PAGE_SIZE, true);
	for (unsigned int i = 0; i < 32; i += 2)
		model_pin_page(m, 0, MIB(1) + PAGES(i), 10);
	paused_us = 0;
	ck_assert_int_eq(mem_convert(&mem, MIB(1), PAGES(32), true, &err), -EAGAIN);
	ck_assert_uint_gt(private_pages(), 16 + 10);
	ck_assert_uint_ge(paused_us, 900000);
	ck_assert_uint_le(paused_us, 1000000);
	assert_record_is_true();
	/* and again, with fresh patience */
	convert(MIB(1), PAGES(32), true);
}
END_TEST

START_TEST(the_final_error_names_range_and_page)
{
	start(_i);
	model_pin_page(m, 0, MIB(1) + PAGES(11), 0);
	model_pin_page(m, 0, MIB(1) + PAGES(9), 0);
	ck_assert_int_eq(mem_convert(&mem, MIB(1) + PAGES(8), PAGES(8), true, &err), -EAGAIN);
	assert_says("unable to make 0x108000+0x8000 (RAM) private: KVM_SET_MEMORY_ATTRIBUTES2 "
		    "failed on guest_memfd: EAGAIN");
	assert_says("the page at guest address 0x109000 is in use");
	ck_assert_uint_eq(private_pages(), 0);
	assert_record_is_true();
	/* bounded: about a second, in waits of at most 20 ms */
	ck_assert_uint_ge(paused_us, 500000);
	ck_assert_uint_le(paused_us, 1000000);
	ck_assert_uint_eq(longest_pause, 20000);

	model_unpin_page(m, 0, MIB(1) + PAGES(11));
	model_unpin_page(m, 0, MIB(1) + PAGES(9));
	convert(MIB(1) + PAGES(8), PAGES(8), true);
}
END_TEST

/* error_offset counts in the file, and the region does not start at guest address 0. */
START_TEST(trap_error_offset_is_absolute_in_the_file_and_no_guest_address)
{
	start(_i);
	model_pin_page(m, 0, MIB(1) + PAGES(64 + 3), 0);
	ck_assert_int_eq(mem_convert(&mem, MIB(1) + PAGES(66), PAGES(4), true, &err), -EAGAIN);
	assert_says("unable to make 0x142000+0x4000");
	assert_says("the page at guest address 0x143000 is in use");
}
END_TEST

START_TEST(trap_a_refused_conversion_changes_nothing_and_the_host_can_go_on)
{
	start(_i);
	ck_assert_int_eq(mem_write(&mem, MIB(1), "still here", 11), 0);
	model_pin_page(m, 0, MIB(1) + PAGES(15), 0);
	ck_assert_int_eq(mem_convert(&mem, MIB(1), PAGES(16), true, &err), -EAGAIN);
	ck_assert_str_eq(mem_ptr(&mem, MIB(1), 11), "still here");
	ck_assert(can_touch(mem_ptr(&mem, MIB(1), 1)));
	assert_record_is_true();
}
END_TEST

START_TEST(pauses_are_short_again_after_progress)
{
	start(_i);
	/* ten attempts for each of two runs: eight of the pauses double, two are the longest */
	convert(MIB(1) + PAGES(4), PAGES(1), true);
	model_pin_page(m, 0, MIB(1), 10);
	model_pin_page(m, 0, MIB(1) + PAGES(8), 10);
	convert(MIB(1), PAGES(16), true);
	ck_assert_uint_eq(mem.stats.retries, 20);
	ck_assert_uint_eq(paused_us, 2 * (100 * 255 + 2 * 20000));
	ck_assert_uint_eq(mem.stats.conversions, 3);
}
END_TEST

START_TEST(conversions_get_through_when_every_second_one_is_refused)
{
	start(_i);
	model_set_gmem_eagain_every(m, 2);
	for (uint64_t i = 0; i < 64; i += 2)
		convert(MIB(1) + PAGES(i), PAGES(1), true);
	convert(MIB(1), PAGES(128), true);
	ck_assert_uint_eq(private_pages(), 128);
	ck_assert_uint_gt(mem.stats.retries, 30);
	ck_assert_uint_eq(model_wasted_pages(m), 0);
}
END_TEST

START_TEST(trap_nobody_is_asked_about_references_on_the_way_to_shared)
{
	start(_i);
	convert(MIB(1), PAGES(16), true);
	model_pin_page(m, 0, MIB(1), 0);
	model_set_gmem_eagain_every(m, 1);
	convert(MIB(1), PAGES(16), false);
	ck_assert_uint_eq(mem.stats.retries, 0);
}
END_TEST

/* --- every errno --- */

static const int codes[] = {ENOTTY, EFAULT, EINVAL,  ENOMEM, EOPNOTSUPP, EBUSY,
			    EEXIST, EIO,    ENODATA, EBADF,  EPERM};

START_TEST(an_error_is_returned_as_it_came_and_changes_nothing)
{
	int code = codes[_i / DIALECTS];

	start(_i % DIALECTS);
	convert(MIB(1) + PAGES(64), PAGES(32), true);
	model_answer(m, d->conversion, -code);
	ck_assert_int_eq(mem_convert(&mem, MIB(1), PAGES(16), true, &err), -code);
	assert_says("unable to make 0x100000+0x10000 (RAM) private: ");
	assert_says(d->conversion);
	assert_says(strerrorname_np(code));
	ck_assert_int_eq(mem_convert(&mem, MIB(1) + PAGES(64), PAGES(16), false, &err), -code);
	assert_says("unable to make 0x140000+0x10000 (RAM) shared: ");
	ck_assert_uint_eq(pauses, 0);
	ck_assert_uint_eq(private_pages(), 32);
	assert_record_is_true();
}
END_TEST

START_TEST(a_signal_is_no_error)
{
	start(_i);
	model_fail_nth_of(m, d->conversion, 1, EINTR);
	convert(MIB(1), PAGES(16), true);
	ck_assert_uint_eq(mem.stats.retries, 1);
	assert_record_is_true();
}
END_TEST

START_TEST(trap_the_record_is_true_after_a_failure_between_two_runs)
{
	start(_i);
	convert(MIB(1) + PAGES(20), PAGES(10), true);
	convert(MIB(1) + PAGES(40), PAGES(10), true);
	/* runs of 20, 10, 14 pages, then the second region: the n-th fails */
	for (int n = 1; n <= 4; n++) {
		static const uint64_t done[] = {0, 20, 10, 14};
		uint64_t before = private_pages();

		model_fail_nth_of(m, d->conversion, n == 1 ? 1 : 2, ENOMEM);
		ck_assert_int_eq(mem_convert(&mem, MIB(1), PAGES(128), true, &err), -ENOMEM);
		ck_assert_uint_eq(private_pages() - before, done[n - 1]);
		assert_record_is_true();
	}
	assert_says("unable to make 0x140000+0x40000");
	convert(MIB(1), PAGES(128), true);
	ck_assert_uint_eq(private_pages(), 128);
	ck_assert_uint_eq(model_wasted_pages(m), 0);
}
END_TEST

/* --- KVM_HC_MAP_GPA_RANGE --- */

#define ENCRYPTED 16

static int map_gpa(uint64_t gpa, uint64_t npages, uint64_t attributes)
{
	return mem_map_gpa_range(&mem, gpa, npages, attributes, UINT64_MAX, &err);
}

START_TEST(a_guest_converts_in_both_directions_across_regions)
{
	start(_i);
	ck_assert_int_eq(map_gpa(MIB(1) + PAGES(60), 8, ENCRYPTED), 0);
	ck_assert_uint_eq(private_pages(), 8);
	ck_assert_int_eq(map_gpa(MIB(1) + PAGES(62), 4, 0), 0);
	ck_assert_uint_eq(private_pages(), 4);
	assert_record_is_true();
}
END_TEST

START_TEST(trap_page_size_hints_are_no_request_for_private)
{
	start(_i);
	for (uint64_t hint = 0; hint < 16; hint++)
		ck_assert_int_eq(map_gpa(MIB(1), 16, hint), 0);
	ck_assert_uint_eq(private_pages(), 0);
	ck_assert_int_eq(map_gpa(MIB(1), 16, ENCRYPTED | 1), 0);
	ck_assert_uint_eq(private_pages(), 16);
}
END_TEST

START_TEST(trap_pages_are_4_kib_also_in_requests_for_large_ones)
{
	start(_i);
	ck_assert_int_eq(map_gpa(MIB(1), 2, ENCRYPTED | 1), 0);
	ck_assert_uint_eq(private_pages(), 2);
}
END_TEST

START_TEST(trap_holes_can_be_made_shared_and_not_private)
{
	start(_i);
	/* OVMF: all of the 32-bit device hole, the I/O APIC */
	ck_assert_int_eq(map_gpa(0xc0000000, 0x3c000, 0), 0);
	ck_assert_int_eq(map_gpa(0xfec00000, 1, 0), 0);
	ck_assert_int_eq(map_gpa(0xfec00000, 1, ENCRYPTED), -EINVAL);
	assert_says("there is no RAM at guest address 0xfec00000");
	/* half RAM, half hole, and over everything */
	ck_assert_int_eq(map_gpa(MIB(1) + PAGES(120), 16, ENCRYPTED), -EINVAL);
	ck_assert_uint_eq(private_pages(), 0);
	ck_assert_int_eq(map_gpa(MIB(1), 128, ENCRYPTED), 0);
	ck_assert_int_eq(map_gpa(MIB(1) + PAGES(120), 16, 0), 0);
	ck_assert_uint_eq(private_pages(), 120);
	ck_assert_int_eq(map_gpa(0, 1ULL << 40, 0), 0);
	ck_assert_uint_eq(private_pages(), 0);
	assert_record_is_true();
}
END_TEST

START_TEST(trap_a_storm_over_terabytes_without_ram_is_cheap)
{
	unsigned long before;

	start(_i);
	before = model_calls(m);
	for (uint64_t gpa = 1ULL << 40; gpa < (1ULL << 40) + GIB(64); gpa += MIB(2))
		ck_assert_int_eq(map_gpa(gpa, 512, 0), 0);
	ck_assert_uint_eq(model_calls(m), before);
}
END_TEST

START_TEST(what_makes_no_sense_is_an_invalid_operand)
{
	static const struct {
		uint64_t gpa, npages;
	} bad[] = {
		{MIB(1) + 1, 1},
		{MIB(1) + 2048, 1},
		{MIB(1), 0},
		{MIB(1), 1ULL << 52},
		{MIB(1), (1ULL << 52) + 1},
		{MIB(1), UINT64_MAX},
		{MIB(1), 1ULL << 63},
		{UINT64_MAX - PAGE_SIZE + 1, 1},
		{UINT64_MAX, 1},
		{MIB(1), (1ULL << 52) - 1},
	};

	start(_i);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ck_assert_int_eq(map_gpa(bad[i].gpa, bad[i].npages, ENCRYPTED), -EINVAL);
		ck_assert_int_eq(map_gpa(bad[i].gpa, bad[i].npages, 0), -EINVAL);
		assert_says("is not a range of pages");
	}
	ck_assert_uint_eq(private_pages(), 0);
}
END_TEST

START_TEST(a_plain_vm_has_nothing_to_convert)
{
	create_vm(&dialects[_i], KVM_X86_DEFAULT_VM);
	add(0, PAGES(4));
	ck_assert_int_eq(map_gpa(0, 1, ENCRYPTED), -EINVAL);
	ck_assert_int_eq(map_gpa(0, 1, 0), -EINVAL);
}
END_TEST

/* KVM_RUN fails for any other number. */
START_TEST(trap_a_guest_is_told_nothing_but_0_eagain_and_einval)
{
	static const struct {
		int code, told;
	} cases[] = {
		{EAGAIN, -EAGAIN},     {EINTR, -EAGAIN},  {ENOMEM, -EAGAIN},
		{EINVAL, -EINVAL},     {EFAULT, -EINVAL}, {ENOTTY, -EINVAL},
		{EOPNOTSUPP, -EINVAL}, {EBUSY, -EINVAL},  {EIO, -EINVAL},
	};

	for (int i = 0; i < DIALECTS; i++) {
		start(i);
		mem_seal(&mem);
		model_answer(m, d->conversion, -cases[_i].code);
		ck_assert_int_eq(map_gpa(MIB(1), 1, ENCRYPTED), cases[_i].told);
		ck_assert_uint_eq(private_pages(), 0);
		assert_record_is_true();
		teardown();
		setup();
	}
}
END_TEST

SUITE(test_mem_failure)
{
	Suite *s = suite_create("failing conversions");
	TCase *tc = tcase_create("in use");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_page_that_is_in_use_for_a_while_is_waited_for, FIRST_INPLACE,
			    DIALECTS);
	tcase_add_loop_test(tc, the_final_error_names_range_and_page, FIRST_INPLACE, DIALECTS);
	tcase_add_loop_test(tc, all_waiting_of_a_call_is_bounded, FIRST_INPLACE, DIALECTS);
	tcase_add_loop_test(tc, trap_error_offset_is_absolute_in_the_file_and_no_guest_address,
			    FIRST_INPLACE, DIALECTS);
	tcase_add_loop_test(tc, trap_a_refused_conversion_changes_nothing_and_the_host_can_go_on,
			    FIRST_INPLACE, DIALECTS);
	tcase_add_loop_test(tc, pauses_are_short_again_after_progress, FIRST_INPLACE, DIALECTS);
	tcase_add_loop_test(tc, conversions_get_through_when_every_second_one_is_refused,
			    FIRST_INPLACE, DIALECTS);
	tcase_add_loop_test(tc, trap_nobody_is_asked_about_references_on_the_way_to_shared,
			    FIRST_INPLACE, DIALECTS);
	suite_add_tcase(s, tc);

	tc = tcase_create("errors");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, an_error_is_returned_as_it_came_and_changes_nothing, 0,
			    (int)(DIALECTS * ARRAY_SIZE(codes)));
	tcase_add_loop_test(tc, a_signal_is_no_error, 0, DIALECTS);
	tcase_add_loop_test(tc, trap_the_record_is_true_after_a_failure_between_two_runs, 0,
			    DIALECTS);
	suite_add_tcase(s, tc);

	tc = tcase_create("MAP_GPA_RANGE");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_guest_converts_in_both_directions_across_regions, 0, DIALECTS);
	tcase_add_loop_test(tc, trap_page_size_hints_are_no_request_for_private, 0, DIALECTS);
	tcase_add_loop_test(tc, trap_pages_are_4_kib_also_in_requests_for_large_ones, 0, DIALECTS);
	tcase_add_loop_test(tc, trap_holes_can_be_made_shared_and_not_private, 0, DIALECTS);
	tcase_add_loop_test(tc, trap_a_storm_over_terabytes_without_ram_is_cheap, 0, DIALECTS);
	tcase_add_loop_test(tc, what_makes_no_sense_is_an_invalid_operand, 0, DIALECTS);
	tcase_add_loop_test(tc, a_plain_vm_has_nothing_to_convert, 0, DIALECTS);
	tcase_add_loop_test(tc, trap_a_guest_is_told_nothing_but_0_eagain_and_einval, 0, 9);
	suite_add_tcase(s, tc);
	return s;
}
