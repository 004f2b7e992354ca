// SPDX-License-Identifier: MIT
/*
 * The traps of the TDX interface that are about a firmware image and what is loaded with it: see
 * the table in test_traps_tdx.c. MRTDs are computed here from the module's specification, apart
 * from cc/.
 */
#include "boot/fw_metadata.h"
#include "cc/tech.h"
#include "tests/unit/firmware_image.h"
#include "tests/unit/suite.h"

#include <nettle/sha2.h>

static uint8_t image[IMAGE_LEN], bzimage[BZ_FILE];
static struct test_guest *g;
static struct test_file file, kernel;
static struct boot_config config;

static void setup(void)
{
	g = guest_make(MIB(64));
	memset(image, 0x90, IMAGE_LEN);
	image_table(image);
	bzimage_make(bzimage);
	file.fd = -1;
	kernel = file_make(bzimage, sizeof(bzimage));
	config = (struct boot_config){.guest = BOOT_TDX, .cmdline = "", .platform = {.vcpus = 3}};
}

static void teardown(void)
{
	guest_free(g);
	file_free(&kernel);
	if (file.fd >= 0)
		file_free(&file);
}

static int load(const struct tdvf_row *rows, size_t n)
{
	image_tdvf(image, rows, n);
	file = file_make(image, sizeof(image));
	config.firmware = file.path;
	return boot_once(&config, &g->mem, &g->plan, &g->err);
}

static void must_load(const struct tdvf_row *rows, size_t n)
{
	ck_assert_msg(load(rows, n) == 0, "%s", g->err.text);
}

static void measured(uint8_t digest[CC_DIGEST])
{
	const struct cc_config cc = {.tech = &cc_tdx, .vcpus = 1};
	struct cc_measurement m;

	ck_assert_msg(cc_measure(&cc, &g->plan, &g->mem, &m, &g->err) == 0, "%s", g->err.text);
	memcpy(digest, m.digest, CC_DIGEST);
}

/* --- MRTD, by hand ---------------------------------------------------------------------------- */

/* The pages of a section; `bytes` are their contents, NULL where they are not measured. */
static void add(struct sha384_ctx *sha, uint64_t gpa, uint64_t len, const uint8_t *bytes)
{
	for (uint64_t at = 0; at < len; at += PAGE_SIZE) {
		uint8_t record[128] = "MEM.PAGE.ADD";

		put_le64(record + 16, gpa + at);
		sha384_update(sha, sizeof(record), record);
		for (uint64_t chunk = at; bytes && chunk < at + PAGE_SIZE; chunk += 256) {
			uint8_t extend[128] = "MR.EXTEND";

			put_le64(extend + 16, gpa + chunk);
			sha384_update(sha, sizeof(extend), extend);
			sha384_update(sha, 256, bytes + chunk);
		}
	}
}

/* Sections in the order of `order`; contents are the image's, with zeros behind `raw`. */
static void mrtd(const struct tdvf_row *rows, const unsigned int *order, size_t n,
		 uint8_t digest[CC_DIGEST])
{
	static uint8_t bytes[0x20000];
	struct sha384_ctx sha;

	sha384_init(&sha);
	for (size_t i = 0; i < n; i++) {
		const struct tdvf_row *row = &rows[order[i]];

		memset(bytes, 0, sizeof(bytes));
		memcpy(bytes, image + row->offset, row->raw);
		add(&sha, row->gpa, row->len, row->attributes & TDVF_MR_EXTEND ? bytes : NULL);
	}
	sha384_digest(&sha, CC_DIGEST, digest);
}

/* --- sections --------------------------------------------------------------------------------- */

/* Neither addresses nor types ascend. */
static const struct tdvf_row mixed_rows[] = {
	{0, 0, 0x809000, 0x2000, TDVF_TD_HOB, 0},
	{0x1000, 0x1000, IMAGE_GPA + 0x1000, 0x1000, TDVF_BFV, 1},
	{0, 0, 0x800000, 0x6000, TDVF_TEMP_MEM, 0},
	{0, 0x1000, IMAGE_GPA, 0x1000, TDVF_CFV, 0},
};

START_TEST(trap_sections_sorted_by_address_or_type)
{
	static const unsigned int table[] = {0, 1, 2, 3}, address[] = {2, 0, 3, 1},
				  type[] = {1, 3, 0, 2};
	uint8_t digest[CC_DIGEST], expected[CC_DIGEST], wrong[CC_DIGEST];

	must_load(mixed_rows, ARRAY_SIZE(mixed_rows));
	measured(digest);
	mrtd(mixed_rows, table, 4, expected);
	ck_assert_mem_eq(digest, expected, CC_DIGEST);
	mrtd(mixed_rows, address, 4, wrong);
	ck_assert_mem_ne(digest, wrong, CC_DIGEST);
	mrtd(mixed_rows, type, 4, wrong);
	ck_assert_mem_ne(digest, wrong, CC_DIGEST);
}
END_TEST

/* A measured section has 0x800 bytes in the file, and the file goes on behind them. */
START_TEST(trap_file_bytes_after_raw_data_size_used_as_padding)
{
	static const struct tdvf_row rows[] = {
		{0x1000, 0x1000, IMAGE_GPA + 0x1000, 0x1000, TDVF_BFV, 1},
		{0x200, 0x800, IMAGE_GPA, 0x1000, TDVF_BFV, 1},
	};
	struct tdvf_row padded[2];
	static const unsigned int order[] = {0, 1};
	uint8_t digest[CC_DIGEST], expected[CC_DIGEST], wrong[CC_DIGEST];
	static const uint8_t zeros[0x800];

	must_load(rows, 2);
	ck_assert_uint_ne(image[0x200 + 0x800], 0);
	ck_assert(guest_has(g, IMAGE_GPA, image + 0x200, 0x800));
	ck_assert(guest_has(g, IMAGE_GPA + 0x800, zeros, 0x800));
	measured(digest);
	mrtd(rows, order, 2, expected);
	ck_assert_mem_eq(digest, expected, CC_DIGEST);
	memcpy(padded, rows, sizeof(rows));
	padded[1].raw = 0x1000;
	mrtd(padded, order, 2, wrong);
	ck_assert_mem_ne(digest, wrong, CC_DIGEST);
}
END_TEST

/* It is the guest's to accept, which fails on a page that is there already. */
START_TEST(trap_perm_mem_added)
{
	static const struct tdvf_row rows[] = {
		{0x1000, 0x1000, IMAGE_GPA + 0x1000, 0x1000, TDVF_BFV, 1},
		{0, 0, 0x900000, 0x4000, TDVF_PERM_MEM, 2},
		{0, 0, 0x800000, 0x6000, TDVF_TEMP_MEM, 0},
	};
	static const unsigned int without[] = {0, 2}, all[] = {0, 1, 2};
	uint8_t digest[CC_DIGEST], expected[CC_DIGEST], wrong[CC_DIGEST];

	must_load(rows, ARRAY_SIZE(rows));
	for (size_t i = 0; i < g->plan.nitems; i++)
		ck_assert(!ranges_overlap(g->plan.item[i].gpa, g->plan.item[i].len, 0x900000,
					  0x4000));
	measured(digest);
	mrtd(rows, without, 2, expected);
	ck_assert_mem_eq(digest, expected, CC_DIGEST);
	mrtd(rows, all, 3, wrong);
	ck_assert_mem_ne(digest, wrong, CC_DIGEST);
}
END_TEST

/* --- the list of memory ----------------------------------------------------------------------- */

/* With a kernel for td-shim the list has ACPI tables and the payload, without it memory only. */
static const struct tdvf_row shim_rows[] = {
	{0x1000, 0x1000, IMAGE_GPA + 0x1000, 0x1000, TDVF_BFV, 1},
	{0, 0, 0x809000, 0x2000, TDVF_TD_HOB, 0},
	{0, 0, 0x860000, 0x1000, TDVF_PAYLOAD_PARAM, 0},
	{0, 0, 0x861000, 0x20000, TDVF_PAYLOAD, 0},
};

/* Walks the list as firmware does: it must come to the end HOB, inside the section, in steps of
 * eight bytes. Returns the address behind that HOB. */
static uint64_t walk(const struct load_item *hob)
{
	const uint8_t *list = mem_ptr(&g->mem, hob->gpa, hob->len);
	uint64_t at = 0;

	for (unsigned int n = 0; n < 1000; n++) {
		uint16_t type, len;

		ck_assert_msg(at + 8 <= hob->len, "the list is not terminated");
		type = get_le16(list + at);
		len = get_le16(list + at + 2);
		ck_assert_msg(len >= 8 && len % 8 == 0, "HOB of %u bytes", len);
		at += len;
		if (type == 0xffff)
			return hob->gpa + at;
		ck_assert_msg(type == 1 || type == 3 || type == 4, "HOB of type %#x", type);
	}
	ck_abort_msg("the list goes on for ever");
	return 0;
}

START_TEST(trap_hob_end_before_the_end_hob_or_list_not_terminated)
{
	const struct load_item *hob;
	const uint8_t *list;
	uint64_t end;

	if (_i)
		config.kernel = kernel.path;
	must_load(_i ? shim_rows : mixed_rows, 4);
	hob = guest_item(g, "TD_HOB");
	list = mem_ptr(&g->mem, hob->gpa, hob->len);
	end = walk(hob);
	/* the handoff HOB tells: an address of the guest, behind the end HOB and not before it */
	ck_assert_uint_eq(get_le16(list), 1);
	ck_assert_uint_eq(get_le64(list + 48), end);
	ck_assert_uint_eq(hob->used, end - hob->gpa);
}
END_TEST

/* --- images ----------------------------------------------------------------------------------- */

/* From the end of the file, and to the signature: 16 bytes of GUID stand before that. */
START_TEST(trap_metadata_distance_from_the_guid_or_from_the_start)
{
	static const uint32_t wrong[] = {IMAGE_LEN - AT_TDVF + 16, IMAGE_LEN - AT_TDVF - 16,
					 AT_TDVF};

	put_le32(image + AT_TDX_OFFSET, wrong[_i]);
	ck_assert_refused(load(ovmf_rows, 4), g, "has no TDX metadata");
	ck_assert_uint_eq(g->plan.nitems, 0);
	put_le32(image + AT_TDX_OFFSET, IMAGE_LEN - AT_TDVF);
	file_free(&file);
	must_load(ovmf_rows, 4);
}
END_TEST

/* Offsets of a CODE image are those of the whole build, so its volumes run past its end. */
START_TEST(trap_code_only_ovmf_accepted)
{
	static const struct tdvf_row rows[] = {
		{0x1000, 0x2000, IMAGE_GPA, 0x2000, TDVF_BFV, 1},
		{0, 0x1000, IMAGE_GPA - 0x1000, 0x1000, TDVF_CFV, 0},
	};

	ck_assert_refused(load(rows, 2), g, "a split CODE image");
	ck_assert_uint_eq(g->plan.nitems, 0);
}
END_TEST

SUITE(test_traps_tdvf)
{
	Suite *suite = suite_create("traps_tdvf");
	TCase *tc = tcase_create("traps");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, trap_sections_sorted_by_address_or_type);
	tcase_add_test(tc, trap_file_bytes_after_raw_data_size_used_as_padding);
	tcase_add_test(tc, trap_perm_mem_added);
	tcase_add_loop_test(tc, trap_hob_end_before_the_end_hob_or_list_not_terminated, 0, 2);
	tcase_add_loop_test(tc, trap_metadata_distance_from_the_guid_or_from_the_start, 0, 3);
	tcase_add_test(tc, trap_code_only_ovmf_accepted);
	suite_add_tcase(suite, tc);
	return suite;
}
