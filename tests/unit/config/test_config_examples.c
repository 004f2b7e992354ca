// SPDX-License-Identifier: MIT
/* The files in configs/: each is good, and the reference knows every key. */
#include "tests/unit/config_helpers.h"
#include "tests/unit/suite.h"
#include "vmm/config/schema.h"

#include <dirent.h>
#include <stdlib.h>

static char *read_example(const char *name)
{
	char path[4096];
	char *text = calloc(1, 65536);
	FILE *f;

	snprintf(path, sizeof(path), "%s/configs/%s", SOURCE_DIR, name);
	f = fopen(path, "r");
	ck_assert_msg(f != NULL, "%s", path);
	ck_assert_uint_lt(fread(text, 1, 65536, f), 65536);
	fclose(f);
	return text;
}

START_TEST(every_example_is_read_without_a_fault)
{
	DIR *dir = opendir(SOURCE_DIR "/configs");
	struct dirent *entry;
	int nread = 0;

	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir))) {
		const char *end = strrchr(entry->d_name, '.');
		struct vmm_config config;
		struct vmm_error err;
		char path[4096];

		if (!end || strcmp(end, ".toml") != 0)
			continue;
		snprintf(path, sizeof(path), SOURCE_DIR "/configs/%s", entry->d_name);
		config_init(&config);
		ck_assert_msg(config_read_file(&config, path, NULL, NULL, &err) == 0, "%s",
			      err.text);
		config_clear(&config);
		nread++;
	}
	closedir(dir);
	ck_assert_int_ge(nread, 4);
}
END_TEST

START_TEST(minimal_example_has_four_lines)
{
	char *text = read_example("minimal.toml");
	int lines = 0;

	for (const char *c = text; *c; c++)
		lines += *c == '\n';
	ck_assert_int_eq(lines, 4);
	free(text);
}
END_TEST

/* Where a table of the reference begins and ends */
static char *table_text(const char *text, const struct schema *table)
{
	char header[32];
	const char *start, *end;

	snprintf(header, sizeof(header), table->max_elements ? "\n[[%s]]\n" : "\n[%s]\n",
		 table->name);
	start = strstr(text, header);
	ck_assert_msg(start != NULL, "no %s", table->name);
	end = strstr(start + 2, "\n[");
	return strndup(start, end ? (size_t)(end - start) : strlen(start));
}

START_TEST(reference_has_every_key)
{
	char *text = read_example("reference.toml");

	for (const struct schema *table = NULL; (table = schema_next(NULL, table));) {
		char *part = table_text(text, table);

		for (const struct schema *row = NULL; (row = schema_next(table, row));) {
			char key[64], off[64];

			snprintf(key, sizeof(key), "\n%s = ", row->name);
			snprintf(off, sizeof(off), "\n#%s = ", row->name);
			ck_assert_msg(strstr(part, key) || strstr(part, off), "%s.%s is missing",
				      table->name, row->name);
		}
		free(part);
	}
	free(text);
}
END_TEST

/* With their "#" removed, the other keys are at fault only for excluding what is set already. */
START_TEST(reference_keys_that_are_off_are_good_too)
{
	char *text = read_example("reference.toml");
	struct reading r;

	for (char *c = text; *c; c++) {
		if (c[0] == '\n' && c[1] == '#' && c[2] != ' ' && c[2] != '\n')
			c[1] = ' ';
	}
	read_text(&r, text);
	ck_assert_uint_eq(r.nfaults, 6); /* kernel and firmware by igvm, and four of a kind */
	for (size_t i = 0; i < r.nfaults; i++)
		ck_assert_msg(strstr(r.faults[i], "remove") != NULL, "%s", r.faults[i]);
	config_clear(&r.config);
	free(text);
}
END_TEST

SUITE(test_config_examples)
{
	Suite *suite = suite_create("config_examples");
	TCase *tc = tcase_create("examples");

	tcase_add_test(tc, every_example_is_read_without_a_fault);
	tcase_add_test(tc, minimal_example_has_four_lines);
	tcase_add_test(tc, reference_has_every_key);
	tcase_add_test(tc, reference_keys_that_are_off_are_good_too);
	suite_add_tcase(suite, tc);
	return suite;
}
