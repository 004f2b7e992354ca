// SPDX-License-Identifier: MIT
/* Logging: the callback gets whole, harmless lines of the wanted levels, and nothing else. */
#include "tests/unit/suite.h"
#include "vmm/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct seen {
	unsigned int lines;
	int level;
	char line[4096];
};

static void write_line(void *ctx, int level, const char *line)
{
	struct seen *seen = ctx;

	ck_assert_uint_lt(strlen(line), sizeof(seen->line));
	seen->lines++;
	seen->level = level;
	strcpy(seen->line, line);
}

START_TEST(wanted_levels_arrive_others_do_not)
{
	for (int wanted = VMM_LOG_ERROR; wanted <= VMM_LOG_TRACE; wanted++) {
		for (int level = VMM_LOG_ERROR; level <= VMM_LOG_TRACE; level++) {
			struct seen seen = {0};
			struct vmm_log log = {.write = write_line,
					      .ctx = &seen,
					      .level = (enum vmm_log_level)wanted};

			vmm_log(&log, (enum vmm_log_level)level, "x=%d", 5);
			ck_assert_uint_eq(seen.lines, level <= wanted);
			if (level <= wanted) {
				ck_assert_int_eq(seen.level, level);
				ck_assert_str_eq(seen.line, "x=5");
			}
		}
	}
}
END_TEST

START_TEST(without_a_log_or_a_function_nothing_happens)
{
	const struct vmm_log none = {.level = VMM_LOG_TRACE};

	vmm_log(NULL, VMM_LOG_ERROR, "x");
	vmm_log(&none, VMM_LOG_ERROR, "x");
}
END_TEST

START_TEST(control_characters_never_reach_the_callback)
{
	struct seen seen = {0};
	struct vmm_log log = {.write = write_line, .ctx = &seen, .level = VMM_LOG_INFO};
	char text[0x7f + 1];

	for (int c = 1; c <= 0x7f; c++)
		text[c - 1] = (char)c;
	text[0x7f] = '\0';
	vmm_log(&log, VMM_LOG_INFO, "%s", text);
	ck_assert_uint_eq(strlen(seen.line), 0x7f);
	for (int c = 1; c <= 0x7f; c++)
		ck_assert_int_eq(seen.line[c - 1], c < 0x20 || c == 0x7f ? '?' : c);
}
END_TEST

START_TEST(bytes_above_127_pass)
{
	struct seen seen = {0};
	struct vmm_log log = {.write = write_line, .ctx = &seen, .level = VMM_LOG_INFO};

	vmm_log(&log, VMM_LOG_INFO, "gr\xc3\xbc\xc3\x9f");
	ck_assert_str_eq(seen.line, "gr\xc3\xbc\xc3\x9f");
}
END_TEST

START_TEST(a_long_line_is_cut)
{
	struct seen seen = {0};
	struct vmm_log log = {.write = write_line, .ctx = &seen, .level = VMM_LOG_INFO};

	vmm_log(&log, VMM_LOG_INFO, "%05000d", 1);
	ck_assert_uint_eq(seen.lines, 1);
	ck_assert_uint_gt(strlen(seen.line), 1000);
}
END_TEST

/* --- limits ----------------------------------------------------------------------------------- */

struct kept {
	unsigned int at[VMM_LOG_TRACE + 1]; /* lines of each level */
	char last[1024];
};

static void keep(void *ctx, int level, const char *line)
{
	struct kept *kept = ctx;

	kept->at[level]++;
	snprintf(kept->last, sizeof(kept->last), "%s", line);
}

static struct vmm_log_limits limits = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void flood(const struct vmm_log *log, struct vmm_log_limit *limit, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		vmm_log_limited(log, limit, VMM_LOG_WARN, "line %u", i);
}

START_TEST(a_flood_is_cut_and_counted)
{
	struct kept kept = {0};
	struct vmm_log log = {keep, &kept, VMM_LOG_INFO, &limits};
	struct vmm_log_limit limit = {0}, other = {.lines = 3};

	flood(&log, &limit, VMM_LOG_LINES);
	ck_assert_uint_eq(kept.at[VMM_LOG_WARN], VMM_LOG_LINES);
	ck_assert_str_eq(kept.last, "line 9");
	flood(&log, &limit, 25000);
	ck_assert_uint_eq(kept.at[VMM_LOG_WARN], VMM_LOG_LINES + 1);
	ck_assert_ptr_nonnull(strstr(kept.last, "more lines like the last one"));
	/* one that floods hides no other */
	flood(&log, &other, 5);
	ck_assert_uint_eq(kept.at[VMM_LOG_WARN], VMM_LOG_LINES + 1 + 3 + 1);

	vmm_log_tell_left_out(&log);
	ck_assert_uint_eq(kept.at[VMM_LOG_WARN], VMM_LOG_LINES + 1 + 3 + 1 + 2);
	ck_assert_str_eq(kept.last, "25000 lines like this were left out: line 0");
	vmm_log_tell_left_out(&log);
	ck_assert_uint_eq(kept.at[VMM_LOG_WARN], VMM_LOG_LINES + 1 + 3 + 1 + 2);
	ck_assert_ptr_null(limits.first);
}
END_TEST

START_TEST(what_was_left_out_is_told_in_the_next_period)
{
	struct kept kept = {0};
	struct vmm_log log = {keep, &kept, VMM_LOG_INFO, &limits};
	struct vmm_log_limit limit = {0};

	flood(&log, &limit, 100);
	atomic_fetch_sub(&limit.began_ms, VMM_LOG_PERIOD_MS);
	memset(&kept, 0, sizeof(kept));
	flood(&log, &limit, 1);
	ck_assert_uint_eq(kept.at[VMM_LOG_WARN], 2);
	ck_assert_str_eq(kept.last, "line 0");
	flood(&log, &limit, 100);
	ck_assert_uint_eq(kept.at[VMM_LOG_WARN], 1 + VMM_LOG_LINES + 1);
	vmm_log_tell_left_out(&log);
	ck_assert_str_eq(kept.last, "91 lines like this were left out: line 10");
}
END_TEST

/* What is not logged does not count. */
START_TEST(unwanted_lines_leave_a_limit_alone)
{
	struct kept kept = {0};
	struct vmm_log log = {keep, &kept, VMM_LOG_ERROR, NULL};
	struct vmm_log_limit limit = {0};

	flood(&log, &limit, 100);
	vmm_log_limited(NULL, &limit, VMM_LOG_ERROR, "x");
	log.level = VMM_LOG_INFO;
	flood(&log, &limit, 100);
	ck_assert_uint_eq(kept.at[VMM_LOG_WARN], VMM_LOG_LINES + 1);
	vmm_log_tell_left_out(&log); /* nobody keeps them: nothing happens */
}
END_TEST

START_TEST(levels_have_names_and_other_numbers_have_none)
{
	ck_assert_str_eq(vmm_log_level_name(VMM_LOG_ERROR), "error");
	ck_assert_str_eq(vmm_log_level_name(VMM_LOG_WARN), "warn");
	ck_assert_str_eq(vmm_log_level_name(VMM_LOG_INFO), "info");
	ck_assert_str_eq(vmm_log_level_name(VMM_LOG_DEBUG), "debug");
	ck_assert_str_eq(vmm_log_level_name(VMM_LOG_TRACE), "trace");
	ck_assert_ptr_null(vmm_log_level_name(-1));
	ck_assert_ptr_null(vmm_log_level_name(VMM_LOG_TRACE + 1));
}
END_TEST

SUITE(test_log)
{
	Suite *s = suite_create("log");
	TCase *tc = tcase_create("log");

	tcase_add_test(tc, wanted_levels_arrive_others_do_not);
	tcase_add_test(tc, without_a_log_or_a_function_nothing_happens);
	tcase_add_test(tc, control_characters_never_reach_the_callback);
	tcase_add_test(tc, bytes_above_127_pass);
	tcase_add_test(tc, a_long_line_is_cut);
	tcase_add_test(tc, a_flood_is_cut_and_counted);
	tcase_add_test(tc, what_was_left_out_is_told_in_the_next_period);
	tcase_add_test(tc, unwanted_lines_leave_a_limit_alone);
	tcase_add_test(tc, levels_have_names_and_other_numbers_have_none);
	suite_add_tcase(s, tc);
	return s;
}
