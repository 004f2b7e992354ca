// SPDX-License-Identifier: MIT
/* Whole machines that start in firmware, over the model of KVM. */
#include "cc/measure.h"
#include "tests/mock/model_cc.h"
#include "tests/unit/firmware_image.h"
#include "tests/unit/machine_fixture.h"
#include "tests/unit/suite.h"

static uint8_t image[IMAGE_LEN];
static struct test_file file;
static struct model *m;
static struct machine t;

static void set(const char *key, const char *value)
{
	ck_assert_msg(config_set(&t.config, key, value, &t.err) == 0, "%s", t.err.text);
}

static void setup_machine(void)
{
	char path[48];

	m = model_new();
	model_offer_snp(m);
	model_offer_tdx(m);
	machine_setup(&t, m, "2");
	image_make(image);
	file = file_make(image, sizeof(image));
	free(t.config.boot.kernel);
	free(t.config.boot.initrd);
	t.config.boot.kernel = t.config.boot.initrd = NULL;
	set("boot.cmdline", "\"\"");
	snprintf(path, sizeof(path), "\"%s\"", file.path);
	set("boot.firmware", path);
}

static void teardown_machine(void)
{
	machine_teardown(&t);
	model_check_clean(m);
	model_free(m);
	file_free(&file);
}

static void launch(void)
{
	ck_assert_msg(machine_create(&t.vm, &t.config, model_sys(m), NULL, &t.err) == 0, "%s",
		      t.err.text);
	ck_assert_msg(minivmm_load(t.vm, &t.err) == 0, "%s", t.err.text);
	ck_assert_msg(minivmm_launch(t.vm, &t.err) == 0, "%s", t.err.text);
}

START_TEST(a_plain_machine_starts_at_the_reset_vector)
{
	const struct model_vcpu *v;

	launch();
	v = model_vcpu(m, 0, 0);
	ck_assert_uint_eq(v->sregs.cs.base + v->regs.rip, 0xfffffff0);
	ck_assert_uint_eq(v->sregs.cr0 & 0x80000001, 0);
	ck_assert_mem_eq(model_guest_ptr(m, 0, IMAGE_GPA, IMAGE_LEN), image, IMAGE_LEN);
}
END_TEST

static const char *const modes[] = {"\"in-place\"", "\"split\""};

START_TEST(what_the_technology_measures_is_what_was_predicted)
{
	const char *cc = _i % 2 ? "\"snp\"" : "\"tdx\"";
	uint8_t measured[CC_DIGEST];
	struct cc_measurement predicted;
	struct test_guest *other = guest_make(MIB(64));
	struct boot_config config;

	model_set_gmem_dialect(m, _i / 2 ? MODEL_GMEM_6_12 : MODEL_GMEM_REV8);
	set("machine.cc", cc);
	set("machine.memory-mode", modes[_i / 2]);
	launch();
	model_check_launch(m, 0, false);
	model_launch_digest(m, 0, measured);
	machine_boot_config(&t.config, t.vm->cc.tech, &config);
	ck_assert_int_eq(boot_once(&config, &other->mem, &other->plan, &other->err), 0);
	ck_assert_int_eq(cc_measure(&t.vm->cc, &other->plan, &other->mem, &predicted, &other->err),
			 0);
	ck_assert_mem_eq(measured, predicted.digest, CC_DIGEST);
	guest_free(other);
}
END_TEST

/* One after the other, each call of a whole launch fails: an error, and nothing is left. */
START_TEST(any_call_may_fail)
{
	static const int codes[] = {ENOMEM, EINVAL, EIO};
	unsigned long failed = 0;
	int ret;

	teardown_machine();
	for (unsigned long n = 1;; n++) {
		setup_machine();
		model_set_gmem_dialect(m, _i / 2 ? MODEL_GMEM_6_12 : MODEL_GMEM_REV8);
		set("machine.cc", _i % 2 ? "\"snp\"" : "\"tdx\"");
		model_fail_at(m, n, codes[n % ARRAY_SIZE(codes)]);
		ret = machine_create(&t.vm, &t.config, model_sys(m), NULL, &t.err);
		if (ret == 0)
			ret = minivmm_load(t.vm, &t.err);
		if (ret == 0)
			ret = minivmm_launch(t.vm, &t.err);
		if (ret == 0 && n > model_calls(m))
			break;
		/* some calls can be done without, and answers are asked for that may be no */
		ck_assert_msg(ret == 0 || (t.err.code == ret && t.err.text[0]), "call %lu, %s", n,
			      model_call_name(m, n));
		failed += ret < 0;
		teardown_machine();
	}
	ck_assert_uint_gt(failed, 40);
}
END_TEST

/* The footer is looked at before KVM is asked for anything that has to be undone. */
START_TEST(an_unfit_image_is_refused_before_there_is_a_vm)
{
	image[AT_SEV_OFFSET + 6] ^= 1;
	image[AT_TDX_OFFSET + 6] ^= 1;
	ck_assert_int_eq(pwrite(file.fd, image, sizeof(image), 0), sizeof(image));
	set("machine.cc", _i ? "\"snp\"" : "\"tdx\"");
	ck_assert_int_eq(machine_create(&t.vm, &t.config, model_sys(m), NULL, &t.err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(t.err.text, "was built for"));
	ck_assert_uint_eq(model_vms(m), 0);
}
END_TEST

START_TEST(a_td_without_firmware_is_refused_before_there_is_a_vm)
{
	char path[48];

	free(t.config.boot.firmware);
	t.config.boot.firmware = NULL;
	snprintf(path, sizeof(path), "\"%s\"", t.kernel.path);
	set("boot.kernel", path);
	set("machine.cc", "\"tdx\"");
	ck_assert_int_lt(machine_create(&t.vm, &t.config, model_sys(m), NULL, &t.err), 0);
	ck_assert_ptr_nonnull(strstr(t.err.text, "a TD starts in firmware"));
	ck_assert_uint_eq(model_vms(m), 0);
}
END_TEST

SUITE(test_firmware_machine)
{
	Suite *suite = suite_create("firmware in machines");
	TCase *machines = tcase_create("machines");

	tcase_add_checked_fixture(machines, setup_machine, teardown_machine);
	tcase_set_timeout(machines, 60);
	tcase_add_test(machines, a_plain_machine_starts_at_the_reset_vector);
	tcase_add_loop_test(machines, what_the_technology_measures_is_what_was_predicted, 0, 4);
	tcase_add_loop_test(machines, any_call_may_fail, 0, 4);
	tcase_add_loop_test(machines, an_unfit_image_is_refused_before_there_is_a_vm, 0, 2);
	tcase_add_test(machines, a_td_without_firmware_is_refused_before_there_is_a_vm);
	suite_add_tcase(suite, machines);
	return suite;
}
