// SPDX-License-Identifier: MIT
/* Whole machines whose guest is in an IGVM file, over the model of KVM. */
#include "cc/snp.h"
#include "tests/unit/cc_machine.h"
#include "tests/unit/suite.h"

#define IGVM_FILE   BINARY_DIR "/tests/igvm/small.igvm"
#define SHARED_PAGE 0x820000
#define ERROR_RANGE 0x822000

static struct machine t;

static const char *const techs[] = {"snp", "tdx", "sw-protected"};

#define CASES (3 * CC_MACHINE_KERNELS)

static void set(const char *key, const char *value)
{
	ck_assert_msg(config_set(&t.config, key, value, &t.err) == 0, "%s", t.err.text);
}

static void use_igvm(void)
{
	free(t.config.boot.kernel);
	free(t.config.boot.initrd);
	free(t.config.boot.firmware);
	t.config.boot.kernel = t.config.boot.initrd = t.config.boot.firmware = NULL;
	set("boot.igvm", "\"" IGVM_FILE "\"");
	set("machine.memory", "\"32M\"");
}

static void setup(int i)
{
	cc_machine_setup(&t, techs[i / CC_MACHINE_KERNELS], (unsigned int)(i % CC_MACHINE_KERNELS),
			 "2");
	use_igvm();
}

static void must_launch(void)
{
	ck_assert_msg(cc_machine_launch(&t) == 0, "%s", t.err.text);
}

static void measure(struct cc_measurement *out)
{
	struct test_guest *other = guest_make(MIB(32));
	struct boot_config config;

	machine_boot_config(&t.config, t.vm->cc.tech, &config);
	ck_assert_int_eq(boot_once(&config, &other->mem, &other->plan, &other->err), 0);
	ck_assert_int_eq(cc_measure(&t.vm->cc, &other->plan, &other->mem, out, &other->err), 0);
	guest_free(other);
}

START_TEST(what_the_technology_measures_is_what_was_predicted)
{
	uint8_t measured[CC_DIGEST];
	struct cc_measurement predicted;

	setup(_i);
	must_launch();
	if (t.vm->cc.tech != &cc_sw_protected) {
		model_check_launch(t.model, 0, false);
		model_launch_digest(t.model, 0, measured);
		measure(&predicted);
		ck_assert_mem_eq(measured, predicted.digest, CC_DIGEST);
	}
	cc_machine_teardown(&t);
}
END_TEST

START_TEST(pages_that_the_file_wants_shared_stay_so_with_their_contents)
{
	setup(_i);
	must_launch();
	ck_assert_int_eq(mem_is_private(&t.vm->mem, SHARED_PAGE), 0);
	ck_assert_int_eq(mem_is_private(&t.vm->mem, ERROR_RANGE), 0);
	ck_assert_int_eq(mem_is_private(&t.vm->mem, ERROR_RANGE + 0x1000), 0);
	ck_assert_mem_eq(mem_ptr(&t.vm->mem, SHARED_PAGE, 6), "shared", 6);
	if (t.vm->mem.mode != MEM_MODE_SPLIT || t.vm->cc.tech != &cc_sw_protected) {
		ck_assert_int_eq(mem_is_private(&t.vm->mem, SHARED_PAGE - PAGE_SIZE), 1);
		ck_assert_int_eq(mem_is_private(&t.vm->mem, SHARED_PAGE + PAGE_SIZE), 1);
		ck_assert_int_eq(mem_is_private(&t.vm->mem, ERROR_RANGE + 0x2000), 1);
	}
	cc_machine_teardown(&t);
}
END_TEST

START_TEST(vcpus_start_with_the_registers_of_the_file)
{
	setup(_i ? 0 : 2 * CC_MACHINE_KERNELS);
	if (!_i)
		set("machine.cc", "\"none\"");
	must_launch();
	ck_assert_uint_eq(model_vcpu(t.model, 0, 0)->regs.rip, 0x200000);
	ck_assert_uint_eq(model_vcpu(t.model, 0, 0)->regs.rsi, 0x810000);
	ck_assert_uint_eq(model_vcpu(t.model, 0, 0)->sregs.cs.l, 1);
	if (_i)
		ck_assert_uint_eq(model_vcpu(t.model, 0, 1)->regs.rax, 1);
	cc_machine_teardown(&t);
}
END_TEST

START_TEST(id_block_of_the_file_reaches_the_firmware)
{
	setup(0);
	must_launch();
	ck_assert(t.vm->cc.have_id);
	ck_assert(snp_id_auth_has_author(&t.vm->cc.id_auth));
	/* signature, key, and the author's */
	ck_assert_uint_eq(t.vm->cc.id_auth.signature[0], 0x11);
	ck_assert_uint_eq(t.vm->cc.id_auth.key[0], 2);
	ck_assert_uint_eq(t.vm->cc.id_auth.key[4], 0x21);
	ck_assert_uint_eq(t.vm->cc.id_auth.key[0x4c], 0x22);
	ck_assert_uint_eq(t.vm->cc.id_auth.author_signature[0], 0x31);
	ck_assert_uint_eq(t.vm->cc.id_auth.author_key[4], 0x41);
	ck_assert_uint_eq(t.vm->cc.id_block.policy, 0x30000);
	cc_machine_teardown(&t);
}
END_TEST

START_TEST(id_block_of_the_configuration_comes_first)
{
	uint8_t block[SNP_ID_BLOCK_SIZE] = {0}, auth[SNP_ID_AUTH_SIZE] = {1};
	struct test_file block_file, auth_file;
	char path[64];

	setup(0);
	block_file = file_make(block, sizeof(block));
	auth_file = file_make(auth, sizeof(auth));
	snprintf(path, sizeof(path), "\"%s\"", block_file.path);
	set("snp.id-block", path);
	snprintf(path, sizeof(path), "\"%s\"", auth_file.path);
	set("snp.id-auth", path);
	ck_assert_int_eq(cc_machine_launch(&t), -EINVAL);
	ck_assert_msg(strstr(t.err.text, "version 0 instead of 1"), "%s", t.err.text);
	file_free(&block_file);
	file_free(&auth_file);
	cc_machine_teardown(&t);
}
END_TEST

START_TEST(an_unfit_file_is_refused_before_there_is_a_vm)
{
	static const char junk[] = "this is no IGVM file, but long enough to be one";
	struct test_file file = file_make(junk, sizeof(junk));
	char path[48];

	setup(_i * CC_MACHINE_KERNELS);
	snprintf(path, sizeof(path), "\"%s\"", file.path);
	set("boot.igvm", path);
	ck_assert_int_lt(cc_machine_launch(&t), 0);
	ck_assert_ptr_nonnull(strstr(t.err.text, "not an IGVM file"));
	ck_assert_uint_eq(model_vms(t.model), 0);
	file_free(&file);
	cc_machine_teardown(&t);
}
END_TEST

/* One after the other, each call of a whole launch fails: an error, and nothing is left. */
START_TEST(any_call_may_fail)
{
	static const int codes[] = {ENOMEM, EINVAL, EIO};
	unsigned long failed = 0;
	bool made = true;
	int ret;

	for (unsigned long n = 1; made; n++) {
		setup(_i);
		model_fail_at(t.model, n, codes[n % ARRAY_SIZE(codes)]);
		ret = cc_machine_launch(&t);
		made = model_calls(t.model) >= n;
		ck_assert_msg(ret == 0 || (t.err.code == ret && t.err.text[0]), "call %lu, %s", n,
			      model_call_name(t.model, n));
		failed += made && ret < 0;
		cc_machine_teardown(&t);
	}
	ck_assert_uint_gt(failed, 40);
}
END_TEST

SUITE(test_igvm_machine)
{
	Suite *suite = suite_create("IGVM files in machines");
	TCase *machines = tcase_create("machines");

	tcase_set_timeout(machines, 60);
	tcase_add_loop_test(machines, what_the_technology_measures_is_what_was_predicted, 0, CASES);
	tcase_add_loop_test(machines, pages_that_the_file_wants_shared_stay_so_with_their_contents,
			    0, CASES);
	tcase_add_loop_test(machines, vcpus_start_with_the_registers_of_the_file, 0, 2);
	tcase_add_test(machines, id_block_of_the_file_reaches_the_firmware);
	tcase_add_test(machines, id_block_of_the_configuration_comes_first);
	tcase_add_loop_test(machines, an_unfit_file_is_refused_before_there_is_a_vm, 0, 3);
	tcase_add_loop_test(machines, any_call_may_fail, 0, CASES);
	suite_add_tcase(suite, machines);
	return suite;
}
