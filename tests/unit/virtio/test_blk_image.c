// SPDX-License-Identifier: MIT
/* The file behind a disk before a guest sees it: what is refused, and what `check` leaves alone. */
#include "tests/unit/blk_fixture.h"
#include "tests/unit/suite.h"

static struct {
	bool block, readonly; /* what the file claims to be */
} claim;

static int fake_identify(void *ctx, int fd, struct sys_identity *id)
{
	int ret = sys_host()->ops->identify(ctx, fd, id);

	if (claim.block)
		id->kind = SYS_BLOCK;
	return ret;
}

static int fake_ioctl(void *ctx, int fd, unsigned long request, void *arg)
{
	if (request != BLKROGET)
		return sys_host()->ops->ioctl(ctx, fd, request, arg);
	ck_assert(claim.block);
	*(int *)arg = claim.readonly;
	return 0;
}

static struct sys_ops ops;
static const struct sys sys = {.ops = &ops};

static void setup(void)
{
	blk_setup();
	memset(&claim, 0, sizeof(claim));
	ops = *sys_host()->ops;
	ops.identify = fake_identify;
	ops.ioctl = fake_ioctl;
}

/* Opens `disk` as `minivmm check` does, and closes it again. */
static int look(void)
{
	struct blk_image image;
	int ret = blk_image_open(&image, &sys, disk, 3, false, &err);

	if (ret == 0)
		blk_image_close(&image, &sys);
	return ret;
}

static void begin_with(size_t offset, const char *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	ck_assert_int_eq(ftruncate(fd, IMAGE_SIZE), 0);
	ck_assert_int_eq(pwrite(fd, bytes, len, (off_t)offset), len);
	close(fd);
}

/* --- formats -------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	size_t offset, len;
	const char *bytes;
} formats[] = {
	{"qcow2", 0, 8, "QFI\xfb\0\0\0\x03"},
	{"qcow2", 0, 8, "QFI\xfb\0\0\0\x02"},
	{"qcow", 0, 8, "QFI\xfb\0\0\0\x01"},
	{"QED", 0, 4, "QED"},
	{"VMDK", 0, 4, "KDMV"},
	{"VMDK", 0, 4, "COWD"},
	{"VMDK", 0, 22, "# Disk DescriptorFile\n"},
	{"VDI", 64, 4, "\x7f\x10\xda\xbe"},
	{"VHDX", 0, 8, "vhdxfile"},
	{"VHD", 0, 8, "conectix"},
	{"Parallels", 0, 16, "WithoutFreeSpace"},
	{"Parallels", 0, 16, "WithouFreSpacExt"},
	{"Bochs", 0, 22, "Bochs Virtual HD Image"},
	{"Android sparse", 0, 4, "\x3a\xff\x26\xed"},
};

START_TEST(an_image_of_another_format_is_refused_by_name_unless_raw_is_said)
{
	char says[64];

	begin_with(formats[_i].offset, formats[_i].bytes, formats[_i].len);
	snprintf(says, sizeof(says), "%s is a %s image", path, formats[_i].name);
	for (int readonly = 0; readonly < 2; readonly++) {
		disk->readonly = readonly;
		disk->format = CONFIG_DISK_AUTO;
		ck_assert_int_eq(look(), -EINVAL);
		ck_assert_msg(strstr(err.text, says) != NULL, "%s", err.text);
		ck_assert_ptr_nonnull(strstr(err.text, "disk[3].path: "));
		ck_assert_ptr_nonnull(strstr(err.text, "format = \"raw\""));
		disk->format = CONFIG_DISK_RAW;
		ck_assert_msg(look() == 0, "%s", err.text);
	}
}
END_TEST

START_TEST(a_raw_image_may_begin_like_any_disk)
{
	static const char *const starts[] = {"\xeb\x63\x90", "QFI",  "QEDx",	 "vhdx",
					     "LUKS\xba\xbe", "hsqs", "\x1f\x8b", ""};

	for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
		begin_with(0, starts[i], strlen(starts[i]));
		ck_assert_msg(look() == 0, "%s", err.text);
	}
	/* of one sector, which has nothing behind it */
	ck_assert_int_eq(truncate(path, 512), 0);
	ck_assert_msg(look() == 0, "%s", err.text);
}
END_TEST

/* --- block devices -------------------------------------------------------------------------------- */

START_TEST(a_read_only_block_device_is_refused_unless_readonly_is_said)
{
	claim.block = true;
	ck_assert_msg(look() == 0, "%s", err.text);
	claim.readonly = true;
	ck_assert_int_eq(look(), -EROFS);
	ck_assert_ptr_nonnull(strstr(err.text, "cannot be written to"));
	ck_assert_ptr_nonnull(strstr(err.text, "readonly = true"));
	disk->readonly = true;
	ck_assert_msg(look() == 0, "%s", err.text);
}
END_TEST

/* --- locks ---------------------------------------------------------------------------------------- */

START_TEST(a_check_sees_the_lock_of_a_vm_and_takes_none)
{
	struct blk_image vm, checked;

	ck_assert_int_eq(blk_image_open(&vm, &sys, disk, 0, true, &err), 0);
	ck_assert_int_eq(look(), -EAGAIN);
	ck_assert_ptr_nonnull(strstr(err.text, "in use by another VM"));
	disk->readonly = true;
	ck_assert_int_eq(look(), -EAGAIN);
	disk->readonly = false;
	blk_image_close(&vm, &sys);

	ck_assert_int_eq(blk_image_open(&checked, &sys, disk, 0, false, &err), 0);
	ck_assert_msg(blk_image_open(&vm, &sys, disk, 0, true, &err) == 0, "%s", err.text);
	blk_image_close(&vm, &sys);
	blk_image_close(&checked, &sys);
}
END_TEST

SUITE(test_blk_image)
{
	Suite *s = suite_create("blk_image");
	TCase *tc = tcase_create("image");

	tcase_add_checked_fixture(tc, setup, blk_teardown);
	tcase_add_loop_test(tc, an_image_of_another_format_is_refused_by_name_unless_raw_is_said, 0,
			    ARRAY_SIZE(formats));
	tcase_add_test(tc, a_raw_image_may_begin_like_any_disk);
	tcase_add_test(tc, a_read_only_block_device_is_refused_unless_readonly_is_said);
	tcase_add_test(tc, a_check_sees_the_lock_of_a_vm_and_takes_none);
	suite_add_tcase(s, tc);
	return s;
}
