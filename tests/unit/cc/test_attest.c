// SPDX-License-Identifier: MIT
/*
 * What `run` says and checks before a launch, over the model's firmware: the expected measurement,
 * ID blocks that were made for another one, and what guests may ask for later.
 */
#include "tests/mock/model_snp.h"
#include "tests/mock/model_tdx.h"
#include "tests/unit/machine_fixture.h"
#include "tests/unit/suite.h"
#include "vmm/kvm/uapi_snp.h"

#include <errno.h>
#include <linux/kvm_para.h>

static struct model *m;
static struct machine t;
static char logged[4096];
static struct test_file block_file, auth_file, certs_file;

static void keep_line(void *ctx, int level, const char *line)
{
	size_t used = strlen(logged);

	(void)ctx;
	snprintf(logged + used, sizeof(logged) - used, "%d %s\n", level, line);
}

static struct vmm_log logging = {.write = keep_line, .level = VMM_LOG_INFO};

static void set(const char *key, const char *value)
{
	ck_assert_msg(config_set(&t.config, key, value, &t.err) == 0, "%s", t.err.text);
}

static void set_path(const char *key, const struct test_file *file)
{
	char value[64];

	snprintf(value, sizeof(value), "\"%s\"", file->path);
	set(key, value);
}

static void setup(void)
{
	m = model_new();
	model_set_gmem_dialect(m, MODEL_GMEM_REV8);
	model_offer_snp(m);
	machine_setup(&t, m, "2");
	set("machine.cc", "\"snp\"");
	logged[0] = '\0';
	logging.level = VMM_LOG_INFO;
	memset(&block_file, 0, sizeof(block_file));
	memset(&auth_file, 0, sizeof(auth_file));
	memset(&certs_file, 0, sizeof(certs_file));
}

static void teardown(void)
{
	machine_teardown(&t);
	if (block_file.path[0])
		file_free(&block_file);
	if (auth_file.path[0])
		file_free(&auth_file);
	if (certs_file.path[0])
		file_free(&certs_file);
	model_check_clean(m);
	model_free(m);
}

static int launch(void)
{
	int ret = machine_create(&t.vm, &t.config, model_sys(m), &logging, &t.err);

	if (ret == 0)
		ret = minivmm_load(t.vm, &t.err);
	if (ret == 0)
		ret = minivmm_launch(t.vm, &t.err);
	return ret;
}

static void must_launch(void)
{
	ck_assert_msg(launch() == 0, "%s", t.err.text);
}

static void digest_text(char text[97])
{
	uint8_t digest[48];

	model_launch_digest(m, model_vms(m) - 1, digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
}

START_TEST(the_expected_measurement_is_what_the_firmware_arrives_at)
{
	char expected[160], digest[97];

	must_launch();
	digest_text(digest);
	snprintf(expected, sizeof(expected), "%d launch measurement %s expected\n", VMM_LOG_INFO,
		 digest);
	ck_assert_msg(strstr(logged, expected) != NULL, "%s is not in %s", expected, logged);
}
END_TEST

START_TEST(a_plain_vm_expects_nothing)
{
	set("machine.cc", "\"none\"");
	must_launch();
	ck_assert_ptr_null(strstr(logged, "measurement"));
}
END_TEST

START_TEST(nobody_computes_what_nobody_reads)
{
	logging.level = VMM_LOG_WARN;
	must_launch();
	ck_assert_str_eq(logged, "");
}
END_TEST

/* --- ID blocks -------------------------------------------------------------------------------- */

/* The measurement of this configuration: launches it once. */
static void measure(uint8_t digest[48])
{
	must_launch();
	model_launch_digest(m, 0, digest);
	minivmm_destroy(t.vm);
	t.vm = NULL;
	logged[0] = '\0';
}

static void put_block(const uint8_t digest[48], uint64_t policy)
{
	struct snp_id_block block = {.version = SNP_ID_BLOCK_VERSION, .policy = policy};
	/* the model takes any signature that is not all zeros */
	const struct snp_id_auth auth = {.key_algorithm = 1, .signature = {1}};

	memcpy(block.launch_digest, digest, sizeof(block.launch_digest));
	block_file = file_make(&block, sizeof(block));
	auth_file = file_make(&auth, sizeof(auth));
	set_path("snp.id-block", &block_file);
	set_path("snp.id-auth", &auth_file);
}

START_TEST(an_id_block_of_this_guest_goes_to_the_firmware)
{
	uint8_t digest[48];

	measure(digest);
	put_block(digest, 0x30000);
	must_launch();
	ck_assert(model_vm(m, 1)->snp->id_block);
	ck_assert(!model_vm(m, 1)->snp->author_key);
}
END_TEST

START_TEST(an_id_block_of_another_guest_stops_the_launch_early)
{
	uint8_t digest[48];
	char hex[97];
	unsigned long updates;

	measure(digest);
	digest_text(hex);
	updates = model_count(m, "KVM_SEV_SNP_LAUNCH_UPDATE");
	ck_assert_uint_gt(updates, 0);
	digest[47] ^= 1;
	put_block(digest, 0x30000);
	ck_assert_int_eq(launch(), -EINVAL);
	ck_assert_msg(strstr(t.err.text, "snp.id-block") && strstr(t.err.text, hex), "%s",
		      t.err.text);
	/* no page has changed hands */
	ck_assert_int_eq(mem_is_private(&t.vm->mem, 0), 0);
	ck_assert_uint_eq(model_count(m, "KVM_SEV_SNP_LAUNCH_UPDATE"), updates);
}
END_TEST

START_TEST(an_id_block_is_checked_even_without_log)
{
	uint8_t digest[48] = {1, 2, 3};

	put_block(digest, 0x30000);
	logging.level = VMM_LOG_ERROR;
	ck_assert_int_eq(launch(), -EINVAL);
	ck_assert_ptr_nonnull(strstr(t.err.text, "snp.id-block"));
}
END_TEST

START_TEST(an_id_block_of_another_policy_is_refused)
{
	uint8_t digest[48];

	measure(digest);
	put_block(digest, 0xb0000);
	ck_assert_int_eq(launch(), -EINVAL);
	ck_assert_msg(strstr(t.err.text, "0xb0000") && strstr(t.err.text, "0x30000"), "%s",
		      t.err.text);
}
END_TEST

/* --- certificates ----------------------------------------------------------------------------- */

static void put_certs(void)
{
	static const uint8_t empty[24];

	certs_file = file_make(empty, sizeof(empty));
	set_path("snp.certs", &certs_file);
}

START_TEST(certificate_requests_are_enabled_where_the_kernel_can)
{
	model_snp_set_certs(m);
	put_certs();
	must_launch();
	ck_assert(model_vm(m, 0)->snp->certs);
	ck_assert_ptr_null(strstr(logged, "snp.certs"));
}
END_TEST

START_TEST(older_kernels_get_a_warning)
{
	put_certs();
	must_launch();
	ck_assert_uint_eq(model_count(m, "KVM_SEV_SNP_ENABLE_REQ_CERTS"), 0);
	ck_assert_ptr_nonnull(strstr(logged, "1 snp.certs has no effect"));
}
END_TEST

START_TEST(nobody_is_asked_without_certificates)
{
	model_snp_set_certs(m);
	must_launch();
	ck_assert(!model_vm(m, 0)->snp->certs);
}
END_TEST

START_TEST(a_bad_table_is_found_before_the_vm_is_made)
{
	model_snp_set_certs(m);
	certs_file = file_make("not a table of certificates", 27);
	set_path("snp.certs", &certs_file);
	ck_assert_int_eq(launch(), -EINVAL);
	ck_assert_ptr_nonnull(strstr(t.err.text, "snp.certs"));
	ck_assert_uint_eq(model_vms(m), 0);
}
END_TEST

/* --- a guest that asks for them --------------------------------------------------------------- */

#define BUFFER MIB(16)

static void share_buffer(struct model *model, void *ctx)
{
	struct kvm_run *run = model_vcpu(model, 0, 0)->run;

	(void)ctx;
	run->exit_reason = KVM_EXIT_HYPERCALL;
	run->hypercall.nr = KVM_HC_MAP_GPA_RANGE;
	run->hypercall.args[0] = BUFFER;
	run->hypercall.args[1] = 1;
	run->hypercall.args[2] = 0;
	run->hypercall.ret = 99;
}

static struct run_snp_req_certs *request_of(struct model *model)
{
	return (struct run_snp_req_certs *)((uint8_t *)model_vcpu(model, 0, 0)->run + KVM_RUN_EXIT);
}

static void ask_for_certs(struct model *model, void *ctx)
{
	(void)ctx;
	ck_assert_uint_eq(model_vcpu(model, 0, 0)->run->hypercall.ret, 0);
	memset(model_guest_ptr(model, 0, BUFFER, 4096), 0x77, 4096);
	*request_of(model) = (struct run_snp_req_certs){BUFFER, 1, 0};
	model_vcpu(model, 0, 0)->run->exit_reason = EXIT_SNP_REQ_CERTS;
}

static void look_at_certs(struct model *model, void *ctx)
{
	static const uint8_t empty[24];
	const uint8_t *p = model_guest_ptr(model, 0, BUFFER, 4096);

	(void)ctx;
	ck_assert_uint_eq(request_of(model)->ret, 0);
	ck_assert_mem_eq(p, empty, sizeof(empty));
	ck_assert_uint_eq(p[24], 0x77);
	/* this KVM_RUN is not the one that returned at once */
	ck_assert_uint_eq(model_vcpu(model, 0, 0)->run->immediate_exit, 0);
	ck_assert_uint_eq(model_vcpu(model, 0, 0)->runs, 4);
}

START_TEST(a_guest_gets_its_certificates)
{
	static const struct model_step guest[] = {
		CALL(share_buffer, NULL),  RETURN(0), CALL(ask_for_certs, NULL), RETURN(0),
		CALL(look_at_certs, NULL), POWER_OFF,
	};

	model_snp_set_certs(m);
	put_certs();
	model_script(m, 0, 0, guest, ARRAY_SIZE(guest));
	must_launch();
	ck_assert_int_eq(minivmm_run(t.vm, &t.err), 0);
	machine_must_end(&t, MINIVMM_POWEROFF);
}
END_TEST

SUITE(test_attest)
{
	Suite *s = suite_create("attest");
	TCase *tc = tcase_create("attest");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_expected_measurement_is_what_the_firmware_arrives_at);
	tcase_add_test(tc, a_plain_vm_expects_nothing);
	tcase_add_test(tc, nobody_computes_what_nobody_reads);
	tcase_add_test(tc, an_id_block_of_this_guest_goes_to_the_firmware);
	tcase_add_test(tc, an_id_block_of_another_guest_stops_the_launch_early);
	tcase_add_test(tc, an_id_block_is_checked_even_without_log);
	tcase_add_test(tc, an_id_block_of_another_policy_is_refused);
	tcase_add_test(tc, certificate_requests_are_enabled_where_the_kernel_can);
	tcase_add_test(tc, older_kernels_get_a_warning);
	tcase_add_test(tc, nobody_is_asked_without_certificates);
	tcase_add_test(tc, a_bad_table_is_found_before_the_vm_is_made);
	tcase_add_test(tc, a_guest_gets_its_certificates);
	suite_add_tcase(s, tc);
	return s;
}
