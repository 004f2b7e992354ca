// SPDX-License-Identifier: MIT
/* Compressed files, made here with the same libraries that expand them. */
#include "tests/unit/boot_files.h"
#include "tests/unit/suite.h"

#include <stdatomic.h>
#include <zlib.h>
#include <zstd.h>

#define CONTENTS_LEN (MIB(17) + 12345) /* more than is expanded in one piece */

struct packed {
	uint8_t *bytes;
	size_t len;
};

static struct packed pack_gzip(const uint8_t *in, size_t len)
{
	struct packed p = {malloc(len + 1024), 0};
	z_stream z = {.next_in = (Bytef *)(uintptr_t)in,
		      .avail_in = (uInt)len,
		      .next_out = p.bytes,
		      .avail_out = (uInt)len + 1024};

	ck_assert_int_eq(deflateInit2(&z, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	p.len = z.total_out;
	deflateEnd(&z);
	return p;
}

static struct packed pack_zstd(const uint8_t *in, size_t len)
{
	struct packed p = {malloc(ZSTD_compressBound(len)), 0};
	ZSTD_CCtx *ctx = ZSTD_createCCtx();

	ZSTD_CCtx_setParameter(ctx, ZSTD_c_checksumFlag, 1);
	p.len = ZSTD_compress2(ctx, p.bytes, ZSTD_compressBound(len), in, len);
	ck_assert(!ZSTD_isError(p.len));
	ZSTD_freeCCtx(ctx);
	return p;
}

static const struct {
	const char *name;
	const struct codec *codec;
	struct packed (*pack)(const uint8_t *in, size_t len);
} codecs[] = {
	{"gzip", &codec_gzip, pack_gzip},
	{"zstd", &codec_zstd, pack_zstd},
};

static struct test_guest *g;
static struct boot_image image;

static void setup(void)
{
	g = guest_make(MIB(64));
}

static void teardown(void)
{
	guest_free(g);
}

static int open_bytes(const void *bytes, size_t len, struct test_file *f)
{
	*f = file_make(bytes, len);
	return image_open(&image, sys_host(), f->path, &g->err);
}

START_TEST(contents_come_out_as_they_went_in)
{
	uint8_t *contents = malloc(CONTENTS_LEN);
	struct packed p;
	struct test_file f;
	uint8_t small[100];

	fill(contents, CONTENTS_LEN, 7);
	p = codecs[_i].pack(contents, CONTENTS_LEN);
	ck_assert_int_eq(open_bytes(p.bytes, p.len, &f), 0);
	ck_assert_ptr_eq(image.codec, codecs[_i].codec);
	ck_assert_str_eq(image.codec->name, codecs[_i].name);
	ck_assert_uint_eq(image.head_len, IMAGE_HEAD);

	/* in the head; over its end; behind a gap; straight into guest memory, to the very end */
	ck_assert_int_eq(image_read(&image, 50, small, 100, &g->err), 0);
	ck_assert_mem_eq(small, contents + 50, 100);
	ck_assert_int_eq(image_read(&image, IMAGE_HEAD - 50, small, 100, &g->err), 0);
	ck_assert_mem_eq(small, contents + IMAGE_HEAD - 50, 100);
	ck_assert_int_eq(image_read(&image, 1000000, small, 100, &g->err), 0);
	ck_assert_mem_eq(small, contents + 1000000, 100);
	ck_assert_int_eq(
		image_load(&image, MIB(2), &g->mem, MIB(1), CONTENTS_LEN - MIB(2), &g->err), 0);
	ck_assert(guest_has(g, MIB(1), contents + MIB(2), CONTENTS_LEN - MIB(2)));
	ck_assert_int_eq(image_read(&image, 0, small, 100, &g->err), 0);
	ck_assert_mem_eq(small, contents, 100);
	ck_assert_int_eq(image_finish(&image, &g->err), 0);

	ck_assert_int_eq(image_read(&image, CONTENTS_LEN, small, 1, &g->err), -ENODATA);
	ck_assert_int_eq(image_read(&image, MIB(2), small, 1, &g->err), -ESPIPE);
	ck_assert_refused(-1, g, "can only be read forwards");
	image_close(&image);
	file_free(&f);
	free(p.bytes);
	free(contents);
}
END_TEST

START_TEST(a_gap_beyond_the_end_is_no_data)
{
	uint8_t contents[10000], byte;
	struct test_file f;
	struct packed p;

	fill(contents, sizeof(contents), 8);
	p = codecs[_i].pack(contents, sizeof(contents));
	ck_assert_int_eq(open_bytes(p.bytes, p.len, &f), 0);
	ck_assert_int_eq(image_read(&image, GIB(1), &byte, 1, &g->err), -ENODATA);
	ck_assert_refused(-1, g, "the expanded contents end at 10000 bytes, 1 more expected");
	image_close(&image);
	file_free(&f);
	free(p.bytes);
}
END_TEST

/* Opens and reads everything; what came of it. */
static int expand(const uint8_t *bytes, size_t len)
{
	struct test_file f;
	int ret = open_bytes(bytes, len, &f);

	if (ret == 0) {
		ret = image_finish(&image, &g->err);
		image_close(&image);
	}
	file_free(&f);
	return ret;
}

START_TEST(a_file_cut_off_anywhere_is_refused)
{
	uint8_t contents[9000];
	struct packed p;

	fill(contents, sizeof(contents), 9);
	p = codecs[_i].pack(contents, sizeof(contents));
	ck_assert_int_eq(expand(p.bytes, p.len), 0);
	for (size_t len = codecs[_i].codec->magic_len; len < p.len; len += 1 + p.len / 200)
		ck_assert_int_lt(expand(p.bytes, len), 0);
	ck_assert_int_lt(expand(p.bytes, p.len - 1), 0);
	ck_assert_refused(-1, g, "the file ends too early");
	ck_assert_refused(-1, g, codecs[_i].name);
	free(p.bytes);
}
END_TEST

START_TEST(a_damaged_file_is_refused)
{
	uint8_t contents[9000];
	struct packed p;

	fill(contents, sizeof(contents), 10);
	p = codecs[_i].pack(contents, sizeof(contents));
	for (size_t at = 0; at < 8; at++) {
		size_t where = p.len / 2 + at * 7;

		p.bytes[where] ^= 0x10;
		ck_assert_int_eq(expand(p.bytes, p.len), -EBADMSG);
		ck_assert_refused(-1, g, "unable to expand");
		p.bytes[where] ^= 0x10;
	}
	ck_assert_int_eq(expand(p.bytes, p.len), 0);
	free(p.bytes);
}
END_TEST

START_TEST(what_follows_the_compressed_data_does_not_matter)
{
	uint8_t contents[9000];
	struct packed p;

	fill(contents, sizeof(contents), 11);
	p = codecs[_i].pack(contents, sizeof(contents));
	p.bytes = realloc(p.bytes, p.len + 100);
	memset(p.bytes + p.len, 0x5a, 100);
	ck_assert_int_eq(expand(p.bytes, p.len + 100), 0);
	free(p.bytes);
}
END_TEST

/* The second member's magic number also stands across the end of a chunk of the file. */
START_TEST(members_that_follow_are_part_of_the_contents)
{
	uint8_t *contents = malloc(2 * IMAGE_CHUNK), last[100];
	struct packed a, b;
	struct test_file f;
	size_t len;

	for (len = IMAGE_CHUNK - 600; len < IMAGE_CHUNK; len++) {
		fill(contents, len, 12);
		a = codecs[_i].pack(contents, len);
		if (a.len % IMAGE_CHUNK > IMAGE_CHUNK - 4 || len + 1 == IMAGE_CHUNK)
			break;
		free(a.bytes);
	}
	fill(contents + len, 5000, 13);
	b = codecs[_i].pack(contents + len, 5000);
	a.bytes = realloc(a.bytes, a.len + b.len);
	memcpy(a.bytes + a.len, b.bytes, b.len);
	ck_assert_int_eq(open_bytes(a.bytes, a.len + b.len, &f), 0);
	ck_assert_int_eq(image_read(&image, len + 4900, last, 100, &g->err), 0);
	ck_assert_mem_eq(last, contents + len + 4900, 100);
	ck_assert_int_eq(image_read(&image, len + 5000, last, 1, &g->err), -ENODATA);
	image_close(&image);
	file_free(&f);
	free(a.bytes);
	free(b.bytes);
	free(contents);
}
END_TEST

START_TEST(nothing_inside_is_refused)
{
	struct packed p = codecs[_i].pack((const uint8_t *)"", 0);

	ck_assert_int_eq(expand(p.bytes, p.len), -ENODATA);
	ck_assert_refused(-1, g, "expands to nothing");
	free(p.bytes);
}
END_TEST

START_TEST(a_bzimage_inside_is_loaded)
{
	static uint8_t file[BZ_FILE];
	struct kernel kernel;
	struct packed p;

	bzimage_make(file);
	p = codecs[_i].pack(file, sizeof(file));
	ck_assert_int_eq(kernel_from(g, p.bytes, p.len, false, &kernel), 0);
	ck_assert(guest_has(g, BZ_PREF, file + BZ_SETUP, BZ_LEN));
	ck_assert_uint_eq(kernel.entry, BZ_PREF + 0x200);
	free(p.bytes);
}
END_TEST

START_TEST(an_elf_kernel_inside_is_loaded)
{
	static uint8_t file[ELF_FILE];
	struct kernel kernel;
	struct packed p;

	elf_make(file);
	p = codecs[_i].pack(file, sizeof(file));
	ck_assert_int_eq(kernel_from(g, p.bytes, p.len, false, &kernel), 0);
	ck_assert(guest_has(g, ELF_TEXT_GPA, file + ELF_TEXT_AT, ELF_TEXT_LEN));
	ck_assert(guest_has(g, ELF_DATA_GPA, file + ELF_DATA_AT, ELF_DATA_LEN));
	ck_assert_uint_eq(kernel.entry, ELF_PVH_ENTRY);
	free(p.bytes);
}
END_TEST

START_TEST(segments_that_go_backwards_are_refused)
{
	static uint8_t file[ELF_FILE];
	struct kernel kernel;
	struct packed p;

	/* two segments that share bytes of the file: no order of reading serves both */
	elf_make(file);
	elf_phdr(file, 1)->p_offset = ELF_TEXT_AT + 0x1000;
	ck_assert_int_eq(kernel_from(g, file, sizeof(file), false, &kernel), 0);
	guest_free(g);
	g = guest_make(MIB(64));
	p = codecs[_i].pack(file, sizeof(file));
	ck_assert_int_eq(kernel_from(g, p.bytes, p.len, false, &kernel), -ESPIPE);
	ck_assert_refused(-1, g, "expand the file first");
	free(p.bytes);
}
END_TEST

START_TEST(a_damaged_kernel_is_refused_although_all_of_it_was_loaded)
{
	static uint8_t file[BZ_FILE + 100];
	struct kernel kernel;
	struct packed p;

	bzimage_make(file);
	p = codecs[_i].pack(file, sizeof(file));
	p.bytes[p.len - 1] ^= 1; /* in the trailer of each format */
	ck_assert_int_eq(kernel_from(g, p.bytes, p.len, false, &kernel), -EBADMSG);
	free(p.bytes);
}
END_TEST

START_TEST(twice_compressed_is_refused)
{
	uint8_t contents[9000];
	struct kernel kernel;
	struct packed inner, outer;

	fill(contents, sizeof(contents), 12);
	inner = codecs[_i].pack(contents, sizeof(contents));
	outer = pack_gzip(inner.bytes, inner.len);
	ck_assert_int_eq(kernel_from(g, outer.bytes, outer.len, false, &kernel), -ENOEXEC);
	ck_assert_refused(-1, g, "compressed twice");
	ck_assert_refused(-1, g, "inside gzip");
	free(inner.bytes);
	free(outer.bytes);
}
END_TEST

START_TEST(a_bomb_ends_at_the_limit)
{
	size_t frame_len = MIB(128), nframes = 17; /* in all more than IMAGE_MAX */
	size_t bound = ZSTD_compressBound(frame_len);
	uint8_t *zeros = calloc(1, frame_len), *bomb = malloc(bound);
	ZSTD_CCtx *ctx = ZSTD_createCCtx();
	ZSTD_inBuffer in;
	ZSTD_outBuffer out = {bomb, bound, 0};

	for (size_t i = 0; i < nframes; i++) {
		in = (ZSTD_inBuffer){zeros, frame_len, 0};
		while (in.pos < in.size)
			ck_assert(!ZSTD_isError(
				ZSTD_compressStream2(ctx, &out, &in, ZSTD_e_continue)));
	}
	in = (ZSTD_inBuffer){zeros, 0, 0};
	ck_assert_uint_eq(ZSTD_compressStream2(ctx, &out, &in, ZSTD_e_end), 0);
	ck_assert_uint_lt(out.pos, MIB(1));
	ck_assert_int_eq(expand(bomb, out.pos), -EFBIG);
	ck_assert_refused(-1, g, "expands to more than 2048 MiB");
	ZSTD_freeCCtx(ctx);
	free(zeros);
	free(bomb);
}
END_TEST

/* The VM is to end when the second chunk of the file is read. */
static atomic_bool stop;

static ssize_t stopping_pread(void *ctx, int fd, void *buf, size_t len, uint64_t offset)
{
	if (offset > 0)
		atomic_store(&stop, true);
	return sys_host()->ops->pread(ctx, fd, buf, len, offset);
}

START_TEST(expanding_a_kernel_ends_when_the_vm_is_stopped)
{
	struct sys_ops ops = *sys_host()->ops;
	const struct sys sys = {&ops, sys_host()->ctx}, *host = g->mem.sys;
	const size_t len = BZ_SETUP + MIB(24);
	uint8_t *file = calloc(1, len);
	struct kernel kernel;
	struct test_file f;
	struct packed p;

	bzimage_make(file);
	fill(file + BZ_FILE, len - BZ_FILE, 15);
	p = codecs[_i].pack(file, len);
	ck_assert_uint_gt(p.len, 2 * IMAGE_CHUNK);
	ops.pread = stopping_pread;
	g->mem.sys = &sys;
	g->mem.stop = &stop;
	atomic_store(&stop, false);
	f = file_make(p.bytes, p.len);
	ck_assert_int_eq(kernel_at(g, f.path, false, &kernel), -ECANCELED);
	file_free(&f);
	ck_assert_str_eq(g->err.text, "kernel: the VM was stopped");
	g->mem.sys = host;
	free(p.bytes);
	free(file);
}
END_TEST

START_TEST(magic_numbers_have_to_be_complete)
{
	ck_assert_ptr_eq(codec_find((const uint8_t *)"\x1f\x8b\x08", 3), &codec_gzip);
	ck_assert_ptr_null(codec_find((const uint8_t *)"\x1f\x8b\x08", 2));
	ck_assert_ptr_null(codec_find((const uint8_t *)"\x1f\x8b\x07", 3));
	ck_assert_ptr_null(codec_find((const uint8_t *)"", 0));
}
END_TEST

SUITE(test_boot_codec)
{
	Suite *suite = suite_create("codecs");
	TCase *tc = tcase_create("codec");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, contents_come_out_as_they_went_in, 0, ARRAY_SIZE(codecs));
	tcase_add_loop_test(tc, a_gap_beyond_the_end_is_no_data, 0, ARRAY_SIZE(codecs));
	tcase_add_loop_test(tc, a_file_cut_off_anywhere_is_refused, 0, ARRAY_SIZE(codecs));
	tcase_add_loop_test(tc, a_damaged_file_is_refused, 0, ARRAY_SIZE(codecs));
	tcase_add_loop_test(tc, what_follows_the_compressed_data_does_not_matter, 0,
			    ARRAY_SIZE(codecs));
	tcase_add_loop_test(tc, members_that_follow_are_part_of_the_contents, 0,
			    ARRAY_SIZE(codecs));
	tcase_add_loop_test(tc, nothing_inside_is_refused, 0, ARRAY_SIZE(codecs));
	tcase_add_loop_test(tc, a_bzimage_inside_is_loaded, 0, ARRAY_SIZE(codecs));
	tcase_add_loop_test(tc, an_elf_kernel_inside_is_loaded, 0, ARRAY_SIZE(codecs));
	tcase_add_loop_test(tc, segments_that_go_backwards_are_refused, 0, ARRAY_SIZE(codecs));
	tcase_add_loop_test(tc, a_damaged_kernel_is_refused_although_all_of_it_was_loaded, 0,
			    ARRAY_SIZE(codecs));
	tcase_add_loop_test(tc, twice_compressed_is_refused, 0, ARRAY_SIZE(codecs));
	tcase_add_test(tc, a_bomb_ends_at_the_limit);
	tcase_add_loop_test(tc, expanding_a_kernel_ends_when_the_vm_is_stopped, 0,
			    ARRAY_SIZE(codecs));
	tcase_add_test(tc, magic_numbers_have_to_be_complete);
	suite_add_tcase(suite, tc);
	return suite;
}
