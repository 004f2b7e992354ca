// SPDX-License-Identifier: MIT
/* Reading a configuration from a file: where its paths lead, what its errors say, its size. */
#include "tests/unit/config_helpers.h"
#include "tests/unit/suite.h"

#include <stdlib.h>
#include <unistd.h>

/* A file of that text in a directory of its own; both are removed by remove_file(). */
struct file {
	char dir[32];
	char path[64];
};

static struct file make_file(const char *text, size_t len)
{
	struct file file = {.dir = "config-test-XXXXXX"};
	FILE *f;

	ck_assert_ptr_nonnull(mkdtemp(file.dir));
	snprintf(file.path, sizeof(file.path), "%s/vm.toml", file.dir);
	f = fopen(file.path, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(text, 1, len, f), len);
	fclose(f);
	return file;
}

static void remove_file(const struct file *file)
{
	unlink(file->path);
	rmdir(file->dir);
}

START_TEST(paths_in_a_file_are_relative_to_it)
{
	struct file file = make_file(BOOT, strlen(BOOT));
	struct vmm_config config;
	char kernel[64];

	snprintf(kernel, sizeof(kernel), "%s/k", file.dir);
	config_init(&config);
	ck_assert_int_eq(config_read_file(&config, file.path, NULL, NULL, NULL), 0);
	ck_assert_str_eq(config.boot.kernel, kernel);
	config_clear(&config);
	remove_file(&file);
}
END_TEST

START_TEST(file_in_the_working_directory_leaves_paths_alone)
{
	struct file file = make_file(BOOT, strlen(BOOT));
	struct vmm_config config;

	ck_assert_int_eq(chdir(file.dir), 0);
	config_init(&config);
	ck_assert_int_eq(config_read_file(&config, "vm.toml", NULL, NULL, NULL), 0);
	ck_assert_str_eq(config.boot.kernel, "k");
	config_clear(&config);
	ck_assert_int_eq(chdir(".."), 0);
	remove_file(&file);
}
END_TEST

START_TEST(a_dash_is_standard_input)
{
	static const char text[] = BOOT "[machine]\nvcpus = 0\n";
	struct vmm_config config;
	struct vmm_error err;
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(write(fds[1], text, strlen(text)), (int)strlen(text));
	close(fds[1]);
	ck_assert_int_eq(dup2(fds[0], STDIN_FILENO), STDIN_FILENO);
	config_init(&config);
	ck_assert_int_eq(config_read_file(&config, "-", NULL, NULL, &err), -EINVAL);
	ck_assert_str_eq(err.text, "<stdin>:4:9: machine.vcpus: expected an integer from 1 to 255, "
				   "found 0");
	ck_assert_str_eq(config.boot.kernel, "k");
	config_clear(&config);
}
END_TEST

START_TEST(faults_of_a_file_name_it)
{
	struct file file = make_file("x", 1);
	struct vmm_config config;
	struct vmm_error err;
	char want[128];

	snprintf(want, sizeof(want),
		 "%s:1:2: expected '=' after the key, found the end of the file", file.path);
	config_init(&config);
	ck_assert_int_eq(config_read_file(&config, file.path, NULL, NULL, &err), -EINVAL);
	ck_assert_str_eq(err.text, want);
	config_clear(&config);
	remove_file(&file);
}
END_TEST

START_TEST(file_that_cannot_be_read_is_an_error_with_its_name)
{
	struct vmm_config config;
	struct vmm_error err;

	config_init(&config);
	ck_assert_int_eq(config_read_file(&config, "no-such-file", NULL, NULL, &err), -ENOENT);
	ck_assert_str_eq(err.text,
			 "unable to open no-such-file: ENOENT (No such file or directory)");
	ck_assert_int_eq(config_read_file(&config, "/", NULL, NULL, &err), -EISDIR);
	ck_assert_str_eq(err.text, "unable to read /: EISDIR (Is a directory)");
	config_clear(&config);
}
END_TEST

START_TEST(file_may_have_a_mebibyte_and_no_more)
{
	char *text = malloc(CONFIG_FILE_MAX + 1);
	struct vmm_config config;
	struct vmm_error err;
	struct file file;

	memset(text, '\n', CONFIG_FILE_MAX + 1);
	memcpy(text, BOOT, strlen(BOOT));
	config_init(&config);
	file = make_file(text, CONFIG_FILE_MAX);
	ck_assert_int_eq(config_read_file(&config, file.path, NULL, NULL, &err), 0);
	remove_file(&file);
	config_clear(&config);
	file = make_file(text, CONFIG_FILE_MAX + 1);
	ck_assert_int_eq(config_read_file(&config, file.path, NULL, NULL, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "vm.toml:1:1: larger than 1024 KiB"));
	remove_file(&file);
	config_clear(&config);
	free(text);
}
END_TEST

SUITE(test_config_file)
{
	Suite *suite = suite_create("config_file");
	TCase *tc = tcase_create("file");

	tcase_add_test(tc, paths_in_a_file_are_relative_to_it);
	tcase_add_test(tc, file_in_the_working_directory_leaves_paths_alone);
	tcase_add_test(tc, a_dash_is_standard_input);
	tcase_add_test(tc, faults_of_a_file_name_it);
	tcase_add_test(tc, file_that_cannot_be_read_is_an_error_with_its_name);
	tcase_add_test(tc, file_may_have_a_mebibyte_and_no_more);
	suite_add_tcase(suite, tc);
	return suite;
}
