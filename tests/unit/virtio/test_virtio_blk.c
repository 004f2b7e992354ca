// SPDX-License-Identifier: MIT
/* Disks: what a well-behaved driver gets, by each way that requests take to the file. */
#include "tests/unit/blk_fixture.h"
#include "tests/unit/suite.h"

static uint8_t bytes[131072], got[131072];

static void fill(uint8_t seed)
{
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(seed + i * 13 + (i >> 8));
}

static bool is_original(const uint8_t *data, uint64_t offset, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (data[i] != image_byte(offset + i))
			return false;
	return true;
}

static uint64_t config(size_t offset, unsigned int len)
{
	return d.dev->dev.ops->read(&d.dev->dev, VIRTIO_MMIO_CONFIG + offset, len);
}

#define CONFIG(field)                                     \
	config(offsetof(struct virtio_blk_config, field), \
	       sizeof(((struct virtio_blk_config *)0)->field))

START_TEST(the_configuration_space_is_complete)
{
	disk->queues = 4;
	blk_create();
	ck_assert_uint_eq(driver_read(&d, VIRTIO_MMIO_DEVICE_ID), 2);
	ck_assert_uint_eq(driver_offered(&d) & ((1 << 24) - 1), ALL_WRITABLE);
	ck_assert_uint_eq(CONFIG(capacity), IMAGE_SIZE / 512);
	ck_assert_uint_eq(CONFIG(size_max), 65536);
	ck_assert_uint_eq(CONFIG(seg_max), 254);
	ck_assert_uint_eq(CONFIG(blk_size), 512);
	ck_assert_uint_eq(CONFIG(physical_block_exp), 3);
	ck_assert_uint_eq(CONFIG(alignment_offset), 0);
	ck_assert_uint_eq(CONFIG(min_io_size), 8);
	ck_assert_uint_eq(CONFIG(wce), 1);
	ck_assert_uint_eq(CONFIG(num_queues), 4);
	ck_assert_uint_eq(CONFIG(max_discard_sectors), GIB(1) / 512);
	ck_assert_uint_eq(CONFIG(max_discard_seg), 1);
	ck_assert_uint_eq(CONFIG(discard_sector_alignment), 8);
	ck_assert_uint_eq(CONFIG(max_write_zeroes_sectors), MIB(16) / 512);
	ck_assert_uint_eq(CONFIG(max_write_zeroes_seg), 1);
	ck_assert_uint_eq(CONFIG(write_zeroes_may_unmap), 1);
	driver_detach(&d);
}
END_TEST

START_TEST(what_is_written_is_read_back_and_in_the_file)
{
	static const uint32_t lengths[] = {512, 4096, 65536, 131072};

	host.engine = (enum engine)_i;
	blk_start(FEATURES);
	for (unsigned int i = 0; i < ARRAY_SIZE(lengths); i++) {
		uint64_t sector = 3 + 300 * i;

		fill((uint8_t)i);
		ck_assert_uint_eq(blk_read(sector, got, lengths[i]), VIRTIO_BLK_S_OK);
		ck_assert(is_original(got, sector * 512, lengths[i]));
		ck_assert_uint_eq(blk_write(sector, bytes, lengths[i]), VIRTIO_BLK_S_OK);
		ck_assert_uint_eq(blk_read(sector, got, lengths[i]), VIRTIO_BLK_S_OK);
		ck_assert_mem_eq(got, bytes, lengths[i]);
		image_read(sector * 512, got, lengths[i]);
		ck_assert_mem_eq(got, bytes, lengths[i]);
		ck_assert_uint_eq(blk_read(sector - 1, got, 512), VIRTIO_BLK_S_OK);
		ck_assert(is_original(got, (sector - 1) * 512, 512));
	}
	driver_detach(&d);
}
END_TEST

/* Section 2.6.4: how the driver cuts its bytes into buffers means nothing. */
START_TEST(buffers_may_be_cut_anywhere)
{
	struct driver_buf buf[8];
	uint32_t head, len;
	uint64_t a;

	host.engine = (enum engine)_i;
	blk_start(FEATURES);
	fill(1);
	a = driver_alloc(&d, 8192);
	/* header and the first data in one buffer, the rest in odd pieces */
	put_header(a, VIRTIO_BLK_T_OUT, 16);
	driver_store(&d, a + 16, bytes, 1024);
	buf[0] = (struct driver_buf){a, 5, false};
	buf[1] = (struct driver_buf){a + 5, 400, false};
	buf[2] = (struct driver_buf){a + 405, 0, false};
	buf[3] = (struct driver_buf){a + 405, 16 + 1024 - 405, false};
	buf[4] = (struct driver_buf){a + 4000, 1, true};
	driver_add_indirect(&d, 0, buf, 5);
	driver_kick(&d, 0);
	blk_settle();
	ck_assert(driver_used(&d, 0, &head, &len));
	ck_assert_uint_eq(len, 1);
	image_read(8192, got, 1024);
	ck_assert_mem_eq(got, bytes, 1024);

	/* data and status in one buffer */
	put_header(a, VIRTIO_BLK_T_IN, 16);
	buf[0] = (struct driver_buf){a, 16, false};
	buf[1] = (struct driver_buf){a + 4096, 700, true};
	buf[2] = (struct driver_buf){a + 4796, 1024 - 700 + 1, true};
	driver_store(&d, a + 4096 + 1024, "\xee", 1);
	driver_add_indirect(&d, 0, buf, 3);
	driver_kick(&d, 0);
	blk_settle();
	ck_assert(driver_used(&d, 0, &head, &len));
	ck_assert_uint_eq(len, 1025);
	driver_load(&d, a + 4096, got, 1025);
	ck_assert_mem_eq(got, bytes, 1024);
	ck_assert_uint_eq(got[1024], VIRTIO_BLK_S_OK);
	driver_detach(&d);
}
END_TEST

/* More than io_uring is given at once, all made available together. */
START_TEST(many_requests_are_all_answered)
{
	const unsigned int n = 200;
	uint64_t headers, data;
	uint32_t head, len;

	host.engine = (enum engine)_i;
	blk_start(FEATURES);
	headers = driver_alloc(&d, n * 32);
	data = driver_alloc(&d, n * 512);
	for (unsigned int i = 0; i < n; i++) {
		struct driver_buf buf[3] = {
			{headers + i * 32, 16, false},
			{data + i * 512, 512, true},
			{headers + i * 32 + 24, 1, true},
		};

		put_header(buf[0].gpa, VIRTIO_BLK_T_IN, i * 10);
		driver_add_indirect(&d, 0, buf, 3);
	}
	driver_kick(&d, 0);
	blk_settle();
	for (unsigned int i = 0; i < n; i++) {
		ck_assert(driver_used(&d, 0, &head, &len));
		ck_assert_uint_eq(len, 513);
	}
	ck_assert(!driver_used(&d, 0, &head, &len));
	for (unsigned int i = 0; i < n; i++) {
		driver_load(&d, data + i * 512, got, 512);
		ck_assert(is_original(got, i * 5120, 512));
	}
	driver_detach(&d);
}
END_TEST

START_TEST(a_flush_reaches_the_disk)
{
	host.engine = ENGINE_WAIT;
	blk_start(FEATURES);
	fill(2);
	ck_assert_uint_eq(blk_write(0, bytes, 4096), VIRTIO_BLK_S_OK);
	ck_assert_uint_eq(host.fdatasyncs, 0);
	ck_assert_int_eq(host.write_flags & RWF_DSYNC, 0);
	ck_assert_uint_eq(blk_request(VIRTIO_BLK_T_FLUSH, 0, NULL, 0, NULL, NULL), 0);
	ck_assert_uint_eq(host.fdatasyncs, 1);
	driver_detach(&d);
}
END_TEST

START_TEST(a_flush_goes_through_io_uring)
{
	blk_start(FEATURES);
	if (blk->ring.fd >= 0) {
		ck_assert_uint_eq(blk_request(VIRTIO_BLK_T_FLUSH, 0, NULL, 0, NULL, NULL), 0);
		ck_assert_uint_eq(host.enters, 1);
		ck_assert_uint_eq(host.fdatasyncs, 0);
	}
	driver_detach(&d);
}
END_TEST

/* Section 5.2.6.2 */
START_TEST(without_flushes_every_write_is_on_the_disk)
{
	host.engine = ENGINE_WAIT;
	blk_start(FEATURES & ~(F(FLUSH) | F(CONFIG_WCE)));
	ck_assert_uint_eq(blk_write(0, bytes, 4096), VIRTIO_BLK_S_OK);
	ck_assert_int_eq(host.write_flags & RWF_DSYNC, RWF_DSYNC);
	ck_assert_uint_eq(blk_range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0), VIRTIO_BLK_S_OK);
	ck_assert_uint_eq(host.fdatasyncs, 1);
	driver_detach(&d);
}
END_TEST

START_TEST(the_driver_chooses_the_cache_mode)
{
	const size_t wce = offsetof(struct virtio_blk_config, wce);

	host.engine = ENGINE_WAIT;
	blk_start(FEATURES);
	d.dev->dev.ops->write(&d.dev->dev, VIRTIO_MMIO_CONFIG + wce, 1, 0);
	ck_assert_uint_eq(CONFIG(wce), 0);
	ck_assert_uint_eq(blk_write(0, bytes, 512), VIRTIO_BLK_S_OK);
	ck_assert_int_eq(host.write_flags & RWF_DSYNC, RWF_DSYNC);
	/* everything else is read-only */
	d.dev->dev.ops->write(&d.dev->dev, VIRTIO_MMIO_CONFIG, 8, 1);
	d.dev->dev.ops->write(&d.dev->dev, VIRTIO_MMIO_CONFIG + wce - 1, 4, UINT32_MAX);
	ck_assert_uint_eq(CONFIG(capacity), IMAGE_SIZE / 512);
	ck_assert_uint_eq(CONFIG(wce), 0);
	driver_write(&d, VIRTIO_MMIO_STATUS, 0);
	ck_assert_uint_eq(CONFIG(wce), 1);
	/* a driver that knows the mode but no flushes */
	driver_start(&d, FEATURES & ~F(FLUSH), 16);
	ck_assert_uint_eq(CONFIG(wce), 0);
	driver_detach(&d);
}
END_TEST

START_TEST(the_serial_number_is_told)
{
	static const char long_one[] = "12345678901234567890";
	char id[21] = "";
	uint32_t used;

	blk_start(FEATURES);
	memset(id, 'x', 20);
	ck_assert_uint_eq(blk_request(VIRTIO_BLK_T_GET_ID, 0, NULL, 20, id, &used), 0);
	ck_assert_uint_eq(used, 21);
	ck_assert_mem_eq(id, "disk0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
	driver_detach(&d);

	disk->serial = (char[]){"12345678901234567890"};
	blk_start(FEATURES);
	ck_assert_uint_eq(blk_request(VIRTIO_BLK_T_GET_ID, 0, NULL, 20, id, NULL), 0);
	ck_assert_mem_eq(id, long_one, 20);
	/* less room gets less of it, more is not touched */
	memset(id, 0, sizeof(id));
	ck_assert_uint_eq(blk_request(VIRTIO_BLK_T_GET_ID, 0, NULL, 5, id, &used), 0);
	ck_assert_uint_eq(used, 6);
	ck_assert_str_eq(id, "12345");
	ck_assert_uint_eq(blk_request(VIRTIO_BLK_T_GET_ID, 0, NULL, 512, got, &used), 0);
	ck_assert_uint_eq(used, 20);
	driver_detach(&d);
}
END_TEST

static void check_zeroes(uint64_t offset, size_t len)
{
	image_read(offset - 512, got, len + 1024);
	ck_assert(is_original(got, offset - 512, 512));
	ck_assert(is_original(got + 512 + len, offset + len, 512));
	for (size_t i = 0; i < len; i++)
		ck_assert_uint_eq(got[512 + i], 0);
}

START_TEST(zeroes_are_written)
{
	host.engine = (enum engine)_i;
	blk_start(FEATURES);
	ck_assert_uint_eq(blk_range(VIRTIO_BLK_T_WRITE_ZEROES, 9, 20, 0), VIRTIO_BLK_S_OK);
	check_zeroes(9 * 512, 20 * 512);
	ck_assert_uint_eq(blk_range(VIRTIO_BLK_T_WRITE_ZEROES, 100, 64, 1), VIRTIO_BLK_S_OK);
	check_zeroes(100 * 512, 64 * 512);
	/* what the file is long does not change */
	ck_assert_uint_eq(blk_range(VIRTIO_BLK_T_WRITE_ZEROES, IMAGE_SIZE / 512 - 1, 1, 1), 0);
	ck_assert_uint_eq(blk_read(IMAGE_SIZE / 512 - 1, got, 512), VIRTIO_BLK_S_OK);
	driver_detach(&d);
}
END_TEST

START_TEST(zeroes_are_written_where_the_file_system_cannot_make_them)
{
	host.engine = ENGINE_WAIT;
	host.fallocate = -EOPNOTSUPP;
	blk_start(FEATURES);
	ck_assert_uint_eq(blk_range(VIRTIO_BLK_T_WRITE_ZEROES, 9, 220, 0), VIRTIO_BLK_S_OK);
	ck_assert_int_ne(host.mode, 0);
	check_zeroes(9 * 512, 220 * 512);
	/* and what cannot be given back stays, for it was a hint */
	ck_assert_uint_eq(blk_range(VIRTIO_BLK_T_DISCARD, 600, 8, 0), VIRTIO_BLK_S_OK);
	ck_assert_uint_eq(blk_read(600, got, 4096), VIRTIO_BLK_S_OK);
	ck_assert(is_original(got, 600 * 512, 4096));
	driver_detach(&d);
}
END_TEST

START_TEST(what_is_discarded_is_given_back)
{
	host.engine = (enum engine)_i;
	blk_start(FEATURES);
	ck_assert_uint_eq(blk_range(VIRTIO_BLK_T_DISCARD, 16, 16, 0), VIRTIO_BLK_S_OK);
	check_zeroes(16 * 512, 16 * 512);
	driver_detach(&d);
}
END_TEST

/* Direct I/O, with buffers and sectors that it can do and such that it cannot. */
START_TEST(direct_io_takes_any_alignment)
{
	struct driver_buf buf[3];
	uint32_t head, len;
	uint64_t a;
	struct blk_image probe;

	host.engine = (enum engine)_i;
	disk->direct = true;
	if (blk_image_open(&probe, sys_host(), disk, 0, false, &err) == -EINVAL)
		return; /* not on this file system, and that is said */
	blk_image_close(&probe, sys_host());
	blk_start(FEATURES);
	ck_assert_int_ge(blk->image.direct_fd, 0);
	fill(3);
	ck_assert_uint_eq(blk_write(8, bytes, 8192), VIRTIO_BLK_S_OK);
	ck_assert_uint_eq(blk_write(17, bytes, 512), VIRTIO_BLK_S_OK);
	ck_assert_uint_eq(blk_read(8, got, 8192), VIRTIO_BLK_S_OK);
	memcpy(bytes + 9 * 512, bytes, 512);
	ck_assert_mem_eq(got, bytes, 8192);

	a = driver_alloc(&d, 8192);
	put_header(a, VIRTIO_BLK_T_IN, 8);
	buf[0] = (struct driver_buf){a, 16, false};
	buf[1] = (struct driver_buf){a + 17, 4096, true};
	buf[2] = (struct driver_buf){a + 8000, 1, true};
	driver_add(&d, 0, buf, 3);
	driver_kick(&d, 0);
	blk_settle();
	ck_assert(driver_used(&d, 0, &head, &len));
	ck_assert_uint_eq(len, 4097);
	driver_load(&d, a + 17, got, 4096);
	ck_assert_mem_eq(got, bytes, 4096);
	driver_detach(&d);
}
END_TEST

/* Two VMs on one image: see struct flock in fcntl(2) for who holds off whom. */
START_TEST(a_writable_image_belongs_to_one_vm)
{
	struct virtio_device *a, *b;

	ck_assert_int_eq(blk_open(&a, 0), 0);
	for (int readonly = 0; readonly <= 1; readonly++) {
		disk->readonly = readonly;
		ck_assert_int_eq(blk_open(&b, 3), -EAGAIN);
		ck_assert_ptr_null(b);
		ck_assert_ptr_nonnull(strstr(err.text, "disk[3].path"));
		ck_assert_ptr_nonnull(strstr(err.text, path));
		ck_assert_ptr_nonnull(strstr(err.text, "in use by another VM"));
	}
	virtio_destroy(a);
	ck_assert_int_eq(blk_open(&a, 0), 0);
	ck_assert_int_eq(blk_open(&b, 1), 0);
	virtio_destroy(b);
	disk->readonly = false;
	ck_assert_int_eq(blk_open(&b, 1), -EAGAIN);
	virtio_destroy(a);
}
END_TEST

START_TEST(a_read_only_disk_is_only_read)
{
	disk->readonly = true;
	blk_create();
	ck_assert_uint_eq(driver_offered(&d) & (F(RO) | F(DISCARD) | F(WRITE_ZEROES)), F(RO));
	driver_start(&d, F(RO) | 1ULL << VIRTIO_RING_F_INDIRECT_DESC, 16);
	ck_assert_uint_eq(blk_write(0, bytes, 512), VIRTIO_BLK_S_IOERR);
	ck_assert_uint_eq(blk_range(VIRTIO_BLK_T_DISCARD, 0, 8, 0), VIRTIO_BLK_S_UNSUPP);
	ck_assert_uint_eq(blk_request(VIRTIO_BLK_T_FLUSH, 0, NULL, 0, NULL, NULL), 0);
	ck_assert_uint_eq(blk_read(0, got, 512), VIRTIO_BLK_S_OK);
	ck_assert(is_original(got, 0, 512));
	driver_detach(&d);
}
END_TEST

START_TEST(only_whole_sectors_of_a_file_are_the_disk)
{
	unlink(path);
	image_make(1000);
	blk_start(FEATURES);
	ck_assert_uint_eq(CONFIG(capacity), 1);
	ck_assert_ptr_nonnull(strstr(world.log_text, "last 488 bytes are left out"));
	ck_assert_uint_eq(blk_read(0, got, 512), VIRTIO_BLK_S_OK);
	ck_assert_uint_eq(blk_read(1, got, 512), VIRTIO_BLK_S_IOERR);
	driver_detach(&d);
}
END_TEST

START_TEST(files_that_are_no_image_are_refused)
{
	struct virtio_device *dev;

	for (int readonly = 0; readonly <= 1; readonly++) {
		disk->readonly = readonly;
		disk->path = (char[]){"/dev/null"};
		ck_assert_int_eq(blk_open(&dev, 0), -EINVAL);
		disk->path = (char[]){"/no/such/file"};
		ck_assert_int_eq(blk_open(&dev, 0), -ENOENT);
		ck_assert_ptr_nonnull(strstr(err.text, "disk[0].path: unable to open /no/such"));
		disk->path = path;
		ck_assert_int_eq(truncate(path, 511), 0);
		ck_assert_int_eq(blk_open(&dev, 0), -EINVAL);
		ck_assert_ptr_nonnull(strstr(err.text, "smaller than a sector"));
	}
}
END_TEST

SUITE(test_virtio_blk)
{
	Suite *s = suite_create("virtio_blk");
	TCase *tc = tcase_create("blk");

	tcase_add_checked_fixture(tc, blk_setup, blk_teardown);
	tcase_add_test(tc, the_configuration_space_is_complete);
	tcase_add_loop_test(tc, what_is_written_is_read_back_and_in_the_file, 0, ENGINES);
	tcase_add_loop_test(tc, buffers_may_be_cut_anywhere, 0, ENGINES);
	tcase_add_loop_test(tc, many_requests_are_all_answered, 0, ENGINES);
	tcase_add_test(tc, a_flush_reaches_the_disk);
	tcase_add_test(tc, a_flush_goes_through_io_uring);
	tcase_add_test(tc, without_flushes_every_write_is_on_the_disk);
	tcase_add_test(tc, the_driver_chooses_the_cache_mode);
	tcase_add_test(tc, the_serial_number_is_told);
	tcase_add_loop_test(tc, zeroes_are_written, 0, ENGINES);
	tcase_add_test(tc, zeroes_are_written_where_the_file_system_cannot_make_them);
	tcase_add_loop_test(tc, what_is_discarded_is_given_back, 0, ENGINES);
	tcase_add_loop_test(tc, direct_io_takes_any_alignment, 0, ENGINES);
	tcase_add_test(tc, a_writable_image_belongs_to_one_vm);
	tcase_add_test(tc, a_read_only_disk_is_only_read);
	tcase_add_test(tc, only_whole_sectors_of_a_file_are_the_disk);
	tcase_add_test(tc, files_that_are_no_image_are_refused);
	suite_add_tcase(s, tc);
	return s;
}
