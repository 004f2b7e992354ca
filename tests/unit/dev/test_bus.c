// SPDX-License-Identifier: MIT
/* The bus: where ranges may stand, who gets an access, and what wide accesses become. */
#include "tests/unit/suite.h"
#include "vmm/dev/bus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Remembers what it was asked; reads give 0x11, 0x22, … by offset, in every byte. */
struct probe {
	struct device dev;
	unsigned int reads, writes, last_len;
	uint64_t last_offset, last_value;
};

static uint64_t probe_read(struct device *dev, uint64_t offset, unsigned int len)
{
	struct probe *p = (struct probe *)dev;

	p->reads++;
	p->last_offset = offset;
	p->last_len = len;
	return 0x0101010101010101u * (0x11 * (offset + 1) & 0xff);
}

static void probe_write(struct device *dev, uint64_t offset, unsigned int len, uint64_t value)
{
	struct probe *p = (struct probe *)dev;

	p->writes++;
	p->last_offset = offset;
	p->last_len = len;
	p->last_value = value;
}

static const struct device_ops any_width = {
	.name = "probe", .read = probe_read, .write = probe_write};
static const struct device_ops one_byte = {
	.name = "byte probe", .max_len = 1, .read = probe_read, .write = probe_write};
static const struct device_ops four_bytes = {
	.name = "dword probe", .max_len = 4, .read = probe_read, .write = probe_write};

static struct bus bus;

static void setup(void)
{
	memset(&bus, 0, sizeof(bus));
}

static uint64_t read_bus(uint64_t addr, unsigned int len, bool *found)
{
	uint8_t data[8] = {0};
	uint64_t value;

	*found = bus_access(&bus, addr, data, len, false);
	memcpy(&value, data, sizeof(value));
	return value;
}

START_TEST(each_address_finds_its_device_whatever_the_order_of_adding)
{
	struct probe dev[BUS_MAX_RANGES];
	bool found;

	for (unsigned int i = 0; i < BUS_MAX_RANGES; i++) {
		unsigned int at = i * 37 % BUS_MAX_RANGES; /* all of them, in a jumble */

		dev[at] = (struct probe){.dev.ops = &any_width};
		ck_assert_int_eq(bus_add(&bus, at * 0x10, 8, &dev[at].dev, NULL), 0);
	}
	for (unsigned int i = 0; i < BUS_MAX_RANGES; i++) {
		read_bus(i * 0x10 + 7, 1, &found);
		ck_assert(found);
		ck_assert_uint_eq(dev[i].reads, 1);
		ck_assert_uint_eq(dev[i].last_offset, 7);
		ck_assert_uint_eq(read_bus(i * 0x10 + 8, 1, &found), 0xff);
		ck_assert(!found);
	}
}
END_TEST

START_TEST(ranges_that_overlap_are_refused)
{
	struct probe a = {.dev.ops = &any_width}, b = {.dev.ops = &one_byte};
	struct vmm_error err = {0};

	ck_assert_int_eq(bus_add(&bus, 0x100, 0x10, &a.dev, NULL), 0);
	ck_assert_int_eq(bus_add(&bus, 0x10f, 1, &b.dev, &err), -EEXIST);
	ck_assert_ptr_nonnull(strstr(err.text, "byte probe at 0x10f"));
	ck_assert_ptr_nonnull(strstr(err.text, "probe stands at 0x100"));
	ck_assert_int_eq(bus_add(&bus, 0x0f8, 9, &b.dev, NULL), -EEXIST);
	ck_assert_int_eq(bus_add(&bus, 0x000, 0x1000, &b.dev, NULL), -EEXIST);
	ck_assert_int_eq(bus_add(&bus, 0x108, 2, &b.dev, NULL), -EEXIST);
	ck_assert_int_eq(bus_add(&bus, 0x110, 1, &b.dev, NULL), 0);
	ck_assert_int_eq(bus_add(&bus, 0x0ff, 1, &b.dev, NULL), 0);
	ck_assert_uint_eq(bus.n, 3);
}
END_TEST

START_TEST(impossible_ranges_and_a_full_bus_are_refused)
{
	struct probe p = {.dev.ops = &any_width};
	bool found;

	ck_assert_int_eq(bus_add(&bus, 5, 0, &p.dev, NULL), -EINVAL);
	ck_assert_int_eq(bus_add(&bus, UINT64_MAX, 2, &p.dev, NULL), -EINVAL);
	ck_assert_int_eq(bus_add(&bus, UINT64_MAX, 1, &p.dev, NULL), 0);
	read_bus(UINT64_MAX, 1, &found);
	ck_assert(found);
	read_bus(UINT64_MAX, 2, &found);
	ck_assert(!found);
	for (uint64_t i = 1; i < BUS_MAX_RANGES; i++)
		ck_assert_int_eq(bus_add(&bus, i, 1, &p.dev, NULL), 0);
	ck_assert_int_eq(bus_add(&bus, 0x1000, 1, &p.dev, NULL), -ENOSPC);
}
END_TEST

START_TEST(no_device_reads_all_ones_and_swallows_writes)
{
	uint8_t data[8] = "unused!";
	bool found;

	ck_assert_uint_eq(read_bus(0x80, 4, &found), 0xffffffff);
	ck_assert(!found);
	ck_assert(!bus_access(&bus, 0x80, data, 4, true));
	ck_assert_str_eq((char *)data, "unused!");
}
END_TEST

START_TEST(an_access_beyond_the_end_finds_no_device)
{
	struct probe p = {.dev.ops = &one_byte};
	bool found;

	ck_assert_int_eq(bus_add(&bus, 0x64, 1, &p.dev, NULL), 0);
	ck_assert_uint_eq(read_bus(0x64, 2, &found), 0xffff);
	ck_assert(!found);
	ck_assert_uint_eq(read_bus(0x63, 2, &found), 0xffff);
	ck_assert(!found);
	ck_assert_uint_eq(p.reads, 0);
}
END_TEST

START_TEST(lengths_other_than_1_to_8_touch_nothing)
{
	struct probe p = {.dev.ops = &any_width};
	uint8_t data[16] = {0};

	ck_assert_int_eq(bus_add(&bus, 0, 64, &p.dev, NULL), 0);
	ck_assert(!bus_access(&bus, 0, data, 0, false));
	ck_assert(!bus_access(&bus, 0, data, 9, false));
	ck_assert_uint_eq(p.reads, 0);
}
END_TEST

START_TEST(a_wide_access_reaches_a_byte_device_byte_by_byte)
{
	struct probe p = {.dev.ops = &one_byte};
	bool found;
	uint8_t data[4] = {0xa, 0xb, 0xc, 0xd};

	ck_assert_int_eq(bus_add(&bus, 0x10, 8, &p.dev, NULL), 0);
	ck_assert_uint_eq(read_bus(0x11, 4, &found), 0x55443322);
	ck_assert_uint_eq(p.reads, 4);
	ck_assert(bus_access(&bus, 0x14, data, 4, true));
	ck_assert_uint_eq(p.writes, 4);
	ck_assert_uint_eq(p.last_offset, 7);
	ck_assert_uint_eq(p.last_value, 0xd);
}
END_TEST

START_TEST(a_device_of_any_width_gets_the_access_whole)
{
	struct probe p = {.dev.ops = &any_width}, q = {.dev.ops = &four_bytes};
	uint8_t data[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	bool found;

	ck_assert_int_eq(bus_add(&bus, 0x10, 8, &p.dev, NULL), 0);
	ck_assert(bus_access(&bus, 0x10, data, 8, true));
	ck_assert_uint_eq(p.writes, 1);
	ck_assert_uint_eq(p.last_value, 0x0807060504030201);
	ck_assert_uint_eq(read_bus(0x12, 2, &found), 0x3333);
	ck_assert_uint_eq(p.last_len, 2);

	ck_assert_int_eq(bus_add(&bus, 0x20, 8, &q.dev, NULL), 0);
	ck_assert(bus_access(&bus, 0x20, data, 8, true));
	ck_assert_uint_eq(q.writes, 2);
	ck_assert_uint_eq(q.last_value, 0x08070605);
}
END_TEST

SUITE(test_bus)
{
	Suite *suite = suite_create("bus");
	TCase *tc = tcase_create("bus");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, each_address_finds_its_device_whatever_the_order_of_adding);
	tcase_add_test(tc, ranges_that_overlap_are_refused);
	tcase_add_test(tc, impossible_ranges_and_a_full_bus_are_refused);
	tcase_add_test(tc, no_device_reads_all_ones_and_swallows_writes);
	tcase_add_test(tc, an_access_beyond_the_end_finds_no_device);
	tcase_add_test(tc, lengths_other_than_1_to_8_touch_nothing);
	tcase_add_test(tc, a_wide_access_reaches_a_byte_device_byte_by_byte);
	tcase_add_test(tc, a_device_of_any_width_gets_the_access_whole);
	suite_add_tcase(suite, tc);
	return suite;
}
