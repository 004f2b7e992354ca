// SPDX-License-Identifier: MIT
#include "tests/unit/boot_files.h"
#include "tests/unit/suite.h"

static uint8_t file[ELF_FILE];
static struct test_guest *g;
static struct kernel kernel;

static void setup(void)
{
	g = guest_make(MIB(64));
	elf_make(file);
}

static void teardown(void)
{
	guest_free(g);
}

static int load(void)
{
	return kernel_from(g, file, sizeof(file), false, &kernel);
}

START_TEST(segments_go_to_their_physical_addresses)
{
	ck_assert_int_eq(load(), 0);
	ck_assert(guest_has(g, ELF_TEXT_GPA, file + ELF_TEXT_AT, ELF_TEXT_LEN));
	ck_assert(guest_has(g, ELF_DATA_GPA, file + ELF_DATA_AT, ELF_DATA_LEN));
	for (unsigned int i = ELF_DATA_LEN; i < ELF_DATA_MEM; i++)
		ck_assert_uint_eq(*(uint8_t *)mem_ptr(&g->mem, ELF_DATA_GPA + i, 1), 0);
}
END_TEST

START_TEST(segments_are_boot_items_of_whole_pages)
{
	const struct load_item *item = g->plan.item;

	ck_assert_int_eq(load(), 0);
	ck_assert_uint_eq(g->plan.nitems, 3);
	ck_assert_str_eq(item[0].name, "kernel segment 0");
	ck_assert_uint_eq(item[0].gpa, ELF_TEXT_GPA);
	ck_assert_uint_eq(item[0].len, 0x3000);
	ck_assert_uint_eq(item[0].used, ELF_TEXT_LEN);
	ck_assert_str_eq(item[1].name, "kernel segment 1");
	ck_assert_uint_eq(item[1].gpa, ELF_DATA_GPA);
	ck_assert_uint_eq(item[1].len, 0x2000);
	ck_assert_str_eq(item[2].name, "kernel bss");
	ck_assert_uint_eq(item[2].gpa, ELF_DATA_GPA + 0x2000);
	ck_assert_uint_eq(item[2].len, 0x4000);
	ck_assert_int_eq(item[2].kind, LOAD_ZERO);
}
END_TEST

START_TEST(starts_at_the_pvh_entry)
{
	ck_assert_int_eq(load(), 0);
	ck_assert_int_eq(kernel.mode, ENTRY_PVH);
	ck_assert_uint_eq(kernel.entry, ELF_PVH_ENTRY);
}
END_TEST

START_TEST(a_pvh_entry_of_four_bytes_is_fine)
{
	put_le32(file + ELF_NOTE_AT + 24, 4);
	ck_assert_int_eq(load(), 0);
	ck_assert_uint_eq(kernel.entry, ELF_PVH_ENTRY);
}
END_TEST

START_TEST(notes_outside_all_segments_are_found)
{
	uint8_t longer[ELF_FILE + 0x100] = {0};

	memcpy(longer, file, sizeof(file));
	memset(longer + ELF_NOTE_AT, 0, ELF_NOTE_LEN);
	elf_notes(longer + ELF_FILE + 0x40);
	elf_phdr(longer, 2)->p_offset = ELF_FILE + 0x40;
	ck_assert_int_eq(kernel_from(g, longer, sizeof(longer), false, &kernel), 0);
	ck_assert_int_eq(kernel.mode, ENTRY_PVH);
	ck_assert_uint_eq(kernel.entry, ELF_PVH_ENTRY);
}
END_TEST

START_TEST(without_a_note_starts_at_the_64_bit_entry)
{
	elf_phdr(file, 2)->p_type = PT_NULL;
	ck_assert_int_eq(load(), 0);
	ck_assert_int_eq(kernel.mode, ENTRY_LONG_MODE);
	ck_assert_uint_eq(kernel.entry, ELF_ENTRY);
	ck_assert_uint_eq(kernel.header.header, LINUX_HEADER_MAGIC);
	ck_assert_uint_eq(kernel.cmdline_max, 2047);
}
END_TEST

START_TEST(a_guest_that_has_to_start_in_long_mode_does)
{
	ck_assert_int_eq(kernel_from(g, file, sizeof(file), true, &kernel), 0);
	ck_assert_int_eq(kernel.mode, ENTRY_LONG_MODE);
	ck_assert_uint_eq(kernel.entry, ELF_ENTRY);
}
END_TEST

START_TEST(a_segment_may_include_the_headers)
{
	elf_phdr(file, 0)->p_offset = 0;
	elf_phdr(file, 0)->p_filesz = elf_phdr(file, 0)->p_memsz = 0x3400;
	ck_assert_int_eq(load(), 0);
	ck_assert(guest_has(g, ELF_TEXT_GPA, file, 0x3400));
}
END_TEST

START_TEST(headers_in_another_order_load_the_same)
{
	Elf64_Phdr text = *elf_phdr(file, 0);

	*elf_phdr(file, 0) = *elf_phdr(file, 1);
	*elf_phdr(file, 1) = text;
	ck_assert_int_eq(load(), 0);
	ck_assert(guest_has(g, ELF_TEXT_GPA, file + ELF_TEXT_AT, ELF_TEXT_LEN));
	ck_assert(guest_has(g, ELF_DATA_GPA, file + ELF_DATA_AT, ELF_DATA_LEN));
	ck_assert_uint_eq(g->plan.item[0].gpa, ELF_TEXT_GPA);
}
END_TEST

/* --- fields that are refused ------------------------------------------------------------------ */

#define EHDR(field) offsetof(Elf64_Ehdr, field), sizeof(((Elf64_Ehdr *)0)->field)
#define PHDR(i, field)                                                               \
	sizeof(Elf64_Ehdr) + (i) * sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, field), \
		sizeof(((Elf64_Phdr *)0)->field)

static const struct {
	size_t at, size;
	uint64_t value;
	const char *says;
} bad[] = {
	{EI_DATA, 1, ELFDATA2MSB, "EI_DATA 2: a big-endian"},
	{EI_CLASS, 1, ELFCLASS32, "EI_CLASS 1: not a 64-bit"},
	{EHDR(e_machine), EM_AARCH64, "e_machine 183: an ELF file for arm64"},
	{EHDR(e_machine), EM_RISCV, "e_machine 243: an ELF file for RISC-V"},
	{EHDR(e_machine), EM_386, "e_machine 3: an ELF file for 32-bit x86"},
	{EHDR(e_machine), EM_ARM, "e_machine 40: an ELF file for 32-bit Arm"},
	{EHDR(e_machine), EM_PPC64, "e_machine 21: an ELF file for PowerPC"},
	{EHDR(e_machine), EM_S390, "e_machine 22: an ELF file for s390"},
	{EHDR(e_machine), 0x1234, "e_machine 4660: an ELF file for another machine"},
	{EHDR(e_type), ET_REL, "e_type 1: not an executable"},
	{EHDR(e_type), ET_CORE, "e_type 4: not an executable"},
	{EHDR(e_phentsize), 0, "e_phentsize 0,"},
	{EHDR(e_phentsize), 57, "e_phentsize 57,"},
	{EHDR(e_phnum), 0, "e_phnum 0:"},
	{EHDR(e_phnum), ELF_SEGMENTS_MAX + 1, "e_phnum 33:"},
	{EHDR(e_phnum), 0xffff, "e_phnum 65535:"},
	{EHDR(e_phoff), ELF_FILE, "program headers at e_phoff 0x5800"},
	{EHDR(e_phoff), ELF_FILE - 8, "program headers at e_phoff 0x57f8"},
	{EHDR(e_phoff), UINT64_MAX - 8, "program headers at e_phoff 0xfffffffffffffff7"},
	{EHDR(e_entry), 0, NULL}, /* the PVH entry is used */
	{PHDR(0, p_offset), ELF_FILE - 1, "p_offset 0x57ff and p_filesz 0x2345 reach beyond"},
	{PHDR(0, p_offset), UINT64_MAX, "p_offset 0xffffffffffffffff and p_filesz"},
	{PHDR(0, p_filesz), ELF_TEXT_LEN + 1, "p_filesz 0x2346 is more than p_memsz 0x2345"},
	{PHDR(0, p_filesz), UINT64_MAX, "p_filesz 0xffffffffffffffff is more"},
	{PHDR(1, p_memsz), MIB(62) - 0x4000 + 1, "p_memsz 0x3dfc001 reach beyond RAM"},
	{PHDR(1, p_memsz), UINT64_MAX, "p_memsz 0xffffffffffffffff reach beyond RAM"},
	/* what helps, if anything does */
	{PHDR(1, p_memsz), MIB(62), "0x4000000: give the guest more memory"},
	{PHDR(1, p_paddr), 0xb0000000, "no guest has RAM there"},
	{PHDR(1, p_paddr), GIB(4), "no kernel is loaded above 4 GiB"},
	{PHDR(1, p_paddr), GIB(16), "no kernel is loaded above 4 GiB"},
	{PHDR(0, p_paddr), 0, "p_paddr 0 is below 1 MiB"},
	{PHDR(0, p_paddr), 0xff000, "p_paddr 0xff000 is below 1 MiB"},
	{PHDR(0, p_paddr), MIB(64) - 0x1000, "p_paddr 0x3fff000"},
	{PHDR(0, p_paddr), MIB(64), "which ends at 0x4000000"},
	{PHDR(0, p_paddr), UINT64_MAX - 0xfff, "p_paddr 0xfffffffffffff000"},
	{PHDR(0, p_paddr), ELF_DATA_GPA + 8, "overlaps the one at 0x204000 of p_memsz 0x5432"},
	{PHDR(0, p_paddr), ELF_DATA_GPA, "overlaps"},
	{PHDR(1, p_paddr), ELF_TEXT_GPA + ELF_TEXT_LEN - 1, "overlaps the one at 0x200000"},
	{PHDR(2, p_filesz), 0x10001, "p_filesz 0x10001 of a note segment"},
	{PHDR(2, p_filesz), 40, "a note reaches beyond its segment at p_offset 0x3000"},
	{PHDR(2, p_offset), ELF_FILE - 4, "ends at 22528 bytes, 40 more expected"},
	{PHDR(2, p_offset), UINT64_MAX - 4, "offset 18446744073709551611"},
	{ELF_NOTE_AT, 4, 0xffffffff, "a note reaches beyond"},
	{ELF_NOTE_AT + 4, 4, 0xffffffff, "a note reaches beyond"},
	{ELF_NOTE_AT + 24, 4, 2, "the PVH entry note has 2 bytes"},
	{ELF_NOTE_AT + 36, 8, 0x1ffff, "the PVH entry 0x1ffff is in none of its segments"},
	{ELF_NOTE_AT + 36, 8, ELF_TEXT_GPA + ELF_TEXT_LEN, "is in none of its segments"},
	{ELF_NOTE_AT + 36, 8, 0x100000000 + ELF_PVH_ENTRY, "is in none of its segments"},
};

START_TEST(a_bad_field_is_refused_by_name_and_value)
{
	uint8_t value[8];

	put_le64(value, bad[_i].value);
	memcpy(file + bad[_i].at, value, bad[_i].size);
	if (bad[_i].says)
		ck_assert_refused(load(), g, bad[_i].says);
	else
		ck_assert_int_eq(load(), 0);
}
END_TEST

START_TEST(the_64_bit_entry_has_to_be_loaded)
{
	elf_header(file)->e_entry = ELF_DATA_GPA + ELF_DATA_LEN;
	ck_assert_refused(kernel_from(g, file, sizeof(file), true, &kernel), g,
			  "the 64-bit (e_entry) entry 0x205800 is in none");
}
END_TEST

START_TEST(a_file_without_segments_is_refused)
{
	elf_phdr(file, 0)->p_type = PT_NULL;
	elf_phdr(file, 1)->p_memsz = elf_phdr(file, 1)->p_filesz = 0;
	ck_assert_refused(load(), g, "no loadable segment");
}
END_TEST

START_TEST(a_file_cut_off_anywhere_is_refused)
{
	for (size_t len = 0; len < sizeof(file); len += 37)
		ck_assert_int_lt(kernel_from(g, file, len, false, &kernel), 0);
}
END_TEST

/* --- segments that share pages ---------------------------------------------------------------- */

struct expect {
	uint64_t gpa, len;
	enum load_kind kind;
};

struct segment {
	uint64_t gpa, file_len, mem_len;
};

static void check_items(const struct segment *seg, size_t nsegs, const struct expect *expect,
			size_t n)
{
	Elf64_Phdr phdr[4];

	for (size_t i = 0; i < nsegs; i++)
		phdr[i] = (Elf64_Phdr){.p_paddr = seg[i].gpa,
				       .p_filesz = seg[i].file_len,
				       .p_memsz = seg[i].mem_len};
	ck_assert_int_eq(elf_record(phdr, nsegs, &g->plan, &g->err), 0);
	ck_assert_uint_eq(g->plan.nitems, n);
	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_eq(g->plan.item[i].gpa, expect[i].gpa);
		ck_assert_uint_eq(g->plan.item[i].len, expect[i].len);
		ck_assert_int_eq(g->plan.item[i].kind, expect[i].kind);
	}
}

START_TEST(a_shared_page_belongs_to_the_lower_item)
{
	struct segment seg[] = {{0x101100, 0x1000, 0x1000}, {0x102800, 0x1000, 0x1000}};
	static const struct expect expect[] = {{0x101000, 0x2000, LOAD_DATA},
					       {0x103000, 0x1000, LOAD_DATA}};

	check_items(seg, 2, expect, 2);
	ck_assert_uint_eq(g->plan.item[0].used, 0x2000);
}
END_TEST

START_TEST(three_segments_in_one_page_are_one_item)
{
	struct segment seg[] = {
		{0x101100, 0x10, 0x10}, {0x101800, 0x10, 0x10}, {0x101200, 0x10, 0x10}};
	static const struct expect expect[] = {{0x101000, 0x1000, LOAD_DATA}};

	check_items(seg, 3, expect, 1);
	ck_assert_uint_eq(g->plan.item[0].used, 0x810);
}
END_TEST

START_TEST(a_bss_page_with_data_behind_it_is_a_data_page)
{
	struct segment seg[] = {{0x101000, 0x10, 0x3010}, {0x104800, 0x10, 0x1000}};
	static const struct expect expect[] = {{0x101000, 0x1000, LOAD_DATA},
					       {0x102000, 0x2000, LOAD_ZERO},
					       {0x104000, 0x1000, LOAD_DATA},
					       {0x105000, 0x1000, LOAD_ZERO}};

	check_items(seg, 2, expect, 4);
}
END_TEST

START_TEST(a_bss_that_is_only_a_shared_page_vanishes)
{
	struct segment seg[] = {{0x101000, 0, 0x10}, {0x101800, 0x10, 0x10}};
	static const struct expect expect[] = {{0x101000, 0x1000, LOAD_DATA}};

	check_items(seg, 2, expect, 1);
}
END_TEST

START_TEST(pure_bss_segments_that_share_a_page_do_not_overlap)
{
	struct segment seg[] = {{0x101000, 0, 0x1010}, {0x102800, 0, 0x1000}};
	static const struct expect expect[] = {{0x101000, 0x2000, LOAD_ZERO},
					       {0x103000, 0x1000, LOAD_ZERO}};

	check_items(seg, 2, expect, 2);
}
END_TEST

/* --- notes ------------------------------------------------------------------------------------ */

START_TEST(notes_may_be_aligned_to_eight)
{
	uint8_t notes[64] = {0};
	const uint8_t *desc;
	size_t len;

	put_le32(notes, 4);
	put_le32(notes + 4, 5);
	memcpy(notes + 12, "GNU", 4);
	put_le32(notes + 24, 4);
	put_le32(notes + 28, 4);
	put_le32(notes + 32, 18);
	memcpy(notes + 36, "Xen", 4);
	put_le32(notes + 40, 0xabcd);
	ck_assert_int_eq(elf_note_find(notes, 44, 8, "Xen", 18, &desc, &len), 1);
	ck_assert_uint_eq(len, 4);
	ck_assert_uint_eq(get_le32(desc), 0xabcd);
	ck_assert_int_eq(elf_note_find(notes, 44, 8, "Xen", 17, &desc, &len), 0);
	ck_assert_int_eq(elf_note_find(notes, 44, 8, "Xe", 18, &desc, &len), 0);
	ck_assert_int_eq(elf_note_find(notes, 43, 8, "Xen", 18, &desc, &len), -EBADMSG);
	ck_assert_int_eq(elf_note_find(notes, 11, 8, "Xen", 18, &desc, &len), 0);
}
END_TEST

SUITE(test_boot_elf)
{
	Suite *suite = suite_create("ELF");
	TCase *tc = tcase_create("elf");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, segments_go_to_their_physical_addresses);
	tcase_add_test(tc, segments_are_boot_items_of_whole_pages);
	tcase_add_test(tc, starts_at_the_pvh_entry);
	tcase_add_test(tc, a_pvh_entry_of_four_bytes_is_fine);
	tcase_add_test(tc, notes_outside_all_segments_are_found);
	tcase_add_test(tc, without_a_note_starts_at_the_64_bit_entry);
	tcase_add_test(tc, a_guest_that_has_to_start_in_long_mode_does);
	tcase_add_test(tc, a_segment_may_include_the_headers);
	tcase_add_test(tc, headers_in_another_order_load_the_same);
	tcase_add_loop_test(tc, a_bad_field_is_refused_by_name_and_value, 0, ARRAY_SIZE(bad));
	tcase_add_test(tc, the_64_bit_entry_has_to_be_loaded);
	tcase_add_test(tc, a_file_without_segments_is_refused);
	tcase_add_test(tc, a_file_cut_off_anywhere_is_refused);
	tcase_add_test(tc, a_shared_page_belongs_to_the_lower_item);
	tcase_add_test(tc, three_segments_in_one_page_are_one_item);
	tcase_add_test(tc, a_bss_page_with_data_behind_it_is_a_data_page);
	tcase_add_test(tc, a_bss_that_is_only_a_shared_page_vanishes);
	tcase_add_test(tc, pure_bss_segments_that_share_a_page_do_not_overlap);
	tcase_add_test(tc, notes_may_be_aligned_to_eight);
	suite_add_tcase(suite, tc);
	return suite;
}
