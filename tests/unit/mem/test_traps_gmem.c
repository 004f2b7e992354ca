// SPDX-License-Identifier: MIT
/*
 * Traps of KVM's guest_memfd interface that others stumbled over. Most of those of conversion are in
 * test_mem_failure.c and test_mem_mode.c, those of filling private pages in test_traps_populate.c,
 * EHWPOISON and both forms of a memory fault in test_cc_exits.c, too few address bits for MapGPA in
 * test_cc_tdx.c.
 */
#include "tests/unit/mem_fixture.h"
#include "tests/unit/suite.h"

/*
 * KVM writes its answer, the offset of the page in the way, back to the caller's structure after a
 * conversion that failed, and only then. So EFAULT tells of a failure whose reason got lost: nothing
 * was converted, nothing is known to be transient, and the same call may succeed later.
 */
START_TEST(trap_efault_of_the_copy_back_taken_for_a_conversion)
{
	const struct dialect *d = &dialects[_i];
	uint8_t *p;

	start_as(d, KVM_X86_SNP_VM);
	add(0, PAGES(16));
	p = mem_ptr(&mem, PAGES(4), PAGES(2));
	memset(p, 0x77, PAGES(2));
	model_fail_nth_of(m, d->conversion, 1, EFAULT);
	ck_assert_int_eq(mem_convert(&mem, PAGES(4), PAGES(2), true, &err), -EFAULT);
	assert_says("EFAULT");
	assert_says("unable to make 0x4000+0x2000 (RAM) private");
	ck_assert_uint_eq(pauses, 0);
	ck_assert_uint_eq(mem.stats.conversions, 0);
	assert_record_is_true();
	/* they are still shared, and what was written is there */
	ck_assert_int_eq(mem_is_private(&mem, PAGES(4)), 0);
	ck_assert(can_touch(p));
	ck_assert_uint_eq(p[PAGES(2) - 1], 0x77);
	ck_assert_int_eq(mem_convert(&mem, PAGES(4), PAGES(2), true, &err), 0);
	assert_record_is_true();

	/* a guest that runs is told that its request failed */
	mem_seal(&mem);
	model_fail_nth_of(m, d->conversion, 1, EFAULT);
	ck_assert_int_eq(mem_map_gpa_range(&mem, PAGES(4), 2, 0, UINT64_MAX, &err), -EINVAL);
	ck_assert_int_eq(mem_is_private(&mem, PAGES(4)), 1);
	assert_record_is_true();
}
END_TEST

/* error_offset is set for ENOMEM as well, to the start of the range: that names no page in use. */
START_TEST(trap_error_offset_of_enomem_taken_for_a_page_in_use)
{
	start_as(&dialects[_i], KVM_X86_SNP_VM);
	add(0, PAGES(16));
	model_fail_nth_of(m, dialects[_i].conversion, 1, ENOMEM);
	ck_assert_int_eq(mem_convert(&mem, 0, PAGES(2), true, &err), -ENOMEM);
	assert_says("ENOMEM");
	ck_assert_ptr_null(strstr(err.text, "in use"));
	ck_assert_uint_eq(pauses, 0);
	assert_record_is_true();
}
END_TEST

SUITE(test_traps_gmem)
{
	Suite *s = suite_create("traps_gmem");
	TCase *tc = tcase_create("traps");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, trap_efault_of_the_copy_back_taken_for_a_conversion, FIRST_INPLACE,
			    DIALECTS);
	tcase_add_loop_test(tc, trap_error_offset_of_enomem_taken_for_a_page_in_use, FIRST_INPLACE,
			    DIALECTS);
	suite_add_tcase(s, tc);
	return s;
}
