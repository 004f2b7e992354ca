// SPDX-License-Identifier: MIT
/* The I/O APIC of TDs: registers, what its pins send, and what KVM is told of them. */
#include "tests/unit/suite.h"
#include "vmm/dev/ioapic.h"

#include "vmm/base/bytes.h"
#include "vmm/dev/bus.h"

#include <stdlib.h>
#include <string.h>

#define BASE	0xfec00000u
#define ENTRY	0x10
#define MASKED	0x10000u
#define LOGICAL 0x800u
#define LEVEL	0x8000u

static struct ioapic ioapic;
static struct bus mmio;

static struct {
	unsigned int messages, routes;
	struct ioapic_message message, route[IOAPIC_PINS];
} seen;

static void on_send(void *ctx, const struct ioapic_message *message)
{
	ck_assert_ptr_eq(ctx, &seen);
	seen.messages++;
	seen.message = *message;
}

static void on_route(void *ctx, const struct ioapic_message pin[IOAPIC_PINS])
{
	ck_assert_ptr_eq(ctx, &seen);
	seen.routes++;
	memcpy(seen.route, pin, sizeof(seen.route));
}

static void setup(void)
{
	const struct ioapic_wires wires = {on_send, on_route, &seen};

	memset(&seen, 0, sizeof(seen));
	ioapic_init(&ioapic, &wires);
	mmio.n = 0;
	ck_assert_int_eq(bus_add(&mmio, BASE, IOAPIC_SIZE, &ioapic.dev, NULL), 0);
}

static void teardown(void)
{
	ioapic_destroy(&ioapic);
}

static uint32_t get(uint64_t offset)
{
	uint8_t data[4];

	ck_assert(bus_access(&mmio, BASE + offset, data, sizeof(data), false));
	return get_le32(data);
}

static void put(uint64_t offset, uint32_t value)
{
	uint8_t data[4];

	put_le32(data, value);
	ck_assert(bus_access(&mmio, BASE + offset, data, sizeof(data), true));
}

static uint32_t reg_get(uint32_t reg)
{
	put(0, reg);
	return get(0x10);
}

static void reg_put(uint32_t reg, uint32_t value)
{
	put(0, reg);
	put(0x10, value);
}

static void program(uint32_t pin, uint32_t low, uint32_t high)
{
	reg_put(ENTRY + 2 * pin + 1, high);
	reg_put(ENTRY + 2 * pin, low);
}

START_TEST(registers_of_the_data_sheet)
{
	ck_assert_uint_eq(reg_get(1), 0x11 | 23 << 16);
	ck_assert_uint_eq(get(0), 1);
	reg_put(1, 0);
	ck_assert_uint_eq(reg_get(1), 0x11 | 23 << 16);
	reg_put(0, UINT32_MAX);
	ck_assert_uint_eq(reg_get(0), 0xf000000);
	ck_assert_uint_eq(reg_get(2), 0xf000000);
	for (uint32_t pin = 0; pin < IOAPIC_PINS; pin++) {
		ck_assert_uint_eq(reg_get(ENTRY + 2 * pin), MASKED);
		ck_assert_uint_eq(reg_get(ENTRY + 2 * pin + 1), 0);
	}
	/* delivery status and remote IRR are not the guest's, nor are bits that do not exist */
	program(3, UINT32_MAX, UINT32_MAX);
	ck_assert_uint_eq(reg_get(ENTRY + 6), 0x1afff);
	ck_assert_uint_eq(reg_get(ENTRY + 7), 0xff000000);
	ck_assert_uint_eq(seen.routes, 0);
}
END_TEST

/* Whatever index is chosen, and wherever in the page: nothing but the registers is there. */
START_TEST(all_that_is_no_register_is_zero_and_takes_nothing)
{
	for (uint32_t reg = 0; reg < 256; reg++) {
		if (reg <= 2 || (reg >= ENTRY && reg < ENTRY + 2 * IOAPIC_PINS))
			continue;
		reg_put(reg, UINT32_MAX);
		ck_assert_uint_eq(reg_get(reg), 0);
	}
	put(0, 1);
	for (uint64_t offset = 4; offset < IOAPIC_SIZE; offset += 4) {
		if (offset == 0x10)
			continue;
		put(offset, UINT32_MAX);
		ck_assert_uint_eq(get(offset), 0);
	}
	ck_assert_uint_eq(reg_get(1), 0x11 | 23 << 16);
	ck_assert_uint_eq(seen.routes, 0);
	ck_assert_uint_eq(seen.messages, 0);
}
END_TEST

/* Intel SDM volume 3, 11.11: destination, mode, delivery mode and vector; always as an edge. */
START_TEST(entries_are_messages)
{
	static const struct {
		uint32_t low, high, address, data;
	} row[] = {
		{0x41, 0, 0xfee00000, 0x41},
		{0x52, 0xff000000, 0xfeeff000, 0x52},
		{LOGICAL | 0x63, 0x03000000, 0xfee03004, 0x63},
		{0x100 | 0x63, 0x03000000, 0xfee03000, 0x163}, /* lowest priority */
		{0x400, 0x01000000, 0xfee01000, 0x400},	       /* NMI */
		{LEVEL | 0x2000 | 0x71, 0x01000000, 0xfee01000, 0x71},
	};

	for (uint32_t i = 0; i < ARRAY_SIZE(row); i++) {
		const unsigned int before = seen.messages;

		program(i, row[i].low, row[i].high);
		ck_assert(!seen.route[i].masked);
		ck_assert_uint_eq(seen.route[i].address, row[i].address);
		ck_assert_uint_eq(seen.route[i].data, row[i].data);
		ioapic_set(&ioapic, i, true);
		ck_assert_uint_eq(seen.messages, before + 1);
		ck_assert_uint_eq(seen.message.address, row[i].address);
		ck_assert_uint_eq(seen.message.data, row[i].data);
		ioapic_set(&ioapic, i, true);
		ioapic_set(&ioapic, i, false);
		ck_assert_uint_eq(seen.messages, before + 1);
	}
}
END_TEST

START_TEST(masked_pins_and_modes_of_other_chips_send_nothing)
{
	static const uint32_t low[] = {MASKED | 0x41, 0x741, 0x241};

	for (uint32_t i = 0; i < ARRAY_SIZE(low); i++) {
		program(7, low[i], 0);
		ioapic_set(&ioapic, 7, true);
		ioapic_set(&ioapic, 7, false);
	}
	ck_assert_uint_eq(seen.messages, 0);
	ck_assert_uint_eq(seen.routes, 0);

	program(7, 0x41, 0);
	ck_assert_uint_eq(seen.routes, 1);
	program(7, MASKED | 0x41, 0);
	ck_assert_uint_eq(seen.routes, 2);
	ck_assert(seen.route[7].masked);
	ioapic_set(&ioapic, 7, true);
	ck_assert_uint_eq(seen.messages, 0);
	program(7, 0x41, 0); /* the edge is over */
	ck_assert_uint_eq(seen.messages, 0);
}
END_TEST

START_TEST(what_changes_nothing_is_not_told)
{
	program(9, 0x41, 0x01000000);
	ck_assert_uint_eq(seen.routes, 1);
	program(9, 0x41, 0x01000000);
	ck_assert_uint_eq(seen.routes, 1);
}
END_TEST

/* As `len` bytes of an access other than 4 */
START_TEST(narrow_writes_of_data_are_dropped)
{
	uint8_t data[2] = {0x41, 0};

	put(0, ENTRY);
	ck_assert(bus_access(&mmio, BASE + 0x10, data, sizeof(data), true));
	ck_assert_uint_eq(reg_get(ENTRY), MASKED);
}
END_TEST

START_TEST(a_pin_that_does_not_exist)
{
	ioapic_set(&ioapic, IOAPIC_PINS, true);
	ioapic_set(&ioapic, UINT32_MAX, true);
	ck_assert_uint_eq(seen.messages, 0);
}
END_TEST

SUITE(test_ioapic)
{
	Suite *s = suite_create("ioapic");
	TCase *tc = tcase_create("ioapic");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, registers_of_the_data_sheet);
	tcase_add_test(tc, all_that_is_no_register_is_zero_and_takes_nothing);
	tcase_add_test(tc, entries_are_messages);
	tcase_add_test(tc, masked_pins_and_modes_of_other_chips_send_nothing);
	tcase_add_test(tc, what_changes_nothing_is_not_told);
	tcase_add_test(tc, narrow_writes_of_data_are_dropped);
	tcase_add_test(tc, a_pin_that_does_not_exist);
	suite_add_tcase(s, tc);
	return s;
}
