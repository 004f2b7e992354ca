// SPDX-License-Identifier: MIT
/* What is special about TDX: capabilities, the parameters of INIT_VM, vCPUs. */
#include "cc/tdx_config.h"
#include "tests/unit/cc_fixture.h"

static struct launch t;

static void setup(void)
{
	launch_init(&t, CC_TDX, REV8, 1);
}

static void teardown(void)
{
	launch_close(&t);
}

/* --- CAPABILITIES --- */

/* The kernel says E2BIG and not how many there are. */
START_TEST(the_list_of_leaves_is_asked_for_until_it_fits)
{
	static const unsigned int entries[] = {12, 64, 65, 128, 129, 256};
	static const unsigned int calls[] = {1, 1, 2, 2, 3, 3};

	model_tdx_set_entries(t.m, entries[_i]);
	must(launch_all(&t), &t);
	ck_assert_uint_eq(model_count(t.m, "KVM_TDX_CAPABILITIES"), calls[_i]);
	ck_assert_uint_eq(model_vm(t.m, 0)->tdx->ncpuid, entries[_i]);
}
END_TEST

START_TEST(a_list_that_never_fits_is_an_error)
{
	model_tdx_set_entries(t.m, 257);
	must(launch_create_vm(&t), &t);
	ck_assert_int_eq(launch_open(&t), -E2BIG);
	launch_says(&t, "KVM_TDX_CAPABILITIES");
	ck_assert_uint_eq(model_count(t.m, "KVM_TDX_INIT_VM"), 0);
}
END_TEST

/* --- INIT_VM --- */

START_TEST(attributes)
{
	const struct model_vm *vm;

	t.config.tdx.attributes = 0x10000000;
	memset(t.config.tdx.mrconfigid, 1, 48);
	memset(t.config.tdx.mrowner, 2, 48);
	memset(t.config.tdx.mrownerconfig, 3, 48);
	must(launch_all(&t), &t);
	vm = model_vm(t.m, 0);
	ck_assert_uint_eq(vm->tdx->attributes, 0x10000000);
	ck_assert_mem_eq(vm->tdx->mrconfigid, t.config.tdx.mrconfigid, 48);
	ck_assert_mem_eq(vm->tdx->mrowner, t.config.tdx.mrowner, 48);
	ck_assert_mem_eq(vm->tdx->mrownerconfig, t.config.tdx.mrownerconfig, 48);
	/* none of them is part of the MRTD */
	launch_assert_measured(&t);
}
END_TEST

START_TEST(attributes_that_kvm_does_not_offer)
{
	t.config.tdx.attributes = 0x10000001; /* debug */
	must(launch_create_vm(&t), &t);
	ck_assert_int_eq(launch_open(&t), -EINVAL);
	launch_says(&t, "tdx.attributes: this host does not offer 0x1, only 0x10000000");
	ck_assert_uint_eq(model_count(t.m, "KVM_TDX_INIT_VM"), 0);
}
END_TEST

START_TEST(no_key_id_is_free)
{
	model_tdx_set_keyids(t.m, 0);
	must(launch_create_vm(&t), &t);
	ck_assert_int_eq(launch_open(&t), -ENOSPC);
	launch_says(&t, "KVM_TDX_INIT_VM");
	launch_says(&t, "private key ids");
}
END_TEST

/* The module's own word is in the error. */
START_TEST(module_status_is_told)
{
	model_set_fail_status(t.m, 0xc000010000000008);
	model_fail_nth_of(t.m, "KVM_TDX_INIT_VM", 1, EINVAL);
	must(launch_create_vm(&t), &t);
	ck_assert_int_eq(launch_open(&t), -EINVAL);
	launch_says(&t, "KVM_TDX_INIT_VM");
	launch_says(&t, "0xc000010000000008");
	ck_assert_uint_eq(t.err.firmware, 0xc000010000000008);
}
END_TEST

/* --- XFAM --- */

static const struct {
	uint32_t xcr0, xss; /* that CPUID leaf 0xd announces */
	uint64_t supported;
	uint64_t xfam;
} xfams[] = {
	{0x7, 0, 0x61ae7, 0x7},
	{0, 0, 0x61ae7, 0x3},		/* x87 and SSE always */
	{0x207, 0, 0x61ae7, 0x207},	/* PKRU */
	{0xe7, 0, 0x61ae7, 0xe7},	/* AVX-512 */
	{0xe7, 0, 0x27, 0x7},		/* of which the host has a part */
	{0x67, 0, 0x61ae7, 0x7},	/* or the model */
	{0xe3, 0, 0x61ae7, 0x3},	/* AVX-512 without AVX */
	{0x7, 0x1800, 0x61ae7, 0x1807}, /* CET, from XSS */
	{0x7, 0x0800, 0x61ae7, 0x7},	/* half of it */
	{0x60007, 0, 0x61ae7, 0x60007}, /* AMX */
	{0x20007, 0, 0x61ae7, 0x7},	/* half of it */
	{0x602e7, 0x1800, 0x7, 0x7},	/* a host without all that */
	{0x602e7, 0x1800, 0x61ae7, 0x61ae7},
};

START_TEST(xfam_has_whole_groups_of_what_cpuid_announces)
{
	struct kvm_cpuid2 *table = calloc(1, sizeof(*table) + 2 * sizeof(table->entries[0]));

	ck_assert_ptr_nonnull(table);
	table->nent = 2;
	table->entries[0] = (struct kvm_cpuid_entry2){
		.function = 0xd,
		.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
		.eax = xfams[_i].xcr0,
	};
	table->entries[1] = (struct kvm_cpuid_entry2){
		.function = 0xd,
		.index = 1,
		.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
		.ecx = xfams[_i].xss,
	};
	ck_assert_uint_eq(tdx_xfam(table, xfams[_i].supported), xfams[_i].xfam);
	free(table);
}
END_TEST

START_TEST(a_host_with_less_xfam_gets_less)
{
	model_tdx_set_xfam(t.m, 0x7);
	must(launch_all(&t), &t);
	ck_assert_uint_eq(model_vm(t.m, 0)->tdx->xfam, 0x7);
}
END_TEST

/* --- CPUID of the TD --- */

static const struct kvm_cpuid_entry2 *td_leaf(uint32_t function, uint32_t index)
{
	const struct model_tdx *td = model_vm(t.m, 0)->tdx;

	for (uint32_t i = 0; i < td->ncpuid; i++)
		if (td->cpuid[i].function == function && td->cpuid[i].index == index)
			return &td->cpuid[i];
	ck_abort_msg("leaf %#x.%u cannot be configured", function, index);
	return NULL;
}

START_TEST(the_module_is_told_the_vcpus_own_values)
{
	must(launch_all(&t), &t);
	ck_assert_uint_eq(model_vm(t.m, 0)->tdx->gpa_bits, 48);
	ck_assert_uint_eq(td_leaf(7, 0)->ebx, 0x219c07ab & 0xd02b97a9);
	ck_assert_uint_eq(td_leaf(0x80000007, 0)->edx, 0x100);
	/* KVM's own leaves are not the module's */
	for (uint32_t i = 0; i < model_vm(t.m, 0)->tdx->ncpuid; i++)
		ck_assert_uint_ne(model_vm(t.m, 0)->tdx->cpuid[i].function, 0x40000000);
}
END_TEST

/* --- vCPUs --- */

START_TEST(each_vcpu_gets_the_hob_in_order)
{
	t.config.vcpus = 4;
	must(launch_all(&t), &t);
	for (uint32_t id = 0; id < 4; id++) {
		const struct model_vcpu *v = model_vcpu(t.m, 0, id);

		ck_assert_uint_eq(v->td_rcx, TDX_HOB);
		ck_assert_uint_eq(v->td_index, id);
		ck_assert_uint_eq(v->mp_state.mp_state, KVM_MP_STATE_RUNNABLE);
		ck_assert_uint_gt(v->ncpuid, 0);
	}
	launch_assert_measured(&t);
}
END_TEST

START_TEST(registers_are_the_modules)
{
	must(launch_all(&t), &t);
	ck_assert_uint_eq(model_count(t.m, "KVM_SET_REGS"), 0);
	ck_assert_uint_eq(model_count(t.m, "KVM_SET_SREGS"), 0);
	ck_assert_uint_eq(model_count(t.m, "KVM_SET_LAPIC"), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cc_tdx");
	TCase *tc = tcase_create("tdx");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, the_list_of_leaves_is_asked_for_until_it_fits, 0, 6);
	tcase_add_test(tc, a_list_that_never_fits_is_an_error);
	tcase_add_test(tc, attributes);
	tcase_add_test(tc, attributes_that_kvm_does_not_offer);
	tcase_add_test(tc, no_key_id_is_free);
	tcase_add_test(tc, module_status_is_told);
	tcase_add_loop_test(tc, xfam_has_whole_groups_of_what_cpuid_announces, 0,
			    (int)ARRAY_SIZE(xfams));
	tcase_add_test(tc, a_host_with_less_xfam_gets_less);
	tcase_add_test(tc, the_module_is_told_the_vcpus_own_values);
	tcase_add_test(tc, each_vcpu_gets_the_hob_in_order);
	tcase_add_test(tc, registers_are_the_modules);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
