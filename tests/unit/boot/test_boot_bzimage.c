// SPDX-License-Identifier: MIT
#include "tests/unit/boot_files.h"
#include "tests/unit/suite.h"

static uint8_t file[BZ_FILE];
static struct test_guest *g;
static struct kernel kernel;

static void setup(void)
{
	g = guest_make(MIB(64));
	bzimage_make(file);
}

static void teardown(void)
{
	guest_free(g);
}

static int load(void)
{
	return kernel_from(g, file, sizeof(file), false, &kernel);
}

START_TEST(goes_to_its_preferred_address)
{
	const struct load_item *item;

	ck_assert_int_eq(load(), 0);
	ck_assert(guest_has(g, BZ_PREF, file + BZ_SETUP, BZ_LEN));
	item = guest_item(g, "kernel");
	ck_assert_uint_eq(item->gpa, BZ_PREF);
	ck_assert_uint_eq(item->len, BZ_LEN);
	ck_assert_int_eq(item->kind, LOAD_DATA);
	ck_assert_int_eq(kernel.mode, ENTRY_LONG_MODE);
	ck_assert_uint_eq(kernel.entry, BZ_PREF + 0x200);
	ck_assert_uint_eq(kernel.initrd_end, 0x80000000);
	ck_assert_uint_eq(kernel.cmdline_max, BZ_CMDLINE);
}
END_TEST

START_TEST(init_size_is_kept_free)
{
	const struct load_item *item;

	ck_assert_int_eq(load(), 0);
	item = guest_item(g, "kernel work space");
	ck_assert_uint_eq(item->gpa, BZ_PREF + BZ_LEN);
	ck_assert_uint_eq(item->len, BZ_INIT - BZ_LEN);
	ck_assert_int_eq(item->kind, LOAD_ZERO);
}
END_TEST

START_TEST(zero_setup_sectors_are_four)
{
	file[0x1f1] = 0;
	ck_assert_int_eq(load(), 0);
	ck_assert(guest_has(g, BZ_PREF, file + BZ_SETUP, BZ_LEN));
}
END_TEST

START_TEST(bytes_behind_the_kernel_are_not_loaded)
{
	/* as the signature of a signed kernel */
	put_le32(file + 0x1f4, (BZ_LEN - 0x1000) / 16);
	ck_assert_int_eq(load(), 0);
	ck_assert(guest_has(g, BZ_PREF, file + BZ_SETUP, BZ_LEN - 0x1000));
	ck_assert_uint_eq(*(uint64_t *)mem_ptr(&g->mem, BZ_PREF + BZ_LEN - 0x1000, 8), 0);
}
END_TEST

START_TEST(the_header_is_copied_to_its_end_and_not_beyond)
{
	ck_assert_int_eq(load(), 0);
	ck_assert_uint_eq(kernel.header.kernel_info_offset, 0x1234);
	guest_free(g);

	/* version 2.12 ended at 0x268 */
	g = guest_make(MIB(64));
	file[0x201] = 0x68 - 2;
	put_le16(file + 0x206, 0x20c);
	ck_assert_int_eq(load(), 0);
	ck_assert_uint_eq(kernel.header.kernel_info_offset, 0);
	guest_free(g);

	/* a later version may have more than we know */
	g = guest_make(MIB(64));
	file[0x201] = 0xff;
	ck_assert_int_eq(load(), 0);
	ck_assert_uint_eq(kernel.header.kernel_info_offset, 0x1234);
}
END_TEST

START_TEST(works_with_the_least_memory_that_fits)
{
	guest_free(g);
	g = guest_make(MIB(32));
	put_le32(file + 0x260, MIB(16));
	ck_assert_int_eq(load(), 0);
	ck_assert_uint_eq(guest_item(g, "kernel work space")->gpa +
				  guest_item(g, "kernel work space")->len,
			  MIB(32));
}
END_TEST

/* Each field that is used, with a value that is refused, and what the message says about it. */
static const struct {
	unsigned int at, size;
	uint64_t value;
	const char *says;
} bad[] = {
	{0x206, 2, 0x20b, "version 2.11"},
	{0x206, 2, 0, "version 0.00"},
	{0x201, 1, 0x20, "setup header ends at 0x222"},
	{0x236, 2, 0, "xloadflags 0: a 32-bit kernel"},
	{0x236, 2, 0xfffe, "xloadflags 0xfffe"},
	{0x211, 1, 0, "loadflags 0: a zImage"},
	{0x1f4, 4, 0, "syssize 0:"},
	{0x1f4, 4, 0x20, "syssize 0x20:"},
	{0x1f4, 4, BZ_LEN / 16 + 1, "syssize 0x1801 ask for 100880 bytes, the file has 100864"},
	{0x1f4, 4, 0xffffffff, "syssize 0xffffffff"},
	{0x1f1, 1, 5, "setup_sects 5"},
	{0x230, 4, 0, "kernel_alignment 0 "},
	{0x230, 4, 0x800, "kernel_alignment 0x800 "},
	{0x230, 4, 0x201000, "kernel_alignment 0x201000 "},
	{0x230, 4, 0x80000000, "pref_address 0x1000000 is not a multiple"},
	{0x258, 8, BZ_PREF + 0x1000, "pref_address 0x1001000 is not a multiple"},
	{0x258, 8, 0, "pref_address 0 is below 1 MiB"},
	{0x258, 8, 0xffffffffffe00000, "pref_address 0xffffffffffe00000, and RAM"},
	{0x258, 8, MIB(64), "pref_address 0x4000000, and RAM there ends at 0x4000000"},
	{0x260, 4, BZ_LEN - 1, "init_size 0x17fff is less"},
	{0x260, 4, 0, "init_size 0 is less"},
	{0x260, 4, 0xffffffff, "init_size 0xffffffff bytes"},
	{0x260, 4, MIB(48) + 1, "init_size 0x3000001 bytes"},
};

START_TEST(a_bad_field_is_refused_by_name_and_value)
{
	uint8_t value[8];

	put_le64(value, bad[_i].value);
	memcpy(file + bad[_i].at, value, bad[_i].size);
	ck_assert_refused(load(), g, bad[_i].says);
}
END_TEST

START_TEST(a_file_cut_off_anywhere_is_refused)
{
	static const size_t lengths[] = {0,
					 1,
					 0x1f1,
					 0x1fe,
					 0x200,
					 0x202,
					 0x206,
					 0x264,
					 BZ_SETUP,
					 0xa00,
					 BZ_SETUP + 0x200,
					 BZ_FILE - 1};

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++)
		ck_assert_int_lt(kernel_from(g, file, lengths[i], false, &kernel), 0);
	ck_assert_refused(kernel_from(g, file, 0, false, &kernel), g, "the file is empty");
	ck_assert_refused(kernel_from(g, file, BZ_FILE - 1, false, &kernel), g, "cut off");
}
END_TEST

START_TEST(a_missing_file_is_refused_by_its_name)
{
	struct boot_config config = {.kernel = "/nonexistent/vmlinuz", .cmdline = ""};
	int ret = boot_once(&config, &g->mem, &g->plan, &g->err);

	ck_assert_int_eq(ret, -ENOENT);
	ck_assert_refused(ret, g, "kernel: unable to open /nonexistent/vmlinuz: ENOENT");
	config.kernel = "/dev/null";
	ret = boot_once(&config, &g->mem, &g->plan, &g->err);
	ck_assert_refused(ret, g, "kernel: /dev/null");
	config.kernel = "/";
	ret = boot_once(&config, &g->mem, &g->plan, &g->err);
	ck_assert_refused(ret, g, "kernel: /");
}
END_TEST

/* What people give by mistake, and what the message calls it. */
static const struct {
	size_t at;
	const char *magic;
	size_t len;
	const char *says;
} others[] = {
	{0x38, "ARM\x64", 4, "arm64"},
	{0x38, "RSC\x05", 4, "RISC-V"},
	{0x24, "\x18\x28\x6f\x01", 4, "zImage for 32-bit Arm"},
	{4, "zimg", 4, "EFI zboot"},
	{0, "MZ", 2, "EFI program"},
	{0, "\x27\x05\x19\x56", 4, "U-Boot"},
	{0, "ANDROID!", 8, "Android"},
	{0, "BZh9", 4, "bzip2"},
	{0,
	 "\xfd"
	 "7zXZ",
	 6, "compressed with xz, which is not supported: expand it (xz -d), or use the bzImage"},
	{0, "\x04\x22\x4d\x18", 4,
	 "compressed with lz4, which is not supported: expand it (lz4 -d), or"},
	{0, "\x02\x21\x4c\x18", 4,
	 "compressed with lz4, which is not supported: expand it (lz4 -d), or"},
	{0, "\x89LZO\0\r\n", 7, "lzop"},
	{0, "\x5d\0\0\0\4", 5, "lzma"},
	{0, "070701", 6, "cpio"},
	{0, "QFI\xfb", 4, "qcow2"},
	{0, "!<arch>\n", 8, "Debian package"},
	{0, "#!/b", 4, "begins with 23 21 2f 62"},
};

START_TEST(what_is_no_kernel_is_named)
{
	uint8_t other[4096] = {0};

	memcpy(other + others[_i].at, others[_i].magic, others[_i].len);
	ck_assert_int_eq(kernel_from(g, other, sizeof(other), false, &kernel), -ENOEXEC);
	ck_assert_refused(g->err.code, g, others[_i].says);
}
END_TEST

SUITE(test_boot_bzimage)
{
	Suite *suite = suite_create("bzImage");
	TCase *tc = tcase_create("bzimage");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, goes_to_its_preferred_address);
	tcase_add_test(tc, init_size_is_kept_free);
	tcase_add_test(tc, zero_setup_sectors_are_four);
	tcase_add_test(tc, bytes_behind_the_kernel_are_not_loaded);
	tcase_add_test(tc, the_header_is_copied_to_its_end_and_not_beyond);
	tcase_add_test(tc, works_with_the_least_memory_that_fits);
	tcase_add_loop_test(tc, a_bad_field_is_refused_by_name_and_value, 0, ARRAY_SIZE(bad));
	tcase_add_test(tc, a_file_cut_off_anywhere_is_refused);
	tcase_add_test(tc, a_missing_file_is_refused_by_its_name);
	tcase_add_loop_test(tc, what_is_no_kernel_is_named, 0, ARRAY_SIZE(others));
	suite_add_tcase(suite, tc);
	return suite;
}
