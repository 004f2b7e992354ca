// SPDX-License-Identifier: MIT
/*
 * What is in the pages that are converted: kept until the launch is finished, whatever the dialect,
 * and in one copy only.
 */
#include "tests/unit/mem_fixture.h"
#include "tests/unit/suite.h"

static const struct dialect *d;

static void start(int dialect)
{
	d = &dialects[dialect];
	start_as(d, KVM_X86_SNP_VM);
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

/* --- contents --- */

static void populate(uint64_t gpa, const struct load_item *item, const char *text)
{
	uint64_t src = mem_source(&mem, item);
	void *page;

	ck_assert_int_eq(model_populate_page(m, 0, gpa, src ? src + (gpa - item->gpa) : 0, &page),
			 0);
	ck_assert_str_eq(page, text);
}

START_TEST(what_was_written_before_the_end_of_the_launch_is_populated)
{
	struct load_item item = {.name = "kernel", .gpa = PAGES(4), .len = PAGES(2)};

	start(_i);
	add(0, PAGES(16));
	ck_assert_int_eq(mem_write(&mem, PAGES(4), "first", 6), 0);
	ck_assert_int_eq(mem_write(&mem, PAGES(5), "second", 7), 0);
	convert(PAGES(4), PAGES(2), true);
	populate(PAGES(4), &item, "first");
	populate(PAGES(5), &item, "second");
	ck_assert_int_eq(mem_discard_shared(&mem, PAGES(4), PAGES(2), &err), 0);
	ck_assert_str_eq(model_guest_ptr(m, 0, PAGES(4), 6), "first");
	ck_assert_str_eq(model_guest_ptr(m, 0, PAGES(5), 7), "second");
}
END_TEST

START_TEST(an_external_source_works_in_every_mode)
{
	static char page[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE))) = "cpuid";
	struct load_item item = {.name = "CPUID", .gpa = PAGES(4), .len = PAGES(1), .src = page};

	start(_i);
	add(0, PAGES(16));
	ck_assert_uint_eq(mem_source(&mem, &item), (uintptr_t)page);
	convert(PAGES(4), PAGES(1), true);
	populate(PAGES(4), &item, "cpuid");
}
END_TEST

START_TEST(the_source_is_in_place_or_the_shared_copy)
{
	struct load_item item = {.name = "kernel", .gpa = PAGES(4), .len = PAGES(2)};

	start(_i);
	add(PAGES(2), PAGES(16));
	if (d->mode == MEM_MODE_IN_PLACE)
		ck_assert_uint_eq(mem_source(&mem, &item), 0);
	else
		ck_assert_uint_eq(mem_source(&mem, &item), (uintptr_t)mem.region[0].hva + PAGES(2));
}
END_TEST

/* The model spoils the contents of revision 5 when they are not asked for, and refuses the request
 * where the kernel does: towards shared, and after the launch. */
START_TEST(preserve_is_asked_for_before_the_end_of_the_launch_only)
{
	start(3);
	ck_assert(mem.preserve);
	add(0, PAGES(16));
	convert(0, PAGES(16), true);
	convert(PAGES(8), PAGES(8), false);
	mem_seal(&mem);
	model_seal(m, 0);
	convert(PAGES(8), PAGES(8), true);
	convert(0, PAGES(16), false);
	assert_record_is_true();
}
END_TEST

START_TEST(contents_are_lost_in_revision_5_without_the_flag)
{
	start(3);
	mem.preserve = false;
	add(0, PAGES(16));
	ck_assert_int_eq(mem_write(&mem, 0, "x", 2), 0);
	convert(0, PAGES(1), true);
	ck_assert_str_ne(model_guest_ptr(m, 0, 0, 2), "x");
}
END_TEST

/* Capabilities that look like those of revision 5, on a kernel that knows no flags: it is asked for
 * one page, and not while real contents are at stake. */
START_TEST(trap_the_flag_is_given_up_when_it_is_refused)
{
	model_set_cap(m, 249, 8);
	model_set_cap(m, 250, 2);
	start(4);
	ck_assert(!mem.preserve);
	add(0, PAGES(16));
	ck_assert_int_eq(mem_write(&mem, 0, "x", 2), 0);
	convert(0, PAGES(4), true);
	ck_assert_str_eq(model_guest_ptr(m, 0, 0, 2), "x");
	/* one for the probe */
	ck_assert_uint_eq(conversions(d), 2);
}
END_TEST

/* A refusal later on is an error: without the flag the contents would be lost, and the launch a
 * success. */
START_TEST(trap_einval_of_a_conversion_does_not_lose_contents)
{
	start(3);
	add(0, PAGES(16));
	ck_assert_int_eq(mem_write(&mem, 0, "x", 2), 0);
	model_fail_nth_of(m, "KVM_SET_MEMORY_ATTRIBUTES2", 1, EINVAL);
	ck_assert_int_eq(mem_convert(&mem, 0, PAGES(4), true, &err), -EINVAL);
	ck_assert(mem.preserve);
	convert(0, PAGES(4), true);
	ck_assert_str_eq(model_guest_ptr(m, 0, 0, 2), "x");
}
END_TEST

/* --- the other copy --- */

START_TEST(trap_memory_never_doubles_during_the_launch)
{
	struct load_item item = {.name = "initrd", .gpa = 0, .len = MIB(1)};
	uint64_t largest = 0;

	start(_i);
	add(0, MIB(4));
	memset(mem_ptr(&mem, 0, MIB(1)), 'x', MIB(1));
	ck_assert_uint_eq(model_memory_in_use(m), MIB(1));
	convert(0, MIB(1), true);
	for (uint64_t gpa = 0; gpa < MIB(1); gpa += KIB(64)) {
		for (uint64_t at = gpa; at < gpa + KIB(64); at += PAGE_SIZE) {
			uint64_t src = mem_source(&mem, &item);
			void *page;

			ck_assert_int_eq(model_populate_page(m, 0, at, src ? src + at : 0, &page),
					 0);
		}
		if (model_memory_in_use(m) > largest)
			largest = model_memory_in_use(m);
		ck_assert_int_eq(mem_discard_shared(&mem, gpa, KIB(64), &err), 0);
	}
	ck_assert_uint_le(largest, MIB(1) + KIB(64));
	ck_assert_uint_eq(model_memory_in_use(m), MIB(1));
	ck_assert_mem_eq(model_guest_ptr(m, 0, MIB(1) - 4, 4), "xxxx", 4);
}
END_TEST

START_TEST(trap_memory_never_doubles_at_run_time)
{
	start(_i);
	add(0, MIB(4));
	mem_seal(&mem);
	model_seal(m, 0);
	memset(mem_ptr(&mem, 0, MIB(2)), 'x', MIB(2));
	for (int round = 0; round < 4; round++) {
		bool private = round % 2 == 0;

		convert(0, MIB(2), private);
		/* the guest writes what it has got */
		memset(model_guest_ptr(m, 0, 0, MIB(2)), 'y', MIB(2));
		ck_assert_uint_eq(model_memory_in_use(m), MIB(2));
	}
	ck_assert_uint_eq(mem.stats.discards, d->mode == MEM_MODE_SPLIT ? 4 : 0);
}
END_TEST

START_TEST(trap_stale_contents_do_not_come_back)
{
	char text[8] = "?";

	start(_i);
	add(0, PAGES(4));
	mem_seal(&mem);
	model_seal(m, 0);
	ck_assert_int_eq(mem_write(&mem, 0, "stale", 6), 0);
	convert(0, PAGES(1), true);
	convert(0, PAGES(1), false);
	ck_assert_int_eq(mem_read(&mem, 0, text, 6), 0);
	ck_assert_str_ne(text, "stale");
}
END_TEST

START_TEST(a_shared_copy_in_use_is_not_discarded)
{
	start(_i);
	add(0, PAGES(16));
	convert(0, PAGES(8), true);
	ck_assert_int_eq(mem_discard_shared(&mem, 0, PAGES(8), &err), 0);
	if (d->mode == MEM_MODE_IN_PLACE) {
		/* there is one copy only, and nothing to do; a hole would be a foul */
		ck_assert_int_eq(mem_discard_shared(&mem, 0, PAGES(16), &err), 0);
		ck_assert_uint_eq(model_count(m, "fallocate"), 0);
		return;
	}
	ck_assert_int_eq(mem_discard_shared(&mem, PAGES(4), PAGES(8), &err), -EINVAL);
	assert_says("the page at 0x8000 (RAM) is shared");
	ck_assert_uint_eq(model_count(m, "fallocate"), 1);
}
END_TEST

/* The page has changed, only its other copy is still there. */
START_TEST(a_copy_that_cannot_be_discarded_is_an_error_and_the_record_is_true)
{
	start(_i);
	add(0, PAGES(16));
	mem_seal(&mem);
	model_fail_nth_of(m, "fallocate", 1, EIO);
	ck_assert_int_eq(mem_convert(&mem, 0, PAGES(4), true, &err), -EIO);
	assert_says("unable to make 0+0x4000 (RAM) private: unable to discard the unused copy in "
		    "the memfd");
	ck_assert(all_are(0, PAGES(4), true));
	assert_record_is_true();
	model_fail_nth_of(m, "fallocate", 1, EINTR);
	convert(0, PAGES(4), false);
}
END_TEST

/* Repeating the conversion instead would find it done, and leave the copy where it is. */
START_TEST(discarding_is_repeated_by_itself)
{
	uint64_t discards, calls;

	start(_i);
	add(0, PAGES(16));
	mem_seal(&mem);
	discards = mem.stats.discards;
	calls = model_count(m, "fallocate");
	model_fail_nth_of(m, "fallocate", 1, EAGAIN);
	convert(0, PAGES(4), true);
	ck_assert_uint_eq(mem.stats.discards, discards + 1);
	ck_assert_uint_eq(model_count(m, "fallocate"), calls + 2);
}
END_TEST

/* Devices wait for the region meanwhile: a fifth of a second, whatever the kernel says. */
START_TEST(discarding_is_not_repeated_for_ever)
{
	static const int codes[] = {EINTR, EAGAIN};
	unsigned long calls;

	for (size_t i = 0; i < 2; i++) {
		teardown();
		setup();
		start(_i);
		add(0, PAGES(16));
		mem_seal(&mem);
		calls = model_count(m, "fallocate");
		model_answer(m, "fallocate", -codes[i]);
		ck_assert_int_eq(mem_convert(&mem, 0, PAGES(4), true, &err), -EBUSY);
		ck_assert_uint_eq(model_count(m, "fallocate"), calls + 10);
		ck_assert_uint_le(paused_us, 200000);
		assert_record_is_true();
	}
}
END_TEST

SUITE(test_mem_contents)
{
	Suite *s = suite_create("memory contents");
	TCase *tc;

	tc = tcase_create("contents");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, what_was_written_before_the_end_of_the_launch_is_populated, 0,
			    DIALECTS);
	tcase_add_loop_test(tc, an_external_source_works_in_every_mode, 0, DIALECTS);
	tcase_add_loop_test(tc, the_source_is_in_place_or_the_shared_copy, 0, DIALECTS);
	tcase_add_test(tc, preserve_is_asked_for_before_the_end_of_the_launch_only);
	tcase_add_test(tc, contents_are_lost_in_revision_5_without_the_flag);
	tcase_add_test(tc, trap_the_flag_is_given_up_when_it_is_refused);
	tcase_add_test(tc, trap_einval_of_a_conversion_does_not_lose_contents);
	tcase_add_loop_test(tc, trap_memory_never_doubles_during_the_launch, 0, DIALECTS);
	tcase_add_loop_test(tc, trap_memory_never_doubles_at_run_time, 0, DIALECTS);
	tcase_add_loop_test(tc, trap_stale_contents_do_not_come_back, 0, DIALECTS);
	tcase_add_loop_test(tc, a_shared_copy_in_use_is_not_discarded, 0, DIALECTS);
	tcase_add_loop_test(tc, a_copy_that_cannot_be_discarded_is_an_error_and_the_record_is_true,
			    0, FIRST_INPLACE);
	tcase_add_loop_test(tc, discarding_is_repeated_by_itself, 0, FIRST_INPLACE);
	tcase_add_loop_test(tc, discarding_is_not_repeated_for_ever, 0, FIRST_INPLACE);
	suite_add_tcase(s, tc);
	return s;
}
