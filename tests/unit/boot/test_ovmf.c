// SPDX-License-Identifier: MIT
/* What is read out of OVMF images for SNP, and which images are refused. */
#include "boot/fw_metadata.h"
#include "tests/unit/firmware_image.h"
#include "tests/unit/suite.h"

static uint8_t image[IMAGE_LEN];
static struct fw_metadata ovmf;
static struct vmm_error err;

static int parse(size_t len)
{
	struct fuzz_file buffer;
	struct mem_file file;
	struct sys sys;
	int ret;

	memset(&err, 0, sizeof(err));
	file = image_open_buffer(&sys, &buffer, image, len);
	ret = ovmf_parse(&file, &ovmf, &err);
	if (ret < 0)
		image_check_refusal(ret, &err);
	return ret;
}

static void setup(void)
{
	image_make(image);
}

START_TEST(the_metadata_is_read_in_the_order_of_its_table)
{
	static const struct {
		uint64_t gpa, len;
		enum fw_section_type type;
	} expected[] = {
		{0x800000, 0x2000, OVMF_SEC_MEM},	{0x803000, 0x1000, OVMF_CPUID},
		{0x802000, 0x1000, OVMF_SECRETS},	{0x804000, 0x1000, OVMF_SVSM_CAA},
		{0x805000, 0x1000, OVMF_KERNEL_HASHES}, {0x806000, 0x3000, OVMF_SEC_MEM},
	};

	ck_assert_msg(parse(IMAGE_LEN) == 0, "%s", err.text);
	ck_assert_uint_eq(ovmf.nsections, ARRAY_SIZE(expected));
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		ck_assert_uint_eq(ovmf.section[i].gpa, expected[i].gpa);
		ck_assert_uint_eq(ovmf.section[i].len, expected[i].len);
		ck_assert_uint_eq(ovmf.section[i].type, expected[i].type);
	}
	ck_assert_uint_eq(ovmf.ap_eip, 0x80b004);
	ck_assert_uint_eq(ovmf.hash_gpa, 0x805c00);
	ck_assert_uint_eq(ovmf.hash_len, 0x400);
}
END_TEST

START_TEST(a_table_of_hashes_is_not_needed)
{
	image[AT_HASH_AREA + 12] ^= 1; /* another GUID */
	ck_assert_int_eq(parse(IMAGE_LEN), 0);
	ck_assert_uint_eq(ovmf.hash_gpa, 0);
}
END_TEST

static const struct image_fault faults[] = {
	/* the GUID table */
	{AT_END - 16, 4, 0, "no SEV metadata"},
	{AT_FOOTER, 2, 17, "damaged: a length of 17"},
	{AT_FOOTER, 2, 0, "damaged: a length of 0"},
	{AT_FOOTER, 2, 0xffff, "damaged: a length of 65535"},
	{AT_FOOTER, 2, IMAGE_LEN - 31, "damaged"},
	{AT_FOOTER, 2, AT_END - AT_TABLE - 1, "damaged"},
	{AT_FOOTER, 2, AT_END - AT_TABLE + 1, "bytes are left over"},
	{AT_TDX_OFFSET + 4, 2, 0, "an entry of 0 bytes"},
	{AT_TDX_OFFSET + 4, 2, 17, "an entry of 17 bytes"},
	{AT_TDX_OFFSET + 4, 2, 0xffff, "an entry of 65535 bytes"},
	{AT_SEV_OFFSET + 4, 2, 23, "an entry of 23 bytes where 22 are left"},
	{AT_SEV_OFFSET + 6, 4, 0, "has no SEV metadata: an SNP guest needs"},
	{AT_RESET_BLOCK + 6, 4, 0, "has no SEV-ES reset block"},
	{AT_RESET_BLOCK, 4, 0, "reset block is empty"},
	/* where the metadata is */
	{AT_SEV_OFFSET, 4, IMAGE_LEN + 1, "outside of the file"},
	{AT_SEV_OFFSET, 4, 0xffffffff, "outside of the file"},
	{AT_SEV_OFFSET, 4, 0, "outside of the file"},
	{AT_SEV_OFFSET, 4, 15, "outside of the file"},
	{AT_SEV_OFFSET, 4, IMAGE_LEN - AT_SEV + 1, "no SEV metadata of version 1"},
	/* its header */
	{AT_SEV, 4, 0x56455342, "no SEV metadata of version 1"},
	{AT_SEV + 8, 4, 0, "no SEV metadata of version 1"},
	{AT_SEV + 8, 4, 2, "no SEV metadata of version 1"},
	{AT_SEV + 4, 4, 16 + 12 * SEV_SECTIONS - 1, "damaged"},
	{AT_SEV + 4, 4, IMAGE_LEN - AT_SEV + 1, "damaged"}, /* goes on behind the file */
	{AT_SEV + 4, 4, 0, "damaged"},
	{AT_SEV + 12, 4, 0, "with 0 sections is damaged"},
	{AT_SEV + 12, 4, SEV_SECTIONS + 1, "damaged"},
	{AT_SEV + 12, 4, 0x15555556, "damaged"}, /* 12 times that wraps */
	{AT_SEV + 12, 4, 0xffffffff, "damaged"},
	/* its sections */
	{AT_SEV + 16, 4, 0x800001, "no range of pages"},
	{AT_SEV + 16, 4, IMAGE_GPA - 0x1000, "no range of pages below the image"},
	{AT_SEV + 16, 4, 0xfffff000, "no range of pages below the image"},
	{AT_SEV + 20, 4, 0, "no range of pages"},
	{AT_SEV + 20, 4, 0xfff, "no range of pages"},
	{AT_SEV + 20, 4, 0xfffff000, "no range of pages"},
	{AT_SEV + 20, 4, 0x3000,
	 "sections 0 (firmware memory) and 2 (SNP secrets) overlap at 0x802000"},
	{AT_SEV + 24, 4, 0, "unknown type 0"},
	{AT_SEV + 24, 4, 5, "unknown type 0x5"},
	{AT_SEV + 24, 4, 0xffffffff, "unknown type 0xffffffff"},
	{AT_SEV + 48, 4, 3, "two sections SNP CPUID"},
	{AT_SEV + 60, 4, 0x10, "two sections kernel hashes"},
};

START_TEST(damaged_images_are_refused)
{
	const struct image_fault *fault = &faults[_i];

	image_patch(image, fault);
	ck_assert_int_eq(parse(IMAGE_LEN), -EINVAL);
	ck_assert_msg(strstr(err.text, fault->says) != NULL, "'%s' is not in: %s", fault->says,
		      err.text);
}
END_TEST

/* 96 bytes for six sections, say: the sections count, as other loaders have it. */
START_TEST(metadata_may_be_longer_than_its_sections)
{
	static const uint32_t more[] = {1, 8, IMAGE_LEN - AT_SEV - 16 - 12 * SEV_SECTIONS};
	struct fw_metadata exact;

	ck_assert_int_eq(parse(IMAGE_LEN), 0);
	exact = ovmf;
	for (size_t i = 0; i < ARRAY_SIZE(more); i++) {
		put_le32(image + AT_SEV + 4, 16 + 12 * SEV_SECTIONS + more[i]);
		ck_assert_msg(parse(IMAGE_LEN) == 0, "%s", err.text);
		ck_assert_uint_eq(ovmf.nsections, exact.nsections);
		ck_assert_mem_eq(ovmf.section, exact.section, sizeof(exact.section));
		ck_assert_uint_eq(ovmf.ap_eip, exact.ap_eip);
	}
}
END_TEST

START_TEST(an_entry_of_another_size_is_refused)
{
	/* the entry swallows the one below it, so that the lengths still add up */
	put_le16(image + AT_RESET_BLOCK + 4, 22 + 26);
	ck_assert_int_eq(parse(IMAGE_LEN), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "has 30 bytes instead of 4"));
}
END_TEST

START_TEST(truncated_images_are_refused)
{
	for (size_t len = 0; len < IMAGE_LEN; len++)
		image_require(parse(len) < 0);
}
END_TEST

/* What was accepted keeps the promises of the header. */
static void check_promises(void)
{
	image_require(ovmf.nsections > 0 && ovmf.nsections <= FW_SECTIONS_MAX && ovmf.ap_eip);
	for (size_t i = 0; i < ovmf.nsections; i++) {
		const struct fw_section *a = &ovmf.section[i];

		image_require(fw_type_name(a->type));
		image_require(a->len && is_aligned(a->gpa | a->len, PAGE_SIZE));
		image_require(range_inside(a->gpa, a->len, 0, IMAGE_GPA));
		for (size_t j = 0; j < i; j++)
			image_require(!ranges_overlap(a->gpa, a->len, ovmf.section[j].gpa,
						      ovmf.section[j].len));
	}
}

/* Every byte of table and metadata, in every value. */
START_TEST(any_byte_may_be_anything)
{
	size_t refused = 0;

	for (size_t at = AT_SEV; at < AT_END; at = at == AT_TDVF ? AT_TABLE : at + 1) {
		uint8_t old = image[at];

		for (unsigned int value = 0; value < 256; value++) {
			image[at] = (uint8_t)value;
			if (parse(IMAGE_LEN) == 0)
				check_promises();
			else
				refused++;
		}
		image[at] = old;
	}
	ck_assert_uint_gt(refused, 10000);
}
END_TEST

SUITE(test_ovmf)
{
	Suite *suite = suite_create("OVMF metadata");
	TCase *tc = tcase_create("images");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, the_metadata_is_read_in_the_order_of_its_table);
	tcase_add_test(tc, a_table_of_hashes_is_not_needed);
	tcase_add_loop_test(tc, damaged_images_are_refused, 0, ARRAY_SIZE(faults));
	tcase_add_test(tc, metadata_may_be_longer_than_its_sections);
	tcase_add_test(tc, an_entry_of_another_size_is_refused);
	tcase_add_test(tc, truncated_images_are_refused);
	tcase_add_test(tc, any_byte_may_be_anything);
	suite_add_tcase(suite, tc);
	return suite;
}
