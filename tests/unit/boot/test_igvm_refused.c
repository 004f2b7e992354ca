// SPDX-License-Identifier: MIT
/* IGVM files with one thing wrong, and what is said about it. */
#include "boot/igvm.h"
#include "cc/tech.h"
#include "tests/unit/igvm_file.h"
#include "tests/unit/suite.h"

static void setup(void)
{
	file_read("small.igvm");
}

/* In the fixed header. */
static const struct {
	size_t at;
	uint32_t value;
	const char *says;
} fixed_faults[] = {
	{0, 0x4d564748, "not an IGVM file"},
	{4, 0, "version 0"},
	{4, 3, "version 3"},
	{8, 16, "not in the file, or overlap"},
	{8, 28, "not in the file, or overlap"},
	{8, 0xfffffff8, "not in the file, or overlap"},
	{12, 0xffffffff, "not in the file, or overlap"},
	{16, 53247, "its header says 53247"},
	{20, 0, "CRC-32"},
};

START_TEST(fixed_header_fields)
{
	put_le32(bytes + fixed_faults[_i].at, fixed_faults[_i].value);
	must_refuse(BOOT_SNP, fixed_faults[_i].says);
}
END_TEST

START_TEST(version_2_fields)
{
	file_read("small-v2.igvm");
	put_le32(bytes + 24, 1);
	fix_checksum();
	must_refuse(BOOT_SNP, "for AArch64");
	put_le32(bytes + 24, 0);
	put_le32(bytes + 28, 16384);
	fix_checksum();
	must_refuse(BOOT_SNP, "pages have 16384 bytes");
}
END_TEST

/* In variable headers: the field of the nth header of a type, from 0. */
static const struct fault {
	enum boot_guest guest;
	uint32_t type;
	unsigned int n;
	size_t at, size;
	uint64_t value;
	const char *says;
} faults[] = {
	{BOOT_PLAIN, 0x1, 0, 0, 4, 0, "not one bit of its own"},
	{BOOT_PLAIN, 0x1, 0, 0, 4, 3, "not one bit of its own"},
	{BOOT_PLAIN, 0x1, 0, 0, 4, 2, "not one bit of its own"},
	{BOOT_PLAIN, 0x1, 0, 4, 1, 3, "VTL 3"},
	{BOOT_PLAIN, 0x1, 0, 5, 1, 2, "a second one for SEV-SNP"},
	{BOOT_PLAIN, 0x1, 0, 5, 1, 9, "TDX, an unknown platform, and this VM is native"},
	{BOOT_PLAIN, 0x1, 0, 6, 2, 2, "version 2 of native"},
	{BOOT_SNP, 0x1, 1, 8, 8, 1ULL << 46, "memory above 0x400000000000 shall be shared"},
	{BOOT_TDX, 0x1, 2, 8, 8, 1ULL << 46, "memory above"},
	{BOOT_SNP, 0x101, 0, 8, 4, 0, "for platforms 0,"},
	{BOOT_SNP, 0x101, 0, 8, 4, 0x10, "for platforms 0x10"},
	{BOOT_SNP, 0x101, 0, 12, 4, 1, "reserved"},
	{BOOT_SNP, 0x101, 1, 8, 4, 2, "a second policy"},
	{BOOT_TDX, 0x101, 1, 0, 8, 8, "bits of unknown meaning"},
	{BOOT_SNP, 0x102, 0, 0, 4, 2, "relocatable region header"},
	{BOOT_SNP, 0x103, 0, 0, 4, 2, "page table relocation header"},
	{BOOT_SNP, 0x301, 0, 0, 8, 0, "not whole pages"},
	{BOOT_SNP, 0x301, 0, 0, 8, 0x4800, "not whole pages"},
	{BOOT_SNP, 0x301, 0, 0, 8, 1ULL << 40, "more than"},
	{BOOT_SNP, 0x301, 0, 8, 4, 8, "area 7 does not exist"},
	{BOOT_SNP, 0x301, 0, 12, 4, 0xfffff000, "file offset 0xfffff000"},
	{BOOT_SNP, 0x302, 0, 0, 8, 0x200800, "no page of guest memory"},
	{BOOT_SNP, 0x302, 0, 0, 8, 0x80000000, "no page of guest memory"},
	{BOOT_SNP, 0x302, 0, 0, 8, AREA, "overlap"},
	{BOOT_SNP, 0x302, 0, 0, 8, ~0xfffULL, "no page of guest memory"},
	{BOOT_SNP, 0x302, 0, 12, 4, 0xd001, "file offset 0xd001"},
	{BOOT_SNP, 0x302, 0, 16, 4, 8, "flags 0x8"},
	{BOOT_SNP, 0x302, 0, 16, 4, 1, "file offset"}, /* 2 MiB */
	{BOOT_SNP, 0x302, 0, 20, 2, 4, "page type 4"},
	{BOOT_PLAIN, 0x302, 0, 20, 2, 1, "page type 1 is for SNP"},
	{BOOT_TDX, 0x302, 0, 20, 2, 2, "page type 2 is for SNP"},
	{BOOT_SNP, 0x302, 6, 16, 4, 4, "which the firmware fills in"},
	{BOOT_SNP, 0x302, 0, 22, 2, 1, "reserved"},
	{BOOT_SNP, 0x303, 0, 0, 8, 0x810800, "do not make a range of pages"},
	{BOOT_SNP, 0x303, 0, 0, 8, 0x80000000, "not all in guest RAM"},
	{BOOT_SNP, 0x303, 0, 12, 4, 8, "area 8 does not exist"},
	{BOOT_SNP, 0x304, 1, 12, 4, 0, "file offset 0,"},
	{BOOT_SNP, 0x304, 1, 12, 4, 0xc001, "file offset 0xc001"},
	{BOOT_SNP, 0x304, 2, 16, 2, 0, "vCPU 0 behind those for vCPU 0"},
	{BOOT_SNP, 0x304, 1, 18, 2, 1, "reserved"},
	{BOOT_TDX, 0x304, 0, 8, 4, 4, "set by the TDX module"},
	{BOOT_PLAIN, 0x304, 0, 16, 2, 1, "waits for INIT and SIPI"},
	{BOOT_PLAIN, 0x304, 0, 0, 8, 0x1000, "guest address 0x1000"},
	{BOOT_SNP, 0x305, 0, 0, 8, 0x80000000, "not all guest memory"},
	{BOOT_SNP, 0x305, 0, 0, 8, 0x800, "not whole pages"},
	{BOOT_SNP, 0x305, 0, 12, 4, 0x800, "not whole pages"},
	{BOOT_SNP, 0x305, 0, 16, 4, 2, "reserved"},
	{BOOT_SNP, 0x305, 0, 20, 4, 1, "reserved"},
	{BOOT_SNP, 0x307, 0, 0, 4, 1, "area 1 does not exist"},
	{BOOT_SNP, 0x307, 0, 4, 4, AREA_SIZE, "offset 0x4000"},
	{BOOT_SNP, 0x307, 0, 4, 4, AREA_SIZE - 2, "4 bytes, and 2 are left"},
	{BOOT_SNP, 0x309, 0, 4, 4, AREA_SIZE - 8, "and 8 are left"},
	{BOOT_SNP, 0x30a, 0, 4, 4, AREA_SIZE - 8, "32 bytes, and 8 are left"},
	{BOOT_SNP, 0x30b, 0, 4, 1, 2, "author key enabled: 2"},
	{BOOT_SNP, 0x30b, 0, 6, 1, 2, "reserved"},
	{BOOT_TDX, 0x30b, 0, 0, 4, 4, "only SNP guests"},
	{BOOT_SNP, 0x30c, 0, 4, 4, AREA_SIZE - 32, "48 bytes, and 32 are left"},
	{BOOT_SNP, 0x30d, 0, 0, 8, 0x822800, "no pages of guest memory"},
	{BOOT_SNP, 0x30d, 0, 12, 4, 0, "no pages of guest memory"},
	{BOOT_SNP, 0x30d, 0, 0, 8, 0x820000, "overlap"},
	{BOOT_SNP, 0x30e, 0, 4, 4, AREA_SIZE - 1, "1 are left"},
	{BOOT_SNP, 0x311, 0, 0, 4, 2, "VBS measurement header"},
	{BOOT_SNP, 0x312, 0, 4, 4, AREA_SIZE - 8, "and 8 are left"},
};

START_TEST(variable_header_fields)
{
	const struct fault *f = &faults[_i];
	uint8_t *field = find_header(f->type, f->n) + 8 + f->at;

	for (size_t i = 0; i < f->size; i++)
		field[i] = (uint8_t)(f->value >> 8 * i);
	fix_checksum();
	must_refuse(f->guest, f->says);
}
END_TEST

/* In the list of registers of a plain VM. */
START_TEST(native_registers)
{
	static const struct {
		size_t at;
		uint8_t value;
		const char *says;
	} registers[] = {
		{0x9a, 1, "reserved"},
		{0xab, 0xaf, "segment attributes 0xaf9b"},
		{0xb7, 0xc1, "segment attributes 0xc193"},
		{0xe8, 1, "byte 0xe8 behind the registers"},
		{0xfff, 1, "byte 0xfff behind the registers"},
	};
	size_t page = get_le32(find_header(0x304, 0) + 8 + 12);

	for (size_t i = 0; i < ARRAY_SIZE(registers); i++) {
		uint8_t was = bytes[page + registers[i].at];

		bytes[page + registers[i].at] = registers[i].value;
		must_refuse(BOOT_PLAIN, registers[i].says);
		bytes[page + registers[i].at] = was;
	}
	must_load(BOOT_PLAIN);
}
END_TEST

START_TEST(directives_without_support_are_named)
{
	static const struct {
		uint32_t type;
		const char *says;
	} types[] = {
		{0x308, "SRAT header"}, {0x30f, "SLIT header"}, {0x310, "PPTT header"},
		{0x314, "type 0x314"},	{0x299, "type 0x299"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		file_read("small.igvm");
		put_le32(find_header(0x307, 0), types[i].type);
		fix_checksum();
		must_refuse(BOOT_SNP, types[i].says);
	}
}
END_TEST

START_TEST(headers_out_of_order)
{
	put_le32(find_header(0x307, 0), 0x80000001);
	fix_checksum();
	must_refuse(BOOT_SNP, "8 bytes instead of 16");
	file_read("small.igvm");
	put_le32(find_header(0x303, 0), 0x101); /* also 16 bytes, its mask at the same place */
	fix_checksum();
	must_refuse(BOOT_SNP, "behind headers that have to come after it");
}
END_TEST

START_TEST(pages_behind_registers_could_not_be_measured)
{
	uint8_t *id = find_header(0x30b, 0);
	bool found = false;

	/* the ID block at the end becomes a page, and an unknown header that may be ignored */
	put_le32(id, 0x302);
	put_le32(id + 4, 24);
	memset(id + 8, 0, 24);
	put_le64(id + 8, 0x400000);
	put_le32(id + 16, 2);
	put_le32(id + 32, 0x80000399);
	put_le32(id + 36, sizeof(struct igvm_id_block) - 32);
	fix_checksum();
	must_refuse(BOOT_SNP, "behind a VP context");
	put_le32(id + 16, 1);
	fix_checksum();
	must_load(BOOT_PLAIN);
	for (size_t i = 0; i < plan.nitems; i++)
		found |= plan.item[i].gpa == 0x400000;
	ck_assert(found);
}
END_TEST

/* Contents are only looked at when the length is right: the headers stand in a buffer that ends
 * with them, so that the address sanitizer sees who does not. */
START_TEST(the_last_header_is_shorter_than_its_type)
{
	static const uint32_t types[] = {0x1,	0x101, 0x102, 0x103, 0x301, 0x302, 0x303, 0x304,
					 0x305, 0x307, 0x308, 0x309, 0x30a, 0x30b, 0x30c, 0x30d,
					 0x30e, 0x30f, 0x310, 0x311, 0x312, 0x313};
	uint8_t *last = find_header(0x30b, 0);
	size_t before = (size_t)(last - bytes) - headers_start();

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		for (uint32_t len = 0; len < 8; len += 4) {
			memset(last, 0, 16);
			put_le32(last, types[i]);
			put_le32(last + 4, len);
			put_le32(bytes + 12, (uint32_t)(before + 8 + 2 * len));
			fix_checksum();
			must_refuse(BOOT_SNP, len ? "4 bytes instead of" : "0 bytes instead of");
		}
}
END_TEST

/* Copies the headers to the end of the file, with `n` device trees for area 7 behind that area. */
static void add_device_trees(unsigned int n)
{
	size_t area = (size_t)(find_header(0x301, 0) - bytes) + 8 + 16 - headers_start();
	size_t old = headers_start(), len = headers_end() - old, at = align_up(nbytes, 8);

	nbytes = at + len + n * 16;
	ck_assert_uint_le(nbytes, sizeof(bytes));
	memcpy(bytes + at, bytes + old, area);
	memcpy(bytes + at + area + n * 16, bytes + old + area, len - area);
	for (uint8_t *to = bytes + at + area; n-- > 0; to += 16) {
		put_le32(to, 0x312);
		put_le32(to + 4, 8);
		put_le32(to + 8, 7);
		put_le32(to + 12, 0x1000);
	}
	put_le32(bytes + 8, (uint32_t)at);
	put_le32(bytes + 12, (uint32_t)(nbytes - at));
	put_le32(bytes + 16, (uint32_t)nbytes);
	fix_checksum();
}

START_TEST(thousands_of_device_trees_for_one_area)
{
	add_device_trees(500);
	must_load(BOOT_PLAIN);
	file_read("small.igvm");
	add_device_trees(IGVM_PARAMETERS);
	must_refuse(BOOT_PLAIN, "more than 1024 parameters");
}
END_TEST

START_TEST(nothing_where_the_guest_starts)
{
	/* the registers of the plain VM become those of SNP guests, which have theirs already */
	put_le32(find_header(0x304, 0) + 8 + 8, 8);
	fix_checksum();
	must_refuse(BOOT_PLAIN, "no registers for vCPU 0 of this platform, and no page at");
}
END_TEST

START_TEST(a_file_for_other_platforms)
{
	uint8_t *platform = find_header(0x1, 2);

	platform[8 + 5] = 4;
	fix_checksum();
	must_refuse(BOOT_TDX, "it is for native (plain), VSM isolation, SEV-SNP, SEV, and this VM "
			      "is TDX");
}
END_TEST

SUITE(test_igvm_refused)
{
	Suite *suite = suite_create("igvm, refused");
	TCase *tests = tcase_create("igvm");

	tcase_add_checked_fixture(tests, setup, unload);
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, fixed_header_fields, 0, ARRAY_SIZE(fixed_faults));
	tcase_add_test(tests, version_2_fields);
	tcase_add_loop_test(tests, variable_header_fields, 0, ARRAY_SIZE(faults));
	tcase_add_test(tests, native_registers);
	tcase_add_test(tests, directives_without_support_are_named);
	tcase_add_test(tests, headers_out_of_order);
	tcase_add_test(tests, pages_behind_registers_could_not_be_measured);
	tcase_add_test(tests, the_last_header_is_shorter_than_its_type);
	tcase_add_test(tests, thousands_of_device_trees_for_one_area);
	tcase_add_test(tests, nothing_where_the_guest_starts);
	tcase_add_test(tests, a_file_for_other_platforms);
	suite_add_tcase(suite, tests);
	return suite;
}
