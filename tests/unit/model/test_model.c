// SPDX-License-Identifier: MIT
/* The model of KVM that other tests trust: its answers about memory and interrupts, its failures.
 */
#include "tests/unit/model_fixture.h"
#include "tests/unit/suite.h"

/* --- memory slots --- */

START_TEST(slots_are_checked_as_linux_does)
{
	const uint64_t at = (uintptr_t)ram;
	uint64_t len = MIB(1);

	ck_assert_int_eq(set_region(0, 1, 4096, at), -EINVAL);
	ck_assert_int_eq(set_region(0, 0, 4095, at), -EINVAL);
	ck_assert_int_eq(set_region(0, 0, 4096, at + 1), -EINVAL);
	ck_assert_int_eq(set_region(0, 0, 4096, 1ULL << 47), -EINVAL);
	ck_assert_int_eq(set_region(0, UINT64_MAX - 4095, 4096, at), -EINVAL);
	ck_assert_int_eq(set_region(0, 1ULL << 48, 4096, at), -EINVAL);
	ck_assert_int_eq(set_region(32764, 0, 4096, at), -EINVAL);
	ck_assert_int_eq(set_region(0, 0, 0, at), -EINVAL);

	ck_assert_int_eq(set_region(0, 0, len, at), 0);
	ck_assert_int_eq(set_region(1, len - 4096, 4096, at), -EEXIST);
	ck_assert_int_eq(set_region(1, len, 4096, at), 0);
	ck_assert_int_eq(set_region(0, 0, len, at), 0);
	ck_assert_int_eq(set_region(0, 0, len / 2, at), -EINVAL);
	ck_assert_int_eq(set_region(0, 0, len, at + 4096), -EINVAL);
	ck_assert_int_eq(set_region(0, 4096, len, at), -EEXIST);
	ck_assert_int_eq(set_region(0, 2 * len, len, at), 0);
	ck_assert_ptr_null(model_guest_ptr(m, 0, 0, 1));
	ck_assert_ptr_eq(model_guest_ptr(m, 0, 2 * len + 5, 1), ram + 5);
	ck_assert_int_eq(set_region(0, 0, 0, 0), 0);
	ck_assert_int_eq(set_region(1, 0, 0, 0), 0);
	ck_assert_int_eq(set_region(1, 0, 0, 0), -EINVAL);
}
END_TEST

START_TEST(kvms_own_pages_are_taken)
{
	const uint64_t at = (uintptr_t)ram;

	ck_assert_int_eq(set_region(0, 0xfffbc000, 4096, at), -EEXIST);
	ck_assert_int_eq(set_region(0, 0xfee00000, 4096, at), -EEXIST);
	ck_assert_int_eq(set_region(0, 0xfee01000, 4096, at), 0);
	ck_assert_int_eq(kvm_vm_set_tss_addr(&vm, 0xfffbd000, &err), 0);
	ck_assert_int_eq(set_region(1, 0xfffbf000, 4096, at), -EEXIST);
	ck_assert_int_eq(set_region(1, 0xfffc0000, 4096, at), 0);
	ck_assert_int_eq(kvm_vm_set_tss_addr(&vm, 0xfffff000, &err), -EINVAL);
}
END_TEST

static int bind(uint32_t slot, uint64_t gpa, uint64_t len, int fd, uint64_t offset)
{
	struct kvm_userspace_memory_region2 r = {.slot = slot,
						 .flags = KVM_MEM_GUEST_MEMFD,
						 .guest_phys_addr = gpa,
						 .memory_size = len,
						 .userspace_addr = (uintptr_t)ram,
						 .guest_memfd = (uint32_t)fd,
						 .guest_memfd_offset = offset};

	return kvm_vm_set_region2(&vm, &r, &err);
}

START_TEST(a_guest_memfd_is_bound_once_to_its_own_vm)
{
	struct kvm_vm other;
	int fd, foreign;

	ck_assert_int_eq(kvm_vm_create(&other, &kvm, KVM_X86_DEFAULT_VM, &err), 0);
	fd = kvm_vm_create_guest_memfd(&vm, 65536, 0, &err);
	foreign = kvm_vm_create_guest_memfd(&other, 65536, 0, &err);
	ck_assert_int_eq(bind(0, 0, 8192, 999, 0), -EBADF);
	ck_assert_int_eq(bind(0, 0, 8192, -1, 0), -EBADF);
	ck_assert_int_eq(bind(0, 0, 8192, kvm.h.fd, 0), -EINVAL);
	ck_assert_int_eq(bind(0, 0, 8192, foreign, 0), -EINVAL);
	ck_assert_int_eq(bind(0, 0, 8192, fd, 1), -EINVAL);
	ck_assert_int_eq(bind(0, 0, 8192, fd, 65536 - 4096), -EINVAL);
	ck_assert_int_eq(bind(0, 0, 8192, fd, UINT64_MAX - 4095), -EINVAL);
	ck_assert_int_eq(bind(0, 0, 8192, fd, 4096), 0);
	ck_assert_int_eq(bind(1, MIB(1), 8192, fd, 8192), -EEXIST);
	ck_assert_int_eq(bind(1, MIB(1), 8192, fd, 12288), 0);
	/* such slots never change */
	ck_assert_int_eq(bind(0, MIB(2), 8192, fd, 4096), -EINVAL);
	ck_assert_int_eq(set_region(0, 0, 0, 0), 0);
	ck_assert_int_eq(bind(0, MIB(2), 8192, fd, 4096), 0);
	sys_close(sys, &fd);
	sys_close(sys, &foreign);
	kvm_vm_close(&other);
}
END_TEST

START_TEST(a_guest_memfd_is_mapped_only_as_its_flags_say)
{
	int with = kvm_vm_create_guest_memfd(&vm, 4096, GUEST_MEMFD_FLAG_MMAP, &err);
	int without = kvm_vm_create_guest_memfd(&vm, 4096, 0, &err);
	const int rw = PROT_READ | PROT_WRITE;
	void *p;

	ck_assert_int_eq(sys->ops->mmap(sys->ctx, &p, 4096, rw, MAP_SHARED, without, 0), -ENODEV);
	ck_assert_int_eq(sys->ops->mmap(sys->ctx, &p, 4096, rw, MAP_PRIVATE, with, 0), -EINVAL);
	ck_assert_int_eq(sys->ops->mmap(sys->ctx, &p, 4096, rw, MAP_SHARED, with, 0), 0);
	ck_assert_int_eq(sys->ops->munmap(sys->ctx, p, 4096), 0);
	sys_close(sys, &with);
	sys_close(sys, &without);
}
END_TEST

/* --- failing --- */

START_TEST(the_nth_call_fails_and_does_nothing)
{
	unsigned long n = model_calls(m);
	int a, b;

	model_fail_at(m, n + 2, EMFILE);
	a = sys->ops->eventfd(sys->ctx);
	ck_assert_int_ge(a, 0);
	ck_assert_int_eq(sys->ops->eventfd(sys->ctx), -EMFILE);
	b = sys->ops->eventfd(sys->ctx);
	ck_assert_int_ge(b, 0);
	ck_assert_uint_eq(model_calls(m), n + 3);
	ck_assert_str_eq(model_call_name(m, n + 2), "eventfd");
	ck_assert_str_eq(model_call_name(m, n + 4), "?");
	ck_assert_uint_eq(model_count(m, "eventfd"), 3);
	sys_close(sys, &a);
	sys_close(sys, &b);
	ck_assert_uint_eq(model_calls(m), n + 3);
}
END_TEST

START_TEST(leaks_are_named_with_their_call)
{
	char text[512], expected[64];
	int fd;

	fd = sys->ops->memfd(sys->ctx, "low RAM", 0);
	snprintf(expected, sizeof(expected), "(memfd \"low RAM\") of call %lu", model_calls(m));
	ck_assert_uint_eq(model_leaks(m, text, sizeof(text)), 6);
	ck_assert_msg(strstr(text, expected) != NULL, "%s", text);
	ck_assert_msg(strstr(text, "vCPU 0 of VM 0") != NULL, "%s", text);
	sys_close(sys, &fd);
}
END_TEST

/* --- interrupts --- */

START_TEST(interrupts_need_a_controller_and_valid_arguments)
{
	struct kvm_irqfd irqfd = {.gsi = 5};
	struct kvm_ioeventfd io = {.addr = 0xd0000050, .len = 4};
	struct kvm_pit_config pit = {.flags = 2};
	struct kvm_irq_level irq = {.irq = 9};
	struct kvm_vm bare;
	int fd;

	ck_assert_int_eq(kvm_vm_create(&bare, &kvm, KVM_X86_DEFAULT_VM, &err), 0);
	ck_assert_int_eq(kvm_vm_irq_line(&bare, &irq, &err), -ENXIO);
	ck_assert_int_eq(kvm_vm_create_pit2(&bare, &(struct kvm_pit_config){0}, &err), -ENOENT);
	ck_assert_int_eq(kvm_vm_irqfd(&bare, &irqfd, &err), -EAGAIN);
	kvm_vm_close(&bare);

	ck_assert_int_eq(kvm_vm_create_irqchip(&vm, 0, &err), -EEXIST);
	ck_assert_int_eq(kvm_vm_create_pit2(&vm, &pit, &err), -EINVAL);
	fd = sys->ops->eventfd(sys->ctx);
	irqfd.fd = (uint32_t)kvm.h.fd;
	ck_assert_int_eq(kvm_vm_irqfd(&vm, &irqfd, &err), -EINVAL);
	irqfd.fd = (uint32_t)fd;
	ck_assert_int_eq(kvm_vm_irqfd(&vm, &irqfd, &err), 0);
	ck_assert_int_eq(kvm_vm_irqfd(&vm, &irqfd, &err), -EBUSY);
	io.fd = fd;
	ck_assert_int_eq(kvm_vm_ioeventfd(&vm, &io, &err), 0);
	ck_assert_int_eq(kvm_vm_ioeventfd(&vm, &io, &err), -EEXIST);
	io.flags = KVM_IOEVENTFD_FLAG_DEASSIGN;
	ck_assert_int_eq(kvm_vm_ioeventfd(&vm, &io, &err), 0);
	ck_assert_int_eq(kvm_vm_ioeventfd(&vm, &io, &err), -ENOENT);
	sys_close(sys, &fd);
}
END_TEST

SUITE(test_model)
{
	Suite *s = suite_create("model");
	TCase *tc = tcase_create("model");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, slots_are_checked_as_linux_does);
	tcase_add_test(tc, kvms_own_pages_are_taken);
	tcase_add_test(tc, a_guest_memfd_is_bound_once_to_its_own_vm);
	tcase_add_test(tc, a_guest_memfd_is_mapped_only_as_its_flags_say);
	tcase_add_test(tc, the_nth_call_fails_and_does_nothing);
	tcase_add_test(tc, leaks_are_named_with_their_call);
	tcase_add_test(tc, interrupts_need_a_controller_and_valid_arguments);
	suite_add_tcase(s, tc);
	return s;
}
