// SPDX-License-Identifier: MIT
/* What is special about TDX: capabilities, the parameters of INIT_VM, vCPUs. */
#include "cc/tdx_config.h"
#include "cc/tdx_cpuid.h"
#include "tests/unit/cc_fixture.h"
#include "tests/unit/suite.h"

static struct launch t;

static void setup(void)
{
	launch_init(&t, &cc_tdx, REV8, 1);
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

/* What KVM is told is what the TD gets. */
START_TEST(trap_mapgpa_is_refused_when_cpuid_has_too_few_address_bits)
{
	const struct model_vcpu *v;

	must(launch_all(&t), &t);
	v = model_vcpu(t.m, 0, 0);
	for (uint32_t i = 0; i < v->ncpuid; i++)
		if (v->cpuid[i].function == 0x80000008) {
			ck_assert_uint_ge(v->cpuid[i].eax & 0xff, 48);
			ck_assert_uint_eq(v->cpuid[i].eax >> 16 & 0xff, 48);
		}
}
END_TEST

static struct kvm_cpuid2 *table_of(const struct kvm_cpuid_entry2 *entries, uint32_t n)
{
	struct kvm_cpuid2 *table = calloc(1, sizeof(*table) + n * sizeof(*entries));

	ck_assert_ptr_nonnull(table);
	table->nent = n;
	memcpy(table->entries, entries, n * sizeof(*entries));
	return table;
}

START_TEST(cpuid_is_made_to_fit_the_td)
{
	const uint32_t indexed = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
	const struct kvm_cpuid_entry2 host[] = {
		{.function = 0xd, .flags = indexed, .eax = 0x2e7, .ebx = 0xa88, .ecx = 0xa88},
		{.function = 0xd, .index = 1, .flags = indexed, .eax = 0xf, .ecx = 0x1900},
		{.function = 0xd, .index = 2, .flags = indexed, .eax = 256, .ebx = 576},
		{.function = 0xd, .index = 7, .flags = indexed, .eax = 1024, .ebx = 1664},
		{.function = 0xd, .index = 11, .flags = indexed, .eax = 16, .ecx = 1},
		{.function = 0x80000008, .eax = 0x00343028 | 46},
	};
	struct kvm_cpuid2 *fit = table_of(host, ARRAY_SIZE(host));

	tdx_cpuid_fit(fit, 0x7);
	ck_assert_uint_eq(fit->entries[0].eax, 0x7);
	ck_assert_uint_eq(fit->entries[0].ecx, 832);
	ck_assert_uint_eq(fit->entries[1].eax, 0xf);
	ck_assert_uint_eq(fit->entries[1].ecx, 0);
	ck_assert_uint_eq(fit->entries[2].eax, 256);
	ck_assert_uint_eq(fit->entries[3].eax | fit->entries[3].ebx, 0);
	ck_assert_uint_eq(fit->entries[4].eax | fit->entries[4].ecx, 0);
	ck_assert_uint_eq(fit->entries[5].eax, 0x00303030);
	free(fit);
}
END_TEST

/* Leaves that the list of leaves with subleaves does not have. */
START_TEST(trap_indexes_of_unknown_leaves_are_significant)
{
	struct tdx_capabilities *caps = calloc(1, sizeof(*caps) + 3 * sizeof(caps->entry[0]));
	struct kvm_cpuid_entry2 none = {0};
	struct kvm_cpuid2 *table = table_of(&none, 1);
	struct tdx_init_vm *init;

	ck_assert_ptr_nonnull(caps);
	caps->nent = 3;
	caps->entry[0].function = caps->entry[1].function = 0x29;
	caps->entry[1].index = 1;
	caps->entry[2].function = 0x80000007;
	ck_assert_int_eq(tdx_init_vm_build(&(struct cc_tdx_config){0}, caps, table, &init, &t.err),
			 0);
	ck_assert_uint_eq(init->entry[0].flags, KVM_CPUID_FLAG_SIGNIFCANT_INDEX);
	ck_assert_uint_eq(init->entry[1].flags, KVM_CPUID_FLAG_SIGNIFCANT_INDEX);
	ck_assert_uint_eq(init->entry[1].index, 1);
	ck_assert_uint_eq(init->entry[2].flags, 0);
	free(init);
	free(table);
	free(caps);
}
END_TEST

/* The module has the last word about CPUID; what it changes is told, leaf by leaf. */
START_TEST(a_cpuid_that_the_module_changes_is_reported)
{
	must(launch_all(&t), &t);
	ck_assert_uint_eq(model_count(t.m, "KVM_TDX_GET_CPUID"), 1);
	ck_assert_ptr_null(strstr(t.logged, "TDX module shows"));
	launch_close(&t);

	launch_init(&t, &cc_tdx, REV8, 2);
	t.log.level = VMM_LOG_DEBUG;
	model_tdx_hide(t.m, 7, 1);
	must(launch_all(&t), &t);
	ck_assert_uint_eq(model_count(t.m, "KVM_TDX_GET_CPUID"), 1);
	launch_logged(&t, "the TDX module shows the TD CPUID leaf 0x7.0 EBX as 0x219c07aa, and KVM "
			  "takes it for 0x219c07ab");
	launch_logged(&t, "in 1 register, the first is leaf 0x7.0 EBX");
}
END_TEST

/* A start of a TD was a page of warnings that said nothing. */
START_TEST(what_a_td_sees_otherwise_on_every_host_is_no_warning)
{
	static const struct kvm_cpuid_entry2 entries[] = {
		{.function = 0, .eax = 0x21, .ebx = 0x756e6547},
		{.function = 0xd, .index = 0, .flags = 1, .eax = 7, .ebx = 0x240, .ecx = 0x340},
		{.function = 0xd, .index = 1, .flags = 1, .eax = 0xf, .ebx = 0x240},
		{.function = 0x15, .eax = 1, .ebx = 2, .ecx = 25000000},
		{.function = 0x21, .ebx = 0x65746e49},
		{.function = 0x80000000, .eax = 0x80000008},
	};
	struct kvm_cpuid2 *td = calloc(1, sizeof(*td) + sizeof(entries) + sizeof(entries[0]));
	struct kvm_cpuid2 *given = calloc(1, sizeof(*given) + sizeof(entries));

	td->nent = given->nent = ARRAY_SIZE(entries);
	memcpy(td->entries, entries, sizeof(entries));
	memcpy(given->entries, entries, sizeof(entries));
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++)
		given->entries[i].ebx ^= 0x100;
	given->entries[0].eax = 0x1f;
	given->entries[3].ecx = 0;
	ck_assert_uint_eq(tdx_cpuid_compare(given, td, &t.log), 0);
	ck_assert_str_eq(t.logged, "");

	/* and of the rest there is one line, however many they are */
	given->entries[1].ecx = 0x440;
	given->entries[2].eax = 1;
	td->entries[td->nent++] = (struct kvm_cpuid_entry2){.function = 1, .eax = 1, .ecx = 2};
	ck_assert_uint_eq(tdx_cpuid_compare(given, td, &t.log), 4);
	launch_logged(&t, "in 4 registers, the first is leaf 0xd.0 ECX");
	ck_assert_ptr_eq(strchr(t.logged, '\n'), t.logged + strlen(t.logged) - 1);
	free(td);
	free(given);
}
END_TEST

START_TEST(a_td_without_sept_ve_disable_is_warned_of)
{
	t.config.tdx.attributes = _i ? 0x10000000 : 0;
	must(launch_all(&t), &t);
	ck_assert_int_eq(strstr(t.logged, "no SEPT_VE_DISABLE") == NULL, _i);
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

SUITE(test_cc_tdx)
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
	tcase_add_test(tc, trap_mapgpa_is_refused_when_cpuid_has_too_few_address_bits);
	tcase_add_test(tc, cpuid_is_made_to_fit_the_td);
	tcase_add_test(tc, trap_indexes_of_unknown_leaves_are_significant);
	tcase_add_test(tc, a_cpuid_that_the_module_changes_is_reported);
	tcase_add_test(tc, what_a_td_sees_otherwise_on_every_host_is_no_warning);
	tcase_add_loop_test(tc, a_td_without_sept_ve_disable_is_warned_of, 0, 2);
	tcase_add_test(tc, each_vcpu_gets_the_hob_in_order);
	tcase_add_test(tc, registers_are_the_modules);
	suite_add_tcase(s, tc);
	return s;
}
