// SPDX-License-Identifier: MIT
/* The real system calls behind the seam: results are negative errnos, descriptors close on exec. */
#include "tests/unit/suite.h"
#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

static const struct sys_ops *ops;

static void setup(void)
{
	ops = sys_host()->ops;
}

static void assert_cloexec(int fd)
{
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

/* A file of `size` bytes that exists as long as the descriptor. */
static int scratch_file(size_t size)
{
	int fd = memfd_create("scratch", 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	return fd;
}

START_TEST(open_reports_the_errno_and_sets_cloexec)
{
	int fd = ops->open(NULL, "/dev/null", O_RDWR);

	assert_cloexec(fd);
	ck_assert_int_eq(ops->close(NULL, fd), 0);
	ck_assert_int_eq(ops->close(NULL, fd), -EBADF);
	ck_assert_int_eq(ops->open(NULL, "/nonexistent/file", O_RDONLY), -ENOENT);
	ck_assert_int_eq(ops->open(NULL, "/", O_RDWR), -EISDIR);
}
END_TEST

START_TEST(cloexec_can_be_added)
{
	int fd = scratch_file(0);

	ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	ck_assert_int_eq(ops->cloexec(NULL, fd), 0);
	assert_cloexec(fd);
	close(fd);
	ck_assert_int_eq(ops->cloexec(NULL, fd), -EBADF);
}
END_TEST

START_TEST(only_files_have_a_size)
{
	int fd = scratch_file(12345), dir = open("/", O_RDONLY), null = open("/dev/null", O_RDWR);
	uint64_t size = 7;
	int p[2];

	ck_assert_int_eq(ops->file_size(NULL, fd, &size), 0);
	ck_assert_uint_eq(size, 12345);
	ck_assert_int_eq(ops->file_size(NULL, dir, &size), -EISDIR);
	ck_assert_int_eq(ops->file_size(NULL, null, &size), -EINVAL);
	ck_assert_int_eq(pipe(p), 0);
	ck_assert_int_eq(ops->file_size(NULL, p[0], &size), -EINVAL);
	close(fd);
	ck_assert_int_eq(ops->file_size(NULL, fd, &size), -EBADF);
	ck_assert_uint_eq(size, 12345);
}
END_TEST

START_TEST(pread_gives_what_is_there)
{
	int fd = scratch_file(0);
	char buf[8] = "";

	ck_assert_int_eq(write(fd, "hello", 5), 5);
	ck_assert_int_eq(ops->pread(NULL, fd, buf, 8, 1), 4);
	ck_assert_mem_eq(buf, "ello", 4);
	ck_assert_int_eq(ops->pread(NULL, fd, buf, 8, 5), 0);
	ck_assert_int_eq(ops->pread(NULL, fd, buf, 8, INT64_MAX - 8), 0);
	ck_assert_int_eq(ops->pread(NULL, fd, buf, 8, (uint64_t)INT64_MAX + 1), -EINVAL);
	ck_assert_int_eq(ops->pread(NULL, fd, buf, 8, UINT64_MAX), -EINVAL);
	close(fd);
	ck_assert_int_eq(ops->pread(NULL, fd, buf, 8, 0), -EBADF);
}
END_TEST

START_TEST(ioctl_returns_its_result_or_the_errno)
{
	int n = 0, p[2];

	ck_assert_int_eq(pipe(p), 0);
	ck_assert_int_eq(write(p[1], "abc", 3), 3);
	ck_assert_int_eq(ops->ioctl(NULL, p[0], FIONREAD, &n), 0);
	ck_assert_int_eq(n, 3);
	ck_assert_int_eq(ops->ioctl(NULL, p[0], TIOCGWINSZ, &n), -ENOTTY);
	ck_assert_int_eq(ops->ioctl(NULL, -1, FIONREAD, &n), -EBADF);
}
END_TEST

START_TEST(a_memfd_is_sized_mapped_and_punched)
{
	int fd = ops->memfd(NULL, "ram", 0);
	uint64_t size;
	void *p;

	assert_cloexec(fd);
	ck_assert_int_eq(ops->ftruncate(NULL, fd, 8192), 0);
	ck_assert_int_eq(ops->file_size(NULL, fd, &size), 0);
	ck_assert_uint_eq(size, 8192);
	ck_assert_int_eq(ops->mmap(NULL, &p, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), 0);
	memset(p, 0x5a, 8192);
	ck_assert_int_eq(
		ops->fallocate(NULL, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096),
		0);
	ck_assert_uint_eq(((uint8_t *)p)[4095], 0x5a);
	ck_assert_uint_eq(((uint8_t *)p)[4096], 0);
	ck_assert_int_eq(ops->madvise(NULL, p, 8192, MADV_DONTFORK), 0);
	ck_assert_int_eq(ops->madvise(NULL, (char *)p + 1, 1, MADV_DONTFORK), -EINVAL);
	ck_assert_int_eq(ops->munmap(NULL, p, 8192), 0);
	ck_assert_int_eq(ops->munmap(NULL, (char *)p + 1, 8192), -EINVAL);
	close(fd);
}
END_TEST

START_TEST(sizes_beyond_a_file_are_refused)
{
	int fd = scratch_file(0);
	const uint64_t huge = (uint64_t)INT64_MAX + 1;

	ck_assert_int_eq(ops->ftruncate(NULL, fd, huge), -EFBIG);
	ck_assert_int_eq(ops->ftruncate(NULL, fd, UINT64_MAX), -EFBIG);
	ck_assert_int_eq(ops->fallocate(NULL, fd, 0, huge, 1), -EFBIG);
	ck_assert_int_eq(ops->fallocate(NULL, fd, 0, 0, huge), -EFBIG);
	close(fd);
}
END_TEST

START_TEST(failures_of_memory_calls_are_errnos)
{
	void *p = &p;

	ck_assert_int_eq(ops->memfd(NULL, "x", ~0u), -EINVAL);
	ck_assert_int_eq(ops->ftruncate(NULL, -1, 1), -EBADF);
	ck_assert_int_eq(ops->fallocate(NULL, -1, 0, 0, 1), -EBADF);
	ck_assert_int_eq(ops->mmap(NULL, &p, 4096, PROT_READ, MAP_SHARED, -1, 0), -EBADF);
	ck_assert_ptr_eq(p, &p);
	ck_assert_int_eq(ops->mmap(NULL, &p, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
			 -EINVAL);
}
END_TEST

START_TEST(an_eventfd_never_blocks)
{
	int fd = ops->eventfd(NULL);
	uint64_t n;

	assert_cloexec(fd);
	ck_assert_int_eq(read(fd, &n, sizeof(n)), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(eventfd_write(fd, 3), 0);
	ck_assert_int_eq(read(fd, &n, sizeof(n)), 8);
	ck_assert_uint_eq(n, 3);
	close(fd);
}
END_TEST

static void *thread(void *arg)
{
	/* most of the small stack is usable */
	volatile char room[128 << 10];

	room[0] = 1;
	*(int *)arg = room[0];
	return NULL;
}

START_TEST(a_thread_runs_and_is_joined)
{
	pthread_t t;
	int ran = 0;

	ck_assert_int_eq(ops->thread_start(NULL, &t, thread, &ran), 0);
	ck_assert_int_eq(ops->thread_join(NULL, t), 0);
	ck_assert_int_eq(ran, 1);
	ck_assert_int_eq(ops->thread_join(NULL, pthread_self()), -EDEADLK);
}
END_TEST

START_TEST(sys_close_closes_once)
{
	int fd = scratch_file(0), copy = fd;

	sys_close(sys_host(), &fd);
	ck_assert_int_eq(fd, -1);
	ck_assert_int_eq(fcntl(copy, F_GETFD), -1);
	sys_close(sys_host(), &fd);
	ck_assert_int_eq(fd, -1);
}
END_TEST

SUITE(test_sys)
{
	Suite *s = suite_create("sys");
	TCase *tc = tcase_create("host");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, open_reports_the_errno_and_sets_cloexec);
	tcase_add_test(tc, cloexec_can_be_added);
	tcase_add_test(tc, only_files_have_a_size);
	tcase_add_test(tc, pread_gives_what_is_there);
	tcase_add_test(tc, ioctl_returns_its_result_or_the_errno);
	tcase_add_test(tc, a_memfd_is_sized_mapped_and_punched);
	tcase_add_test(tc, sizes_beyond_a_file_are_refused);
	tcase_add_test(tc, failures_of_memory_calls_are_errnos);
	tcase_add_test(tc, an_eventfd_never_blocks);
	tcase_add_test(tc, a_thread_runs_and_is_joined);
	tcase_add_test(tc, sys_close_closes_once);
	suite_add_tcase(s, tc);
	return s;
}
