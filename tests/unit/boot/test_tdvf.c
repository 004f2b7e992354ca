// SPDX-License-Identifier: MIT
/* What is read out of TDVF images, and which images are refused. */
#include "boot/fw_metadata.h"
#include "tests/unit/firmware_image.h"
#include "tests/unit/suite.h"

static uint8_t image[IMAGE_LEN];
static struct fw_metadata tdvf;
static struct vmm_error err;

static int parse(size_t len)
{
	struct fuzz_file buffer;
	struct mem_file file;
	struct sys sys;
	int ret;

	memset(&err, 0, sizeof(err));
	file = image_open_buffer(&sys, &buffer, image, len);
	ret = tdvf_parse(&file, &tdvf, &err);
	if (ret < 0)
		image_check_refusal(ret, &err);
	return ret;
}

static void setup(void)
{
	image_make(image);
}

START_TEST(sections_are_read_in_the_order_of_their_table)
{
	ck_assert_msg(parse(IMAGE_LEN) == 0, "%s", err.text);
	ck_assert_uint_eq(tdvf.nsections, ARRAY_SIZE(ovmf_rows));
	for (size_t i = 0; i < ARRAY_SIZE(ovmf_rows); i++) {
		ck_assert_uint_eq(tdvf.section[i].gpa, ovmf_rows[i].gpa);
		ck_assert_uint_eq(tdvf.section[i].len, ovmf_rows[i].len);
		ck_assert_uint_eq(tdvf.section[i].type, ovmf_rows[i].type);
	}
	ck_assert_uint_eq(fw_find(&tdvf, TDVF_TD_HOB)->gpa, 0x809000);
	ck_assert_ptr_null(fw_find(&tdvf, TDVF_PAYLOAD));
}
END_TEST

/* Older td-shim images: an offset from the front, in place of reset code, and no table. */
START_TEST(the_legacy_pointer_will_do)
{
	memset(image + AT_TABLE, 0, AT_END - AT_TABLE);
	put_le32(image + AT_END, AT_TDVF);
	ck_assert_msg(parse(IMAGE_LEN) == 0, "%s", err.text);
	ck_assert_uint_eq(tdvf.nsections, ARRAY_SIZE(ovmf_rows));
	put_le32(image + AT_END, AT_TDVF + 4);
	ck_assert_int_eq(parse(IMAGE_LEN), -EINVAL);
	put_le32(image + AT_END, IMAGE_LEN - 15);
	ck_assert_int_eq(parse(IMAGE_LEN), -EINVAL);
	put_le32(image + AT_END, 0xffffffff);
	ck_assert_int_eq(parse(IMAGE_LEN), -EINVAL);
}
END_TEST

#define SECTION(i) (AT_TDVF + 16 + 32 * (i))

static const struct image_fault faults[] = {
	/* where the descriptor is */
	{AT_TDX_OFFSET + 6, 4, 0, "has no TDX metadata: a TD needs"},
	{AT_TDX_OFFSET, 4, IMAGE_LEN + 1, "outside of the file"},
	{AT_TDX_OFFSET, 4, 0, "has no TDX metadata"},
	{AT_TDX_OFFSET, 4, 15, "has no TDX metadata"},
	{AT_TDX_OFFSET, 4, IMAGE_LEN - AT_TDVF + 16, "has no TDX metadata"}, /* the GUID before */
	{AT_TDX_OFFSET, 4, AT_TDVF, "has no TDX metadata"},		     /* from the front */
	{AT_TDX_OFFSET + 4, 2, 0, "an entry of 0 bytes"},
	{AT_FOOTER, 2, 0xffff, "damaged"},
	/* the descriptor */
	{AT_TDVF, 4, 0, "has no TDX metadata"},
	{AT_TDVF + 8, 4, 0, "descriptor of version 0"},
	{AT_TDVF + 8, 4, 2, "descriptor of version 2"},
	{AT_TDVF + 4, 4, 0, "damaged"},
	{AT_TDVF + 4, 4, 16 + 32 * 4 + 32, "damaged"},
	{AT_TDVF + 12, 4, 0, "with 0 sections"},
	{AT_TDVF + 12, 4, 5, "with 5 sections"},
	{AT_TDVF + 12, 4, 0x08000004, "damaged"}, /* 32 times that wraps to 128 */
	{AT_TDVF + 12, 4, 0xffffffff, "damaged"},
	/* the sections' data */
	{SECTION(0), 4, 0x1001, "goes on after the end of the file: a split CODE image"},
	{SECTION(0), 4, 0xffffffff, "goes on after the end of the file"},
	{SECTION(0) + 4, 4, 0xfffff000, "goes on after the end of the file"},
	{SECTION(0) + 4, 4, 0, "it has no data"},
	{SECTION(1) + 4, 4, 0, "it has no data"},
	{SECTION(1) + 4, 4, 0x1001, "more data than memory"},
	{SECTION(2), 4, 1, "TD_HOB at 0x809000+0x2000): it has data"},
	{SECTION(3) + 4, 4, 0x1000, "it has data"},
	/* their memory */
	{SECTION(2) + 8, 8, 0x809001, "no range of pages"},
	{SECTION(2) + 16, 8, 0x1fff, "no range of pages"},
	{SECTION(3) + 16, 8, 0xfffffffffffff000, "beyond the address space of a TD"},
	{SECTION(3) + 8, 8, 0xfffffffffffff000, "beyond the address space of a TD"},
	{SECTION(3) + 8, 8, 1ull << 47, "beyond the address space of a TD"},
	{SECTION(3) + 16, 8, 0xa000, "TempMem) overlap at 0x800000"},
	{SECTION(3) + 8, 8, IMAGE_GPA, "overlap"},
	{SECTION(0) + 8, 8, 0x900000, "no BFV section has the reset vector"},
	{SECTION(0) + 4, 4, 0xfff, "no BFV section has the reset vector"},
	/* what they are */
	{SECTION(0) + 24, 4, 1, "no BFV section has the reset vector"},
	{SECTION(3) + 24, 4, 9, "unknown type 0x9"},
	{SECTION(3) + 24, 4, 0xffffffff, "unknown type 0xffffffff"},
	{SECTION(3) + 24, 4, 2, "two sections TD_HOB"},
	{SECTION(3) + 24, 4, 4, "PermMem at 0x800000+0x6000): it is not marked"},
	{SECTION(3) + 24, 4, 7, "TD_INFO at 0x800000+0x6000): it has memory"},
	{SECTION(3) + 24, 4, 8, "it has memory"},
	{SECTION(0) + 28, 4, 3, "no BFV section has the reset vector"},
	{SECTION(0) + 28, 4, 4, "unknown attributes 0x4"},
	{SECTION(0) + 28, 4, 0x80000001, "unknown attributes"},
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

START_TEST(sections_without_memory_are_fine)
{
	static const struct tdvf_row rows[] = {
		{0x1000, 0x1000, IMAGE_GPA + 0x1000, 0x1000, 0, 1},
		{0x100, 0x40, 0, 0, 7, 0},
		{0, 0, 0x800000, 0x100000, 4, 2},
		{0, 0, 0, 0, 3, 0},
		{0, 0, IMAGE_GPA + 0x1800, 0, 3, 0}, /* at no page, and of none */
	};

	image_tdvf(image, rows, 4);
	ck_assert_msg(parse(IMAGE_LEN) == 0, "%s", err.text);
	ck_assert(fw_added(&tdvf.section[0]));
	for (size_t i = 1; i < 4; i++)
		ck_assert(!fw_added(&tdvf.section[i]));
	image_tdvf(image, rows, 5);
	ck_assert_int_eq(parse(IMAGE_LEN), -EINVAL);
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
	image_require(tdvf.nsections > 0 && tdvf.nsections <= FW_SECTIONS_MAX);
	for (size_t i = 0; i < tdvf.nsections; i++) {
		const struct fw_section *a = &tdvf.section[i];

		image_require(range_inside(a->offset, a->raw, 0, IMAGE_LEN));
		image_require(is_aligned(a->gpa | a->len, PAGE_SIZE));
		image_require(range_inside(a->gpa, a->len, 0, 1ull << 47));
		image_require(a->raw <= a->len || a->len == 0);
		for (size_t j = 0; j < i; j++)
			image_require(!ranges_overlap(a->gpa, a->len, tdvf.section[j].gpa,
						      tdvf.section[j].len));
	}
}

/* Every byte of table and descriptor, in every value. */
START_TEST(any_byte_may_be_anything)
{
	size_t refused = 0;

	for (size_t at = AT_TDVF; at < AT_END; at = at == AT_TDVF + 0x100 ? AT_TABLE : at + 1) {
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

SUITE(test_tdvf)
{
	Suite *suite = suite_create("TDVF metadata");
	TCase *tc = tcase_create("images");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, sections_are_read_in_the_order_of_their_table);
	tcase_add_test(tc, the_legacy_pointer_will_do);
	tcase_add_loop_test(tc, damaged_images_are_refused, 0, ARRAY_SIZE(faults));
	tcase_add_test(tc, sections_without_memory_are_fine);
	tcase_add_test(tc, truncated_images_are_refused);
	tcase_add_test(tc, any_byte_may_be_anything);
	suite_add_tcase(suite, tc);
	return suite;
}
