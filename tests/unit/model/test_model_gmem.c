// SPDX-License-Identifier: MIT
/*
 * The model's private memory itself, straight through the seam: it refuses what kernels refuse,
 * with their errnos.
 */
#include "tests/unit/gmem_files.h"
#include "tests/unit/suite.h"

#include <signal.h>

/* --- the ioctl on the file --- */

START_TEST(in_place_arguments_are_checked)
{
	static const struct gmem_attributes bad[] = {
		{.offset = 0, .size = 4096, .attributes = 8, .flags = 1ULL << 2},
		{.offset = 0, .size = 4096, .attributes = 8, .flags = 3},
		{.offset = 0, .size = 4096, .attributes = 8, .reserved[0] = 1},
		{.offset = 0, .size = 4096, .attributes = 8, .reserved[10] = 1},
		{.offset = 0, .size = 4096, .attributes = 1},
		{.offset = 0, .size = 4096, .attributes = 8 | 16},
		{.offset = 0, .size = 0, .attributes = 8},
		{.offset = 1, .size = 4096, .attributes = 8},
		{.offset = 0, .size = 4097, .attributes = 8},
		{.offset = 15 * 4096, .size = 2 * 4096, .attributes = 8},
		{.offset = 16 * 4096, .size = 4096, .attributes = 8},
		{.offset = UINT64_MAX - 4095, .size = 4096, .attributes = 8},
		{.offset = 4096, .size = UINT64_MAX - 4095, .attributes = 8},
	};
	static const enum model_gmem_dialect kernels[] = {MODEL_GMEM_REV5, MODEL_GMEM_REV7,
							  MODEL_GMEM_REV8, MODEL_GMEM_NEXT};
	int fd;

	start(kernels[_i], KVM_X86_SNP_VM);
	fd = create_file(mapped);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct gmem_attributes a = bad[i];

		ck_assert_int_eq(kvm_gmem_set_attributes(sys(), fd, &a, &err), -EINVAL);
		ck_assert_uint_eq(a.error_offset, 0);
	}
	ck_assert_int_eq(convert(fd, 0, PAGES(16), 8, 0), 0);
	ck_assert_int_eq(convert(fd, 0, PAGES(16), 0, 0), 0);
	sys_close(sys(), &fd);
}
END_TEST

START_TEST(flags_are_of_revision_5_only)
{
	struct gmem_attributes a = {.size = 4096, .attributes = 8, .error_offset = 1};
	int fd;

	start(MODEL_GMEM_REV5, KVM_X86_SNP_VM);
	fd = create_file(mapped);
	ck_assert_int_eq(kvm_gmem_set_attributes(sys(), fd, &a, &err), -EINVAL);
	/* ZERO on the way to private, PRESERVE on the way back and after the end */
	ck_assert_int_eq(convert(fd, 0, PAGES(1), 8, 1), -EOPNOTSUPP);
	ck_assert_int_eq(convert(fd, 0, PAGES(4), 8, GMEM_PRESERVE), 0);
	ck_assert_int_eq(convert(fd, 0, PAGES(1), 0, GMEM_PRESERVE), -EOPNOTSUPP);
	ck_assert_int_eq(convert(fd, 0, PAGES(1), 0, 1), 0);
	model_seal(m, 0);
	ck_assert_int_eq(convert(fd, 0, PAGES(1), 8, GMEM_PRESERVE), -EOPNOTSUPP);
	/* nothing changes: nobody looks at flags that are valid */
	ck_assert_int_eq(convert(fd, PAGES(1), PAGES(3), 8, GMEM_PRESERVE), 0);
	sys_close(sys(), &fd);
}
END_TEST

START_TEST(other_kernels_refuse_the_flag)
{
	int fd;

	start(_i ? MODEL_GMEM_REV8 : MODEL_GMEM_REV7, KVM_X86_SNP_VM);
	fd = create_file(mapped);
	ck_assert_int_eq(convert(fd, 0, PAGES(1), 8, GMEM_PRESERVE), -EINVAL);
	sys_close(sys(), &fd);
}
END_TEST

START_TEST(what_does_not_convert_in_place_says_enotty)
{
	int fd;

	start(_i ? MODEL_GMEM_6_18 : MODEL_GMEM_6_12, KVM_X86_SNP_VM);
	fd = create_file(0);
	ck_assert_int_eq(convert(fd, 0, 0, 8, 0), -ENOTTY);
	sys_close(sys(), &fd);
}
END_TEST

START_TEST(a_plain_vm_has_no_private_pages)
{
	int fd;

	start(MODEL_GMEM_REV8, KVM_X86_DEFAULT_VM);
	fd = create_file(mapped);
	ck_assert_int_eq(convert(fd, 0, PAGES(1), 8, 0), -EINVAL);
	sys_close(sys(), &fd);
}
END_TEST

START_TEST(the_first_page_in_use_is_reported_by_its_offset_in_the_file)
{
	struct gmem_attributes a = {.offset = PAGES(2), .size = PAGES(8), .attributes = 8};
	void *p;
	int fd;

	start(MODEL_GMEM_REV8, KVM_X86_SNP_VM);
	fd = create_file(mapped);
	p = map(fd);
	ck_assert_int_eq(set_slot(0, GIB(1), fd, 0, PAGES(16), p), 0);
	model_pin_page(m, 0, GIB(1) + PAGES(7), 0);
	model_pin_page(m, 0, GIB(1) + PAGES(5), 0);
	model_pin_page(m, 0, GIB(1) + PAGES(1), 0);
	ck_assert_int_eq(kvm_gmem_set_attributes(sys(), fd, &a, &err), -EAGAIN);
	ck_assert_uint_eq(a.error_offset, PAGES(5));
	ck_assert(!model_page_private(m, 0, GIB(1) + PAGES(2)));
	release(fd, p);
}
END_TEST

/* --- the ioctl on the VM --- */

START_TEST(split_arguments_are_checked)
{
	static const struct kvm_memory_attributes bad[] = {
		{.address = 0, .size = 4096, .attributes = 8, .flags = 1},
		{.address = 0, .size = 4096, .attributes = 1},
		{.address = 0, .size = 0, .attributes = 8},
		{.address = 1, .size = 4096, .attributes = 8},
		{.address = 0, .size = 4097, .attributes = 8},
		{.address = UINT64_MAX - 4095, .size = 8192, .attributes = 8},
	};

	start(MODEL_GMEM_6_12, KVM_X86_SNP_VM);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct kvm_memory_attributes a = bad[i];

		ck_assert_int_eq(kvm_vm_set_attributes(&vm, &a, &err), -EINVAL);
	}
}
END_TEST

START_TEST(trap_a_vm_refuses_private_where_files_keep_the_record)
{
	struct kvm_memory_attributes a = {.size = 4096, .attributes = 8};

	start(MODEL_GMEM_REV8, KVM_X86_SNP_VM);
	ck_assert_int_eq(kvm_vm_cap(&vm, KVM_CAP_MEMORY_ATTRIBUTES), 0);
	ck_assert_int_eq(kvm_vm_set_attributes(&vm, &a, &err), -EINVAL);
}
END_TEST

/* --- files, mappings, slots --- */

START_TEST(trap_flags_beyond_the_capability_are_refused)
{
	start(MODEL_GMEM_6_18, KVM_X86_SNP_VM);
	ck_assert_int_eq(kvm_vm_cap(&vm, KVM_CAP_GUEST_MEMFD_FLAGS), GUEST_MEMFD_FLAG_MMAP);
	ck_assert_int_eq(kvm_vm_create_guest_memfd(&vm, PAGES(1), mapped, &err), -EINVAL);
	ck_assert_int_eq(kvm_vm_create_guest_memfd(&vm, PAGES(1), 4, &err), -EINVAL);
	ck_assert_int_eq(kvm_vm_create_guest_memfd(&vm, 0, 0, &err), -EINVAL);
	ck_assert_int_eq(kvm_vm_create_guest_memfd(&vm, 4097, 0, &err), -EINVAL);
}
END_TEST

START_TEST(a_guest_memfd_is_mapped_shared_or_not_at_all)
{
	void *p;
	int fd, closed;

	start(MODEL_GMEM_REV8, KVM_X86_SNP_VM);
	fd = create_file(mapped);
	ck_assert_int_eq(sys()->ops->mmap(sys()->ctx, &p, PAGES(16), PROT_READ, MAP_PRIVATE, fd, 0),
			 -EINVAL);
	closed = create_file(0);
	ck_assert_int_eq(
		sys()->ops->mmap(sys()->ctx, &p, PAGES(16), PROT_READ, MAP_SHARED, closed, 0),
		-ENODEV);
	sys_close(sys(), &fd);
	sys_close(sys(), &closed);
}
END_TEST

START_TEST(trap_private_pages_are_efault_to_system_calls_in_every_mapping)
{
	uint8_t *p, *q;
	int fd;

	start(MODEL_GMEM_REV8, KVM_X86_SNP_VM);
	fd = create_file(mapped);
	p = map(fd);
	ck_assert_int_eq(convert(fd, PAGES(3), PAGES(2), 8, 0), 0);
	q = map(fd); /* after the conversion */
	for (uint64_t i = 0; i < 16; i++) {
		ck_assert_int_eq(can_touch(p + PAGES(i)), i < 3 || i > 4);
		ck_assert_int_eq(can_touch(q + PAGES(i)), i < 3 || i > 4);
	}
	ck_assert_int_eq(convert(fd, PAGES(3), PAGES(2), 0, 0), 0);
	ck_assert(can_touch(p + PAGES(3)) && can_touch(q + PAGES(4)));
	sys()->ops->munmap(sys()->ctx, q, PAGES(16));
	release(fd, p);
}
END_TEST

static void touch_private_page(void)
{
	volatile uint8_t *p;
	int fd;

	start(MODEL_GMEM_REV8, KVM_X86_SNP_VM);
	fd = create_file(mapped);
	p = map(fd);
	ck_assert_int_eq(convert(fd, 0, PAGES(1), 8, 0), 0);
	signal(SIGBUS, SIG_DFL); /* a sanitizer's handler would make something else of it */
	*p = 1;
}

START_TEST(trap_a_private_page_raises_sigbus)
{
	touch_private_page();
}
END_TEST

START_TEST(a_file_starts_private_without_the_flag)
{
	uint8_t *p;
	int fd;

	start(MODEL_GMEM_REV8, KVM_X86_SNP_VM);
	fd = create_file(GUEST_MEMFD_FLAG_MMAP);
	p = map(fd);
	ck_assert(!can_touch(p));
	ck_assert_int_eq(convert(fd, 0, PAGES(1), 0, 0), 0);
	ck_assert(can_touch(p));
	release(fd, p);
}
END_TEST

START_TEST(a_range_of_a_file_is_bound_once)
{
	uint8_t *p;
	int fd;

	start(MODEL_GMEM_REV8, KVM_X86_SNP_VM);
	fd = create_file(mapped);
	p = map(fd);
	ck_assert_int_eq(set_slot(0, 0, fd, 0, PAGES(8), p), 0);
	ck_assert_int_eq(set_slot(1, GIB(1), fd, PAGES(7), PAGES(2), p + PAGES(7)), -EEXIST);
	ck_assert_int_eq(set_slot(1, GIB(1), fd, PAGES(8), PAGES(8), p + PAGES(8)), 0);
	ck_assert_int_eq(set_slot(2, GIB(2), fd, PAGES(15), PAGES(2), p), -EINVAL);
	ck_assert_int_eq(set_slot(0, 0, fd, 0, PAGES(8), p), -EINVAL); /* cannot be changed */
	release(fd, p);
}
END_TEST

START_TEST(fallocate_knows_holes_only)
{
	const int hole = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	const struct sys_ops *ops;
	int fd;

	start(MODEL_GMEM_6_12, KVM_X86_SNP_VM);
	ops = sys()->ops;
	fd = create_file(0);
	ck_assert_int_eq(ops->fallocate(sys()->ctx, fd, 0, 0, PAGES(1)), -EOPNOTSUPP);
	ck_assert_int_eq(ops->fallocate(sys()->ctx, fd, FALLOC_FL_ZERO_RANGE, 0, PAGES(1)),
			 -EOPNOTSUPP);
	ck_assert_int_eq(ops->fallocate(sys()->ctx, fd, hole, 1, PAGES(1)), -EINVAL);
	ck_assert_int_eq(ops->fallocate(sys()->ctx, fd, hole, 0, 0), -EINVAL);
	ck_assert_int_eq(ops->fallocate(sys()->ctx, fd, hole, 0, PAGES(1)), 0);
	ck_assert_int_eq(ops->fallocate(sys()->ctx, fd, FALLOC_FL_KEEP_SIZE, 0, PAGES(1)), 0);
	sys_close(sys(), &fd);
}
END_TEST

SUITE(test_model_gmem)
{
	Suite *s = suite_create("model of private memory");
	TCase *tc = tcase_create("refusals");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, in_place_arguments_are_checked, 0, 4);
	tcase_add_test(tc, flags_are_of_revision_5_only);
	tcase_add_loop_test(tc, other_kernels_refuse_the_flag, 0, 2);
	tcase_add_loop_test(tc, what_does_not_convert_in_place_says_enotty, 0, 2);
	tcase_add_test(tc, a_plain_vm_has_no_private_pages);
	tcase_add_test(tc, the_first_page_in_use_is_reported_by_its_offset_in_the_file);
	tcase_add_test(tc, split_arguments_are_checked);
	tcase_add_test(tc, trap_a_vm_refuses_private_where_files_keep_the_record);
	tcase_add_test(tc, trap_flags_beyond_the_capability_are_refused);
	tcase_add_test(tc, a_guest_memfd_is_mapped_shared_or_not_at_all);
	tcase_add_test(tc, trap_private_pages_are_efault_to_system_calls_in_every_mapping);
	tcase_add_test_raise_signal(tc, trap_a_private_page_raises_sigbus, SIGBUS);
	tcase_add_test(tc, a_file_starts_private_without_the_flag);
	tcase_add_test(tc, a_range_of_a_file_is_bound_once);
	tcase_add_test(tc, fallocate_knows_holes_only);
	suite_add_tcase(s, tc);
	return s;
}
