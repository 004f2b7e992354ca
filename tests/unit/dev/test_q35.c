// SPDX-License-Identifier: MIT
/* The configuration space that OVMF looks for, by ports and by the window. */
#include "tests/unit/suite.h"
#include "vmm/dev/q35.h"

#include "mem/layout.h"
#include "vmm/base/bytes.h"

#include <stdlib.h>

#define ADDRESS 0xcf8
#define DATA	0xcfc

#define HOST 0x80000000u
#define ISA  0x8000f800u

static struct q35 q35;
static struct bus pio, mmio;
static unsigned int resets;
static uint64_t reset_value;

static uint64_t reset_read(struct device *dev, uint64_t offset, unsigned int len)
{
	(void)dev;
	ck_assert_uint_eq(offset, 0);
	ck_assert_uint_eq(len, 1);
	return 0x5a;
}

static void reset_write(struct device *dev, uint64_t offset, unsigned int len, uint64_t value)
{
	(void)dev;
	ck_assert_uint_eq(offset, 0);
	ck_assert_uint_eq(len, 1);
	resets++;
	reset_value = value;
}

static const struct device_ops reset_ops = {
	.name = "reset", .max_len = 1, .read = reset_read, .write = reset_write};
static struct device reset = {&reset_ops};

static void setup(void)
{
	resets = 0;
	q35_init(&q35, &reset);
	pio.n = mmio.n = 0;
	ck_assert_int_eq(bus_add(&pio, Q35_CONFIG_PORT, Q35_CONFIG_PORTS, &q35.ports, NULL), 0);
	for (size_t i = 0; i < Q35_WINDOWS; i++)
		ck_assert_int_eq(bus_add(&mmio, q35.window[i].base, LAYOUT_PCI_WINDOW_SIZE,
					 &q35.window[i].dev, NULL),
				 0);
}

static uint64_t get(const struct bus *bus, uint64_t at, unsigned int len)
{
	uint8_t data[8] = {0};

	bus_access(bus, at, data, len, false);
	return get_le64(data);
}

static void put(const struct bus *bus, uint64_t at, unsigned int len, uint64_t value)
{
	uint8_t data[8];

	put_le64(data, value);
	bus_access(bus, at, data, len, true);
}

static uint64_t config(uint32_t where, unsigned int len)
{
	put(&pio, ADDRESS, 4, where & ~3u);
	return get(&pio, DATA + (where & 3), len);
}

static void set_config(uint32_t where, uint32_t value)
{
	put(&pio, ADDRESS, 4, where);
	put(&pio, DATA, 4, value);
}

START_TEST(the_machine_is_a_q35)
{
	ck_assert_uint_eq(config(HOST + 2, 2), 0x29c0);
	ck_assert_uint_eq(config(HOST, 4), 0x29c08086);
	ck_assert_uint_eq(config(HOST + 8, 4), 0x06000000);
	ck_assert_uint_eq(config(HOST + 0xe, 1), 0);	/* one function */
	ck_assert_uint_eq(config(HOST + 3, 2), 0xffff); /* crosses a register */
	ck_assert_uint_eq(config(ISA, 4), 0x29188086);
	ck_assert_uint_eq(config(ISA + 0xa, 2), 0x0601);
}
END_TEST

/* OVMF sets neither when it finds this, and finds its timer behind PMBASE. */
START_TEST(power_management_is_where_the_acpi_tables_say)
{
	ck_assert_uint_eq(config(ISA + 0x44, 1) & 0x80, 0x80);
	ck_assert_uint_eq(config(ISA + 0x40, 4) & ~1u, PLATFORM_PM1A_EVT_PORT);
	set_config(ISA + 0x40, 0xb001);
	set_config(ISA + 0x44, 0);
	ck_assert_uint_eq(config(ISA + 0x40, 4), PLATFORM_PM1A_EVT_PORT | 1);
	ck_assert_uint_eq(config(ISA + 0x44, 4), 0x80);
	ck_assert_uint_eq(PLATFORM_PM_TIMER_PORT, PLATFORM_PM1A_EVT_PORT + 8);
	ck_assert_uint_eq(PLATFORM_PM1A_CNT_PORT, PLATFORM_PM1A_EVT_PORT + 4);
}
END_TEST

START_TEST(nothing_else_is_there)
{
	for (uint32_t where = 0; where < 0x1000000; where += 0x100)
		if (where != 0 && where != 0xf800 && config(HOST + where, 4) != 0xffffffff)
			ck_abort_msg("a device at %#x", where);
	set_config(0x80000800, 1);
	/* not enabled */
	ck_assert_uint_eq(config(0, 4), 0xffffffff);
	put(&pio, DATA, 4, 0);
}
END_TEST

START_TEST(the_address_port_can_be_read_back)
{
	put(&pio, ADDRESS, 4, 0x8000f840);
	ck_assert_uint_eq(get(&pio, ADDRESS, 4), 0x8000f840);
	put(&pio, ADDRESS, 1, 0x11);
	put(&pio, ADDRESS, 2, 0x1111);
	ck_assert_uint_eq(get(&pio, ADDRESS, 4), 0x8000f840);
	ck_assert_uint_eq(get(&pio, ADDRESS, 2), 0xffff);
}
END_TEST

START_TEST(the_reset_register_is_between)
{
	put(&pio, PLATFORM_RESET_PORT, 1, PLATFORM_RESET_VALUE);
	ck_assert_uint_eq(resets, 1);
	ck_assert_uint_eq(reset_value, PLATFORM_RESET_VALUE);
	ck_assert_uint_eq(get(&pio, PLATFORM_RESET_PORT, 1), 0x5a);
	put(&pio, ADDRESS, 4, 0xffffffff);
	put(&pio, PLATFORM_RESET_PORT, 2, 0x0606);
	ck_assert_uint_eq(resets, 1);
}
END_TEST

static void place_window(uint32_t low, uint32_t high)
{
	set_config(HOST + 0x60, 0);
	set_config(HOST + 0x64, high);
	set_config(HOST + 0x60, low);
}

START_TEST(the_window_opens_where_it_is_put)
{
	const uint64_t here = q35.window[_i].base, there = q35.window[!_i].base;

	ck_assert_uint_eq(get(&mmio, here, 4), 0xffffffff);
	place_window((uint32_t)here | 1, 0);
	ck_assert_uint_eq(config(HOST + 0x60, 4), here | 1);
	ck_assert_uint_eq(get(&mmio, here, 4), 0x29c08086);
	ck_assert_uint_eq(get(&mmio, here + 2, 2), 0x29c0);
	ck_assert_uint_eq(get(&mmio, here + 0xf8000, 4), 0x29188086);
	ck_assert_uint_eq(get(&mmio, here + 0xf8000, 8), 0x29188086);
	ck_assert_uint_eq(get(&mmio, here + 0xf8040, 4), 0x601);
	ck_assert_uint_eq(get(&mmio, here + 0x100, 4), 0xffffffff);
	ck_assert_uint_eq(get(&mmio, here + 0x8000, 4), 0xffffffff);
	ck_assert_uint_eq(get(&mmio, here + 0x100000, 4), 0xffffffff);
	ck_assert_uint_eq(get(&mmio, there, 4), 0xffffffff);
	/* written through itself */
	put(&mmio, there + 0x60, 4, 0);
	put(&mmio, here + 0x160, 4, 0);
	ck_assert_uint_eq(get(&mmio, here, 4), 0x29c08086);
	put(&mmio, here + 0x60, 4, 0);
	ck_assert_uint_eq(get(&mmio, here, 4), 0xffffffff);
}
END_TEST

START_TEST(the_window_is_nowhere_else)
{
	static const struct {
		uint32_t low, high;
	} places[] = {{0xb0000000, 0}, {0xb0000001, 1}, {0xc0000001, 0}, {0xb0000003, 0}};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		place_window(places[i].low, places[i].high);
		for (size_t w = 0; w < Q35_WINDOWS; w++)
			ck_assert_uint_eq(get(&mmio, q35.window[w].base, 4), 0xffffffff);
	}
	/* bits that do not exist stay clear */
	place_window(0xffffffff, 0xffffffff);
	ck_assert_uint_eq(config(HOST + 0x60, 4), 0xf0000007);
	ck_assert_uint_eq(config(HOST + 0x64, 4), 0xf);
}
END_TEST

SUITE(test_q35)
{
	Suite *suite = suite_create("Q35");
	TCase *space = tcase_create("configuration space");

	tcase_add_checked_fixture(space, setup, NULL);
	tcase_add_test(space, the_machine_is_a_q35);
	tcase_add_test(space, power_management_is_where_the_acpi_tables_say);
	tcase_add_test(space, nothing_else_is_there);
	tcase_add_test(space, the_address_port_can_be_read_back);
	tcase_add_test(space, the_reset_register_is_between);
	tcase_add_loop_test(space, the_window_opens_where_it_is_put, 0, Q35_WINDOWS);
	tcase_add_test(space, the_window_is_nowhere_else);
	suite_add_tcase(suite, space);
	return suite;
}
