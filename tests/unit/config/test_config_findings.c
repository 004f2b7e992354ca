// SPDX-License-Identifier: MIT
/* Faults that are found after reading: which line of the file they are of, and whose fault it is. */
#include "tests/unit/config_helpers.h"
#include "tests/unit/suite.h"
#include "vmm/base/bytes.h"

#include <stdlib.h>

static const char text[] = BOOT "initrd = \"i\"\n"		/* 3 */
				"[[disk]]\npath = \"a\"\n"	/* 4, 5 */
				"[[disk]]\n  path = \"b\"\n"	/* 6, 7 */
				"[serial]\noutput = \"null\"\n" /* 8, 9 */
				"[rng]\n";			/* 10 */

static const struct {
	const char *fault, *reported;
} cases[] = {
	{"disk[0].path: no", "f:5:1: disk[0].path: no"},
	{"disk[1].path: no", "f:7:3: disk[1].path: no"},
	{"disk[1].direct: no", "f:6:3: disk[1].direct: no"}, /* not given: its table */
	{"serial.output: no", "f:9:1: serial.output: no"},
	{"rng.source: no", "f:10:2: rng.source: no"},
	/* as the loader calls them */
	{"kernel: no", "f:2:1: kernel: no"},
	{"initrd: /dir/i: no", "f:3:1: initrd: /dir/i: no"},
	{"firmware /dir/fw: no", "f:1:2: firmware /dir/fw: no"},
	{"command line: 5000 bytes", "f:1:2: command line: 5000 bytes"},
	/* nobody knows where */
	{"console.output: no", "f: console.output: no"},
	{"disk[2].path: no", "f: disk[2].path: no"},
	{"disk[99999999999999999999].path: no", "f: disk[99999999999999999999].path: no"},
	{"unable to think", "f: unable to think"},
	{"kernels: no", "f: kernels: no"},
	{": no", "f: : no"},
	{"", "f: "},
};

START_TEST(a_finding_has_the_place_of_its_key)
{
	struct vmm_error fault = {.code = -ENOENT};
	struct config_findings *findings;
	struct reading r;

	read_good(&r, text);
	findings = config_findings_new(&r.config);
	snprintf(fault.text, sizeof(fault.text), "%s", cases[_i].fault);
	config_findings_add(findings, &fault);
	ck_assert_int_eq(config_findings_report(findings, keep_fault, &r, &r.err), -EINVAL);
	ck_assert_uint_eq(r.nfaults, 1);
	ck_assert_str_eq(r.faults[0], cases[_i].reported);
	ck_assert_str_eq(r.err.text, cases[_i].reported);
	config_clear(&r.config);
}
END_TEST

START_TEST(all_findings_are_reported_in_the_order_of_lines_one_for_each_place)
{
	static const char *const found[] = {"serial.output: x", "disk[1].path: x", "kernel: x",
					    "disk[1].path: y", "boot.kernel: z"};
	struct vmm_error fault = {.code = -ENOENT};
	struct config_findings *findings;
	struct reading r;

	read_good(&r, text);
	findings = config_findings_new(&r.config);
	for (size_t i = 0; i < ARRAY_SIZE(found); i++) {
		snprintf(fault.text, sizeof(fault.text), "%s", found[i]);
		config_findings_add(findings, &fault);
	}
	ck_assert_int_eq(config_findings_report(findings, keep_fault, &r, &r.err), -EINVAL);
	ck_assert_uint_eq(r.nfaults, 3);
	ck_assert_str_eq(r.faults[0], "f:2:1: kernel: x");
	ck_assert_str_eq(r.faults[1], "f:7:3: disk[1].path: x");
	ck_assert_str_eq(r.faults[2], "f:9:1: serial.output: x");
	config_clear(&r.config);
}
END_TEST

/* What the host does not let be used now is not the configuration's fault. */
START_TEST(the_code_tells_whose_fault_it_is)
{
	static const struct {
		int codes[2], ret;
	} codes[] = {
		{{-ENOENT, 0}, -EINVAL},	 {{-EACCES, 0}, -EACCES},
		{{-EAGAIN, -EBUSY}, -EAGAIN},	 {{-EAGAIN, -ENOENT}, -EINVAL},
		{{-EADDRINUSE, 0}, -EADDRINUSE}, {{-ENODEV, -EPERM}, -ENODEV},
		{{-EROFS, 0}, -EINVAL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		struct vmm_error fault = {.text = "disk[1].path: "}, err;
		struct config_findings *findings;
		struct reading r;

		read_good(&r, text);
		findings = config_findings_new(&r.config);
		for (int k = 0; k < 2 && codes[i].codes[k]; k++) {
			fault.code = codes[i].codes[k];
			fault.text[5] = (char)('0' + k);
			config_findings_add(findings, &fault);
		}
		ck_assert_int_eq(config_findings_report(findings, NULL, NULL, &err), codes[i].ret);
		ck_assert_int_eq(err.code, codes[i].ret);
		config_clear(&r.config);
	}
	ck_assert_int_eq(config_findings_report(config_findings_new(&(struct vmm_config){0}), NULL,
						NULL, NULL),
			 0);
}
END_TEST

START_TEST(the_hosts_memory_is_not_the_configurations_fault)
{
	struct vmm_error fault = {.code = -ENOMEM, .text = "unable to allocate the load plan"};
	struct config_findings *findings;
	struct reading r;

	read_good(&r, text);
	findings = config_findings_new(&r.config);
	config_findings_add(findings, &fault);
	ck_assert_int_eq(config_findings_report(findings, NULL, NULL, NULL), -ENOMEM);
	/* "initrd: no room for it": more of machine.memory helps */
	snprintf(fault.text, sizeof(fault.text), "initrd: no room");
	findings = config_findings_new(&r.config);
	config_findings_add(findings, &fault);
	ck_assert_int_eq(config_findings_report(findings, NULL, NULL, NULL), -EINVAL);
	config_clear(&r.config);
}
END_TEST

START_TEST(a_key_that_was_set_after_reading_stands_nowhere)
{
	struct vmm_error fault = {.code = -ENOENT, .text = "kernel: no"};
	struct config_findings *findings;
	struct reading r;

	read_good(&r, text);
	ck_assert_int_eq(config_set(&r.config, "boot.kernel", "\"other\"", NULL), 0);
	findings = config_findings_new(&r.config);
	config_findings_add(findings, &fault);
	config_findings_report(findings, keep_fault, &r, NULL);
	ck_assert_str_eq(r.faults[0], "f:1:2: kernel: no");
	config_clear(&r.config);

	r.nfaults = 0;
	config_init(&r.config);
	ck_assert_int_eq(config_set(&r.config, "boot.kernel", "\"other\"", NULL), 0);
	findings = config_findings_new(&r.config);
	config_findings_add(findings, &fault);
	config_findings_report(findings, keep_fault, &r, NULL);
	ck_assert_str_eq(r.faults[0], "kernel: no");
	config_clear(&r.config);
}
END_TEST

SUITE(test_config_findings)
{
	Suite *suite = suite_create("config_findings");
	TCase *tc = tcase_create("findings");

	tcase_add_loop_test(tc, a_finding_has_the_place_of_its_key, 0, ARRAY_SIZE(cases));
	tcase_add_test(tc, all_findings_are_reported_in_the_order_of_lines_one_for_each_place);
	tcase_add_test(tc, the_code_tells_whose_fault_it_is);
	tcase_add_test(tc, the_hosts_memory_is_not_the_configurations_fault);
	tcase_add_test(tc, a_key_that_was_set_after_reading_stands_nowhere);
	suite_add_tcase(suite, tc);
	return suite;
}
