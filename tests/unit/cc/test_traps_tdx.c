// SPDX-License-Identifier: MIT
/*
 * The traps of the TDX interface, each with a test named after it. Here: the order of calls, and
 * what they are given. The others:
 *
 *	the machine around the launch, other CPUs	test_traps_tdx_guest
 *	firmware images, the list of memory		test_traps_tdvf
 *	GetQuote					test_traps_quote
 */
#include "cc/tdx_config.h"
#include "mem/convert.h"
#include "tests/unit/cc_fixture.h"
#include "tests/unit/suite.h"
#include "vmm/kvm/uapi_tdx.h"

#include <signal.h>

static struct launch t;

static void setup(void)
{
	launch_init(&t, &cc_tdx, REV8, 1);
}

static void teardown(void)
{
	launch_close(&t);
}

static int raw(const struct kvm_fd *h, uint32_t id, uint32_t flags, const void *data)
{
	struct tdx_cmd cmd = {.id = id, .flags = flags, .data = (uintptr_t)data};

	return kvm_ioctl(h, KVM_MEMORY_ENCRYPT_OP, "raw", &cmd, &t.err);
}

/* --- INIT_VM --- */

/* What minivmm would hand to INIT_VM on this host; free() it. */
static struct tdx_init_vm *build(struct kvm_cpuid2 *cpuid)
{
	struct tdx_capabilities *caps = calloc(1, sizeof(*caps) + 64 * sizeof(caps->entry[0]));
	struct tdx_init_vm *init;

	caps->nent = 64;
	must(raw(&t.vm.h, TDX_CMD_CAPABILITIES, 0, caps), &t);
	must(tdx_init_vm_build(&t.config.tdx, caps, cpuid, &init, &t.err), &t);
	free(caps);
	return init;
}

START_TEST(trap_whole_cpuid_model_passed_to_init_vm)
{
	size_t size;
	struct tdx_init_vm *whole;

	must(launch_create_vm(&t), &t);
	size = t.cpuid->nent * sizeof(whole->entry[0]);
	whole = calloc(1, sizeof(*whole) + size);
	whole->attributes = 0x10000000;
	whole->xfam = 3;
	whole->nent = t.cpuid->nent;
	memcpy(whole->entry, t.cpuid->entries, size);
	for (uint32_t i = 0; i < whole->nent; i++)
		if (whole->entry[i].function == 0x80000008)
			whole->entry[i].eax = 48 << 16;
	ck_assert_int_eq(raw(&t.vm.h, TDX_CMD_INIT_VM, 0, whole), -EINVAL);
	free(whole);
	must(launch_open(&t), &t);
}
END_TEST

/* The list comes without flags; entries must have them, or the first subleaf stands for all. */
START_TEST(trap_capabilities_entries_copied_with_flags_0)
{
	struct kvm_cpuid_entry2 *e;
	struct tdx_init_vm *init;
	const struct model_tdx *td;
	uint32_t seen = 0;

	must(launch_create_vm(&t), &t);
	/* three subleaves of one function, all different */
	for (uint32_t i = 0; i < 3; i++) {
		e = &t.cpuid->entries[t.cpuid->nent++];
		*e = (struct kvm_cpuid_entry2){.function = 0x14,
					       .index = i,
					       .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
					       .eax = 0x10 + i};
	}
	init = build(t.cpuid);
	for (uint32_t i = 0; i < init->nent; i++)
		if (init->entry[i].function == 0x14 || init->entry[i].function == 0x7)
			ck_assert_uint_eq(init->entry[i].flags, KVM_CPUID_FLAG_SIGNIFCANT_INDEX);
	free(init);
	must(launch_open(&t), &t);
	td = model_vm(t.m, 0)->tdx;
	for (uint32_t i = 0; i < td->ncpuid; i++) {
		if (td->cpuid[i].function != 0x14 || td->cpuid[i].index >= 3)
			continue;
		ck_assert_uint_eq(td->cpuid[i].eax, 0x10 + td->cpuid[i].index);
		seen++;
	}
	ck_assert_uint_eq(seen, 3);
}
END_TEST

START_TEST(trap_no_0x80000008_entry)
{
	struct tdx_init_vm *init;

	must(launch_create_vm(&t), &t);
	init = build(t.cpuid);
	for (uint32_t i = 0; i < init->nent; i++) {
		if (init->entry[i].function != 0x80000008)
			continue;
		ck_assert_uint_eq(init->entry[i].eax >> 16 & 0xff, 48);
		init->entry[i] = init->entry[--init->nent];
		break;
	}
	ck_assert_int_eq(raw(&t.vm.h, TDX_CMD_INIT_VM, 0, init), -EINVAL);
	free(init);
	must(launch_open(&t), &t);
	ck_assert_uint_eq(model_vm(t.m, 0)->tdx->gpa_bits, 48);
}
END_TEST

/* The module's word stays in the structure of a failed call; the next one starts with 0. */
START_TEST(trap_hw_error_not_cleared_between_calls)
{
	struct tdx_cmd cmd = {.id = TDX_CMD_FINALIZE_VM, .hw_error = 1};

	model_set_fail_status(t.m, 0x8000020300000000);
	model_fail_nth_of(t.m, "KVM_TDX_INIT_VM", 1, EAGAIN);
	model_fail_nth_of(t.m, "KVM_TDX_FINALIZE_VM", 1, EBUSY);
	must(launch_prepare(&t), &t);
	ck_assert_int_eq(kvm_ioctl(&t.vm.h, KVM_MEMORY_ENCRYPT_OP, "raw", &cmd, &t.err), -EBUSY);
	cmd.id = TDX_CMD_CAPABILITIES;
	ck_assert_int_eq(kvm_ioctl(&t.vm.h, KVM_MEMORY_ENCRYPT_OP, "raw", &cmd, &t.err), -EINVAL);
	model_fail_nth_of(t.m, "KVM_TDX_FINALIZE_VM", 1, EBUSY);
	must(launch_complete(&t), &t);
	ck_assert_uint_eq(launch_pauses, 2);
}
END_TEST

START_TEST(trap_sept_ve_disable_not_set)
{
	struct vmm_config config;

	config_init(&config);
	ck_assert_uint_eq(config.cc.tdx.attributes, 1 << 28);
	config_clear(&config);
	must(launch_all(&t), &t);
	ck_assert_ptr_null(strstr(t.logged, "SEPT_VE_DISABLE"));
	teardown();

	/* who configures it away is told */
	setup();
	t.config.tdx.attributes = 0;
	must(launch_all(&t), &t);
	launch_logged(&t, "tdx.attributes has no SEPT_VE_DISABLE");
}
END_TEST

/* --- vCPUs --- */

START_TEST(trap_cpuid_after_init_vcpu)
{
	struct kvm_vcpu *v = &t.vcpu[0];
	unsigned long n, cpuid = 0, init = 0;

	must(launch_prepare(&t), &t);
	must(kvm_vcpu_create(v, &t.vm, &t.kvm, 0, &t.err), &t);
	t.nvcpus = 1;
	ck_assert_int_eq(raw(&v->h, TDX_CMD_INIT_VCPU, 0, NULL), -EINVAL);
	teardown();

	setup();
	t.config.vcpus = 2;
	must(launch_all(&t), &t);
	for (n = 1; n <= model_calls(t.m); n++) {
		const char *name = model_call_name(t.m, n);

		if (strcmp(name, "KVM_SET_CPUID2") == 0)
			cpuid++;
		if (strcmp(name, "KVM_TDX_INIT_VCPU") == 0)
			ck_assert_uint_le(++init, cpuid);
	}
	ck_assert_uint_eq(init, 2);
}
END_TEST

START_TEST(trap_x2apic_missing_from_cpuid)
{
	struct kvm_vcpu *v = &t.vcpu[0];

	must(launch_prepare(&t), &t);
	for (uint32_t i = 0; i < t.cpuid->nent; i++)
		if (t.cpuid->entries[i].function == 1) {
			ck_assert_uint_ne(t.cpuid->entries[i].ecx & 1u << 21, 0);
			t.cpuid->entries[i].ecx &= ~(1u << 21);
		}
	must(kvm_vcpu_create(v, &t.vm, &t.kvm, 0, &t.err), &t);
	t.nvcpus = 1;
	must(kvm_vcpu_set_cpuid(v, t.cpuid, &t.err), &t);
	ck_assert_int_eq(cc_vcpu(&t.cc, v, TDX_HOB, &t.err), -EINVAL);
	launch_says(&t, "KVM_TDX_INIT_VCPU");
}
END_TEST

/* --- INIT_MEM_REGION --- */

/* One page at a time, each time interrupted: what is done is never given again. */
START_TEST(trap_region_rebuilt_after_eintr)
{
	model_set_populate_stop(t.m, 1);
	must(launch_all(&t), &t);
	model_check_launch(t.m, 0, false);
	launch_assert_measured(&t);
	ck_assert_uint_eq(model_vm(t.m, 0)->twice, 0);
}
END_TEST

/* And what would happen. */
START_TEST(trap_page_added_twice_kills_the_td)
{
	struct tdx_mem_region r;
	struct load_item *item = NULL;

	must(launch_prepare(&t), &t);
	must(launch_vcpus(&t), &t);
	must(launch_populate(&t), &t);
	item = &t.plan.item[0];
	r = (struct tdx_mem_region){.gpa = item->gpa, .nr_pages = 1};
	ck_assert_int_eq(raw(&t.vcpu[0].h, TDX_CMD_INIT_MEM_REGION, 1, &r), -EIO);
	ck_assert_int_eq(launch_finish(&t), -EIO);
	launch_says(&t, "KVM_TDX_FINALIZE_VM");
}
END_TEST

START_TEST(trap_sections_sorted_by_address)
{
	struct load_item swapped;
	uint8_t digest[CC_DIGEST];

	must(launch_all(&t), &t);
	memcpy(digest, t.expected.digest, CC_DIGEST);
	launch_assert_measured(&t);
	ck_assert_uint_gt(t.plan.item[0].gpa, t.plan.item[2].gpa); /* as the table has it */
	teardown();

	setup();
	must(launch_prepare(&t), &t);
	swapped = t.plan.item[0];
	t.plan.item[0] = t.plan.item[2];
	t.plan.item[2] = swapped;
	must(launch_complete(&t), &t);
	launch_assert_measured(&t);
	ck_assert_mem_ne(t.expected.digest, digest, CC_DIGEST);
}
END_TEST

START_TEST(trap_pages_left_out_because_they_are_zero)
{
	uint64_t pages = 0;

	must(launch_all(&t), &t);
	for (size_t i = 0; i < t.plan.nitems; i++)
		pages += t.plan.item[i].len / PAGE_SIZE;
	ck_assert_uint_gt(launch_find(&t, "TempMem")->len, 0);
	ck_assert_uint_eq(model_vm(t.m, 0)->tdx->pages, pages);
	ck_assert_uint_eq(model_count(t.m, "KVM_TDX_INIT_MEM_REGION"), t.plan.nitems);
}
END_TEST

START_TEST(trap_attribute_private_not_set_on_ram)
{
	struct tdx_mem_region r = {.gpa = PAGES(32), .nr_pages = 1};

	must(launch_prepare(&t), &t);
	must(launch_vcpus(&t), &t);
	ck_assert_int_eq(raw(&t.vcpu[0].h, TDX_CMD_INIT_MEM_REGION, 0, &r), -EINVAL);
	must(launch_populate(&t), &t);
	must(launch_finish(&t), &t);
	/* all of RAM, also what no section covers */
	for (size_t i = 0; i < t.mem.nregions; i++)
		for (uint64_t at = 0; at < t.mem.region[i].len; at += PAGE_SIZE)
			ck_assert(model_page_private(t.m, 0, t.mem.region[i].gpa + at));
}
END_TEST

START_TEST(trap_private_set_on_mmio_holes)
{
	teardown();
	launch_init(&t, &cc_tdx, SPLIT, 1);
	/* the model whistles at PRIVATE where no guest_memfd is */
	must(launch_all(&t), &t);
	ck_assert_int_eq(mem_is_private(&t.mem, LAYOUT_IOAPIC), -EFAULT);
}
END_TEST

static void change_slot(void)
{
	struct kvm_userspace_memory_region2 r = {.slot = 1};

	must(launch_prepare(&t), &t);
	must(launch_vcpus(&t), &t);
	must(launch_populate(&t), &t);
	kvm_vm_set_region2(&t.vm, &r, &t.err);
}

START_TEST(trap_slot_changed_after_init_mem_region_is_a_foul)
{
	change_slot();
}
END_TEST

/* Slots are set before the first page, and never again. */
START_TEST(trap_slots_are_not_touched_after_init_mem_region)
{
	unsigned long slot = 0, page = 0;

	must(launch_all(&t), &t);
	for (unsigned long n = 1; n <= model_calls(t.m); n++) {
		const char *name = model_call_name(t.m, n);

		if (strcmp(name, "KVM_SET_USER_MEMORY_REGION2") == 0)
			slot = n;
		if (!page && strcmp(name, "KVM_TDX_INIT_MEM_REGION") == 0)
			page = n;
	}
	ck_assert_uint_lt(slot, page);
}
END_TEST

/* --- after FINALIZE_VM --- */

START_TEST(trap_get_cpuid_after_finalize)
{
	struct kvm_cpuid2 *out = calloc(1, sizeof(*out) + 64 * sizeof(out->entries[0]));

	out->nent = 64;
	must(launch_prepare(&t), &t);
	must(launch_vcpus(&t), &t);
	must(raw(&t.vcpu[0].h, TDX_CMD_GET_CPUID, 0, out), &t);
	must(launch_populate(&t), &t);
	must(launch_finish(&t), &t);
	ck_assert_int_eq(raw(&t.vcpu[0].h, TDX_CMD_GET_CPUID, 0, out), -EINVAL);
	free(out);
	ck_assert_uint_eq(model_count(t.m, "KVM_TDX_GET_CPUID"),
			  3); /* the launch's own, and those above */
}
END_TEST

/* EINVAL where all is well, which cannot be relied on: the model ends the test. */
START_TEST(trap_running_before_finalize_is_a_foul)
{
	must(launch_prepare(&t), &t);
	must(launch_vcpus(&t), &t);
	kvm_vcpu_run(&t.vcpu[0]);
}
END_TEST

SUITE(test_traps_tdx)
{
	Suite *s = suite_create("traps_tdx");
	TCase *tc = tcase_create("traps");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, trap_whole_cpuid_model_passed_to_init_vm);
	tcase_add_test(tc, trap_capabilities_entries_copied_with_flags_0);
	tcase_add_test(tc, trap_no_0x80000008_entry);
	tcase_add_test(tc, trap_hw_error_not_cleared_between_calls);
	tcase_add_test(tc, trap_sept_ve_disable_not_set);
	tcase_add_test(tc, trap_cpuid_after_init_vcpu);
	tcase_add_test(tc, trap_x2apic_missing_from_cpuid);
	tcase_add_test(tc, trap_region_rebuilt_after_eintr);
	tcase_add_test(tc, trap_page_added_twice_kills_the_td);
	tcase_add_test(tc, trap_sections_sorted_by_address);
	tcase_add_test(tc, trap_pages_left_out_because_they_are_zero);
	tcase_add_test(tc, trap_attribute_private_not_set_on_ram);
	tcase_add_test(tc, trap_private_set_on_mmio_holes);
	tcase_add_test_raise_signal(tc, trap_slot_changed_after_init_mem_region_is_a_foul, SIGABRT);
	tcase_add_test(tc, trap_slots_are_not_touched_after_init_mem_region);
	tcase_add_test(tc, trap_get_cpuid_after_finalize);
	tcase_add_test_raise_signal(tc, trap_running_before_finalize_is_a_foul, SIGABRT);
	suite_add_tcase(s, tc);
	return s;
}
