// SPDX-License-Identifier: MIT
/* Files that are loaded into the guest: they may be anything, and may change while they are read.
 */
#include "mem/file.h"
#include "tests/unit/suite.h"

#include "tests/mock/model.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct model *m;
static struct mem_file file;
static struct vmm_error err;
static char dir[] = "/tmp/minivmm-file-XXXXXX";
static char path[64];

static void setup(void)
{
	m = model_new();
	file = (struct mem_file){.sys = model_sys(m), .fd = -1};
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/file", dir);
}

static void teardown(void)
{
	mem_file_close(&file);
	model_check_clean(m);
	model_free(m);
	unlink(path);
	rmdir(dir);
}

static void write_file(const char *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
	close(fd);
}

static int open_it(void)
{
	return mem_file_open(&file, model_sys(m), path, &err);
}

static void assert_says(const char *text)
{
	ck_assert_msg(strstr(err.text, text) != NULL, "\"%s\" is missing in \"%s\"", text,
		      err.text);
}

START_TEST(a_file_is_opened_with_its_size_and_read)
{
	char buf[5];

	write_file("0123456789", 10);
	ck_assert_int_eq(open_it(), 0);
	ck_assert_uint_eq(file.size, 10);
	ck_assert_int_eq(mem_file_read(&file, 3, buf, 5, &err), 0);
	ck_assert_mem_eq(buf, "34567", 5);
	ck_assert_int_eq(mem_file_read(&file, 5, buf, 5, &err), 0);
	ck_assert_mem_eq(buf, "56789", 5);
	ck_assert_int_eq(mem_file_read(&file, 10, buf, 0, &err), 0);
}
END_TEST

START_TEST(a_missing_file_is_named)
{
	ck_assert_int_eq(open_it(), -ENOENT);
	assert_says("unable to open /tmp/minivmm-file-");
	assert_says("ENOENT");
	ck_assert_int_eq(file.fd, -1);
}
END_TEST

START_TEST(a_directory_is_refused)
{
	snprintf(path, sizeof(path), "%s", dir);
	ck_assert_int_eq(open_it(), -EISDIR);
	assert_says("is not a file that can be loaded");
	assert_says("EISDIR");
	ck_assert_int_eq(file.fd, -1);
}
END_TEST

/* Opening a pipe that nobody writes to would block for ever: Check's time limit would tell. */
START_TEST(a_named_pipe_is_refused_and_does_not_hang)
{
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(open_it(), -EINVAL);
	assert_says("is not a file that can be loaded");
	ck_assert_int_eq(file.fd, -1);
}
END_TEST

START_TEST(devices_and_sockets_are_refused)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	ck_assert_int_eq(mem_file_open(&file, model_sys(m), "/dev/zero", &err), -EINVAL);
	assert_says("/dev/zero is not a file");
	strcpy(addr.sun_path, path);
	ck_assert_int_eq(bind(s, (struct sockaddr *)&addr, sizeof(addr)), 0);
	ck_assert_int_eq(open_it(), -ENXIO);
	close(s);
}
END_TEST

START_TEST(a_file_that_ends_early_says_where)
{
	char buf[16];

	write_file("0123456789", 10);
	ck_assert_int_eq(open_it(), 0);
	ck_assert_int_eq(mem_file_read(&file, 4, buf, 16, &err), -ENODATA);
	assert_says("ends at 10 bytes, 10 more expected");
	ck_assert_int_eq(mem_file_read(&file, 10, buf, 1, &err), -ENODATA);
	ck_assert_int_eq(mem_file_read(&file, 1000, buf, 1, &err), -ENODATA);
}
END_TEST

START_TEST(a_file_that_is_cut_after_opening_is_an_error)
{
	char buf[10];

	write_file("0123456789", 10);
	ck_assert_int_eq(open_it(), 0);
	ck_assert_int_eq(truncate(path, 6), 0);
	ck_assert_uint_eq(file.size, 10);
	ck_assert_int_eq(mem_file_read(&file, 0, buf, file.size, &err), -ENODATA);
	assert_says("ends at 6 bytes, 4 more expected");
}
END_TEST

START_TEST(offsets_beyond_any_file_are_errors)
{
	char buf[8];

	write_file("x", 1);
	ck_assert_int_eq(open_it(), 0);
	ck_assert_int_eq(mem_file_read(&file, UINT64_MAX, buf, 8, &err), -EINVAL);
	ck_assert_int_eq(mem_file_read(&file, (uint64_t)INT64_MAX + 1, buf, 8, &err), -EINVAL);
	assert_says("at offset 9223372036854775808");
}
END_TEST

START_TEST(failing_calls_leave_nothing_open)
{
	static const char *const calls[] = {"open", "file_size", "pread"};
	char buf[1];

	write_file("x", 1);
	model_answer(m, calls[_i], -EIO);
	if (_i < 2) {
		ck_assert_int_eq(open_it(), -EIO);
		ck_assert_int_eq(file.fd, -1);
	} else {
		ck_assert_int_eq(open_it(), 0);
		ck_assert_int_eq(mem_file_read(&file, 0, buf, 1, &err), -EIO);
	}
	assert_says("EIO");
	assert_says("/file");
}
END_TEST

/* A read that gives less than asked for is continued where it stopped. */
static struct sys_ops short_ops;
static ssize_t (*whole_pread)(void *ctx, int fd, void *buf, size_t len, uint64_t offset);

static ssize_t short_pread(void *ctx, int fd, void *buf, size_t len, uint64_t offset)
{
	return whole_pread(ctx, fd, buf, len > 3 ? 3 : len, offset);
}

START_TEST(short_reads_are_continued)
{
	struct sys sys = *model_sys(m);
	char buf[10];

	short_ops = *sys.ops;
	whole_pread = short_ops.pread;
	short_ops.pread = short_pread;
	sys.ops = &short_ops;
	write_file("0123456789", 10);
	ck_assert_int_eq(mem_file_open(&file, &sys, path, &err), 0);
	ck_assert_int_eq(mem_file_read(&file, 0, buf, 10, &err), 0);
	ck_assert_mem_eq(buf, "0123456789", 10);
	ck_assert_uint_eq(model_count(m, "pread"), 4);
	mem_file_close(&file);
}
END_TEST

START_TEST(a_file_goes_straight_into_guest_memory)
{
	struct guest_mem mem;

	write_file("0123456789", 10);
	ck_assert_int_eq(open_it(), 0);
	mem_init(&mem, model_sys(m), NULL, MEM_PAGES_SMALL);
	ck_assert_int_eq(mem_add_region(&mem, "RAM", 0, PAGE_SIZE, &err), 0);
	ck_assert_int_eq(mem_file_load(&file, 2, &mem, PAGE_SIZE - 8, 8, &err), 0);
	ck_assert_mem_eq(mem_ptr(&mem, PAGE_SIZE - 8, 8), "23456789", 8);

	ck_assert_int_eq(mem_file_load(&file, 2, &mem, PAGE_SIZE - 7, 8, &err), -EFAULT);
	assert_says("8 bytes at guest address 0xff9 are not all in RAM");
	ck_assert_int_eq(mem_file_load(&file, 0, &mem, UINT64_MAX, 8, &err), -EFAULT);
	ck_assert_int_eq(mem_file_load(&file, 0, &mem, 0, UINT64_MAX, &err), -EFAULT);
	ck_assert_int_eq(mem_file_load(&file, 5, &mem, 0, 10, &err), -ENODATA);
	mem_destroy(&mem);
}
END_TEST

static atomic_bool stopped;
static unsigned int reads, stop_at;

/* The VM is stopped while so many reads were made. */
static ssize_t stopping_pread(void *ctx, int fd, void *buf, size_t len, uint64_t offset)
{
	if (++reads == stop_at)
		atomic_store(&stopped, true);
	return whole_pread(ctx, fd, buf, len, offset);
}

/* What loads a large file is loading it when the VM is stopped, and then leaves the rest. */
START_TEST(loading_a_large_file_can_be_stopped)
{
	struct sys sys = *model_sys(m);
	struct guest_mem mem;

	short_ops = *sys.ops;
	whole_pread = short_ops.pread;
	short_ops.pread = stopping_pread;
	sys.ops = &short_ops;
	write_file("0123456789", 10);
	ck_assert_int_eq(truncate(path, 200 << 20), 0);
	ck_assert_int_eq(mem_file_open(&file, &sys, path, &err), 0);
	mem_init(&mem, &sys, NULL, MEM_PAGES_SMALL);
	ck_assert_int_eq(mem_add_region(&mem, "RAM", 0, 256 << 20, &err), 0);
	mem.stop = &stopped;
	atomic_store(&stopped, false);
	reads = 0, stop_at = 2;
	ck_assert_int_eq(mem_file_load(&file, 0, &mem, 0, 200 << 20, &err), -ECANCELED);
	assert_says("stopped");
	ck_assert_uint_eq(reads, 2);
	atomic_store(&stopped, false);
	reads = 0, stop_at = 0;
	ck_assert_int_eq(mem_file_load(&file, 0, &mem, 0, 200 << 20, &err), 0);
	ck_assert_mem_eq(mem_ptr(&mem, 0, 10), "0123456789", 10);
	mem_destroy(&mem);
	mem_file_close(&file);
}
END_TEST

/* `check` and `plan` of a guest with gigabytes of initrd. */
START_TEST(a_large_file_that_nobody_looks_at_is_not_read)
{
	struct sys sys = *model_sys(m);
	struct guest_mem mem;

	short_ops = *sys.ops;
	whole_pread = short_ops.pread;
	short_ops.pread = stopping_pread;
	sys.ops = &short_ops;
	write_file("0123456789", 10);
	ck_assert_int_eq(truncate(path, 200 << 20), 0);
	ck_assert_int_eq(mem_file_open(&file, &sys, path, &err), 0);
	mem_init(&mem, &sys, NULL, MEM_PAGES_SMALL);
	mem.unseen = true;
	ck_assert_int_eq(mem_add_region(&mem, "RAM", 0, 256 << 20, &err), 0);
	reads = 0, stop_at = 0;
	ck_assert_int_eq(mem_file_load(&file, 0, &mem, 0, 200 << 20, &err), 0);
	ck_assert_uint_eq(reads, 2);
	/* but it is looked up */
	ck_assert_int_eq(mem_file_load(&file, 1, &mem, 0, 200 << 20, &err), -ENODATA);
	ck_assert_int_eq(mem_file_load(&file, 0, &mem, 128 << 20, 200 << 20, &err), -EFAULT);
	mem_destroy(&mem);
	mem_file_close(&file);
}
END_TEST

SUITE(test_file)
{
	Suite *s = suite_create("file");
	TCase *tc = tcase_create("file");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_file_is_opened_with_its_size_and_read);
	tcase_add_test(tc, a_missing_file_is_named);
	tcase_add_test(tc, a_directory_is_refused);
	tcase_add_test(tc, a_named_pipe_is_refused_and_does_not_hang);
	tcase_add_test(tc, devices_and_sockets_are_refused);
	tcase_add_test(tc, a_file_that_ends_early_says_where);
	tcase_add_test(tc, a_file_that_is_cut_after_opening_is_an_error);
	tcase_add_test(tc, offsets_beyond_any_file_are_errors);
	tcase_add_loop_test(tc, failing_calls_leave_nothing_open, 0, 3);
	tcase_add_test(tc, short_reads_are_continued);
	tcase_add_test(tc, a_file_goes_straight_into_guest_memory);
	tcase_add_test(tc, loading_a_large_file_can_be_stopped);
	tcase_add_test(tc, a_large_file_that_nobody_looks_at_is_not_read);
	suite_add_tcase(s, tc);
	return s;
}
