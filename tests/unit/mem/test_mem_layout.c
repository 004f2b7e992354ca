// SPDX-License-Identifier: MIT
/* The guest physical address map: any amount of RAM stays clear of what stands in the hole. */
#include "mem/layout.h"
#include "tests/unit/suite.h"

#include "vmm/base/bytes.h"

#include <stdlib.h>

/* What must not be RAM, whatever the size. */
static const struct gpa_range taken[] = {
	{LAYOUT_VIRTIO_BASE, 0x100000}, {LAYOUT_IOAPIC, PAGE_SIZE},  {LAYOUT_LAPIC, PAGE_SIZE},
	{LAYOUT_IDENTITY, PAGE_SIZE},	{LAYOUT_TSS, 3 * PAGE_SIZE}, {0xff000000, 0x1000000},
};

static bool overlap(const struct gpa_range *a, const struct gpa_range *b)
{
	return a->gpa < b->gpa + b->len && b->gpa < a->gpa + a->len;
}

static void check_size(uint64_t size)
{
	struct gpa_range ram[2] = {0};
	size_t n = layout_ram(size, ram);
	uint64_t sum = 0, end = 0;

	ck_assert(n == 1 || n == 2);
	ck_assert_uint_eq(ram[0].gpa, 0);
	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_gt(ram[i].len, 0);
		ck_assert(is_aligned(ram[i].gpa | ram[i].len, PAGE_SIZE));
		ck_assert_uint_ge(ram[i].gpa, end);
		end = ram[i].gpa + ram[i].len;
		ck_assert_uint_gt(end, ram[i].gpa);
		sum += ram[i].len;
		for (size_t j = 0; j < ARRAY_SIZE(taken); j++)
			ck_assert_msg(!overlap(&ram[i], &taken[j]), "%#llx of RAM: over %#llx",
				      (unsigned long long)size, (unsigned long long)taken[j].gpa);
	}
	ck_assert_uint_eq(sum, size);
	ck_assert_uint_ge(layout_end(size), end);
	ck_assert_uint_ge(layout_end(size), LAYOUT_HIGH_BASE);
	if (n == 2)
		ck_assert_uint_eq(layout_end(size), end);
}

START_TEST(every_size_is_laid_out_completely)
{
	for (uint64_t size = LAYOUT_RAM_MIN; size <= 1ULL << 51; size *= 2) {
		check_size(size);
		check_size(size + PAGE_SIZE);
		if (size > LAYOUT_RAM_MIN)
			check_size(size - PAGE_SIZE);
	}
	check_size(GIB(600));
	check_size(GIB(1000) + MIB(3));
}
END_TEST

START_TEST(ram_is_in_one_piece_up_to_the_hole)
{
	struct gpa_range ram[2];

	ck_assert_uint_eq(layout_ram(LAYOUT_RAM_MIN, ram), 1);
	ck_assert_uint_eq(ram[0].len, LAYOUT_RAM_MIN);
	ck_assert_uint_eq(layout_ram(LAYOUT_LOW_MAX - PAGE_SIZE, ram), 1);
	ck_assert_uint_eq(ram[0].len, LAYOUT_LOW_MAX - PAGE_SIZE);
	ck_assert_uint_eq(layout_end(LAYOUT_LOW_MAX - PAGE_SIZE), LAYOUT_HIGH_BASE);
	check_size(LAYOUT_LOW_MAX - PAGE_SIZE);
}
END_TEST

/* QEMU hw/i386/pc_q35.c: at 0xb0000000 and above only 2 GiB stay below 4 GiB. */
START_TEST(above_the_limit_the_split_is_that_of_q35)
{
	struct gpa_range ram[2];

	ck_assert_uint_eq(layout_ram(LAYOUT_LOW_MAX, ram), 2);
	ck_assert_uint_eq(ram[0].len, 0x80000000);
	ck_assert_uint_eq(ram[1].gpa, 0x100000000);
	ck_assert_uint_eq(ram[1].len, 0x30000000);
	ck_assert_uint_eq(layout_end(LAYOUT_LOW_MAX), 0x130000000);
	ck_assert_uint_eq(layout_ram(GIB(1024), ram), 2);
	ck_assert_uint_eq(ram[1].gpa + ram[1].len, GIB(1026));
	check_size(LAYOUT_LOW_MAX);
}
END_TEST

START_TEST(the_places_in_the_hole_do_not_overlap)
{
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
		ck_assert_uint_le(taken[i].gpa + taken[i].len, LAYOUT_HIGH_BASE);
		ck_assert_uint_ge(taken[i].gpa, LAYOUT_LOW_MAX);
		for (size_t j = 0; j < i; j++)
			ck_assert(!overlap(&taken[i], &taken[j]));
	}
}
END_TEST

SUITE(test_mem_layout)
{
	Suite *s = suite_create("mem_layout");
	TCase *tc = tcase_create("layout");

	tcase_add_test(tc, every_size_is_laid_out_completely);
	tcase_add_test(tc, ram_is_in_one_piece_up_to_the_hole);
	tcase_add_test(tc, above_the_limit_the_split_is_that_of_q35);
	tcase_add_test(tc, the_places_in_the_hole_do_not_overlap);
	suite_add_tcase(s, tc);
	return s;
}
