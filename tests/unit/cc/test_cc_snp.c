// SPDX-License-Identifier: MIT
/* What is special about SNP: its device, features and policy, the CPUID page and its corrections,
 * ID block, host data, certificates. */
#include "cc/snp_cpuid.h"
#include "cc/snp_status.h"
#include "tests/unit/cc_fixture.h"
#include "tests/unit/suite.h"

static struct launch t;

static void setup(void)
{
	launch_init(&t, &cc_snp, REV8, 1);
}

static void teardown(void)
{
	launch_close(&t);
}

/* --- opening --- */

static const struct {
	int code;
	const char *hint;
} sev_errors[] = {
	{ENOENT, "SNP enabled"},      {ENODEV, "SNP enabled"}, {EACCES, "usermod -aG"},
	{EPERM, "--device /dev/sev"}, {EMFILE, "/dev/sev"},
};

START_TEST(no_dev_sev)
{
	model_answer(t.m, "open /dev/sev", -sev_errors[_i].code);
	must(launch_create_vm(&t), &t);
	ck_assert_int_eq(launch_open(&t), -sev_errors[_i].code);
	launch_says(&t, "/dev/sev");
	launch_says(&t, strerrorname_np(sev_errors[_i].code));
	launch_says(&t, sev_errors[_i].hint);
	ck_assert_uint_eq(model_count(t.m, "KVM_SEV_INIT2"), 0);
}
END_TEST

START_TEST(features_that_kvm_offers)
{
	t.config.snp.features = 0x21;
	must(launch_all(&t), &t);
	ck_assert_uint_eq(model_vm(t.m, 0)->snp->features, 0x21);
	launch_assert_measured(&t);
}
END_TEST

START_TEST(features_that_kvm_does_not_offer)
{
	if (_i) /* a kernel that does not say */
		model_snp_set_features(t.m, false, 0);
	t.config.snp.features = 0x1021;
	must(launch_create_vm(&t), &t);
	ck_assert_int_eq(launch_open(&t), -EINVAL);
	launch_says(&t, "snp.guest-features");
	launch_says(&t, _i ? "0x1020" : "0x1000");
	ck_assert_uint_eq(model_count(t.m, "KVM_SEV_INIT2"), 0);
}
END_TEST

START_TEST(no_asid_is_free)
{
	model_snp_set_asids(t.m, 0);
	must(launch_create_vm(&t), &t);
	ck_assert_int_eq(launch_open(&t), -EBUSY);
	launch_says(&t, "KVM_SEV_INIT2");
	launch_says(&t, "ASIDs");
}
END_TEST

static const struct {
	uint64_t policy;
	uint64_t later_kernel; /* policy bits, or 0 */
	int ret;
} policies[] = {
	{0x30000, 0, 0},
	{0xb0000, 0, 0}, /* debug */
	{0x30137, 0, 0},
	{0x20000, 0, -EINVAL}, /* bit 16 has to be set in 6.12 */
	{0x10000, 0, -EINVAL}, /* bit 17 always */
	{0x130000, 0, -EINVAL},
	{0x1030000, 0, -EINVAL},
	{0x20000, 0x3ffffff, 0},
	{0x130000, 0x3ffffff, 0},
	{0x10000, 0x3ffffff, -EINVAL},
	{0x30138, 0, -EIO}, /* newer than the firmware */
};

START_TEST(policy)
{
	model_snp_set_policy_bits(t.m, policies[_i].later_kernel);
	t.config.snp.policy = policies[_i].policy;
	must(launch_create_vm(&t), &t);
	ck_assert_int_eq(launch_open(&t), policies[_i].ret);
	if (policies[_i].ret == -EINVAL) {
		launch_says(&t, "KVM_SEV_SNP_LAUNCH_START");
		launch_says(&t, "snp.policy");
	}
	if (policies[_i].ret == -EIO) {
		launch_says(&t, "BAD_VERSION");
		launch_says(&t, "snp.policy asks for a newer firmware");
		ck_assert_uint_eq(t.err.firmware, 0x22);
	}
	if (policies[_i].ret == 0)
		ck_assert_uint_eq(model_vm(t.m, 0)->snp->policy, policies[_i].policy);
}
END_TEST

START_TEST(certificates_are_asked_for_where_kvm_can)
{
	if (_i)
		model_snp_set_certs(t.m);
	t.config.snp.certs = (char[]){"certs"};
	must(launch_all(&t), &t);
	ck_assert_int_eq(model_vm(t.m, 0)->snp->certs, _i);
	if (!_i)
		launch_logged(&t, "snp.certs has no effect");
}
END_TEST

/* --- the CPUID page --- */

static const struct kvm_cpuid_entry2 *kvm_entry(uint32_t vcpu, uint32_t function)
{
	const struct model_vcpu *v = model_vcpu(t.m, 0, vcpu);

	for (uint32_t i = 0; i < v->ncpuid; i++)
		if (v->cpuid[i].function == function && v->cpuid[i].index == 0)
			return &v->cpuid[i];
	ck_abort_msg("no leaf %#x", function);
	return NULL;
}

/* A register of the page that the firmware took; layout as in the firmware's manual. */
static uint32_t page_register(uint32_t function, uint32_t index, unsigned int reg)
{
	const uint8_t *page = model_vm(t.m, 0)->snp->cpuid_page;

	for (uint32_t i = 0; i < get_le32(page); i++) {
		const uint8_t *e = page + 16 + 48 * i;

		if (get_le32(e) == function && get_le32(e + 4) == index)
			return get_le32(e + 24 + 4 * reg);
	}
	ck_abort_msg("no entry %#x.%u", function, index);
	return 0;
}

START_TEST(kvms_own_values_are_accepted)
{
	must(launch_all(&t), &t);
	ck_assert(!t.cc.cpuid_corrected);
	ck_assert_uint_eq(model_vm(t.m, 0)->snp->cpuid_refused, 0);
	ck_assert_str_eq(t.logged, "");
	ck_assert_uint_eq(page_register(0x8000001f, 0, 0), 0x1a);
	ck_assert_uint_eq(page_register(0x8000001f, 0, 1), CBIT | 1 << 6);
	ck_assert_uint_eq(page_register(0xd, 0, 1), 0x240);
	ck_assert_uint_eq(page_register(0xd, 1, 1), 0x240);
	ck_assert_uint_eq(page_register(1, 0, 2) & 1u << 24, 0);
	ck_assert_uint_ne(page_register(1, 0, 2) & 1u << 31, 0);
	ck_assert_uint_eq(page_register(0, 0, 0), kvm_entry(0, 0)->eax);
}
END_TEST

/* The firmware's correction: the page is submitted again, each change is logged, the vCPUs get the
 * same, and the measurement stays. In each memory mode. */
START_TEST(corrections_are_taken_over_and_told)
{
	const uint32_t rdseed = 1u << 18, vaes = 1u << 9, svme_lock = 1u << 2;

	launch_close(&t);
	launch_init(&t, &cc_snp, (unsigned int)_i, 2);
	model_snp_lacks(t.m, 7, 0, 1, rdseed);
	model_snp_lacks(t.m, 7, 0, 2, vaes);
	model_snp_lacks(t.m, 0x8000000a, 0, 3, svme_lock);
	must(launch_all(&t), &t);
	ck_assert(t.cc.cpuid_corrected);
	ck_assert_uint_eq(model_vm(t.m, 0)->snp->cpuid_refused, 1);
	launch_assert_measured(&t);
	model_check_launch(t.m, 0, true);
	launch_logged(&t, "corrected CPUID leaf 0x7.0 EBX from 0x219c07a9 to 0x219807a9");
	launch_logged(&t, "corrected CPUID leaf 0x7.0 ECX");
	launch_logged(&t, "corrected CPUID leaf 0x8000000a.0 EDX");
	for (uint32_t id = 0; id < 2; id++) {
		ck_assert_uint_eq(kvm_entry(id, 7)->ebx, 0x219807a9);
		ck_assert_uint_eq(kvm_entry(id, 7)->ecx & vaes, 0);
		ck_assert_uint_eq(kvm_entry(id, 0x8000000a)->edx & svme_lock, 0);
		/* what differs from vCPU to vCPU still does */
		ck_assert_uint_eq(kvm_entry(id, 1)->ebx >> 24, id);
	}
	ck_assert_uint_eq(page_register(7, 0, 1), 0x219807a9);
	/* and what is not of KVM's table did not get into it */
	ck_assert_uint_eq(kvm_entry(0, 0xd)->ebx, 0x988);
}
END_TEST

START_TEST(a_second_refusal_is_final)
{
	model_snp_lacks(t.m, 7, 0, 1, 1u << 18);
	must(launch_prepare(&t), &t);
	must(launch_vcpus(&t), &t);
	/* the first submission is the fourth call: kernel, parameters, secrets, CPUID */
	model_set_fail_status(t.m, 0x16);
	model_fail_nth_of(t.m, "KVM_SEV_SNP_LAUNCH_UPDATE", 5, EIO);
	ck_assert_int_eq(launch_populate(&t), -EIO);
	launch_says(&t, "CPUID at 0xa000");
	launch_says(&t, "INVALID_PARAM");
	launch_says(&t, "does not accept the CPUID table");
	ck_assert_uint_eq(model_count(t.m, "KVM_SEV_SNP_LAUNCH_UPDATE"), 5);
}
END_TEST

START_TEST(a_refusal_without_a_correction_is_final)
{
	model_snp_refuse_cpuid(t.m, 1);
	ck_assert_int_eq(launch_all(&t), -EIO);
	launch_says(&t, "CPUID at 0xa000");
	launch_says(&t, "INVALID_PARAM");
	ck_assert_uint_eq(t.err.firmware, 0x16);
	ck_assert_uint_eq(model_count(t.m, "KVM_SEV_SNP_LAUNCH_UPDATE"), 4);
	ck_assert_str_eq(t.logged, "");
}
END_TEST

/* Linux stops in an SNP guest without XSAVEC if it looks for it; in a table that ends before leaf 0xd
 * it does not, and boots. */
START_TEST(a_cpuid_table_without_leaf_0xd_is_not_warned_of)
{
	static const struct {
		uint32_t last, compact;
		bool warned;
	} tables[] = {
		{0xb, 0, false}, {0xd, 0, true}, {0x10, 0, true}, {0xd, 2, false}, {0xd, 8, false}};
	struct kvm_cpuid2 *table = calloc(1, sizeof(*table) + 3 * sizeof(struct kvm_cpuid_entry2));

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		table->nent = tables[i].last >= 0xd ? 3 : 2;
		table->entries[0] = (struct kvm_cpuid_entry2){.function = 0, .eax = tables[i].last};
		table->entries[1] = (struct kvm_cpuid_entry2){.function = 1, .ecx = 1u << 30};
		table->entries[2] = (struct kvm_cpuid_entry2){
			.function = 0xd, .index = 1, .flags = 1, .eax = tables[i].compact};
		t.logged[0] = '\0';
		snp_cpuid_warn(table, &t.log);
		ck_assert_int_eq(strstr(t.logged, "XSAVEC") != NULL, tables[i].warned);
		ck_assert_ptr_null(strstr(t.logged, "RDRAND"));
	}
	free(table);
}
END_TEST

/* A firmware that answers nonsense must not make us write nonsense into the vCPUs' table. */
START_TEST(corrections_of_other_entries_are_none)
{
	struct snp_cpuid_page sent, back;
	struct kvm_cpuid2 *before;
	size_t size;

	must(launch_create_vm(&t), &t);
	must(snp_cpuid_build(t.cpuid, &sent, &t.err), &t);
	size = sizeof(*before) + t.cpuid->nent * sizeof(before->entries[0]);
	before = malloc(size);
	memcpy(before, t.cpuid, size);

	back = sent;
	back.count--; /* another count */
	ck_assert_uint_eq(snp_cpuid_correct(t.cpuid, &sent, &back, &t.log), 0);
	back = sent;
	back.entry[0].function = 0x1234; /* another leaf */
	ck_assert_uint_eq(snp_cpuid_correct(t.cpuid, &sent, &back, &t.log), 0);
	back = sent;
	back.count = UINT32_MAX;
	sent.count = 64;
	ck_assert_uint_eq(snp_cpuid_correct(t.cpuid, &sent, &back, &t.log), 0);
	ck_assert_mem_eq(t.cpuid, before, size);
	free(before);
}
END_TEST

/* --- ID block, host data --- */

/* For the launch that launch_load() makes: measures a first one. */
static void make_id(void)
{
	struct snp_id_block block = {.version = 1, .policy = t.config.snp.policy};

	must(launch_all(&t), &t);
	memcpy(block.launch_digest, t.expected.digest, CC_DIGEST);
	launch_close(&t);
	setup();
	t.config.have_id = true;
	t.config.id_block = block;
	t.config.id_auth.key_algorithm = 1;
	t.config.id_auth.signature[0] = 1; /* signatures that the model takes */
	t.config.id_auth.key[0] = 2;
}

static void add_author(void)
{
	t.config.id_auth.author_algorithm = 1;
	t.config.id_auth.author_signature[0] = 1;
	t.config.id_auth.author_key[0] = 2;
}

START_TEST(id_block_of_this_launch)
{
	make_id();
	if (_i)
		add_author();
	must(launch_all(&t), &t);
	ck_assert(model_vm(t.m, 0)->snp->id_block);
	ck_assert_int_eq(model_vm(t.m, 0)->snp->author_key, _i);
}
END_TEST

START_TEST(id_block_of_another_launch)
{
	make_id();
	t.config.id_block.launch_digest[5] ^= 1;
	ck_assert_int_eq(launch_all(&t), -EIO);
	launch_says(&t, "KVM_SEV_SNP_LAUNCH_FINISH");
	launch_says(&t, "BAD_MEASUREMENT");
	launch_says(&t, "snp.id-block was made for another launch measurement");
	ck_assert_uint_eq(t.err.firmware, 0x0b);
}
END_TEST

START_TEST(id_block_of_another_policy)
{
	make_id();
	t.config.id_block.policy = 0xb0000;
	ck_assert_int_eq(launch_all(&t), -EIO);
	launch_says(&t, "POLICY_FAILURE");
	launch_says(&t, "ID block has another policy");
}
END_TEST

START_TEST(id_auth_without_signature)
{
	make_id();
	t.config.id_auth.signature[0] = 0;
	ck_assert_int_eq(launch_all(&t), -EIO);
	launch_says(&t, "BAD_SIGNATURE");
	launch_says(&t, "snp.id-auth");
}
END_TEST

START_TEST(host_data_arrives_as_it_is)
{
	for (size_t i = 0; i < sizeof(t.config.snp.host_data); i++)
		t.config.snp.host_data[i] = (uint8_t)(0xa0 + i);
	must(launch_all(&t), &t);
	ck_assert_mem_eq(model_vm(t.m, 0)->snp->host_data, t.config.snp.host_data, 32);
	ck_assert(!model_vm(t.m, 0)->snp->vcek_disabled);
	ck_assert(!model_vm(t.m, 0)->snp->id_block);
}
END_TEST

START_TEST(gosvw_ghcb_version_and_vcek_arrive_as_they_are)
{
	const struct model_snp *snp;

	for (size_t i = 0; i < 16; i++)
		t.config.snp.gosvw[i] = (uint8_t)(0xb0 + i);
	t.config.snp.ghcb_version = 2;
	t.config.snp.vcek_disabled = true;
	must(launch_all(&t), &t);
	snp = model_vm(t.m, 0)->snp;
	ck_assert_mem_eq(snp->gosvw, t.config.snp.gosvw, 16);
	ck_assert_mem_eq((uint8_t *)model_guest_ptr(t.m, 0, PAGES(9), 32) + 16, t.config.snp.gosvw,
			 16);
	ck_assert_uint_eq(snp->ghcb_version, 2);
	ck_assert(snp->vcek_disabled);
	/* none of them is measured */
	launch_assert_measured(&t);
}
END_TEST

START_TEST(a_ghcb_version_that_kvm_lacks_is_named)
{
	t.config.snp.ghcb_version = 3;
	must(launch_create_vm(&t), &t);
	ck_assert_int_eq(launch_open(&t), -EINVAL);
	launch_says(&t, "snp.ghcb-version = 3");
}
END_TEST

/* It would need a rate that is set before the launch. */
START_TEST(secure_tsc_is_refused_by_name)
{
	model_snp_set_features(t.m, true, 0x220);
	t.config.snp.features = 0x201;
	must(launch_create_vm(&t), &t);
	ck_assert_int_eq(launch_open(&t), -ENOTSUP);
	launch_says(&t, "SECURE_TSC");
}
END_TEST

/* --- status codes --- */

/* Each code that the firmware's manual names comes out by its name. */
static const struct {
	uint32_t status;
	const char *name;
} statuses[] = {
	{0x01, "INVALID_PLATFORM_STATE"},
	{0x02, "INVALID_GUEST_STATE"},
	{0x03, "INVALID_CONFIG"},
	{0x04, "INVALID_LEN"},
	{0x05, "ALREADY_OWNED"},
	{0x06, "INVALID_CERTIFICATE"},
	{0x07, "POLICY_FAILURE"},
	{0x08, "INACTIVE"},
	{0x09, "INVALID_ADDRESS"},
	{0x0a, "BAD_SIGNATURE"},
	{0x0b, "BAD_MEASUREMENT"},
	{0x0c, "ASID_OWNED"},
	{0x0d, "INVALID_ASID"},
	{0x0e, "WBINVD_REQUIRED"},
	{0x0f, "DFFLUSH_REQUIRED"},
	{0x10, "INVALID_GUEST"},
	{0x11, "INVALID_COMMAND"},
	{0x12, "ACTIVE"},
	{0x15, "UNSUPPORTED"},
	{0x16, "INVALID_PARAM"},
	{0x17, "RESOURCE_LIMIT"},
	{0x18, "SECURE_DATA_INVALID"},
	{0x19, "INVALID_PAGE_SIZE"},
	{0x1a, "INVALID_PAGE_STATE"},
	{0x1b, "INVALID_MDATA_ENTRY"},
	{0x1c, "INVALID_PAGE_OWNER"},
	{0x1d, "AEAD_OFLOW"},
	{0x1f, "EXIT_RING_BUFFER"},
	{0x20, "RMP_INIT_REQUIRED"},
	{0x21, "BAD_SVN"},
	{0x22, "BAD_VERSION"},
	{0x23, "SHUTDOWN_REQUIRED"},
	{0x24, "UPDATE_FAILED"},
	{0x25, "RESTORE_REQUIRED"},
	{0x26, "RMP_INITIALIZATION_FAILED"},
	{0x27, "INVALID_KEY"},
	{0xffffffff, "no firmware call was made"},
	{0x99, "?"},
};

START_TEST(each_status_is_told_by_name)
{
	static const char *const calls[] = {"KVM_SEV_INIT2", "KVM_SEV_SNP_LAUNCH_START",
					    "KVM_SEV_SNP_LAUNCH_UPDATE",
					    "KVM_SEV_SNP_LAUNCH_FINISH"};
	char number[16];

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		launch_close(&t);
		setup();
		model_set_fail_status(t.m, statuses[_i].status);
		model_fail_nth_of(t.m, calls[i], 1, EIO);
		ck_assert_int_eq(launch_all(&t), -EIO);
		launch_says(&t, calls[i]);
		launch_says(&t, statuses[_i].name);
		snprintf(number, sizeof(number), "%#x", statuses[_i].status);
		launch_says(&t, number);
		ck_assert_uint_eq(t.err.firmware, statuses[_i].status);
	}
}
END_TEST

SUITE(test_cc_snp)
{
	Suite *s = suite_create("cc_snp");
	TCase *tc = tcase_create("snp");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, no_dev_sev, 0, (int)ARRAY_SIZE(sev_errors));
	tcase_add_test(tc, features_that_kvm_offers);
	tcase_add_loop_test(tc, features_that_kvm_does_not_offer, 0, 2);
	tcase_add_test(tc, no_asid_is_free);
	tcase_add_loop_test(tc, policy, 0, (int)ARRAY_SIZE(policies));
	tcase_add_loop_test(tc, certificates_are_asked_for_where_kvm_can, 0, 2);
	tcase_add_test(tc, kvms_own_values_are_accepted);
	tcase_add_loop_test(tc, corrections_are_taken_over_and_told, 0, LAUNCH_MODES);
	tcase_add_test(tc, a_second_refusal_is_final);
	tcase_add_test(tc, a_refusal_without_a_correction_is_final);
	tcase_add_test(tc, corrections_of_other_entries_are_none);
	tcase_add_test(tc, a_cpuid_table_without_leaf_0xd_is_not_warned_of);
	tcase_add_loop_test(tc, id_block_of_this_launch, 0, 2);
	tcase_add_test(tc, id_block_of_another_launch);
	tcase_add_test(tc, id_block_of_another_policy);
	tcase_add_test(tc, id_auth_without_signature);
	tcase_add_test(tc, host_data_arrives_as_it_is);
	tcase_add_test(tc, gosvw_ghcb_version_and_vcek_arrive_as_they_are);
	tcase_add_test(tc, a_ghcb_version_that_kvm_lacks_is_named);
	tcase_add_test(tc, secure_tsc_is_refused_by_name);
	tcase_add_loop_test(tc, each_status_is_told_by_name, 0, (int)ARRAY_SIZE(statuses));
	suite_add_tcase(s, tc);
	return s;
}
