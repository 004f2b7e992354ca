// SPDX-License-Identifier: MIT
/*
 * The typed KVM wrappers over the model: what they hand to KVM, what they leave behind, and that
 * each failure is a sentence with the ioctl, its object, the errno's name and the remedy.
 */
#include "tests/unit/suite.h"
#include "vmm/kvm/kvm.h"

#include "tests/mock/objects.h"
#include "vmm/base/bytes.h"
#include "vmm/kvm/device_hint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct model *m;
static struct kvm_system kvm;
static struct kvm_vm vm;
static struct vmm_error err;

static void setup(void)
{
	m = model_new();
	err = (struct vmm_error){0};
	kvm.h.fd = vm.h.fd = -1;
}

/* After each test nothing may be left, whatever failed in it. */
static void teardown(void)
{
	if (vm.h.fd >= 0)
		kvm_vm_close(&vm);
	if (kvm.h.fd >= 0)
		kvm_system_close(&kvm);
	model_check_clean(m);
	model_free(m);
}

static void open_vm(void)
{
	ck_assert_int_eq(kvm_system_open(&kvm, model_sys(m), &err), 0);
	ck_assert_int_eq(kvm_vm_create(&vm, &kvm, KVM_X86_DEFAULT_VM, &err), 0);
}

static void assert_says(const char *text)
{
	ck_assert_msg(strstr(err.text, text) != NULL, "\"%s\" is missing in \"%s\"", text,
		      err.text);
}

START_TEST(kvm_opens_and_closes)
{
	ck_assert_int_eq(kvm_system_open(&kvm, model_sys(m), &err), 0);
	ck_assert_int_ge(kvm.h.fd, 0);
	ck_assert_uint_eq(kvm.run_size, MODEL_RUN_SIZE);
	kvm_system_close(&kvm);
	ck_assert_int_eq(kvm.h.fd, -1);
	kvm_system_close(&kvm);
}
END_TEST

static const struct {
	int code;
	const char *name;
	const char *remedy;
} open_failures[] = {
	{ENOENT, "ENOENT", "modprobe kvm_amd"},
	{ENODEV, "ENODEV", "firmware setup"},
	{ENXIO, "ENXIO", "modprobe"},
	{EACCES, "EACCES", "usermod -aG kvm"},
	{ENOENT, "ENOENT", "--device /dev/kvm"},
	{EPERM, "EPERM", "--device /dev/kvm"},
	{EMFILE, "EMFILE", "unable to open /dev/kvm"},
};

START_TEST(a_missing_dev_kvm_names_the_remedy)
{
	model_answer(m, "open /dev/kvm", -open_failures[_i].code);
	ck_assert_int_eq(kvm_system_open(&kvm, model_sys(m), &err), -open_failures[_i].code);
	ck_assert_int_eq(err.code, -open_failures[_i].code);
	assert_says("unable to open /dev/kvm");
	assert_says(open_failures[_i].name);
	assert_says(open_failures[_i].remedy);
	ck_assert_int_eq(kvm.h.fd, -1);
}
END_TEST

/* What keeps a user out depends on the device's mode, owner and group. */
START_TEST(who_may_open_a_device_is_said)
{
	static const struct {
		int code;
		mode_t mode;
		uid_t owner;
		gid_t gid;
		const char *group;
		const char *says;
	} devices[] = {
		{-EACCES, 0660, 0, 104, "kvm", "root and the group kvm may, mode 0660"},
		{-EACCES, 0660, 0, 104, "kvm", "usermod -aG kvm USER"},
		{-EACCES, 0660, 0, 104, "kvm", "--group-add 104"},
		{-EACCES, 0660, 0, 36, "", "the group 36 may"},
		{-EACCES, 0660, 1000, 104, "kvm", "its owner and the group kvm"},
		{-EACCES, 0600, 0, 0, "root", "only root may, mode 0600"},
		{-EACCES, 0660, 0, 0, "root", "only root may, mode 0660"}, /* nobody joins that */
		{-EACCES, 0600, 0, 0, "root", "chmod 0660 /dev/kvm"},
		{-EACCES, 0640, 0, 104, "kvm", "only root may, mode 0640"},
		{-EACCES, 0666, 0, 104, "kvm", "a security module"},
		{-EPERM, 0666, 0, 104, "kvm", "--device /dev/kvm"},
	};
	char text[DEVICE_HINT];

	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		struct sys_owner owner = {.mode = S_IFCHR | devices[i].mode,
					  .uid = devices[i].owner,
					  .gid = devices[i].gid};

		snprintf(owner.group, sizeof(owner.group), "%s", devices[i].group);
		device_hint_mode("/dev/kvm", devices[i].code, &owner, text);
		ck_assert_msg(strstr(text, devices[i].says) != NULL, "\"%s\" is not in \"%s\"",
			      devices[i].says, text);
	}
	/* the real one: folder and group that every host has */
	ck_assert(device_hint(sys_host(), "/", -EACCES, text));
	ck_assert_msg(strstr(text, "only root may") != NULL, "%s", text);
	ck_assert(device_hint(sys_host(), "/nosuch/device", -EACCES, text));
	ck_assert_msg(strstr(text, "a folder on the way") != NULL, "%s", text);
	ck_assert(!device_hint(sys_host(), "/", -ENOENT, text));
}
END_TEST

/* A KVM that works by page tables alone: a guest there says nothing, for ever. */
START_TEST(a_kvm_without_svm_and_vmx_is_refused)
{
	model_set_pagetable_based(m);
	ck_assert_int_eq(kvm_system_open(&kvm, model_sys(m), &err), -ENOTSUP);
	assert_says("neither SVM nor VMX");
	assert_says("no ordinary kernel runs");
	ck_assert_int_eq(kvm.h.fd, -1);
}
END_TEST

START_TEST(another_api_version_is_refused)
{
	model_answer(m, "KVM_GET_API_VERSION", 11);
	ck_assert_int_eq(kvm_system_open(&kvm, model_sys(m), &err), -ENOTSUP);
	assert_says("API version 11, not 12");
	ck_assert_int_eq(kvm.h.fd, -1);
}
END_TEST

START_TEST(a_kvm_run_that_is_too_small_is_refused)
{
	model_answer(m, "KVM_GET_VCPU_MMAP_SIZE", (int)sizeof(struct kvm_run) - 1);
	ck_assert_int_eq(kvm_system_open(&kvm, model_sys(m), &err), -ENOTSUP);
	assert_says("struct kvm_run");
	ck_assert_int_eq(kvm.h.fd, -1);
}
END_TEST

START_TEST(failing_first_questions_leave_nothing_open)
{
	static const char *const calls[] = {"KVM_GET_API_VERSION", "KVM_GET_VCPU_MMAP_SIZE"};

	model_answer(m, calls[_i], -ENOTTY);
	ck_assert_int_eq(kvm_system_open(&kvm, model_sys(m), &err), -ENOTTY);
	assert_says(calls[_i]);
	assert_says("/dev/kvm");
	assert_says("ENOTTY");
	ck_assert_int_eq(kvm.h.fd, -1);
}
END_TEST

START_TEST(a_vm_type_that_is_not_offered_points_to_probe)
{
	ck_assert_int_eq(kvm_system_open(&kvm, model_sys(m), &err), 0);
	ck_assert_int_eq(kvm_vm_create(&vm, &kvm, KVM_X86_SNP_VM, &err), -EINVAL);
	assert_says("KVM_CREATE_VM failed on /dev/kvm: EINVAL");
	assert_says("minivmm probe");
	ck_assert_int_eq(vm.h.fd, -1);
}
END_TEST

START_TEST(an_occupied_cpu_is_explained)
{
	ck_assert_int_eq(kvm_system_open(&kvm, model_sys(m), &err), 0);
	model_answer(m, "KVM_CREATE_VM", -EBUSY);
	ck_assert_int_eq(kvm_vm_create(&vm, &kvm, 0, &err), -EBUSY);
	assert_says("another hypervisor");
}
END_TEST

START_TEST(a_signal_during_create_vm_is_harmless)
{
	ck_assert_int_eq(kvm_system_open(&kvm, model_sys(m), &err), 0);
	model_fail_at(m, model_calls(m) + 1, EINTR);
	ck_assert_int_eq(kvm_vm_create(&vm, &kvm, 0, &err), 0);
	ck_assert_uint_eq(model_count(m, "KVM_CREATE_VM"), 2);
	ck_assert_uint_eq(model_vms(m), 1);
}
END_TEST

START_TEST(too_many_open_files_are_explained)
{
	ck_assert_int_eq(kvm_system_open(&kvm, model_sys(m), &err), 0);
	model_answer(m, "KVM_CREATE_VM", -EMFILE);
	ck_assert_int_eq(kvm_vm_create(&vm, &kvm, 0, &err), -EMFILE);
	assert_says("ulimit -n");
}
END_TEST

START_TEST(a_vcpu_has_its_kvm_run)
{
	struct kvm_vcpu vcpu;

	open_vm();
	ck_assert_int_eq(kvm_vcpu_create(&vcpu, &vm, &kvm, 3, &err), 0);
	ck_assert_ptr_nonnull(vcpu.run);
	ck_assert_uint_eq(vcpu.run_size, MODEL_RUN_SIZE);
	ck_assert_str_eq(vcpu.h.name, "vCPU 3");
	ck_assert_uint_eq(model_vcpu(m, 0, 3)->id, 3);
	vcpu.run->immediate_exit = 1;
	ck_assert_uint_eq(model_vcpu(m, 0, 3)->run->immediate_exit, 1);
	kvm_vcpu_close(&vcpu);
	ck_assert_ptr_null(vcpu.run);
	ck_assert_int_eq(vcpu.h.fd, -1);
	kvm_vcpu_close(&vcpu);
}
END_TEST

START_TEST(a_second_vcpu_of_the_same_id_is_refused_by_name)
{
	struct kvm_vcpu a, b;

	open_vm();
	ck_assert_int_eq(kvm_vcpu_create(&a, &vm, &kvm, 7, &err), 0);
	ck_assert_int_eq(kvm_vcpu_create(&b, &vm, &kvm, 7, &err), -EEXIST);
	assert_says("vCPU 7: KVM_CREATE_VCPU failed on VM: EEXIST");
	kvm_vcpu_close(&a);
}
END_TEST

START_TEST(more_vcpus_than_the_host_allows_point_to_probe)
{
	struct kvm_vcpu vcpu[3];

	model_set_cap(m, KVM_CAP_MAX_VCPUS, 2);
	open_vm();
	for (uint32_t i = 0; i < 2; i++)
		ck_assert_int_eq(kvm_vcpu_create(&vcpu[i], &vm, &kvm, i, &err), 0);
	ck_assert_int_eq(kvm_vcpu_create(&vcpu[2], &vm, &kvm, 2, &err), -EINVAL);
	assert_says("more vCPUs than the host allows");
	for (uint32_t i = 0; i < 2; i++)
		kvm_vcpu_close(&vcpu[i]);
}
END_TEST

START_TEST(a_kvm_run_that_cannot_be_mapped_leaves_no_vcpu)
{
	struct kvm_vcpu vcpu;

	open_vm();
	model_answer(m, "mmap", -ENOMEM);
	ck_assert_int_eq(kvm_vcpu_create(&vcpu, &vm, &kvm, 0, &err), -ENOMEM);
	assert_says("unable to map struct kvm_run of vCPU 0: ENOMEM");
	ck_assert_int_eq(vcpu.h.fd, -1);
	ck_assert_ptr_null(vcpu.run);
}
END_TEST

START_TEST(capabilities_are_numbers_and_failures_count_as_none)
{
	open_vm();
	ck_assert_int_eq(kvm_system_cap(&kvm, KVM_CAP_MAX_VCPUS), 1024);
	ck_assert_int_eq(kvm_vm_cap(&vm, KVM_CAP_MAX_VCPUS), 1024);
	ck_assert_int_eq(kvm_vm_cap(&vm, 100000), 0);
	model_answer(m, "KVM_CHECK_EXTENSION", -EIO);
	ck_assert_int_eq(kvm_system_cap(&kvm, KVM_CAP_MAX_VCPUS), 0);
	ck_assert_int_eq(kvm_vm_cap(&vm, KVM_CAP_MAX_VCPUS), 0);
}
END_TEST

START_TEST(a_guest_memfd_closes_on_exec)
{
	const uint64_t flags = GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED;
	int fd;

	open_vm();
	fd = kvm_vm_create_guest_memfd(&vm, 8192, flags, &err);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	sys_close(model_sys(m), &fd);
	ck_assert_int_eq(kvm_vm_create_guest_memfd(&vm, 0, flags, &err), -EINVAL);
	ck_assert_int_eq(kvm_vm_create_guest_memfd(&vm, 4095, flags, &err), -EINVAL);
	ck_assert_int_eq(kvm_vm_create_guest_memfd(&vm, 4096, 1ULL << 7, &err), -EINVAL);
	assert_says("KVM_CREATE_GUEST_MEMFD failed on VM: EINVAL");
}
END_TEST

START_TEST(an_old_kernel_is_named_as_the_cause)
{
	model_set_cap(m, KVM_CAP_GUEST_MEMFD, 0);
	open_vm();
	ck_assert_int_eq(kvm_vm_create_guest_memfd(&vm, 4096, 0, &err), -ENOTTY);
	assert_says("the host kernel is too old");
}
END_TEST

START_TEST(a_capability_is_enabled_with_its_argument)
{
	open_vm();
	ck_assert_int_eq(kvm_vm_enable_cap(&vm, KVM_CAP_X2APIC_API, 3, &err), 0);
	ck_assert_int_eq(kvm_vm_enable_cap(&vm, 100000, 0, &err), -EINVAL);
	assert_says("KVM_ENABLE_CAP failed on VM: EINVAL");
}
END_TEST

START_TEST(remedies_of_other_calls)
{
	static const struct {
		const char *call;
		int code;
		const char *remedy;
	} t[] = {
		{"KVM_CREATE_IRQCHIP", ENOTTY, "no interrupt controllers for this type of VM"},
		{"KVM_CREATE_PIT2", ENOTTY, "no interrupt controllers for this type of VM"},
		{"KVM_SET_USER_MEMORY_REGION", ENOMEM, "too little memory"},
	};
	struct kvm_pit_config pit = {0};
	struct kvm_userspace_memory_region region = {0};
	int ret;

	open_vm();
	model_answer(m, t[_i].call, -t[_i].code);
	if (_i == 0)
		ret = kvm_vm_create_irqchip(&vm, 0, &err);
	else if (_i == 1)
		ret = kvm_vm_create_pit2(&vm, &pit, &err);
	else
		ret = kvm_vm_set_region(&vm, &region, &err);
	ck_assert_int_eq(ret, -t[_i].code);
	assert_says(t[_i].call);
	assert_says("failed on VM");
	assert_says(t[_i].remedy);
}
END_TEST

START_TEST(the_supported_cpuid_needs_room)
{
	const size_t size = sizeof(struct kvm_cpuid2) + 256 * sizeof(struct kvm_cpuid_entry2);
	struct kvm_cpuid2 *cpuid = calloc(1, size);

	ck_assert_int_eq(kvm_system_open(&kvm, model_sys(m), &err), 0);
	cpuid->nent = 4;
	ck_assert_int_eq(kvm_get_supported_cpuid(&kvm, cpuid, &err), -E2BIG);
	ck_assert_uint_eq(cpuid->nent, 4);
	cpuid->nent = 256;
	ck_assert_int_eq(kvm_get_supported_cpuid(&kvm, cpuid, &err), 0);
	ck_assert_uint_gt(cpuid->nent, 10);
	ck_assert_uint_lt(cpuid->nent, 256);
	ck_assert_uint_eq(cpuid->entries[0].function, 0);
	free(cpuid);
}
END_TEST

START_TEST(kvm_run_returns_the_errno_without_a_message)
{
	static const struct model_step steps[] = {OUT(0x80, 1, 0x42), RETURN(EFAULT)};
	struct kvm_vcpu vcpu;

	model_script(m, 0, 0, steps, ARRAY_SIZE(steps));
	open_vm();
	ck_assert_int_eq(kvm_vcpu_create(&vcpu, &vm, &kvm, 0, &err), 0);
	ck_assert_int_eq(kvm_vcpu_run(&vcpu), 0);
	ck_assert_uint_eq(vcpu.run->exit_reason, KVM_EXIT_IO);
	ck_assert_uint_eq(vcpu.run->io.port, 0x80);
	ck_assert_int_eq(kvm_vcpu_run(&vcpu), -EFAULT);
	ck_assert_str_eq(err.text, "");
	kvm_vcpu_close(&vcpu);
}
END_TEST

START_TEST(vcpu_state_goes_through_unchanged)
{
	struct kvm_vcpu vcpu;
	struct kvm_regs regs = {.rip = 0x1000000, .rsi = 0x7000, .rflags = 2}, got;
	struct kvm_sregs sregs, sgot;

	open_vm();
	ck_assert_int_eq(kvm_vcpu_create(&vcpu, &vm, &kvm, 0, &err), 0);
	ck_assert_int_eq(kvm_vcpu_set_regs(&vcpu, &regs, &err), 0);
	ck_assert_int_eq(kvm_vcpu_get_regs(&vcpu, &got, &err), 0);
	ck_assert_mem_eq(&regs, &got, sizeof(regs));
	ck_assert_int_eq(kvm_vcpu_get_sregs(&vcpu, &sregs, &err), 0);
	sregs.cr3 = 0x9000;
	ck_assert_int_eq(kvm_vcpu_set_sregs(&vcpu, &sregs, &err), 0);
	ck_assert_int_eq(kvm_vcpu_get_sregs(&vcpu, &sgot, &err), 0);
	ck_assert_mem_eq(&sregs, &sgot, sizeof(sregs));
	sregs.efer = 1 << 10; /* LMA without paging */
	ck_assert_int_eq(kvm_vcpu_set_sregs(&vcpu, &sregs, &err), -EINVAL);
	assert_says("KVM_SET_SREGS failed on vCPU 0: EINVAL");
	kvm_vcpu_close(&vcpu);
}
END_TEST

static TCase *all_tests(void)
{
	TCase *tc = tcase_create("kvm");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, kvm_opens_and_closes);
	tcase_add_loop_test(tc, a_missing_dev_kvm_names_the_remedy, 0, ARRAY_SIZE(open_failures));
	tcase_add_test(tc, who_may_open_a_device_is_said);
	tcase_add_test(tc, a_kvm_without_svm_and_vmx_is_refused);
	tcase_add_test(tc, another_api_version_is_refused);
	tcase_add_test(tc, a_kvm_run_that_is_too_small_is_refused);
	tcase_add_loop_test(tc, failing_first_questions_leave_nothing_open, 0, 2);
	tcase_add_test(tc, a_vm_type_that_is_not_offered_points_to_probe);
	tcase_add_test(tc, an_occupied_cpu_is_explained);
	tcase_add_test(tc, a_signal_during_create_vm_is_harmless);
	tcase_add_test(tc, too_many_open_files_are_explained);
	tcase_add_test(tc, a_vcpu_has_its_kvm_run);
	tcase_add_test(tc, a_second_vcpu_of_the_same_id_is_refused_by_name);
	tcase_add_test(tc, more_vcpus_than_the_host_allows_point_to_probe);
	tcase_add_test(tc, a_kvm_run_that_cannot_be_mapped_leaves_no_vcpu);
	tcase_add_test(tc, capabilities_are_numbers_and_failures_count_as_none);
	tcase_add_test(tc, a_guest_memfd_closes_on_exec);
	tcase_add_test(tc, an_old_kernel_is_named_as_the_cause);
	tcase_add_test(tc, a_capability_is_enabled_with_its_argument);
	tcase_add_loop_test(tc, remedies_of_other_calls, 0, 3);
	tcase_add_test(tc, the_supported_cpuid_needs_room);
	tcase_add_test(tc, kvm_run_returns_the_errno_without_a_message);
	tcase_add_test(tc, vcpu_state_goes_through_unchanged);
	return tc;
}

SUITE(test_kvm)
{
	Suite *s = suite_create("kvm");

	suite_add_tcase(s, all_tests());
	return s;
}
