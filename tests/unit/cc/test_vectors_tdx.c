// SPDX-License-Identifier: MIT
/* What others computed of TDVF images: sections, MRTD, the TD HOB list, and the hash of TDINFO. */
#include "boot/firmware.h"
#include "cc/tech.h"
#include "tdx-vectors.h"
#include "tests/unit/boot_files.h"
#include "tests/unit/suite.h"
#include "tests/unit/vector_image.h"

#include <nettle/sha2.h>

static struct boot_config config;
static char path[VECTOR_PATH];
static struct test_guest *g;

static const struct vector *vector_at(int i)
{
	return &vector_get(tdx_vectors, "vectors")->child[i];
}

static void setup(void)
{
	config = (struct boot_config){
		.guest = BOOT_TDX, .firmware = path, .cmdline = "", .platform = {.vcpus = 1}};
}

static void teardown(void)
{
	if (g)
		guest_free(g);
	g = NULL;
}

static const char *image_name(const struct vector *image)
{
	const struct vector *file = vector_find(image, "file");

	return file ? file->text : vector_text(image, "path");
}

static bool find_image(const struct vector *v)
{
	const struct vector *image = vector_get(v, "image");

	return image_path(image_name(image), vector_text(image, "sha256"), path);
}

/* A guest with the RAM of the vector, loaded; false when the image is not there. */
static bool load(const struct vector *v)
{
	const struct vector *ram = vector_get(vector_get(v, "td_hob"), "ram");

	if (!find_image(v))
		return false;
	ck_assert_uint_eq(ram->n, 1);
	ck_assert_uint_eq(vector_value(&ram->child[0].child[0]), 0);
	g = guest_make(vector_value(&ram->child[0].child[1]));
	ck_assert_msg(boot_once(&config, &g->mem, &g->plan, &g->err) == 0, "%s", g->err.text);
	return true;
}

static void sha384(const void *bytes, size_t len, uint8_t digest[CC_DIGEST])
{
	struct sha384_ctx sha;

	sha384_init(&sha);
	sha384_update(&sha, len, bytes);
	sha384_digest(&sha, CC_DIGEST, digest);
}

START_TEST(sections_are_those_of_the_vectors)
{
	const struct vector *v = vector_at(_i);
	const struct vector *sections = vector_get(v, "sections");
	struct vmm_error err;
	struct firmware fw;

	if (!find_image(v))
		return;
	ck_assert_msg(firmware_open(&fw, &config, sys_host(), &err) == 0, "%s", err.text);
	ck_assert_uint_eq(fw.metadata.nsections, sections->n);
	for (size_t i = 0; i < sections->n; i++) {
		const struct vector *expected = &sections->child[i];
		const struct fw_section *s = &fw.metadata.section[i];

		ck_assert_str_eq(fw_type_name(s->type), vector_text(expected, "type"));
		ck_assert_uint_eq(s->type, vector_number(expected, "type_id"));
		ck_assert_uint_eq(s->offset, vector_number(expected, "data_offset"));
		ck_assert_uint_eq(s->raw, vector_number(expected, "raw_size"));
		ck_assert_uint_eq(s->gpa, vector_number(expected, "gpa"));
		ck_assert_uint_eq(s->len, vector_number(expected, "size"));
		ck_assert_uint_eq(s->attributes, vector_number(expected, "attributes"));
	}
	firmware_close(&fw);
}
END_TEST

START_TEST(mrtd_is_that_of_the_vectors)
{
	const struct vector *v = vector_at(_i);
	const struct cc_config cc = {.tech = &cc_tdx, .vcpus = 2};
	uint8_t wrong[CC_DIGEST];
	struct cc_measurement m;

	if (!load(v))
		return;
	ck_assert_int_eq(cc_measure(&cc, &g->plan, &g->mem, &m, &g->err), 0);
	ck_assert_uint_eq(m.pages, vector_number(v, "page_adds"));
	ck_assert_uint_eq(m.bytes / 256, vector_number(v, "chunk_extends"));
	vector_bytes(vector_text(v, "not_the_mrtd_all_adds_first"), wrong, sizeof(wrong));
	ck_assert_msg(memcmp(m.digest, wrong, sizeof(wrong)) != 0,
		      "all pages of a section are added before the first is extended");
	vector_assert(vector_text(v, "mrtd"), m.digest, CC_DIGEST, "MRTD");
}
END_TEST

START_TEST(mrtd_does_not_depend_on_the_size_of_ram)
{
	const struct cc_config cc = {.tech = &cc_tdx, .vcpus = 1};
	struct cc_measurement m;

	if (!find_image(vector_at(_i)))
		return;
	g = guest_make(GIB(5));
	ck_assert_int_eq(boot_once(&config, &g->mem, &g->plan, &g->err), 0);
	ck_assert_int_eq(cc_measure(&cc, &g->plan, &g->mem, &m, &g->err), 0);
	vector_assert(vector_text(vector_at(_i), "mrtd"), m.digest, CC_DIGEST, "MRTD");
}
END_TEST

START_TEST(the_td_hob_is_that_of_the_vectors)
{
	const struct vector *hob = vector_get(vector_at(_i), "td_hob");
	uint64_t len = vector_number(hob, "length");
	const struct load_item *item;
	uint8_t digest[CC_DIGEST];
	const uint8_t *bytes;

	if (!load(vector_at(_i)))
		return;
	ck_assert_uint_eq(g->plan.entry.arg, vector_number(hob, "base"));
	item = guest_item(g, "TD_HOB");
	ck_assert_uint_eq(item->gpa, vector_number(hob, "base"));
	ck_assert_uint_eq(item->used, len);
	ck_assert(!item->measured);
	bytes = mem_ptr(&g->mem, item->gpa, item->len);
	vector_assert(vector_text(hob, "hex"), bytes, len, "TD HOB");
	for (uint64_t i = len; i < item->len; i++)
		ck_assert_uint_eq(bytes[i], 0);
	sha384(bytes, len, digest);
	vector_assert(vector_text(hob, "sha384_full"), digest, CC_DIGEST, "TD HOB");
	sha384(bytes, len - 8, digest);
	vector_assert(vector_text(hob, "sha384_without_end_hob"), digest, CC_DIGEST,
		      "TD HOB without its end");
}
END_TEST

/* TDINFO, Intel TDX module ABI specification: 512 bytes of what a quote says about a TD. */
START_TEST(tdinfo_has_the_hash_of_the_vectors)
{
	static const struct {
		const char *key;
		size_t at;
	} fields[] = {{"mrconfigid", 64}, {"mrowner", 112}, {"mrownerconfig", 160}};
	const struct vector *v = vector_find(vector_at(_i), "tdinfo");
	const struct cc_config cc = {.tech = &cc_tdx, .vcpus = 1};
	uint8_t info[512] = {0}, digest[CC_DIGEST];
	struct cc_measurement m;

	if (!v || !load(vector_at(_i)))
		return;
	ck_assert_int_eq(cc_measure(&cc, &g->plan, &g->mem, &m, &g->err), 0);
	put_le64(info, vector_number(v, "attributes"));
	put_le64(info + 8, vector_number(v, "xfam"));
	memcpy(info + 16, m.digest, CC_DIGEST);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		vector_bytes(vector_text(v, fields[i].key), info + fields[i].at, CC_DIGEST);
	for (size_t i = 0; i < vector_get(v, "rtmr")->n; i++)
		vector_bytes(vector_get(v, "rtmr")->child[i].text, info + 208 + i * CC_DIGEST,
			     CC_DIGEST);
	sha384(info, sizeof(info), digest);
	vector_assert(vector_text(v, "tdinfo_sha384"), digest, CC_DIGEST, "TDINFO");
}
END_TEST

SUITE(test_vectors_tdx)
{
	Suite *suite = suite_create("TDX vectors");
	TCase *tc = tcase_create("vectors");
	int n = (int)vector_get(tdx_vectors, "vectors")->n;
	bool complete = true;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, sections_are_those_of_the_vectors, 0, n);
	tcase_add_loop_test(tc, mrtd_is_that_of_the_vectors, 0, n);
	tcase_add_loop_test(tc, mrtd_does_not_depend_on_the_size_of_ram, 0, n);
	tcase_add_loop_test(tc, the_td_hob_is_that_of_the_vectors, 0, n);
	tcase_add_loop_test(tc, tdinfo_has_the_hash_of_the_vectors, 0, n);
	suite_add_tcase(suite, tc);
	for (int i = 0; i < n; i++)
		complete &= find_image(vector_at(i));
	if (!complete)
		suite_skips("vectors of images that are missing");
	return suite;
}
