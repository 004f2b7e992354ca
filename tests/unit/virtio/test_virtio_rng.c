// SPDX-License-Identifier: MIT
/* The device that gives random bytes. */
#include "tests/unit/boot_files.h"
#include "tests/unit/suite.h"
#include "tests/unit/virtio_driver.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static struct world world;
static struct driver d;
static struct vmm_error err;

static int create(struct virtio_device **dev, const char *source)
{
	char path[64];
	struct vmm_config config = {.rng = {.present = true, .source = path}};

	snprintf(path, sizeof(path), "%s", source);
	return virtio_create(dev, &virtio_rng, &world.host, &config, 0, &err);
}

static void start(const char *source)
{
	struct virtio_device *dev;

	ck_assert_msg(create(&dev, source) == 0, "%s", err.text);
	driver_attach(&d, &world, dev);
	driver_start(&d, 1ULL << VIRTIO_RING_F_INDIRECT_DESC, 16);
}

static void setup(void)
{
	world_setup(&world, false);
}

static void teardown(void)
{
	world_teardown(&world);
}

START_TEST(requests_are_filled)
{
	struct driver_buf buf = {0, 64, true};
	uint8_t a[64], b[64] = {0};
	uint32_t head, len;

	start("/dev/urandom");
	ck_assert_uint_eq(driver_read(&d, VIRTIO_MMIO_DEVICE_ID), 4);
	buf.gpa = driver_alloc(&d, 64);
	for (int i = 0; i < 10; i++) {
		driver_add(&d, 0, &buf, 1);
		driver_kick(&d, 0);
		ck_assert(driver_used(&d, 0, &head, &len));
		ck_assert_uint_eq(len, 64);
		driver_load(&d, buf.gpa, a, sizeof(a));
		ck_assert_mem_ne(a, b, sizeof(a));
		memcpy(b, a, sizeof(a));
	}
	driver_detach(&d);
}
END_TEST

START_TEST(a_request_gets_4096_bytes_at_most)
{
	struct driver_buf buf[3];
	uint32_t head, len;

	start("/dev/urandom");
	for (int i = 0; i < 3; i++)
		buf[i] = (struct driver_buf){driver_alloc(&d, 2000), 2000, true};
	driver_add_indirect(&d, 0, buf, 3);
	driver_kick(&d, 0);
	ck_assert(driver_used(&d, 0, &head, &len));
	ck_assert_uint_eq(len, 4096);
	driver_detach(&d);
}
END_TEST

START_TEST(a_request_without_room_gets_nothing)
{
	struct driver_buf buf = {0, 64, false};
	uint32_t head, len;

	start("/dev/urandom");
	buf.gpa = driver_alloc(&d, 64);
	driver_add(&d, 0, &buf, 1);
	driver_kick(&d, 0);
	ck_assert(driver_used(&d, 0, &head, &len));
	ck_assert_uint_eq(len, 0);
	ck_assert_uint_eq(world.log_lines, 0);
	driver_detach(&d);
}
END_TEST

START_TEST(a_file_is_read_from_start_to_end)
{
	struct test_file file = file_make("first bytes, then more", 22);
	struct driver_buf buf = {0, 12, true};
	uint32_t head, len;
	char got[12];

	start(file.path);
	buf.gpa = driver_alloc(&d, 64);
	for (int i = 0; i < 3; i++) {
		driver_add(&d, 0, &buf, 1);
		driver_kick(&d, 0);
		ck_assert(driver_used(&d, 0, &head, &len));
		ck_assert_uint_eq(len, i == 0 ? 12 : i == 1 ? 10 : 0);
		driver_load(&d, buf.gpa, got, sizeof(got));
		ck_assert_mem_eq(got, i == 0 ? "first bytes," : " then more", 10);
	}
	ck_assert_ptr_nonnull(strstr(world.log_text, "end"));
	driver_detach(&d);
	file_free(&file);
}
END_TEST

START_TEST(a_source_that_cannot_be_opened_is_named)
{
	struct virtio_device *dev;

	ck_assert_int_eq(create(&dev, "/no/such/file"), -ENOENT);
	ck_assert_ptr_null(dev);
	ck_assert_ptr_nonnull(strstr(err.text, "rng.source"));
	ck_assert_ptr_nonnull(strstr(err.text, "/no/such/file"));
}
END_TEST

/* --- sources that do not answer ------------------------------------------------------------------- */

START_TEST(a_pipe_as_source_is_refused_and_does_not_hang)
{
	char dir[] = "/tmp/minivmm-fifo-XXXXXX", path[64];
	struct virtio_device *dev;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/fifo", dir);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(create(&dev, path), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "rng.source: "));
	ck_assert_ptr_nonnull(strstr(err.text, "neither a file nor a character device"));
	unlink(path);
	rmdir(dir);
	ck_assert_int_eq(create(&dev, "/"), -EINVAL);
}
END_TEST

/* A character device of a driver, such as /dev/hwrng: its bytes are those of a pipe of ours. */
static int source_pipe[2];

static int fake_identify(void *ctx, int fd, struct sys_identity *id)
{
	(void)ctx;
	(void)fd;
	*id = (struct sys_identity){.kind = SYS_CHAR, .dev = makedev(10, 183)};
	return 0;
}

static ssize_t fake_pread(void *ctx, int fd, void *buf, size_t len, uint64_t offset)
{
	ssize_t n;

	(void)ctx;
	(void)fd;
	(void)offset;
	n = read(source_pipe[0], buf, len);
	return n < 0 ? -errno : n;
}

static void start_slow(void)
{
	static struct sys_ops slow_ops;
	static const struct sys slow = {.ops = &slow_ops};

	slow_ops = *sys_host()->ops;
	slow_ops.identify = fake_identify;
	slow_ops.pread = fake_pread;
	world.host.sys = &slow;
	ck_assert_int_eq(pipe(source_pipe), 0);
	start("/dev/zero");
}

static bool answered(uint32_t *len)
{
	uint32_t head;

	for (int i = 0; i < 2000; i++) {
		loop_poll(&world.loop, 10);
		if (driver_used(&d, 0, &head, len))
			return true;
		usleep(1000);
	}
	return false;
}

START_TEST(a_source_that_blocks_stops_its_own_thread_only)
{
	struct driver_buf buf = {0, 64, true};
	uint32_t head, len;
	char got[64];

	start_slow();
	buf.gpa = driver_alloc(&d, 64);
	for (int i = 0; i < 3; i++) {
		driver_add(&d, 0, &buf, 1);
		driver_kick(&d, 0); /* would not come back */
		ck_assert(!driver_used(&d, 0, &head, &len));
		ck_assert_int_eq(write(source_pipe[1], "slow bytes", 10), 10);
		ck_assert(answered(&len));
		ck_assert_uint_eq(len, 10);
		driver_load(&d, buf.gpa, got, 10);
		ck_assert_mem_eq(got, "slow bytes", 10);
	}
	ck_assert_uint_eq(world.log_lines, 0);
	driver_detach(&d);
}
END_TEST

START_TEST(a_source_that_never_answers_does_not_hold_up_the_end)
{
	struct driver_buf buf = {0, 64, true};
	uint32_t head, len;

	start_slow();
	buf.gpa = driver_alloc(&d, 64);
	driver_add(&d, 0, &buf, 1);
	driver_kick(&d, 0);
	usleep(10000); /* the thread is in the driver by now */
	loop_poll(&world.loop, 10);
	ck_assert(!driver_used(&d, 0, &head, &len));
	driver_detach(&d);
	/* it goes when it can */
	close(source_pipe[1]);
	usleep(10000);
}
END_TEST

START_TEST(what_a_reset_did_not_wait_for_serves_the_next_request)
{
	struct driver_buf buf = {0, 64, true};
	uint32_t len;

	start_slow();
	buf.gpa = driver_alloc(&d, 64);
	driver_add(&d, 0, &buf, 1);
	driver_kick(&d, 0);
	driver_write(&d, VIRTIO_MMIO_STATUS, 0);
	ck_assert_int_eq(write(source_pipe[1], "late", 4), 4);
	usleep(10000);
	loop_poll(&world.loop, 10);
	driver_start(&d, 0, 16);
	buf.gpa = driver_alloc(&d, 64);
	driver_add(&d, 0, &buf, 1);
	driver_kick(&d, 0);
	ck_assert(answered(&len));
	ck_assert_uint_eq(len, 4);
	driver_detach(&d);
}
END_TEST

SUITE(test_virtio_rng)
{
	Suite *s = suite_create("virtio_rng");
	TCase *tc = tcase_create("rng");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, requests_are_filled);
	tcase_add_test(tc, a_request_gets_4096_bytes_at_most);
	tcase_add_test(tc, a_request_without_room_gets_nothing);
	tcase_add_test(tc, a_file_is_read_from_start_to_end);
	tcase_add_test(tc, a_source_that_cannot_be_opened_is_named);
	tcase_add_test(tc, a_pipe_as_source_is_refused_and_does_not_hang);
	tcase_add_test(tc, a_source_that_blocks_stops_its_own_thread_only);
	tcase_add_test(tc, a_source_that_never_answers_does_not_hold_up_the_end);
	tcase_add_test(tc, what_a_reset_did_not_wait_for_serves_the_next_request);
	suite_add_tcase(s, tc);
	return s;
}
