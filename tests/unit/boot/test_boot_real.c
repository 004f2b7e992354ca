// SPDX-License-Identifier: MIT
/*
 * A real kernel, named by RIG_KERNEL: a bzImage with the PVH entry, as most distributions' are.
 * It is loaded as it is, compressed as a whole, and as the ELF file that is inside it.
 */
#include "tests/unit/boot_files.h"
#include "tests/unit/suite.h"

#include <zlib.h>

static const char *path;
static uint8_t *file;
static size_t file_len;
static struct test_guest *g;
static struct kernel kernel;

static void setup(void)
{
	struct vmm_error err;
	struct mem_file f;

	g = guest_make(GIB(1));
	ck_assert_msg(mem_file_open(&f, sys_host(), path, &err) == 0, "%s", err.text);
	file_len = f.size;
	file = malloc(file_len);
	ck_assert_int_eq(mem_file_read(&f, 0, file, file_len, &err), 0);
	mem_file_close(&f);
}

static void teardown(void)
{
	free(file);
	guest_free(g);
}

static struct setup_header header(void)
{
	struct setup_header h;

	memcpy(&h, file + 0x1f1, sizeof(h));
	return h;
}

static void check_bzimage(void)
{
	struct setup_header h = header();
	uint64_t at = (h.setup_sects + 1u) * 512u;

	ck_assert_int_eq(kernel.mode, ENTRY_LONG_MODE);
	ck_assert_uint_eq(kernel.entry, h.pref_address + 0x200);
	ck_assert(guest_has(g, h.pref_address, file + at, h.syssize * 16ul));
}

START_TEST(loads_as_a_bzimage)
{
	ck_assert_msg(kernel_from(g, file, file_len, false, &kernel) == 0, "%s", g->err.text);
	check_bzimage();
}
END_TEST

START_TEST(loads_as_a_compressed_bzimage)
{
	size_t bound = file_len + file_len / 1000 + 1024;
	uint8_t *packed = malloc(bound);
	z_stream z = {.next_in = file,
		      .avail_in = (uInt)file_len,
		      .next_out = packed,
		      .avail_out = (uInt)bound};

	ck_assert_int_eq(deflateInit2(&z, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	ck_assert_msg(kernel_from(g, packed, z.total_out, false, &kernel) == 0, "%s", g->err.text);
	deflateEnd(&z);
	check_bzimage();
	free(packed);
}
END_TEST

/* The payload is the kernel's own compressed ELF file (boot.rst, payload_offset). */
START_TEST(its_payload_loads_as_a_compressed_elf_kernel)
{
	struct setup_header h = header();
	size_t at = (h.setup_sects + 1ul) * 512 + h.payload_offset;

	ck_assert(range_inside(at, h.payload_length, 0, file_len));
	ck_assert_msg(kernel_from(g, file + at, h.payload_length, false, &kernel) == 0, "%s",
		      g->err.text);
	ck_assert_int_eq(kernel.mode, ENTRY_PVH);
	ck_assert_uint_ge(kernel.entry, h.pref_address);
	guest_free(g);

	g = guest_make(GIB(1));
	ck_assert_int_eq(kernel_from(g, file + at, h.payload_length, true, &kernel), 0);
	ck_assert_int_eq(kernel.mode, ENTRY_LONG_MODE);
	ck_assert_uint_ge(kernel.entry, h.pref_address);
	ck_assert_uint_lt(kernel.entry, h.pref_address + h.init_size);
}
END_TEST

START_TEST(too_little_memory_is_refused_with_advice)
{
	guest_free(g);
	g = guest_make(MIB(32));
	ck_assert_int_eq(kernel_from(g, file, file_len, false, &kernel), -ENOMEM);
	ck_assert_refused(-1, g, "give the guest more memory");
}
END_TEST

SUITE(test_boot_real)
{
	Suite *suite = suite_create("real kernel");
	TCase *tc = tcase_create("real");

	path = getenv("RIG_KERNEL");
	if (!path || !*path) {
		suite_skips("RIG_KERNEL does not name a bzImage");
		return suite;
	}
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, loads_as_a_bzimage);
	tcase_add_test(tc, loads_as_a_compressed_bzimage);
	tcase_add_test(tc, its_payload_loads_as_a_compressed_elf_kernel);
	tcase_add_test(tc, too_little_memory_is_refused_with_advice);
	suite_add_tcase(suite, tc);
	return suite;
}
