/* SPDX-License-Identifier: MIT */
/* A file of tests/igvm in a buffer that a test damages, and the guest that it is loaded into. */
#ifndef TESTS_UNIT_IGVM_FILE_H
#define TESTS_UNIT_IGVM_FILE_H

#include "tests/fuzz/firmware_fuzz.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <zlib.h>

#define RAM	  MIB(32)
#define VCPUS	  2
#define CMDLINE	  "a b c"
#define AREA	  0x810000
#define AREA_SIZE 0x4000
#define FILE_MAX  KIB(128)

static uint8_t bytes[FILE_MAX];
static size_t nbytes, file_size;
static struct guest_mem mem;
static struct load_plan plan;
static struct boot_demand demand;
static struct vmm_error err;

static const struct cc_config snp_config = {
	.tech = &cc_snp, .vcpus = VCPUS, .snp = {.policy = 0x30000, .features = 1}};

static inline void file_read(const char *name)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/tests/igvm/%s", BINARY_DIR, name);
	f = fopen(path, "rb");
	ck_assert_msg(f, "%s is missing", path);
	file_size = nbytes = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	ck_assert_uint_gt(nbytes, 4096);
	ck_assert_uint_lt(nbytes, sizeof(bytes));
}

static inline size_t fixed_size(void)
{
	return get_le32(bytes + 4) == 2 ? 32 : 24;
}

static inline size_t headers_start(void)
{
	return get_le32(bytes + 8);
}

static inline size_t headers_end(void)
{
	return get_le32(bytes + 8) + get_le32(bytes + 12);
}

/* Makes the checksum right, if the headers are where it can be computed at all. */
static inline void fix_checksum(void)
{
	uLong crc;

	put_le32(bytes + 20, 0);
	if (!range_inside(headers_start(), get_le32(bytes + 12), 0, nbytes))
		return;
	crc = crc32(0, bytes, (uInt)fixed_size());
	crc = crc32(crc, bytes + headers_start(), get_le32(bytes + 12));
	put_le32(bytes + 20, (uint32_t)crc);
}

/* The nth header of a type, its type and length in front. */
static inline uint8_t *find_header(uint32_t type, unsigned int n)
{
	for (size_t at = headers_start(); at < headers_end();) {
		if (get_le32(bytes + at) == type && n-- == 0)
			return bytes + at;
		at += 8 + align_up(get_le32(bytes + at + 4), 8);
	}
	ck_abort_msg("no header of type %#x", type);
	return NULL;
}

static inline void unload(void)
{
	if (mem.sys)
		mem_destroy(&mem);
	mem.sys = NULL;
}

/* As `minivmm check` does; a refusal is a sentence that names the file. */
static inline int load(enum boot_guest guest)
{
	static struct fuzz_file file;
	static const struct sys sys = {&fuzz_firmware_ops, &file};
	const struct boot_config config = {
		.guest = guest,
		.igvm = "file.igvm",
		.cmdline = CMDLINE,
		.platform = {.vcpus = VCPUS},
	};
	struct boot *boot;
	int ret;

	unload();
	file = (struct fuzz_file){bytes, nbytes};
	memset(&err, 0, sizeof(err));
	mem_init(&mem, &sys, NULL, MEM_PAGES_SMALL);
	ck_assert_int_eq(mem_add_ram(&mem, RAM, NULL), 0);
	load_plan_init(&plan, &mem);
	ret = boot_open(&boot, &config, &sys, &demand, &err);
	if (ret == 0)
		ret = boot_load(boot, &plan, &err);
	boot_close(boot);
	if (ret == 0)
		fuzz_check_items(&plan, &mem);
	else if (ret > 0 || err.code != ret || !strstr(err.text, "igvm: file.igvm: "))
		ck_abort_msg("%d: %s", ret, err.text);
	return ret;
}

static inline void must_load(enum boot_guest guest)
{
	if (load(guest) != 0)
		ck_abort_msg("%s", err.text);
}

static inline void must_refuse(enum boot_guest guest, const char *says)
{
	if (load(guest) == 0)
		ck_abort_msg("a damaged file was loaded: %s", says);
	if (!strstr(err.text, says))
		ck_abort_msg("not said: %s, but: %s", says, err.text);
}

#endif
