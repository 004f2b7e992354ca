// SPDX-License-Identifier: MIT
/* Configurations built in code: config_set(), config_validate(), config_help(). */
#include "cc/dispatch.h"
#include "tests/unit/suite.h"
#include "vmm/base/bytes.h"
#include "vmm/config/schema.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct vmm_config config;

static void setup(void)
{
	config_init(&config);
}

static void teardown(void)
{
	config_clear(&config);
}

static void set(const char *key, const char *value)
{
	struct vmm_error err;

	ck_assert_msg(config_set(&config, key, value, &err) == 0, "%s", err.text);
}

static void refused(const char *key, const char *value, const char *message)
{
	struct vmm_error err = {0};

	ck_assert_int_eq(config_set(&config, key, value, &err), -EINVAL);
	ck_assert_int_eq(err.code, -EINVAL);
	ck_assert_str_eq(err.text, message);
}

/* It used to be a bool. */
START_TEST(hugepages_may_still_be_true_or_false)
{
	static const struct {
		const char *value;
		enum config_hugepages hugepages;
	} values[] = {
		{"true", CONFIG_HUGEPAGES_RESERVED},
		{"false", CONFIG_HUGEPAGES_TRANSPARENT},
		{"\"reserved\"", CONFIG_HUGEPAGES_RESERVED},
		{"\"none\"", CONFIG_HUGEPAGES_NONE},
		{"\"transparent\"", CONFIG_HUGEPAGES_TRANSPARENT},
	};

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		set("machine.hugepages", values[i].value);
		ck_assert_int_eq(config.machine.hugepages, values[i].hugepages);
	}
	ck_assert_int_eq(config_set(&config, "machine.hugepages", "\"true\"", NULL), -EINVAL);
	ck_assert_int_eq(config_set(&config, "machine.memory-mode", "true", NULL), -EINVAL);
}
END_TEST

START_TEST(keys_are_set_by_name)
{
	set("machine.vcpus", "3");
	set("machine.memory", "\"1G\"");
	set("machine.hugepages", "true");
	set("machine.cc", "'tdx'");
	set("boot.kernel", "\"k\"");
	set("snp.vcpu-type", "\"EPYC-Milan\"");
	ck_assert_uint_eq(config.machine.vcpus, 3);
	ck_assert_uint_eq(config.machine.memory, GIB(1));
	ck_assert_int_eq(config.machine.hugepages, CONFIG_HUGEPAGES_RESERVED);
	ck_assert_str_eq(cc_tech_name(config.machine.cc), "tdx");
	ck_assert_str_eq(config.boot.kernel, "k"); /* relative to the process */
	ck_assert_uint_eq(config.cc.snp.vcpu_sig, 0xa00f11);
	ck_assert_int_eq(config_validate(&config, NULL), -EINVAL);
	set("machine.hugepages", "false");
	ck_assert_int_eq(config_validate(&config, NULL), 0);
}
END_TEST

START_TEST(key_set_again_takes_the_new_value)
{
	set("boot.cmdline", "\"a\"");
	set("boot.cmdline", "\"b\"");
	set("serial.output", "\"null\"");
	set("serial.output", "\"stdio\"");
	ck_assert_str_eq(config.boot.cmdline, "b");
	ck_assert_int_eq(config.serial.output.kind, ENDPOINT_STDIO);
}
END_TEST

START_TEST(elements_are_made_one_after_the_other)
{
	set("disk[0].path", "\"a\"");
	set("disk[1].readonly", "true");
	set("disk[1].path", "\"b\"");
	ck_assert_uint_eq(config.ndisks, 2);
	ck_assert_str_eq(config.disk[0].path, "a");
	ck_assert_str_eq(config.disk[1].path, "b");
	ck_assert(config.disk[1].readonly);
	refused("disk[3].path", "\"c\"", "disk[3].path: the next element is 2");
	for (int i = 2; i < CONFIG_MAX_DISKS; i++) {
		char key[32];

		snprintf(key, sizeof(key), "disk[%d].path", i);
		set(key, "\"x\"");
	}
	refused("disk[16].path", "\"c\"", "disk[16].path: more than 16");
}
END_TEST

START_TEST(element_is_not_made_by_a_wrong_value)
{
	refused("net[0].mac", "\"x\"",
		"net[0].mac: expected a unicast address like \"52:54:00:12:34:56\", found \"x\"");
	ck_assert_uint_eq(config.nnets, 0);
	set("net[0].tap", "\"t\"");
	ck_assert_uint_eq(config.nnets, 1);
	ck_assert(!config.net[0].have_mac);
}
END_TEST

START_TEST(table_that_must_be_present_is_by_its_first_key)
{
	refused("rng.source", "1", "rng.source: expected a path, found 1");
	ck_assert(!config.rng.present);
	set("rng.source", "\"/dev/random\"");
	ck_assert(config.rng.present);
	set("vsock.cid", "7");
	ck_assert(config.vsock.present);
}
END_TEST

START_TEST(wrong_keys_and_values_are_refused)
{
	refused("machine.vcpu", "1", "machine.vcpu: there is no such key");
	refused("machin.vcpus", "1", "machin.vcpus: there is no such key");
	refused("machine", "1", "machine: not of the form TABLE.KEY");
	refused("", "1", ": not of the form TABLE.KEY");
	refused(".vcpus", "1", ".vcpus: not of the form TABLE.KEY");
	refused("machine.", "1", "machine.: there is no such key");
	refused("machine[0].vcpus", "1", "machine[0].vcpus: is no array of tables");
	refused("disk.path", "\"a\"", "disk.path: needs an index: [0]");
	refused("disk[].path", "\"a\"", "disk[].path: not of the form TABLE.KEY");
	refused("disk[-1].path", "\"a\"", "disk[-1].path: not of the form TABLE.KEY");
	refused("disk[0.path", "\"a\"", "disk[0.path: not of the form TABLE.KEY");
	refused("disk[0]path", "\"a\"", "disk[0]path: not of the form TABLE.KEY");
	refused("disk[18446744073709551616].path", "\"a\"",
		"disk[18446744073709551616].path: not of the form TABLE.KEY");
	refused("machine.vcpus", "0", "machine.vcpus: expected an integer from 1 to 255, found 0");
	refused("machine.vcpus", "", "machine.vcpus: expected a value, found the end of the file");
	refused("machine.vcpus", "2\n[boot]",
		"machine.vcpus: expected the end after the value, found the end of the line");
	refused("machine.cc", "snp", "machine.cc: 'snp' is not a value; a text must be in quotes");
	ck_assert_uint_eq(config.machine.vcpus, 1);
}
END_TEST

START_TEST(validation_tells_the_first_complaint)
{
	struct vmm_error err = {0};

	ck_assert_int_eq(config_validate(&config, &err), -EINVAL);
	ck_assert_str_eq(err.text, "boot: nothing to start: kernel, firmware or igvm is needed");
	set("boot.kernel", "\"k\"");
	ck_assert_int_eq(config_validate(&config, &err), 0);
	set("disk[0].readonly", "true");
	ck_assert_int_eq(config_validate(&config, &err), -EINVAL);
	ck_assert_str_eq(err.text, "disk[0].path: missing");
}
END_TEST

START_TEST(clearing_twice_is_harmless)
{
	set("boot.kernel", "\"k\"");
	config_clear(&config);
	config_clear(&config);
	ck_assert_ptr_null(config.boot.kernel);
}
END_TEST

struct help {
	char text[16384];
	size_t len;
};

static void keep_line(void *ctx, const char *line)
{
	struct help *help = ctx;

	ck_assert_ptr_null(strchr(line, '\n'));
	help->len += (size_t)snprintf(help->text + help->len, sizeof(help->text) - help->len,
				      "%s\n", line);
	ck_assert_uint_lt(help->len, sizeof(help->text));
}

START_TEST(help_tells_every_key_with_type_and_default)
{
	static struct help help;
	char wanted[80];

	config_help(keep_line, &help);
	for (const struct schema *table = NULL; (table = schema_next(NULL, table));) {
		snprintf(wanted, sizeof(wanted), table->max_elements ? "[[%s]] " : "[%s] ",
			 table->name);
		ck_assert_ptr_nonnull(strstr(help.text, wanted));
		for (const struct schema *key = NULL; (key = schema_next(table, key));) {
			snprintf(wanted, sizeof(wanted), "\n  %s: ", key->name);
			ck_assert_ptr_nonnull(strstr(help.text, wanted));
		}
	}
	ck_assert_ptr_nonnull(strstr(help.text, "an integer from 1 to 255; default 1\n"));
	ck_assert_ptr_nonnull(
		strstr(help.text, "from 32M to 4T in steps of 2M; default \"512M\"\n"));
	ck_assert_ptr_nonnull(strstr(help.text, "\"snp\" or \"tdx\"; default \"none\"\n"));
	ck_assert_ptr_nonnull(strstr(help.text, "; default 0x30000\n"));
	ck_assert_ptr_nonnull(strstr(help.text, "a path; required\n"));
	ck_assert_ptr_nonnull(strstr(help.text, "true or false; default false\n"));
}
END_TEST

SUITE(test_config_set)
{
	Suite *suite = suite_create("config_set");
	TCase *tc = tcase_create("set");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, hugepages_may_still_be_true_or_false);
	tcase_add_test(tc, keys_are_set_by_name);
	tcase_add_test(tc, key_set_again_takes_the_new_value);
	tcase_add_test(tc, elements_are_made_one_after_the_other);
	tcase_add_test(tc, element_is_not_made_by_a_wrong_value);
	tcase_add_test(tc, table_that_must_be_present_is_by_its_first_key);
	tcase_add_test(tc, wrong_keys_and_values_are_refused);
	tcase_add_test(tc, validation_tells_the_first_complaint);
	tcase_add_test(tc, clearing_twice_is_harmless);
	tcase_add_test(tc, help_tells_every_key_with_type_and_default);
	suite_add_tcase(suite, tc);
	return suite;
}
