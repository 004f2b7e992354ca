// SPDX-License-Identifier: MIT
/* Guests that start in firmware: what is loaded where, and what is refused. */
#include "tests/unit/firmware_image.h"
#include "tests/unit/suite.h"

static uint8_t image[IMAGE_LEN], bzimage[BZ_FILE];
static struct test_guest *g;
static struct test_file file, kernel;
static struct boot_config config;

/* td-shim: stack below the image, a payload that the VMM brings, and its command line. */
static const struct tdvf_row shim_rows[] = {
	{0x1000, 0x1000, IMAGE_GPA + 0x1000, 0x1000, 0, 1},
	{0, 0x800, IMAGE_GPA, 0x1000, 1, 0},
	{0, 0, IMAGE_GPA - 0x4000, 0x3000, 3, 0},
	{0, 0, 0x800000, 0x2000, 2, 0},
	{0, 0, 0x860000, 0x1000, 6, 0},
	{0, 0, 0x861000, 0x20000, 5, 0},
	{0, 0, 0x900000, 0x100000, 4, 2},
};

static void setup(void)
{
	g = guest_make(MIB(64));
	image_make(image);
	bzimage_make(bzimage);
	file.fd = kernel.fd = -1;
	config = (struct boot_config){.cmdline = "", .platform = {.vcpus = 1}};
}

static void teardown(void)
{
	guest_free(g);
	if (file.fd >= 0)
		file_free(&file);
	if (kernel.fd >= 0)
		file_free(&kernel);
}

static int load_bytes(enum boot_guest guest, const void *bytes, size_t len)
{
	if (file.fd >= 0)
		file_free(&file);
	file = file_make(bytes, len);
	config.guest = guest;
	config.firmware = file.path;
	return boot_once(&config, &g->mem, &g->plan, &g->err);
}

static int load(enum boot_guest guest)
{
	return load_bytes(guest, image, sizeof(image));
}

static void must_load(enum boot_guest guest)
{
	int ret = load(guest);

	ck_assert_msg(ret == 0, "%s", g->err.text);
	ck_assert_int_eq(g->plan.entry.mode, ENTRY_RESET);
	ck_assert_uint_eq(g->plan.entry.rip, 0xfffffff0);
	/* what the guest is told of */
	ck_assert_uint_eq(g->plan.nmap, 2);
	ck_assert_uint_eq(g->plan.map[0].len, MIB(64));
	ck_assert_uint_eq(g->plan.map[1].gpa, LAYOUT_IDENTITY);
	ck_assert_int_eq(g->plan.map[1].type, GPA_RESERVED);
}

static void use_kernel(void)
{
	kernel = file_make(bzimage, sizeof(bzimage));
	config.kernel = kernel.path;
}

static void use_shim(void)
{
	image_tdvf(image, shim_rows, ARRAY_SIZE(shim_rows));
	use_kernel();
	config.cmdline = "console=ttyS0";
}

static void assert_item(size_t i, const char *name, enum load_kind kind, uint64_t gpa, uint64_t len,
			uint64_t used, bool measured)
{
	const struct load_item *item = &g->plan.item[i];

	ck_assert_uint_lt(i, g->plan.nitems);
	ck_assert_str_eq(item->name, name);
	ck_assert_int_eq(item->kind, kind);
	ck_assert_uint_eq(item->gpa, gpa);
	ck_assert_uint_eq(item->len, len);
	ck_assert_uint_eq(item->used, used);
	ck_assert_int_eq(item->measured, measured);
}

/* --- what is loaded --------------------------------------------------------------------------- */

START_TEST(a_plain_guest_gets_the_image_alone)
{
	must_load(BOOT_PLAIN);
	ck_assert_uint_eq(g->plan.nitems, 1);
	assert_item(0, "firmware", LOAD_DATA, IMAGE_GPA, IMAGE_LEN, IMAGE_LEN, true);
	ck_assert(guest_has(g, IMAGE_GPA, image, IMAGE_LEN));
	ck_assert_ptr_nonnull(mem_find(&g->mem, IMAGE_GPA, IMAGE_LEN));
	ck_assert_ptr_null(mem_find(&g->mem, IMAGE_GPA - 1, 1));
}
END_TEST

START_TEST(snp_sections_come_after_the_image_in_table_order)
{
	must_load(BOOT_SNP);
	ck_assert_uint_eq(g->plan.nitems, 1 + SEV_SECTIONS);
	assert_item(0, "firmware", LOAD_DATA, IMAGE_GPA, IMAGE_LEN, IMAGE_LEN, true);
	assert_item(1, "firmware memory", LOAD_ZERO, 0x800000, 0x2000, 0, true);
	assert_item(2, "SNP CPUID", LOAD_CPUID, 0x803000, 0x1000, 0x1000, true);
	assert_item(3, "SNP secrets", LOAD_SECRETS, 0x802000, 0x1000, 0x1000, true);
	assert_item(4, "SVSM calling area", LOAD_ZERO, 0x804000, 0x1000, 0, true);
	assert_item(5, "kernel hashes", LOAD_ZERO, 0x805000, 0x1000, 0, true);
	assert_item(6, "firmware memory", LOAD_ZERO, 0x806000, 0x3000, 0, true);
	ck_assert_uint_eq(g->plan.entry.ap_eip, 0x80b004);
}
END_TEST

START_TEST(tdx_sections_come_in_table_order)
{
	must_load(BOOT_TDX);
	ck_assert_uint_eq(g->plan.nitems, 4);
	assert_item(0, "BFV", LOAD_DATA, IMAGE_GPA + 0x1000, 0x1000, 0x1000, true);
	assert_item(1, "CFV", LOAD_DATA, IMAGE_GPA, 0x1000, 0x1000, false);
	assert_item(2, "TD_HOB", LOAD_DATA, 0x809000, 0x2000, 56 + 5 * 48 + 8, false);
	assert_item(3, "TempMem", LOAD_ZERO, 0x800000, 0x6000, 0, false);
	ck_assert(guest_has(g, IMAGE_GPA, image, IMAGE_LEN));
	ck_assert_uint_eq(g->plan.entry.arg, 0x809000);
}
END_TEST

START_TEST(without_a_hob_section_the_td_is_given_none)
{
	image_tdvf(image, ovmf_rows, 2);
	must_load(BOOT_TDX);
	ck_assert_uint_eq(g->plan.entry.arg, 0);
}
END_TEST

START_TEST(td_shim_gets_kernel_and_command_line)
{
	static const uint8_t zeros[0x1000];

	use_shim();
	must_load(BOOT_TDX);
	ck_assert_uint_eq(g->plan.nitems, 6);
	assert_item(1, "CFV", LOAD_DATA, IMAGE_GPA, 0x1000, 0x800, false);
	assert_item(2, "TempMem", LOAD_ZERO, IMAGE_GPA - 0x4000, 0x3000, 0, false);
	assert_item(4, "PayloadParam", LOAD_DATA, 0x860000, 0x1000, 14, false);
	assert_item(5, "Payload", LOAD_DATA, 0x861000, 0x20000, BZ_FILE, false);
	ck_assert(guest_has(g, IMAGE_GPA, image, 0x800));
	/* not the bytes of the file that happen to follow */
	ck_assert(guest_has(g, IMAGE_GPA + 0x800, zeros, 0x800));
	ck_assert(guest_has(g, 0x860000, "console=ttyS0", 14));
	ck_assert(guest_has(g, 0x861000, bzimage, sizeof(bzimage)));
	/* one region from the lowest section on, gaps included */
	ck_assert_ptr_nonnull(mem_find(&g->mem, IMAGE_GPA - 0x4000, IMAGE_LEN + 0x4000));
}
END_TEST

START_TEST(the_snp_image_may_be_a_page)
{
	uint8_t page[0x1000];

	memcpy(page, image + 0x1000, sizeof(page));
	ck_assert_msg(load_bytes(BOOT_SNP, page, sizeof(page)) == 0, "%s", g->err.text);
	assert_item(0, "firmware", LOAD_DATA, 0xfffff000, 0x1000, 0x1000, true);
}
END_TEST

/* --- what is refused -------------------------------------------------------------------------- */

#define assert_not_loaded(ret, fragment)                                                   \
	do {                                                                               \
		ck_assert_refused(ret, g, fragment);                                       \
		ck_assert_msg(strstr(g->err.text, file.path), "no path: %s", g->err.text); \
	} while (0)

START_TEST(sizes_that_are_no_firmware)
{
	static uint8_t large[0x1001000];

	assert_not_loaded(load_bytes(BOOT_PLAIN, image, 0), "0 bytes are no firmware");
	assert_not_loaded(load_bytes(BOOT_PLAIN, image, IMAGE_LEN - 1), "8191 bytes are no");
	assert_not_loaded(load_bytes(BOOT_PLAIN, large, sizeof(large)), "at most 16 MiB");
	large[0xffffff] = 0x90;
	ck_assert_int_eq(load_bytes(BOOT_PLAIN, large, 0x1000000), 0);
}
END_TEST

/* An image of variables is erased flash at its end; it would run for ever, and say nothing. */
START_TEST(an_image_with_nothing_at_the_reset_vector)
{
	static const uint8_t blank[] = {0xff, 0};

	for (enum boot_guest guest = BOOT_PLAIN; guest <= BOOT_TDX; guest++)
		for (size_t i = 0; i < sizeof(blank); i++) {
			memset(image + IMAGE_LEN - 16, blank[i], 16);
			assert_not_loaded(load(guest), "no code at the reset vector");
			ck_assert_ptr_nonnull(strstr(g->err.text, "VARS"));
		}
	image[IMAGE_LEN - 16] = 0xe9;
	must_load(BOOT_PLAIN);
}
END_TEST

START_TEST(images_of_another_kind_name_the_build_that_is_needed)
{
	image[AT_SEV_OFFSET + 6] ^= 1;
	assert_not_loaded(load(BOOT_SNP), "an SNP guest needs an OVMF that was built for it");
	image[AT_TDX_OFFSET + 6] ^= 1;
	assert_not_loaded(load(BOOT_TDX), "a TD needs a firmware that was built for TDX");
}
END_TEST

START_TEST(sections_outside_of_ram)
{
	put_le32(image + AT_SEV + 16 + 12 * 5, 0x4000000);
	assert_not_loaded(load(BOOT_SNP), "give the guest more memory");
}
END_TEST

START_TEST(tdx_sections_outside_of_ram)
{
	put_le64(image + AT_TDVF + 16 + 32 * 3 + 8, 0x3ffc000);
	assert_not_loaded(load(BOOT_TDX), "TempMem at 0x3ffc000+0x6000 is not all in guest");
}
END_TEST

START_TEST(a_hob_section_that_is_too_small)
{
	struct tdvf_row rows[50];

	memcpy(rows, ovmf_rows, sizeof(ovmf_rows));
	rows[2].len = 0x1000;
	for (uint32_t i = 4; i < ARRAY_SIZE(rows); i++)
		rows[i] = (struct tdvf_row){0, 0, 0x1000000 + i * 0x2000, 0x1000, 3, 0};
	image_tdvf(image, rows, ARRAY_SIZE(rows));
	/* what stands there otherwise has moved into the way of the descriptor */
	ck_assert_uint_lt(AT_TDVF + 16 + 32 * ARRAY_SIZE(rows), AT_TABLE);
	assert_not_loaded(load(BOOT_TDX), "TD HOB");
}
END_TEST

START_TEST(a_kernel_for_firmware_that_has_no_place_for_it)
{
	use_kernel();
	put_le32(image + AT_HASH_AREA, 0);
	assert_not_loaded(load(BOOT_SNP), "no place for a kernel's hashes");
	put_le32(image + AT_HASH_AREA, 0x805f80);
	assert_not_loaded(load(BOOT_SNP), "too small or not in the section");
	put_le32(image + AT_HASH_AREA, 0x806c00);
	assert_not_loaded(load(BOOT_SNP), "too small or not in the section");
	put_le32(image + AT_HASH_AREA, 0x805c00);
	put_le32(image + AT_HASH_AREA + 4, 175);
	assert_not_loaded(load(BOOT_SNP), "too small or not in the section");
	put_le32(image + AT_HASH_AREA + 4, 176);
	put_le32(image + AT_SEV + 16 + 12 * 4 + 8, 1); /* no section for them */
	assert_not_loaded(load(BOOT_SNP), "no place for a kernel's hashes");
}
END_TEST

/* It goes through fw_cfg, so no item of it is loaded or measured. */
START_TEST(a_kernel_is_not_loaded_for_firmware_that_asks_for_it)
{
	const enum boot_guest guest = _i ? BOOT_TDX : BOOT_PLAIN;

	use_kernel();
	config.initrd = kernel.path;
	config.cmdline = "quiet";
	must_load(guest);
	ck_assert_uint_eq(g->plan.nitems, guest == BOOT_TDX ? 4 : 1);
}
END_TEST

START_TEST(what_firmware_cannot_start)
{
	const enum boot_guest guest = _i ? BOOT_TDX : BOOT_PLAIN;
	char cmdline[2049];

	kernel = file_make("\177ELF and the rest", 17);
	config.kernel = kernel.path;
	ck_assert_refused(load(guest), g, "neither a bzImage nor an EFI program");
	file_free(&kernel);
	kernel = file_make("", 0);
	config.kernel = kernel.path;
	ck_assert_refused(load(guest), g, "neither a bzImage nor an EFI program");
	file_free(&kernel);
	use_kernel();
	config.initrd = "/nonexistent/initrd";
	ck_assert_refused(load(guest), g, "initrd: unable to open /nonexistent/initrd");
	config.initrd = NULL;
	memset(cmdline, 'x', sizeof(cmdline));
	cmdline[2048] = 0;
	config.cmdline = cmdline;
	ck_assert_refused(load(guest), g,
			  "command line: 2048 bytes, this kernel takes at most 2047");
	cmdline[2047] = 0;
	must_load(guest);
}
END_TEST

/* Firmware hands on any command line, and the kernel cuts it off: its header says where. In all
 * ways to hand it over: fw_cfg, measured in a table of hashes, and as a measured page (td-shim). */
START_TEST(a_command_line_that_is_longer_than_the_kernels)
{
	static const enum boot_guest guests[] = {BOOT_PLAIN, BOOT_SNP, BOOT_TDX, BOOT_TDX};
	static char cmdline[5001];

	memset(cmdline, 'x', sizeof(cmdline) - 1);
	if (_i == 3)
		use_shim();
	else
		use_kernel();
	config.cmdline = cmdline;
	cmdline[2048] = 0;
	ck_assert_refused(load(guests[_i]), g,
			  "command line: 2048 bytes, this kernel takes at most 2047");
	cmdline[2047] = 0;
	ck_assert_msg(load(guests[_i]) == 0, "%s", g->err.text);

	/* a kernel of another configuration */
	guest_free(g);
	g = guest_make(MIB(64));
	put_le32(bzimage + 0x238, 3000);
	file_free(&kernel);
	use_kernel();
	cmdline[2047] = 'x';
	cmdline[2048] = 'x';
	cmdline[3000] = 0;
	ck_assert_msg(load(guests[_i]) == 0, "%s", g->err.text);
	cmdline[3000] = 'x';
	ck_assert_refused(load(guests[_i]), g, _i == 3 ? "5000 bytes" : "5000 bytes, this kernel");
}
END_TEST

START_TEST(what_td_shim_cannot_start)
{
	char cmdline[0x1001];

	use_shim();
	config.initrd = kernel.path;
	assert_not_loaded(load(BOOT_TDX), "no place for an initrd");
	config.initrd = NULL;
	memset(cmdline, 'x', sizeof(cmdline));
	cmdline[0x1000] = 0;
	config.cmdline = cmdline;
	assert_not_loaded(load(BOOT_TDX), "a command line of 4096 bytes, the firmware has room for "
					  "4095");
	config.cmdline = "";
	put_le64(image + AT_TDVF + 16 + 32 * 5 + 16, 0x18000);
	ck_assert_refused(load(BOOT_TDX), g, "the firmware has room for 98304");
	put_le64(image + AT_TDVF + 16 + 32 * 5 + 16, 0x20000);
	config.kernel = file.path;
	ck_assert_refused(load(BOOT_TDX), g, "not a bzImage");
	config.kernel = NULL;
	assert_not_loaded(load(BOOT_TDX), "none is configured");
}
END_TEST

START_TEST(a_payload_of_the_images_own)
{
	use_shim();
	put_le32(image + AT_TDVF + 16 + 32 * 5 + 4, 0x100);
	assert_not_loaded(load(BOOT_TDX), "brings its own payload");
	config.kernel = NULL;
	must_load(BOOT_TDX);
	ck_assert_uint_eq(guest_item(g, "Payload")->used, 0x100);
	ck_assert(guest_has(g, 0x861000, image, 0x100));
}
END_TEST

START_TEST(a_td_without_firmware)
{
	use_kernel();
	config.guest = BOOT_TDX;
	ck_assert_refused(boot_once(&config, &g->mem, &g->plan, &g->err), g,
			  "a TD starts in firmware");
}
END_TEST

SUITE(test_firmware)
{
	Suite *suite = suite_create("firmware");
	TCase *loads = tcase_create("loads");

	tcase_add_checked_fixture(loads, setup, teardown);
	tcase_add_test(loads, a_plain_guest_gets_the_image_alone);
	tcase_add_test(loads, snp_sections_come_after_the_image_in_table_order);
	tcase_add_test(loads, tdx_sections_come_in_table_order);
	tcase_add_test(loads, without_a_hob_section_the_td_is_given_none);
	tcase_add_test(loads, td_shim_gets_kernel_and_command_line);
	tcase_add_test(loads, the_snp_image_may_be_a_page);
	tcase_add_test(loads, sizes_that_are_no_firmware);
	tcase_add_test(loads, an_image_with_nothing_at_the_reset_vector);
	tcase_add_loop_test(loads, a_command_line_that_is_longer_than_the_kernels, 0, 4);
	tcase_add_test(loads, images_of_another_kind_name_the_build_that_is_needed);
	tcase_add_test(loads, sections_outside_of_ram);
	tcase_add_test(loads, tdx_sections_outside_of_ram);
	tcase_add_test(loads, a_hob_section_that_is_too_small);
	tcase_add_test(loads, a_kernel_for_firmware_that_has_no_place_for_it);
	tcase_add_loop_test(loads, a_kernel_is_not_loaded_for_firmware_that_asks_for_it, 0, 2);
	tcase_add_loop_test(loads, what_firmware_cannot_start, 0, 2);
	tcase_add_test(loads, what_td_shim_cannot_start);
	tcase_add_test(loads, a_payload_of_the_images_own);
	tcase_add_test(loads, a_td_without_firmware);
	suite_add_tcase(suite, loads);
	return suite;
}
