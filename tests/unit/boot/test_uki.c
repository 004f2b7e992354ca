// SPDX-License-Identifier: MIT
/* Unified kernel images: without firmware they boot as the files that they were made of would. */
#include "boot/uki.h"
#include "cc/tech.h"
#include "tests/unit/firmware_image.h"
#include "tests/unit/suite.h"

#define PE_AT	   0x80u
#define OPTIONAL   0xf0u /* bytes of optional header */
#define TABLE_AT   (PE_AT + 24 + OPTIONAL)
#define DATA_AT	   0x1000u
#define ALIGN	   0x200u
#define UKI_MAX	   0x40000u
#define CMDLINE	   "console=ttyS0 quiet"
#define SECTION(i) (TABLE_AT + 40 * (i))
#define INITRD_LEN 0x1234u

static uint8_t bzimage[BZ_FILE], initrd[INITRD_LEN], uki[UKI_MAX];
static size_t uki_len;
static unsigned int nsections;
static struct test_file uki_file, kernel_file, initrd_file;
static struct test_guest *g, *other;
static struct boot_config config;

static void begin(void)
{
	memset(uki, 0, sizeof(uki));
	memcpy(uki, "MZ", 2);
	put_le32(uki + 0x3c, PE_AT);
	memcpy(uki + PE_AT, "PE\0\0", 4);
	put_le16(uki + PE_AT + 4, 0x8664);
	put_le16(uki + PE_AT + 20, OPTIONAL);
	uki_len = DATA_AT;
	nsections = 0;
}

/* In the file a section is padded. */
static void add(const char *name, const void *bytes, size_t len)
{
	uint8_t *section = uki + SECTION(nsections);

	ck_assert_uint_lt(uki_len + len, sizeof(uki));
	strncpy((char *)section, name, 8);
	put_le32(section + 8, (uint32_t)len);
	put_le32(section + 12, 0x100000 * (nsections + 1));
	put_le32(section + 16, (uint32_t)align_up(len, ALIGN));
	put_le32(section + 20, (uint32_t)uki_len);
	memcpy(uki + uki_len, bytes, len);
	uki_len += align_up(len, ALIGN);
	put_le16(uki + PE_AT + 6, (uint16_t)++nsections);
}

/* As ukify makes them; the program that starts the kernel comes first. */
static void make(void)
{
	begin();
	add(".text", "\xcc\xcc", 2);
	add(".osrel", "ID=test\n", 8);
	add(".cmdline", CMDLINE "\n", sizeof(CMDLINE));
	add(".uname", "6.12", 4);
	add(".initrd", initrd, sizeof(initrd));
	add(".linux", bzimage, sizeof(bzimage));
}

static void setup(void)
{
	g = guest_make(MIB(64));
	other = guest_make(MIB(64));
	bzimage_make(bzimage);
	fill(initrd, sizeof(initrd), 7);
	kernel_file = file_make(bzimage, sizeof(bzimage));
	initrd_file = file_make(initrd, sizeof(initrd));
	uki_file.fd = -1;
	config = (struct boot_config){.cmdline = "", .cbit = 51, .platform = {.vcpus = 1}};
	make();
}

static void teardown(void)
{
	guest_free(g);
	guest_free(other);
	file_free(&kernel_file);
	file_free(&initrd_file);
	if (uki_file.fd >= 0)
		file_free(&uki_file);
}

static int load(void)
{
	if (uki_file.fd >= 0)
		file_free(&uki_file);
	uki_file = file_make(uki, uki_len);
	config.kernel = uki_file.path;
	load_plan_init(&g->plan, &g->mem);
	return boot_once(&config, &g->mem, &g->plan, &g->err);
}

/* Loads the UKI, and the files apart into another guest: no difference between the two. */
static void check_same(const char *initrd_path, const char *cmdline)
{
	struct boot_config apart = config;

	ck_assert_msg(load() == 0, "%s", g->err.text);
	apart.kernel = kernel_file.path;
	apart.initrd = initrd_path;
	apart.cmdline = cmdline;
	load_plan_init(&other->plan, &other->mem);
	ck_assert_msg(boot_once(&apart, &other->mem, &other->plan, &other->err) == 0, "%s",
		      other->err.text);
	ck_assert_uint_eq(g->plan.nitems, other->plan.nitems);
	for (size_t i = 0; i < g->plan.nitems; i++) {
		const struct load_item *a = &g->plan.item[i], *b = &other->plan.item[i];

		ck_assert_str_eq(a->name, b->name);
		ck_assert_uint_eq(a->gpa, b->gpa);
		ck_assert_uint_eq(a->len, b->len);
		ck_assert_uint_eq(a->used, b->used);
		ck_assert_int_eq(a->kind, b->kind);
		if (a->kind == LOAD_DATA)
			ck_assert(
				guest_has(g, a->gpa, mem_ptr(&other->mem, a->gpa, a->len), a->len));
	}
}

START_TEST(it_boots_as_its_parts_would)
{
	config.guest = _i ? BOOT_SNP : BOOT_PLAIN;
	check_same(initrd_file.path, CMDLINE);
	ck_assert_str_eq(mem_ptr(&g->mem, LOWMEM_CMDLINE, 64), CMDLINE);
	ck_assert_uint_eq(guest_item(g, "initrd")->used, sizeof(initrd));
}
END_TEST

START_TEST(the_measurement_is_that_of_the_parts)
{
	const struct cc_config cc = {.tech = &cc_snp, .vcpus = 1, .snp = {.vcpu_sig = 0x800f12}};
	struct cc_measurement a, b;

	config.guest = BOOT_SNP;
	check_same(initrd_file.path, CMDLINE);
	ck_assert_int_eq(cc_measure(&cc, &g->plan, &g->mem, &a, &g->err), 0);
	ck_assert_int_eq(cc_measure(&cc, &other->plan, &other->mem, &b, &g->err), 0);
	ck_assert_mem_eq(a.digest, b.digest, CC_DIGEST);
}
END_TEST

START_TEST(what_is_configured_goes_before_what_is_inside)
{
	struct test_file own = file_make("070701 own", 10);

	config.cmdline = "own";
	check_same(initrd_file.path, "own");
	config.cmdline = "";
	config.initrd = own.path;
	check_same(own.path, CMDLINE);
	ck_assert_uint_eq(guest_item(g, "initrd")->used, 10);
	file_free(&own);
}
END_TEST

START_TEST(it_may_have_the_kernel_alone)
{
	begin();
	add(".linux", bzimage, sizeof(bzimage));
	check_same(NULL, "");
	/* and what is empty is none */
	begin();
	add(".initrd", "", 0);
	add(".cmdline", "", 0);
	add(".linux", bzimage, sizeof(bzimage));
	check_same(NULL, "");
}
END_TEST

START_TEST(the_command_line_is_one_line)
{
	static const struct {
		const char *text;
		size_t len;
		const char *expected;
	} lines[] = {
		{"a b\n", 4, "a b"},   {"  a\tb \r\n", 8, "a b"},
		{"a\nb\0c", 5, "a b"}, {"\n", 1, ""},
		{"\0x", 2, ""},	       {"a\x1b[2Jb", 6, "a [2Jb"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		begin();
		add(".cmdline", lines[i].text, lines[i].len);
		add(".linux", bzimage, sizeof(bzimage));
		check_same(NULL, lines[i].expected);
	}
}
END_TEST

/* The first profile is the one that is started by default: its own sections, and the common ones. */
START_TEST(of_several_profiles_the_first_counts)
{
	begin();
	add(".cmdline", "common", 6);
	add(".initrd", initrd, sizeof(initrd));
	add(".linux", bzimage, sizeof(bzimage));
	add(".profile", "ID=main", 7);
	add(".cmdline", "main", 4);
	add(".profile", "ID=reset", 8);
	add(".cmdline", "reset", 5);
	add(".initrd", "no", 2);
	check_same(initrd_file.path, "main");
}
END_TEST

static const struct image_fault faults[] = {
	{PE_AT + 4, 2, 0xaa64, "for machine 0xaa64, not for x86-64"},
	{PE_AT + 6, 2, 257, "more than 256"},
	{PE_AT + 6, 2, 0xffff, "more than 256"},
	{PE_AT + 20, 2, 0xffff, "an EFI program without a Linux kernel in it"},
	{SECTION(5) + 20, 4, 0, "section .linux of a unified kernel image at 0+"},
	{SECTION(5) + 20, 4, UKI_MAX, "section .linux"},
	{SECTION(5) + 20, 4, 0xfffffff0, "section .linux"},
	{SECTION(5) + 16, 4, 0xffffffff, "cut off"}, /* as long as it says it is in memory */
	{SECTION(4) + 20, 4, UKI_MAX, "section .initrd"},
	{SECTION(2) + 20, 4, UKI_MAX, "section .cmdline"},
	/* no unified kernel image any more */
	{SECTION(5), 4, 0x78756e6c, "an EFI program without a Linux kernel in it"},
	{SECTION(5) + 16, 4, 0, "an EFI program without a Linux kernel in it"},
	{PE_AT, 4, 0, "an EFI program without a Linux kernel in it"},
	{0x3c, 4, UKI_MAX, "an EFI program without a Linux kernel in it"},
	{0x3c, 4, 0xffffffff, "an EFI program without a Linux kernel in it"},
};

START_TEST(damaged_ones_are_refused)
{
	image_patch(uki, &faults[_i]);
	if (faults[_i].size == 4 && faults[_i].at == SECTION(5) + 16 && faults[_i].value)
		put_le32(uki + SECTION(5) + 8, BZ_FILE - 1);
	ck_assert_refused(load(), g, faults[_i].says);
	ck_assert_ptr_nonnull(strstr(g->err.text, uki_file.path));
}
END_TEST

START_TEST(an_efi_program_names_the_key_for_firmware)
{
	begin();
	add(".text", "\xcc", 1);
	ck_assert_refused(load(), g, "boot.firmware");
}
END_TEST

START_TEST(a_kernel_inside_that_is_none)
{
	begin();
	add(".linux", "not a kernel", 12);
	ck_assert_refused(load(), g, "neither a bzImage nor an ELF kernel");
}
END_TEST

/* Nothing behind a section is part of it. */
START_TEST(the_kernel_ends_with_its_section)
{
	begin();
	add(".linux", bzimage, sizeof(bzimage) - ALIGN);
	add(".more", bzimage, sizeof(bzimage));
	ck_assert_refused(load(), g, "cut off");
}
END_TEST

/* A program hands the command line on to the kernel, which says how much of it it takes. */
START_TEST(firmware_gets_no_more_command_line_than_the_kernel_inside_takes)
{
	static uint8_t image[IMAGE_LEN];
	static char cmdline[3002];
	struct test_file firmware;

	image_make(image);
	firmware = file_make(image, sizeof(image));
	config.firmware = firmware.path;
	put_le32(bzimage + 0x238, 3000);
	make();
	memset(cmdline, 'x', sizeof(cmdline) - 1);
	config.cmdline = cmdline;
	ck_assert_refused(load(), g, "command line: 3001 bytes, this kernel takes at most 3000");
	cmdline[3000] = 0;
	ck_assert_msg(load() == 0, "%s", g->err.text);
	file_free(&firmware);
}
END_TEST

/* Headers with any byte in any value: loaded or refused, with a sentence. */
START_TEST(any_byte_of_the_headers_may_be_anything)
{
	struct fuzz_file buffer;
	struct mem_file file;
	struct vmm_error err;
	struct uki parts;
	struct sys sys;
	size_t found = 0;

	file = image_open_buffer(&sys, &buffer, uki, uki_len);
	for (size_t at = 0; at < SECTION(nsections); at++) {
		uint8_t old = uki[at];

		for (unsigned int value = 0; value < 256; value++) {
			int ret;

			uki[at] = (uint8_t)value;
			err = (struct vmm_error){.code = 0};
			ret = uki_read(&file, &parts, &err);
			if (ret < 0)
				image_check_refusal(ret, &err);
			if (ret <= 0)
				continue;
			found++;
			image_require(parts.kernel.len > 0);
			image_require(
				range_inside(parts.kernel.offset, parts.kernel.len, 0, uki_len));
			image_require(
				range_inside(parts.initrd.offset, parts.initrd.len, 0, uki_len));
			image_require(
				range_inside(parts.cmdline.offset, parts.cmdline.len, 0, uki_len));
		}
		uki[at] = old;
	}
	ck_assert_uint_gt(found, 10000);
}
END_TEST

SUITE(test_uki)
{
	Suite *suite = suite_create("unified kernel images");
	TCase *tc = tcase_create("uki");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, it_boots_as_its_parts_would, 0, 2);
	tcase_add_test(tc, the_measurement_is_that_of_the_parts);
	tcase_add_test(tc, what_is_configured_goes_before_what_is_inside);
	tcase_add_test(tc, it_may_have_the_kernel_alone);
	tcase_add_test(tc, the_command_line_is_one_line);
	tcase_add_test(tc, of_several_profiles_the_first_counts);
	tcase_add_loop_test(tc, damaged_ones_are_refused, 0, ARRAY_SIZE(faults));
	tcase_add_test(tc, an_efi_program_names_the_key_for_firmware);
	tcase_add_test(tc, a_kernel_inside_that_is_none);
	tcase_add_test(tc, the_kernel_ends_with_its_section);
	tcase_add_test(tc, firmware_gets_no_more_command_line_than_the_kernel_inside_takes);
	tcase_add_test(tc, any_byte_of_the_headers_may_be_anything);
	suite_add_tcase(suite, tc);
	return suite;
}
