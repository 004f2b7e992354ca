// SPDX-License-Identifier: MIT
/* Disks: drivers that break the rules, hosts that fail, limits, and resets in the middle. */
#include "tests/unit/blk_fixture.h"
#include "tests/unit/suite.h"

static uint8_t got[8192];

START_TEST(requests_beyond_the_end_fail)
{
	const uint64_t end = IMAGE_SIZE / 512;
	static const uint64_t far[] = {UINT64_MAX, UINT64_MAX / 512, 1ULL << 55, 1ULL << 63};

	host.engine = (enum engine)_i;
	blk_start(FEATURES);
	ck_assert_uint_eq(blk_read(end - 1, got, 512), VIRTIO_BLK_S_OK);
	ck_assert_uint_eq(blk_read(end - 1, got, 1024), VIRTIO_BLK_S_IOERR);
	ck_assert_uint_eq(blk_read(end, got, 512), VIRTIO_BLK_S_IOERR);
	ck_assert_uint_eq(blk_write(end - 1, got, 1024), VIRTIO_BLK_S_IOERR);
	for (unsigned int i = 0; i < ARRAY_SIZE(far); i++) {
		ck_assert_uint_eq(blk_read(far[i], got, 512), VIRTIO_BLK_S_IOERR);
		ck_assert_uint_eq(blk_write(far[i], got, 512), VIRTIO_BLK_S_IOERR);
		ck_assert_uint_eq(blk_range(VIRTIO_BLK_T_WRITE_ZEROES, far[i], 1, 0),
				  VIRTIO_BLK_S_IOERR);
		ck_assert_uint_eq(blk_range(VIRTIO_BLK_T_DISCARD, far[i], UINT32_MAX, 0),
				  VIRTIO_BLK_S_IOERR);
	}
	ck_assert_uint_eq(blk_range(VIRTIO_BLK_T_DISCARD, end - 1, 2, 0), VIRTIO_BLK_S_IOERR);
	driver_detach(&d);
}
END_TEST

START_TEST(lengths_are_whole_sectors)
{
	uint32_t used;

	blk_start(FEATURES);
	ck_assert_uint_eq(blk_read(0, got, 511), VIRTIO_BLK_S_IOERR);
	ck_assert_uint_eq(blk_request(VIRTIO_BLK_T_IN, 0, NULL, 513, got, &used),
			  VIRTIO_BLK_S_IOERR);
	ck_assert_uint_eq(used, 0);
	ck_assert_uint_eq(blk_write(0, got, 100), VIRTIO_BLK_S_IOERR);
	ck_assert_uint_eq(blk_write(0, NULL, 0), VIRTIO_BLK_S_OK);
	ck_assert_uint_eq(host.pwritevs, 0);
	driver_detach(&d);
}
END_TEST

/* A buffer may be as large as guest memory; a request may not. */
START_TEST(a_request_has_a_largest_size)
{
	struct driver_buf buf[20];
	uint64_t a;
	uint32_t head, len;
	uint8_t status;

	ck_assert_int_eq(truncate(path, (off_t)MIB(64)), 0);
	blk_start(FEATURES);
	a = driver_alloc(&d, MIB(1));
	put_header(a, VIRTIO_BLK_T_IN, 0);
	buf[0] = (struct driver_buf){a, 16, false};
	for (int i = 1; i <= 17; i++)
		buf[i] = (struct driver_buf){a, (uint32_t)MIB(1), true};
	buf[18] = (struct driver_buf){a, 1, true};
	driver_add_indirect(&d, 0, buf, 19);
	driver_kick(&d, 0);
	blk_settle();
	ck_assert(driver_used(&d, 0, &head, &len));
	ck_assert_uint_eq(len, 0);
	driver_load(&d, a, &status, 1);
	ck_assert_uint_eq(status, VIRTIO_BLK_S_IOERR);
	ck_assert_uint_eq(host.preadvs, 0);
	driver_detach(&d);
}
END_TEST

START_TEST(ranges_keep_to_the_rules)
{
	static const uint8_t two[32] = {0};

	blk_start(FEATURES);
	ck_assert_uint_eq(blk_range(VIRTIO_BLK_T_DISCARD, 0, 8, 1), VIRTIO_BLK_S_UNSUPP);
	ck_assert_uint_eq(blk_range(VIRTIO_BLK_T_DISCARD, 0, 8, 2), VIRTIO_BLK_S_UNSUPP);
	ck_assert_uint_eq(blk_range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 2), VIRTIO_BLK_S_UNSUPP);
	ck_assert_uint_eq(blk_range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 0, 0), VIRTIO_BLK_S_OK);
	ck_assert_uint_eq(blk_request(VIRTIO_BLK_T_DISCARD, 0, two, 32, NULL, NULL),
			  VIRTIO_BLK_S_IOERR);
	ck_assert_uint_eq(blk_request(VIRTIO_BLK_T_WRITE_ZEROES, 0, two, 15, NULL, NULL),
			  VIRTIO_BLK_S_IOERR);
	ck_assert_uint_eq(host.fallocates, 0);
	driver_detach(&d);
}
END_TEST

START_TEST(what_is_not_negotiated_or_known_is_not_done)
{
	static const uint32_t types[] = {2, 3, 9, 10, 12, VIRTIO_BLK_T_SECURE_ERASE, UINT32_MAX};

	blk_start(FEATURES & ~(F(DISCARD) | F(WRITE_ZEROES)));
	ck_assert_uint_eq(blk_range(VIRTIO_BLK_T_DISCARD, 0, 8, 0), VIRTIO_BLK_S_UNSUPP);
	ck_assert_uint_eq(blk_range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0), VIRTIO_BLK_S_UNSUPP);
	for (unsigned int i = 0; i < ARRAY_SIZE(types); i++)
		ck_assert_uint_eq(blk_request(types[i], 0, NULL, 0, NULL, NULL),
				  VIRTIO_BLK_S_UNSUPP);
	driver_detach(&d);
}
END_TEST

START_TEST(a_request_without_a_header_fails)
{
	struct driver_buf buf[2];
	uint32_t head, len;
	uint8_t status;

	blk_start(FEATURES);
	buf[0] = (struct driver_buf){driver_alloc(&d, 64), 15, false};
	buf[1] = (struct driver_buf){buf[0].gpa + 32, 1, true};
	driver_add(&d, 0, buf, 2);
	driver_kick(&d, 0);
	ck_assert(driver_used(&d, 0, &head, &len));
	driver_load(&d, buf[1].gpa, &status, 1);
	ck_assert_uint_eq(status, VIRTIO_BLK_S_IOERR);
	driver_detach(&d);
}
END_TEST

/* It cannot be answered, and a driver that waits for it waits for ever: it is told to start over.
 */
START_TEST(a_request_without_a_status_costs_the_device)
{
	struct driver_buf buf = {0, 16, false};
	uint32_t head, len;

	blk_start(FEATURES);
	buf.gpa = driver_alloc(&d, 64);
	put_header(buf.gpa, VIRTIO_BLK_T_FLUSH, 0);
	driver_add(&d, 0, &buf, 1);
	driver_kick(&d, 0);
	driver_must_need_reset(&d);
	ck_assert(!driver_used(&d, 0, &head, &len));
	/* and after a reset it is as new */
	driver_start(&d, FEATURES & driver_offered(&d), 16);
	ck_assert_uint_eq(blk_read(0, got, 512), VIRTIO_BLK_S_OK);
	driver_detach(&d);
}
END_TEST

START_TEST(a_queue_in_private_memory_costs_the_device)
{
	world_make_private(&world, 0, PAGE_SIZE, false); /* a VM with conversions */
	blk_start(FEATURES);
	world_make_private(&world, d.queue[0].avail, PAGE_SIZE, true);
	driver_write(&d, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	loop_poll(&world.loop, 10);
	driver_must_need_reset(&d);
	driver_detach(&d);
}
END_TEST

/* --- hosts that fail -------------------------------------------------------------------------- */

START_TEST(errors_of_the_host_are_answered)
{
	host.engine = ENGINE_WAIT;
	blk_start(FEATURES);
	host.preadv = host.pwritev = host.fdatasync = host.fallocate = -ENOSPC;
	ck_assert_uint_eq(blk_read(0, got, 512), VIRTIO_BLK_S_IOERR);
	ck_assert_ptr_nonnull(strstr(world.log_text, "unable to read 512 bytes at 0: ENOSPC"));
	ck_assert_uint_eq(blk_write(0, got, 512), VIRTIO_BLK_S_IOERR);
	ck_assert_ptr_nonnull(strstr(world.log_text, "unable to write"));
	ck_assert_uint_eq(blk_request(VIRTIO_BLK_T_FLUSH, 0, NULL, 0, NULL, NULL),
			  VIRTIO_BLK_S_IOERR);
	ck_assert_uint_eq(blk_range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0), VIRTIO_BLK_S_IOERR);
	host.fallocate = -EOPNOTSUPP;
	ck_assert_uint_eq(blk_range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0), VIRTIO_BLK_S_IOERR);
	ck_assert_uint_eq(blk_range(VIRTIO_BLK_T_DISCARD, 0, 8, 0), VIRTIO_BLK_S_OK);
	/* and the log has an end */
	for (int i = 0; i < 100; i++)
		ck_assert_uint_eq(blk_read(0, got, 512), VIRTIO_BLK_S_IOERR);
	ck_assert_uint_lt(world.log_lines, 20);
	driver_detach(&d);
}
END_TEST

START_TEST(a_file_that_was_cut_gives_an_error)
{
	host.engine = (enum engine)_i;
	blk_start(FEATURES);
	ck_assert_int_eq(truncate(path, 1024), 0);
	ck_assert_uint_eq(blk_read(0, got, 1024), VIRTIO_BLK_S_OK);
	ck_assert_uint_eq(blk_read(0, got, 4096), VIRTIO_BLK_S_IOERR);
	ck_assert_uint_eq(blk_read(100, got, 512), VIRTIO_BLK_S_IOERR);
	driver_detach(&d);
}
END_TEST

/* io_uring that takes nothing, as when the host is out of memory: the thread does it. */
START_TEST(what_io_uring_does_not_take_is_done)
{
	host.engine = ENGINE_FORCE;
	host.enter = -ENOMEM;
	blk_start(FEATURES);
	ck_assert_uint_eq(blk_read(0, got, 4096), VIRTIO_BLK_S_OK);
	for (unsigned int i = 0; i < 4096; i++)
		ck_assert_uint_eq(got[i], image_byte(i));
	ck_assert_uint_eq(blk_request(VIRTIO_BLK_T_FLUSH, 0, NULL, 0, NULL, NULL), VIRTIO_BLK_S_OK);
	if (blk->ring.fd >= 0) {
		ck_assert_uint_gt(host.enters, 0);
		ck_assert_uint_eq(host.fdatasyncs, 1);
		ck_assert_uint_eq(blk->ring.in_flight, 0);
	}
	driver_detach(&d);
}
END_TEST

/* A file system that cannot tell whether it would wait is simply asked. */
START_TEST(a_file_system_that_cannot_tell_is_waited_for)
{
	blk_start(FEATURES);
	blk->image.tells[0] = false;
	ck_assert_uint_eq(blk_read(0, got, 4096), VIRTIO_BLK_S_OK);
	ck_assert_uint_eq(host.preadvs, 1);
	ck_assert_uint_eq(host.enters, 0);
	driver_detach(&d);
}
END_TEST

/* Pages of these VMs are converted, so nothing may be held in flight. */
START_TEST(confidential_vms_have_no_io_uring)
{
	world.mem.mode = MEM_MODE_SPLIT;
	blk_start(FEATURES);
	ck_assert_int_eq(blk->ring.fd, -1);
	ck_assert_uint_eq(blk_read(0, got, 4096), VIRTIO_BLK_S_OK);
	driver_detach(&d);
}
END_TEST

/* --- resets and limits ------------------------------------------------------------------------ */

START_TEST(a_reset_waits_for_what_is_in_flight_and_forgets_it)
{
	struct sent s;
	uint32_t head, len;

	host.engine = ENGINE_FORCE;
	blk_start(FEATURES);
	s = blk_send(VIRTIO_BLK_T_IN, 0, NULL, 4096, true);
	/* one source's turn: the queue is read, its result not taken */
	driver_write(&d, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	loop_poll(&world.loop, 1);
	if (blk->ring.fd >= 0)
		ck_assert_uint_eq(blk->ring.in_flight, 1);
	driver_write(&d, VIRTIO_MMIO_STATUS, 0);
	if (blk->ring.fd >= 0) {
		ck_assert_uint_eq(blk->ring.in_flight, 0);
		ck_assert_uint_eq(sent_status(&s), 0xee);
		ck_assert(!driver_used(&d, 0, &head, &len));
	}
	driver_start(&d, FEATURES & driver_offered(&d), 16);
	ck_assert_uint_eq(blk_read(0, got, 512), VIRTIO_BLK_S_OK);
	driver_detach(&d);
}
END_TEST

static atomic_bool vm_ends;

static void *end_the_vm(void *arg)
{
	usleep(300000);
	vm_ends = true;
	return arg;
}

/* A pipe that nobody writes to in place of the image: a read of it takes for ever. */
START_TEST(a_disk_that_does_not_answer_keeps_no_vm_from_its_end)
{
	uint64_t started = timer_now_ms();
	pthread_t thread;
	int pipes[2];

	host.engine = ENGINE_FORCE;
	blk_start(FEATURES);
	if (blk->ring.fd < 0) {
		driver_detach(&d);
		return; /* a host without io_uring: the thread waits, and never here */
	}
	vm_ends = false;
	world.mem.stop = &vm_ends;
	ck_assert_int_eq(pipe(pipes), 0);
	ck_assert_int_eq(dup2(pipes[0], blk->image.fd), blk->image.fd);
	blk_send(VIRTIO_BLK_T_IN, 0, NULL, 4096, true);
	driver_write(&d, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	loop_poll(&world.loop, 1);
	ck_assert_uint_eq(blk->ring.in_flight, 1);
	ck_assert_int_eq(pthread_create(&thread, NULL, end_the_vm, NULL), 0);
	driver_write(&d, VIRTIO_MMIO_STATUS, 0);
	ck_assert_uint_ge(timer_now_ms() - started, 2000);
	ck_assert_uint_lt(timer_now_ms() - started, 10000);
	ck_assert_ptr_nonnull(strstr(world.log_text, "does not answer 1 requests"));
	/* a late answer has the memory that it was asked for */
	ck_assert(world.mem.kept);
	pthread_join(thread, NULL);
	driver_detach(&d);
	close(pipes[0]);
	close(pipes[1]);
	world.mem.kept = false; /* the pipe's reader is gone */
}
END_TEST

/* Ten a second: of a burst two pass at once, the third 100 ms later. */
START_TEST(requests_above_the_limit_are_late_and_not_lost)
{
	uint64_t start, took;
	uint32_t head, len;
	unsigned int n = 0;

	if (_i == 0)
		disk->iops = 10;
	else
		disk->bandwidth = 5120;
	blk_start(FEATURES);
	for (int i = 0; i < 4; i++)
		blk_send(VIRTIO_BLK_T_IN, 0, NULL, 512, true);
	start = timer_now();
	driver_kick(&d, 0);
	while (driver_used(&d, 0, &head, &len))
		n++;
	ck_assert_uint_eq(n, 2);
	ck_assert(blk->paused);
	while (n < 4 && timer_now() - start < 20000000000ULL) {
		usleep(1000);
		loop_poll(&world.loop, 100);
		while (driver_used(&d, 0, &head, &len))
			n++;
	}
	took = timer_now() - start;
	ck_assert_uint_eq(n, 4);
	ck_assert_uint_ge(took, 190000000);
	driver_detach(&d);
}
END_TEST

START_TEST(a_reset_ends_the_wait_for_the_limit)
{
	disk->iops = 1;
	blk_start(FEATURES);
	for (int i = 0; i < 4; i++)
		blk_send(VIRTIO_BLK_T_IN, 0, NULL, 512, true);
	driver_kick(&d, 0);
	ck_assert(blk->paused);
	driver_write(&d, VIRTIO_MMIO_STATUS, 0);
	ck_assert(!blk->paused);
	driver_detach(&d);
}
END_TEST

SUITE(test_virtio_blk_hostile)
{
	Suite *s = suite_create("virtio_blk_hostile");
	TCase *tc = tcase_create("blk");

	tcase_add_checked_fixture(tc, blk_setup, blk_teardown);
	tcase_add_loop_test(tc, requests_beyond_the_end_fail, 0, ENGINES);
	tcase_add_test(tc, lengths_are_whole_sectors);
	tcase_add_test(tc, a_request_has_a_largest_size);
	tcase_add_test(tc, ranges_keep_to_the_rules);
	tcase_add_test(tc, what_is_not_negotiated_or_known_is_not_done);
	tcase_add_test(tc, a_request_without_a_header_fails);
	tcase_add_test(tc, a_request_without_a_status_costs_the_device);
	tcase_add_test(tc, a_queue_in_private_memory_costs_the_device);
	tcase_add_test(tc, errors_of_the_host_are_answered);
	tcase_add_loop_test(tc, a_file_that_was_cut_gives_an_error, 0, ENGINES);
	tcase_add_test(tc, what_io_uring_does_not_take_is_done);
	tcase_add_test(tc, a_file_system_that_cannot_tell_is_waited_for);
	tcase_add_test(tc, confidential_vms_have_no_io_uring);
	tcase_add_test(tc, a_disk_that_does_not_answer_keeps_no_vm_from_its_end);
	tcase_add_test(tc, a_reset_waits_for_what_is_in_flight_and_forgets_it);
	tcase_add_loop_test(tc, requests_above_the_limit_are_late_and_not_lost, 0, 2);
	tcase_add_test(tc, a_reset_ends_the_wait_for_the_limit);
	suite_add_tcase(s, tc);
	return s;
}
