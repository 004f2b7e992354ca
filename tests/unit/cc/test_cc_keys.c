// SPDX-License-Identifier: MIT
/* Keys of confidential VMs on their way from the configuration to the firmware, which no other test
 * sees to the end; and what is said about the cost of a launch. */
#include "boot/lowmem.h"
#include "cc/measure.h"
#include "tests/unit/cc_machine.h"
#include "tests/unit/suite.h"

static struct machine t;
static char infos[2048], warnings[2048];

static void on_log(void *ctx, int level, const char *line)
{
	char *to = level == VMM_LOG_WARN ? warnings : infos;

	(void)ctx;
	if (level > VMM_LOG_INFO)
		return;
	strncat(to, line, sizeof(infos) - strlen(to) - 2);
	strcat(to, "\n");
}

static void set(const char *key, const char *value)
{
	ck_assert_msg(config_set(&t.config, key, value, &t.err) == 0, "%s", t.err.text);
}

static int launch(void)
{
	static const struct vmm_log log = {.write = on_log, .level = VMM_LOG_DEBUG};
	int ret;

	infos[0] = warnings[0] = '\0';
	ret = machine_create(&t.vm, &t.config, model_sys(t.model), &log, &t.err);
	if (ret == 0) {
		t.vm->mem.pause = t.vm->launch.pause = cc_machine_no_pause;
		ret = minivmm_load(t.vm, &t.err);
	}
	return ret < 0 ? ret : minivmm_launch(t.vm, &t.err);
}

static void must_launch(void)
{
	ck_assert_msg(launch() == 0, "%s", t.err.text);
}

static const struct model_snp *snp(void)
{
	return model_vm(t.model, 0)->snp;
}

static void setup(void)
{
	cc_machine_setup(&t, "snp", 1, "1");
}

static void teardown(void)
{
	cc_machine_teardown(&t);
}

/* --- snp.* ------------------------------------------------------------------------------------ */

START_TEST(gosvw_is_in_the_secrets_page)
{
	const uint8_t expected[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xff};
	const uint8_t *secrets;

	ck_assert_int_eq(config_set(&t.config, "snp.gosvw", "\"00\"", &t.err), -EINVAL);
	set("snp.gosvw", "\"000102030405060708090a0b0c0d0eff\"");
	must_launch();
	secrets = model_guest_ptr(t.model, 0, LOWMEM_SNP_SECRETS, PAGE_SIZE);
	ck_assert_mem_eq(secrets + 0x10, expected, sizeof(expected));
}
END_TEST

/* 0 is what nobody asked for: KVM's default. */
START_TEST(ghcb_version_reaches_kvm)
{
	char value[2] = {(char)('0' + _i), '\0'};

	if (_i > 0)
		set("snp.ghcb-version", value);
	must_launch();
	ck_assert_uint_eq(snp()->ghcb_version, _i);
}
END_TEST

START_TEST(a_ghcb_version_of_the_future_is_named)
{
	set("snp.ghcb-version", "3");
	ck_assert_int_eq(launch(), -EINVAL);
	ck_assert_ptr_nonnull(strstr(t.err.text, "does this kernel have snp.ghcb-version = 3?"));
}
END_TEST

START_TEST(vcek_disabled_reaches_the_firmware)
{
	if (_i)
		set("snp.vcek-disabled", "true");
	must_launch();
	ck_assert_int_eq(snp()->vcek_disabled, _i);
}
END_TEST

/* --- machine.memory-source -------------------------------------------------------------------- */

/* "copy": no page is taken from where it is, though the kernel could; what is measured and what the
 * guest finds stays the same. */
START_TEST(memory_source_copy_takes_nothing_in_place)
{
	static const char *const techs[] = {"snp", "tdx"};
	uint8_t digest[2][CC_DIGEST];

	for (unsigned int copy = 0; copy < 2; copy++) {
		teardown();
		cc_machine_setup(&t, techs[_i % 2], (unsigned int)_i / 2, "2");
		set("machine.memory-source", copy ? "\"copy\"" : "\"auto\"");
		must_launch();
		model_check_launch(t.model, 0, _i % 2 == 0);
		model_launch_digest(t.model, 0, digest[copy]);
		/* a split kernel takes nothing in place anyway */
		if (copy || _i / 2 == 2)
			ck_assert_uint_eq(model_in_place_pages(t.model, 0), 0);
		else
			ck_assert_uint_gt(model_in_place_pages(t.model, 0), 10);
	}
	ck_assert_mem_eq(digest[0], digest[1], CC_DIGEST);
	ck_assert_int_eq(config_set(&t.config, "machine.memory-source", "\"in-place\"", &t.err),
			 -EINVAL);
}
END_TEST

/* --- cost ------------------------------------------------------------------------------------- */

static const char accepted[] = "pages of RAM are accepted before the start";

/* Pages that nobody loads anything into, a millisecond each. */
START_TEST(pages_that_are_accepted_are_counted_and_estimated)
{
	uint64_t pages = 0;
	char line[160];

	must_launch();
	for (size_t i = 0; i < t.vm->plan->nitems; i++)
		if (t.vm->plan->item[i].kind == LOAD_ZERO)
			pages += t.vm->plan->item[i].len / PAGE_SIZE;
	ck_assert_uint_gt(pages, 8000);
	snprintf(line, sizeof(line), "%llu %s, about %llu.%llu s on hardware (1 ms a page)\n",
		 (unsigned long long)pages, accepted, (unsigned long long)pages / 1000,
		 (unsigned long long)pages % 1000 / 100);
	ck_assert_msg(strstr(infos, line) != NULL, "\"%s\" is not in \"%s\"", line, infos);
	ck_assert_ptr_null(strstr(warnings, accepted));
}
END_TEST

START_TEST(more_than_half_a_minute_is_worth_a_warning)
{
	set("machine.memory", "\"128M\"");
	model_skip_measurement(t.model);
	must_launch();
	ck_assert_ptr_null(strstr(infos, accepted));
	ck_assert_ptr_nonnull(strstr(warnings, accepted));
	ck_assert_ptr_nonnull(strstr(warnings, "less machine.memory takes less"));
}
END_TEST

/* Firmware accepts memory itself, and software-protected guests need not. */
START_TEST(nothing_is_said_where_nothing_is_accepted)
{
	teardown();
	cc_machine_setup(&t, _i ? "tdx" : "sw-protected", 1, "1");
	must_launch();
	ck_assert_ptr_null(strstr(infos, accepted));
	ck_assert_ptr_null(strstr(warnings, accepted));
}
END_TEST

SUITE(test_cc_keys)
{
	Suite *s = suite_create("cc_keys");
	TCase *tc = tcase_create("cc_keys");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, gosvw_is_in_the_secrets_page);
	tcase_add_loop_test(tc, ghcb_version_reaches_kvm, 0, 3);
	tcase_add_test(tc, a_ghcb_version_of_the_future_is_named);
	tcase_add_loop_test(tc, vcek_disabled_reaches_the_firmware, 0, 2);
	tcase_add_loop_test(tc, memory_source_copy_takes_nothing_in_place, 0,
			    2 * CC_MACHINE_KERNELS);
	tcase_add_test(tc, pages_that_are_accepted_are_counted_and_estimated);
	tcase_add_test(tc, more_than_half_a_minute_is_worth_a_warning);
	tcase_add_loop_test(tc, nothing_is_said_where_nothing_is_accepted, 0, 2);
	suite_add_tcase(s, tc);
	return s;
}
