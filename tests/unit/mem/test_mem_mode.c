// SPDX-License-Identifier: MIT
/* Which memory mode a VM gets on which kernel, why not another, and what its regions are made of.
 */
#include "tests/unit/mem_fixture.h"
#include "tests/unit/suite.h"

#include <fcntl.h>

/* --- what is offered --- */

static const struct {
	enum model_gmem_dialect kernel;
	bool hybrid;
	const char *not_in_place; /* part of the reason, NULL: offered */
	const char *not_split;
	bool preserve;
} kernels[] = {
	{MODEL_GMEM_6_12, false, "has no in-place conversion", NULL, false},
	{MODEL_GMEM_6_18, false, "has no in-place conversion", NULL, false},
	{MODEL_GMEM_REV5, false, NULL, "would never look at a second mapping", true},
	{MODEL_GMEM_REV5, true, NULL, NULL, true},
	{MODEL_GMEM_REV7, false, NULL, "would never look at a second mapping", false},
	{MODEL_GMEM_REV8, false, NULL, "would never look at a second mapping", false},
	{MODEL_GMEM_REV8, true, NULL, NULL, false},
	{MODEL_GMEM_NEXT, false, NULL, "would never look at a second mapping", false},
};

static const unsigned long types[] = {KVM_X86_SW_PROTECTED_VM, KVM_X86_SNP_VM, KVM_X86_TDX_VM};

static void assert_reason(enum mem_mode mode, const char *reason)
{
	if (!reason)
		ck_assert_ptr_null(offer.why_not[mode]);
	else
		ck_assert_ptr_nonnull(strstr(offer.why_not[mode], reason));
}

START_TEST(each_kernel_offers_its_modes)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct dialect d = {.kernel = kernels[_i].kernel, .hybrid = kernels[_i].hybrid};

		create_vm(&d, types[i]);
		ck_assert_int_eq(mem_probe(&vm, types[i], &offer, &err), 0);
		assert_reason(MEM_MODE_IN_PLACE, kernels[_i].not_in_place);
		assert_reason(MEM_MODE_SPLIT, kernels[_i].not_split);
		assert_reason(MEM_MODE_SHARED, "a confidential VM needs private memory");
		ck_assert_int_eq(offer.preserve, kernels[_i].preserve);
		kvm_vm_close(&vm);
		kvm_system_close(&kvm);
	}
}
END_TEST

/* And that in a guest_memfd, if it insists and the kernel has one for it. */
START_TEST(a_plain_vm_is_offered_shared_memory_only)
{
	struct dialect d = {.kernel = kernels[_i].kernel, .hybrid = kernels[_i].hybrid};

	create_vm(&d, KVM_X86_DEFAULT_VM);
	ck_assert_int_eq(mem_probe(&vm, KVM_X86_DEFAULT_VM, &offer, &err), 0);
	assert_reason(MEM_MODE_SHARED, NULL);
	/* Linux 6.12 has no guest_memfd for it */
	assert_reason(MEM_MODE_IN_PLACE,
		      _i == 0 ? "no guest_memfd that a plain VM could map" : NULL);
	assert_reason(MEM_MODE_SPLIT, "a plain VM has no private memory");
	ck_assert_int_eq(mem_set_mode(&mem, &offer, MEM_MODE_AUTO, &err), 0);
	ck_assert_int_eq(mem.mode, MEM_MODE_SHARED);
	ck_assert_int_eq(mem.backing, MEM_ANONYMOUS);
	add(0, MIB(2));
	ck_assert_ptr_null(mem.region[0].state);
	ck_assert_int_eq(mem_convert(&mem, 0, PAGE_SIZE, true, &err), -ENOTSUP);
	if (_i == 0)
		return;
	mem_destroy(&mem);
	ck_assert_int_eq(mem_set_mode(&mem, &offer, MEM_MODE_IN_PLACE, &err), 0);
	ck_assert_int_eq(mem.mode, MEM_MODE_SHARED);
	ck_assert_int_eq(mem.backing, MEM_GUEST_MEMFD);
}
END_TEST

START_TEST(without_guest_memfd_nothing_is_offered)
{
	model_set_cap(m, _i ? KVM_CAP_USER_MEMORY2 : KVM_CAP_GUEST_MEMFD, 0);
	create_vm(&dialects[0], KVM_X86_SNP_VM);
	ck_assert_int_eq(mem_probe(&vm, KVM_X86_SNP_VM, &offer, &err), 0);
	assert_reason(MEM_MODE_IN_PLACE, "Linux 6.8 or later is needed");
	assert_reason(MEM_MODE_SPLIT, "Linux 6.8 or later is needed");
	ck_assert_int_eq(mem_set_mode(&mem, &offer, MEM_MODE_AUTO, &err), -ENOTSUP);
	assert_says("no memory mode for this type of VM: not in-place, this kernel has no "
		    "guest_memfd");
}
END_TEST

/* The number 250 was first that of the flags and then that of the attributes. */
START_TEST(trap_capability_250_of_revision_8_is_not_the_preserve_flag)
{
	create_vm(&dialects[4], KVM_X86_SNP_VM);
	ck_assert_int_eq(kvm_vm_cap(&vm, 250), 8);
	ck_assert_int_eq(mem_probe(&vm, KVM_X86_SNP_VM, &offer, &err), 0);
	ck_assert(!offer.preserve);
}
END_TEST

START_TEST(trap_a_mode_must_not_depend_on_a_capability_number)
{
	create_vm(&dialects[5], KVM_X86_SNP_VM);
	ck_assert_int_eq(kvm_vm_cap(&vm, 249), 0);
	ck_assert_int_eq(kvm_vm_cap(&vm, 250), 0);
	ck_assert_int_eq(mem_probe(&vm, KVM_X86_SNP_VM, &offer, &err), 0);
	ck_assert_ptr_null(offer.why_not[MEM_MODE_IN_PLACE]);
}
END_TEST

/* The flags are reported, but the ioctl is not there. */
START_TEST(trap_init_shared_alone_is_no_in_place_conversion)
{
	model_answer(m, "KVM_SET_MEMORY_ATTRIBUTES2", -ENOTTY);
	create_vm(&dialects[5], KVM_X86_SNP_VM);
	ck_assert_int_eq(mem_probe(&vm, KVM_X86_SNP_VM, &offer, &err), 0);
	assert_reason(MEM_MODE_IN_PLACE, "refuses KVM_SET_MEMORY_ATTRIBUTES2");
}
END_TEST

/* A kernel of the kind that needs the flag, and has it for other types of VM only. */
START_TEST(trap_a_kernel_that_does_not_keep_contents_is_not_in_place)
{
	model_answer(m, "KVM_SET_MEMORY_ATTRIBUTES2", -EOPNOTSUPP);
	create_vm(&dialects[3], KVM_X86_SNP_VM);
	ck_assert_int_eq(mem_probe(&vm, KVM_X86_SNP_VM, &offer, &err), 0);
	assert_reason(MEM_MODE_IN_PLACE, "does not keep what is in the pages");
}
END_TEST

/* Flags are looked at before pages: who says that a page is in use has the flag. */
START_TEST(a_page_in_use_does_not_hide_the_flag)
{
	create_vm(&dialects[_i ? 4 : 3], KVM_X86_SNP_VM);
	model_set_gmem_eagain_every(m, 1);
	ck_assert_int_eq(mem_probe(&vm, KVM_X86_SNP_VM, &offer, &err), 0);
	ck_assert_ptr_null(offer.why_not[MEM_MODE_IN_PLACE]);
	ck_assert_int_eq(offer.preserve, _i == 0);
}
END_TEST

/* Flags that are not for this type of VM are refused when a file is created. */
START_TEST(refused_flags_are_no_in_place_conversion)
{
	model_answer(m, "KVM_CREATE_GUEST_MEMFD", -EINVAL);
	create_vm(&dialects[5], KVM_X86_SNP_VM);
	ck_assert_int_eq(mem_probe(&vm, KVM_X86_SNP_VM, &offer, &err), 0);
	ck_assert_ptr_nonnull(offer.why_not[MEM_MODE_IN_PLACE]);
}
END_TEST

/* A host in want of memory must not silently get another mode. */
START_TEST(a_probe_that_fails_is_an_error_and_not_a_missing_mode)
{
	static const char *const calls[] = {"KVM_CREATE_GUEST_MEMFD", "KVM_SET_MEMORY_ATTRIBUTES2"};
	static const int codes[] = {ENOMEM, EMFILE, EFAULT};

	model_answer(m, calls[_i % 2], -codes[_i / 2]);
	create_vm(&dialects[4], KVM_X86_SNP_VM);
	ck_assert_int_eq(mem_probe(&vm, KVM_X86_SNP_VM, &offer, &err), -codes[_i / 2]);
	assert_says("unable to find out about in-place conversion");
	assert_says(calls[_i % 2]);
}
END_TEST

/* What Fedora's policy does to a program that it does not know. */
START_TEST(refused_by_selinux_says_so)
{
	model_answer(m, "KVM_CREATE_GUEST_MEMFD", -EACCES);
	create_vm(&dialects[_i], KVM_X86_SNP_VM);
	/* where there is in-place conversion, it is found out about by a guest_memfd */
	if (mem_probe(&vm, KVM_X86_SNP_VM, &offer, &err) == 0) {
		ck_assert_int_eq(mem_set_mode(&mem, &offer, MEM_MODE_AUTO, &err), 0);
		ck_assert_int_eq(mem_add_region(&mem, "RAM", 0, PAGES(8), &err), -EACCES);
	}
	assert_says("KVM_CREATE_GUEST_MEMFD failed");
	assert_says("SELinux");
}
END_TEST

/* --- the choice --- */

START_TEST(auto_takes_in_place_before_split)
{
	struct dialect d = {.kernel = kernels[_i].kernel, .hybrid = kernels[_i].hybrid};
	bool in_place = !kernels[_i].not_in_place;

	create_vm(&d, KVM_X86_SNP_VM);
	ck_assert_int_eq(mem_probe(&vm, KVM_X86_SNP_VM, &offer, &err), 0);
	ck_assert_int_eq(mem_set_mode(&mem, &offer, MEM_MODE_AUTO, &err), 0);
	ck_assert_int_eq(mem.mode, in_place ? MEM_MODE_IN_PLACE : MEM_MODE_SPLIT);
	ck_assert_int_eq(mem.preserve, kernels[_i].preserve);
	ck_assert_str_eq(mem_backing_name(&mem),
			 in_place ? "guest_memfd, converted in place"
				  : "memfd for shared and guest_memfd for private pages");
}
END_TEST

START_TEST(a_mode_that_cannot_be_had_is_refused_with_the_reason)
{
	static const struct {
		enum model_gmem_dialect kernel;
		unsigned long type;
		enum mem_mode wanted;
		const char *says;
	} cases[] = {
		{MODEL_GMEM_6_18, KVM_X86_SNP_VM, MEM_MODE_IN_PLACE,
		 "machine.memory-mode = \"in-place\": guest_memfd of this kernel holds no shared"},
		{MODEL_GMEM_REV8, KVM_X86_SNP_VM, MEM_MODE_SPLIT,
		 "machine.memory-mode = \"split\": this kernel converts in place"},
		{MODEL_GMEM_REV8, KVM_X86_TDX_VM, MEM_MODE_SHARED,
		 "machine.memory-mode = \"shared\": a confidential VM needs private memory"},
		{MODEL_GMEM_6_12, KVM_X86_DEFAULT_VM, MEM_MODE_IN_PLACE,
		 "machine.memory-mode = \"in-place\": this kernel has no guest_memfd that a plain"},
		{MODEL_GMEM_REV8, KVM_X86_DEFAULT_VM, MEM_MODE_SPLIT,
		 "machine.memory-mode = \"split\": a plain VM has no private memory"},
	};
	struct dialect d = {.kernel = cases[_i].kernel};

	create_vm(&d, cases[_i].type);
	ck_assert_int_eq(mem_probe(&vm, cases[_i].type, &offer, &err), 0);
	ck_assert_int_eq(mem_set_mode(&mem, &offer, cases[_i].wanted, &err), -ENOTSUP);
	assert_says(cases[_i].says);
	ck_assert_int_eq(mem.mode, MEM_MODE_SHARED);
}
END_TEST

START_TEST(a_forced_mode_is_taken_although_another_comes_first)
{
	start_as(&dialects[2], KVM_X86_SNP_VM);
	ck_assert_ptr_null(offer.why_not[MEM_MODE_IN_PLACE]);
	ck_assert_int_eq(mem.mode, MEM_MODE_SPLIT);
	ck_assert(!mem.preserve);
}
END_TEST

START_TEST(huge_pages_and_private_memory_exclude_each_other)
{
	create_vm(&dialects[_i], KVM_X86_SNP_VM);
	mem_init(&mem, model_sys(m), &vm, MEM_PAGES_RESERVED);
	ck_assert_int_eq(mem_probe(&vm, KVM_X86_SNP_VM, &offer, &err), 0);
	ck_assert_int_eq(mem_set_mode(&mem, &offer, MEM_MODE_AUTO, &err), -ENOTSUP);
	assert_says("machine.hugepages");
}
END_TEST

START_TEST(modes_have_the_names_of_the_configuration)
{
	ck_assert_str_eq(mem_mode_name(MEM_MODE_AUTO), "auto");
	ck_assert_str_eq(mem_mode_name(MEM_MODE_IN_PLACE), "in-place");
	ck_assert_str_eq(mem_mode_name(MEM_MODE_SPLIT), "split");
	ck_assert_str_eq(mem_mode_name(MEM_MODE_SHARED), "shared");
}
END_TEST

/* --- regions --- */

START_TEST(trap_one_mode_for_all_slots_of_a_vm)
{
	const struct dialect *d = &dialects[_i];
	const struct model_vm *v;

	start_as(d, KVM_X86_SNP_VM);
	ck_assert_int_eq(mem_add_ram(&mem, GIB(3), &err), 0);
	add(GIB(4) - MIB(4), MIB(4));
	v = model_vm(m, 0);
	ck_assert_uint_eq(v->nslots, 3);
	for (size_t i = 0; i < v->nslots; i++) {
		const struct model_slot *s = &v->slot[i];
		bool in_place = d->mode == MEM_MODE_IN_PLACE;

		ck_assert_uint_eq(s->flags, KVM_MEM_GUEST_MEMFD);
		ck_assert_ptr_nonnull(s->gmem);
		ck_assert_uint_eq(s->gmem->flags,
				  in_place ? GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED
					   : 0);
		ck_assert_int_eq(s->gmem->in_place, in_place);
		ck_assert_uint_eq(s->hva, (uintptr_t)mem.region[i].hva);
		ck_assert_uint_eq(s->gmem_offset, 0);
	}
}
END_TEST

START_TEST(everything_is_shared_at_first_and_can_be_written)
{
	char text[8];

	start_as(&dialects[_i], KVM_X86_SNP_VM);
	add(MIB(1), PAGES(4));
	ck_assert_int_eq(mem_write(&mem, MIB(1) + PAGES(3), "kernel", 7), 0);
	ck_assert_int_eq(mem_is_private(&mem, MIB(1) + PAGES(3)), 0);
	ck_assert_int_eq(mem_is_private(&mem, MIB(1) + PAGES(4)), -EFAULT);
	ck_assert_int_eq(mem_read(&mem, MIB(1) + PAGES(3), text, 7), 0);
	ck_assert_str_eq(text, "kernel");
	ck_assert_str_eq(model_guest_ptr(m, 0, MIB(1) + PAGES(3), 7), "kernel");
	assert_record_is_true();
}
END_TEST

START_TEST(trap_a_guest_memfd_is_handed_out_without_close_on_exec)
{
	start_as(&dialects[_i], KVM_X86_SNP_VM);
	add(0, PAGES(4));
	ck_assert_int_eq(fcntl(mem.region[0].fd, F_GETFD), FD_CLOEXEC);
	if (mem.region[0].private_fd >= 0)
		ck_assert_int_eq(fcntl(mem.region[0].private_fd, F_GETFD), FD_CLOEXEC);
}
END_TEST

/* The teardown finds what is left; nothing comes into being twice either. */
START_TEST(any_failing_call_leaves_nothing_of_its_region)
{
	static const int codes[] = {EINTR, EAGAIN, ENOMEM, EINVAL, EFAULT, EBUSY, EIO, EMFILE};
	unsigned long before, calls;

	start_as(&dialects[_i], KVM_X86_TDX_VM);
	before = model_calls(m);
	add(0, MIB(2));
	calls = model_calls(m) - before;
	ck_assert_uint_ge(calls, 4);
	mem_destroy(&mem);

	for (unsigned long n = 1; n <= calls; n++) {
		int code = codes[n % ARRAY_SIZE(codes)];
		int ret;

		model_fail_at(m, model_calls(m) + n, code);
		ret = mem_add_region(&mem, "RAM", GIB(1), MIB(2), &err);
		/* close-on-exec is set as well as it can be */
		if (strcmp(model_call_name(m, model_calls(m)), "cloexec") == 0 || ret == 0) {
			ck_assert_int_eq(ret, 0);
		} else {
			ck_assert_int_eq(ret, -code);
			ck_assert_int_gt(strlen(err.text), 0);
			ck_assert_uint_eq(mem.nregions, 0);
		}
		mem_destroy(&mem);
		/* the slot of a region that did come into being is in KVM still */
		kvm_vm_close(&vm);
		ck_assert_int_eq(kvm_vm_create(&vm, &kvm, KVM_X86_TDX_VM, &err), 0);
	}
}
END_TEST

SUITE(test_mem_mode)
{
	Suite *s = suite_create("memory modes");
	TCase *tc = tcase_create("offer");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, each_kernel_offers_its_modes, 0, ARRAY_SIZE(kernels));
	tcase_add_loop_test(tc, a_plain_vm_is_offered_shared_memory_only, 0, ARRAY_SIZE(kernels));
	tcase_add_loop_test(tc, without_guest_memfd_nothing_is_offered, 0, 2);
	tcase_add_test(tc, trap_capability_250_of_revision_8_is_not_the_preserve_flag);
	tcase_add_test(tc, trap_a_mode_must_not_depend_on_a_capability_number);
	tcase_add_test(tc, trap_init_shared_alone_is_no_in_place_conversion);
	tcase_add_test(tc, trap_a_kernel_that_does_not_keep_contents_is_not_in_place);
	tcase_add_loop_test(tc, a_page_in_use_does_not_hide_the_flag, 0, 2);
	tcase_add_test(tc, refused_flags_are_no_in_place_conversion);
	tcase_add_loop_test(tc, refused_by_selinux_says_so, 0, DIALECTS);
	tcase_add_loop_test(tc, a_probe_that_fails_is_an_error_and_not_a_missing_mode, 0, 6);
	suite_add_tcase(s, tc);

	tc = tcase_create("choice");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, auto_takes_in_place_before_split, 0, ARRAY_SIZE(kernels));
	tcase_add_loop_test(tc, a_mode_that_cannot_be_had_is_refused_with_the_reason, 0, 5);
	tcase_add_test(tc, a_forced_mode_is_taken_although_another_comes_first);
	tcase_add_loop_test(tc, huge_pages_and_private_memory_exclude_each_other, 0, DIALECTS);
	tcase_add_test(tc, modes_have_the_names_of_the_configuration);
	suite_add_tcase(s, tc);

	tc = tcase_create("regions");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, trap_one_mode_for_all_slots_of_a_vm, 0, DIALECTS);
	tcase_add_loop_test(tc, everything_is_shared_at_first_and_can_be_written, 0, DIALECTS);
	tcase_add_loop_test(tc, trap_a_guest_memfd_is_handed_out_without_close_on_exec, 0,
			    DIALECTS);
	tcase_add_loop_test(tc, any_failing_call_leaves_nothing_of_its_region, 0, DIALECTS);
	suite_add_tcase(s, tc);
	return s;
}
