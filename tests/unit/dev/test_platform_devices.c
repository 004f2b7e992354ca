// SPDX-License-Identifier: MIT
/*
 * The small devices of the platform, driven through a bus: keyboard controller, ACPI power
 * management, pvpanic, debug ports, clock.
 */
#include "mem/layout.h"
#include "tests/unit/suite.h"
#include "vmm/dev/acpi_pm.h"
#include "vmm/dev/bus.h"
#include "vmm/dev/cmos.h"
#include "vmm/dev/debug_console.h"
#include "vmm/dev/ports.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct bus bus;
static struct acpi_pm pm;
static struct ports ports;
static struct debug_console debug;
static struct cmos cmos;

/* what the devices reported */
static struct {
	unsigned int resets, poweroffs, panics, marks, lines;
	uint8_t panic_events, mark_value;
	char line[512];
	int irq[16];
} seen;

static void on_reset(void *ctx)
{
	if (ctx != &seen)
		ck_abort_msg("wrong context");
	seen.resets++;
}

static void on_poweroff(void *ctx)
{
	if (ctx != &seen)
		ck_abort_msg("wrong context");
	seen.poweroffs++;
}

static void on_panic(void *ctx, uint8_t events)
{
	if (ctx != &seen)
		ck_abort_msg("wrong context");
	seen.panics++;
	seen.panic_events = events;
}

static void on_mark(void *ctx, uint8_t value)
{
	if (ctx != &seen)
		ck_abort_msg("wrong context");
	seen.marks++;
	seen.mark_value = value;
}

static void on_line(void *ctx, const char *text)
{
	(void)ctx;
	seen.lines++;
	strcpy(seen.line, text);
}

static void set_irq(void *ctx, unsigned int gsi, int level)
{
	(void)ctx;
	if (gsi >= 16 || seen.irq[gsi] == level) /* a change each time */
		ck_abort_msg("interrupt line %u set to %d again", gsi, level);
	seen.irq[gsi] = level;
}

static time_t guest_time;

static time_t test_clock(time_t *now)
{
	if (now)
		*now = guest_time;
	return guest_time;
}

static void setup(void)
{
	struct irq_line sci = {.set = set_irq, .gsi = PLATFORM_SCI_IRQ};
	struct port_events events = {on_reset, on_panic, on_mark, &seen};
	const struct bus_range range[] = {
		{I8042_COMMAND_PORT, 1, &ports.keyboard.dev},
		{PLATFORM_PM1A_EVT_PORT, ACPI_PM_PORTS, &pm.dev},
		{PLATFORM_RESET_PORT, 1, &ports.reset.dev},
		{PLATFORM_PVPANIC_PORT, 1, &ports.pvpanic.dev},
		{BOOT_MARK_PORT, 1, &ports.boot_mark.dev},
		{PIT_PORT, PIT_PORTS, &ports.pit.dev},
		{DEBUG_CONSOLE_PORT, 1, &debug.dev},
		{CMOS_PORT, CMOS_PORTS, &cmos.dev},
	};

	memset(&seen, 0, sizeof(seen));
	memset(&bus, 0, sizeof(bus));
	acpi_pm_init(&pm, &sci, on_poweroff, &seen);
	ports_init(&ports, &events);
	debug_console_init(&debug, on_line, &seen);
	cmos_init(&cmos, test_clock);
	for (size_t i = 0; i < sizeof(range) / sizeof(range[0]); i++)
		ck_assert_int_eq(bus_add(&bus, range[i].base, range[i].len, range[i].dev, NULL), 0);
}

static void teardown(void)
{
	acpi_pm_destroy(&pm);
	debug_console_destroy(&debug);
}

static uint32_t in(uint64_t port, unsigned int len)
{
	uint32_t value = 0;

	bus_access(&bus, port, &value, len, false);
	return value;
}

static void out(uint64_t port, unsigned int len, uint32_t value)
{
	bus_access(&bus, port, &value, len, true);
}

/* --- keyboard controller ---------------------------------------------------------------------- */

/* What i8042_flush() of Linux does: 16 times it finds output, and gives up, without a wait. Before a
 * reset kb_wait() wants the input buffer empty. */
START_TEST(linux_finds_no_keyboard_controller_without_waiting)
{
	for (int i = 0; i < 100; i++)
		ck_assert_uint_eq(in(0x64, 1) & 0x03, 0x01);
	out(0x64, 1, 0x20);
	out(0x60, 1, 0xf2);
	ck_assert_uint_eq(in(0x60, 1), 0xff);
	ck_assert_uint_eq(in(0x64, 1) & 0x03, 0x01);
	ck_assert_uint_eq(seen.resets, 0);
}
END_TEST

/* edk2, KeyboardControllerDriver: parity error and time-out at once. */
START_TEST(ovmf_finds_no_keyboard_controller)
{
	ck_assert_uint_eq(in(0x64, 1) & 0xc0, 0xc0);
}
END_TEST

START_TEST(pulsing_the_reset_line_resets)
{
	out(0x64, 1, 0xfe);
	ck_assert_uint_eq(seen.resets, 1);
	out(0x64, 1, 0xf0);
	ck_assert_uint_eq(seen.resets, 2);
	out(0x64, 1, 0xff); /* pulses nothing */
	out(0x64, 1, 0xee); /* no pulse */
	out(0x60, 1, 0xfe); /* to the keyboard: means nothing */
	ck_assert_uint_eq(seen.resets, 2);
}
END_TEST

START_TEST(ports_between_data_and_command_are_nobodys)
{
	out(0x61, 1, 0xfe);
	out(0x62, 2, 0xfefe);
	ck_assert_uint_eq(in(0x61, 1), 0xff);
	ck_assert_uint_eq(seen.resets, 0);
}
END_TEST

START_TEST(counters_of_the_pit_stand_still_at_zero)
{
	for (uint64_t port = 0x40; port < 0x43; port++) {
		out(port, 1, 0xff);
		ck_assert_uint_eq(in(port, 1), 0);
	}
	ck_assert_uint_eq(in(0x43, 1), 0xff);
}
END_TEST

/* --- ACPI power management -------------------------------------------------------------------- */

START_TEST(power_button_raises_the_sci_when_enabled_and_is_cleared_by_writing_1)
{
	acpi_pm_press_power_button(&pm);
	ck_assert_uint_eq(in(PLATFORM_PM1A_EVT_PORT, 2), 0x0100);
	ck_assert_int_eq(seen.irq[PLATFORM_SCI_IRQ], 0);
	out(PLATFORM_PM1A_EVT_PORT + 2, 2, 0x0100);
	ck_assert_int_eq(seen.irq[PLATFORM_SCI_IRQ], 1);
	acpi_pm_press_power_button(&pm); /* pressed again: still one event */
	out(PLATFORM_PM1A_EVT_PORT, 2, 0xfeff);
	ck_assert_int_eq(seen.irq[PLATFORM_SCI_IRQ], 1);
	out(PLATFORM_PM1A_EVT_PORT, 2, 0x0100);
	ck_assert_int_eq(seen.irq[PLATFORM_SCI_IRQ], 0);
	ck_assert_uint_eq(in(PLATFORM_PM1A_EVT_PORT, 4), 0x01000000);

	acpi_pm_press_power_button(&pm);
	ck_assert_int_eq(seen.irq[PLATFORM_SCI_IRQ], 1);
	out(PLATFORM_PM1A_EVT_PORT, 4, 0x0100); /* both registers at once: clear and disable */
	ck_assert_int_eq(seen.irq[PLATFORM_SCI_IRQ], 0);
	ck_assert_uint_eq(in(PLATFORM_PM1A_EVT_PORT, 4), 0);
}
END_TEST

START_TEST(only_defined_enable_bits_stick)
{
	out(PLATFORM_PM1A_EVT_PORT + 2, 2, 0xffff);
	ck_assert_uint_eq(in(PLATFORM_PM1A_EVT_PORT + 2, 2), 0x0721);
	ck_assert_uint_eq(in(PLATFORM_PM1A_EVT_PORT + 3, 1), 0x07);
}
END_TEST

START_TEST(sci_enable_is_always_set)
{
	ck_assert_uint_eq(in(PLATFORM_PM1A_CNT_PORT, 2), 0x0001);
	out(PLATFORM_PM1A_CNT_PORT, 2, 0);
	ck_assert_uint_eq(in(PLATFORM_PM1A_CNT_PORT, 2), 0x0001);
}
END_TEST

START_TEST(sleep_enable_with_the_type_of_S5_powers_off)
{
	const uint32_t s5 = PLATFORM_S5_TYPE << 10;

	out(PLATFORM_PM1A_CNT_PORT, 2, s5 | 1); /* Linux writes the type first … */
	ck_assert_uint_eq(in(PLATFORM_PM1A_CNT_PORT, 2), s5 | 1);
	ck_assert_uint_eq(seen.poweroffs, 0);
	out(PLATFORM_PM1A_CNT_PORT, 2, s5 | 0x2000 | 1); /* … then both */
	ck_assert_uint_eq(seen.poweroffs, 1);
	ck_assert_uint_eq(in(PLATFORM_PM1A_CNT_PORT, 2) & 0x2000, 0); /* write only */
	out(PLATFORM_PM1A_CNT_PORT + 1, 1, (s5 | 0x2000) >> 8);
	ck_assert_uint_eq(seen.poweroffs, 2);
	for (uint32_t type = 0; type < 8; type++)
		if (type != PLATFORM_S5_TYPE)
			out(PLATFORM_PM1A_CNT_PORT, 2, type << 10 | 0x2000);
	ck_assert_uint_eq(seen.poweroffs, 2);
}
END_TEST

START_TEST(timer_ticks_at_3_579545_MHz_and_wraps_at_32_bits)
{
	ck_assert_uint_eq(acpi_pm_ticks(0), 0);
	ck_assert_uint_eq(acpi_pm_ticks(1000000000), 3579545);
	ck_assert_uint_eq(acpi_pm_ticks(1000000000ull * 3600), (uint32_t)(3579545ull * 3600));
	ck_assert_uint_eq(acpi_pm_ticks(999999999), 3579544);
	/* a year: no overflow on the way */
	ck_assert_uint_eq(acpi_pm_ticks(1000000000ull * 31536000 + 500000000),
			  (uint32_t)(3579545ull * 31536000 + 3579545 / 2));
}
END_TEST

START_TEST(timer_runs_and_cannot_be_written)
{
	struct timespec ms = {.tv_nsec = 2000000};
	uint32_t first = in(PLATFORM_PM_TIMER_PORT, 4), second;

	out(PLATFORM_PM_TIMER_PORT, 4, 0);
	nanosleep(&ms, NULL);
	second = in(PLATFORM_PM_TIMER_PORT, 4);
	ck_assert_uint_ge(second - first, 2 * 3579);
	ck_assert_uint_lt(second, 60u * 3579545);
}
END_TEST

START_TEST(reset_register_resets_by_bit_2)
{
	ck_assert_uint_eq(in(PLATFORM_RESET_PORT, 1), 0);
	out(PLATFORM_RESET_PORT, 1, 0x02); /* Linux: first the kind … */
	ck_assert_uint_eq(seen.resets, 0);
	out(PLATFORM_RESET_PORT, 1, PLATFORM_RESET_VALUE); /* … then go */
	ck_assert_uint_eq(seen.resets, 1);
	out(PLATFORM_RESET_PORT, 1, 0x0e);
	ck_assert_uint_eq(seen.resets, 2);
	/* PCI configuration space begins one port below and is not there */
	out(0xcf8, 4, 0x80000000 | 0x0600);
	ck_assert_uint_eq(in(0xcf8, 4), 0xffffffff);
	ck_assert_uint_eq(seen.resets, 2);
}
END_TEST

/* --- pvpanic, debug ports --------------------------------------------------------------------- */

START_TEST(pvpanic_offers_and_reports_panic_and_crash_load)
{
	ck_assert_uint_eq(in(PLATFORM_PVPANIC_PORT, 1), 0x03);
	out(PLATFORM_PVPANIC_PORT, 1, 0x00);
	out(PLATFORM_PVPANIC_PORT, 1, 0x04); /* not offered */
	ck_assert_uint_eq(seen.panics, 0);
	out(PLATFORM_PVPANIC_PORT, 1, 0xff);
	ck_assert_uint_eq(seen.panics, 1);
	ck_assert_uint_eq(seen.panic_events, PVPANIC_PANICKED | PVPANIC_CRASH_LOADED);
	out(PLATFORM_PVPANIC_PORT, 1, 0x02);
	ck_assert_uint_eq(seen.panic_events, PVPANIC_CRASH_LOADED);
}
END_TEST

START_TEST(only_the_first_boot_mark_counts)
{
	out(BOOT_MARK_PORT, 1, 0x10);
	out(BOOT_MARK_PORT, 1, 0x20);
	ck_assert_uint_eq(seen.marks, 1);
	ck_assert_uint_eq(seen.mark_value, 0x10);
	ck_assert_uint_eq(in(BOOT_MARK_PORT, 1), 0xff);
}
END_TEST

START_TEST(debug_console_gives_lines)
{
	ck_assert_uint_eq(in(DEBUG_CONSOLE_PORT, 1), 0xe9);
	for (const char *p = "one\r\ntwo\n\nhalf"; *p; p++)
		out(DEBUG_CONSOLE_PORT, 1, (uint8_t)*p);
	ck_assert_uint_eq(seen.lines, 3);
	ck_assert_str_eq(seen.line, "");
	debug_console_destroy(&debug);
	ck_assert_uint_eq(seen.lines, 4);
	ck_assert_str_eq(seen.line, "half");
	debug_console_init(&debug, on_line, &seen); /* for teardown */
}
END_TEST

START_TEST(debug_console_breaks_endless_lines)
{
	for (int i = 0; i < 10 * DEBUG_LINE + 1; i++)
		out(DEBUG_CONSOLE_PORT, 1, i % 3 ? 'x' : 0);
	ck_assert_uint_eq(seen.lines, 6);
	ck_assert_uint_eq(strlen(seen.line), DEBUG_LINE);
}
END_TEST

/* --- clock ------------------------------------------------------------------------------------ */

static uint8_t cmos_register(uint8_t index)
{
	out(CMOS_PORT, 1, index);
	return (uint8_t)in(CMOS_PORT + 1, 1);
}

START_TEST(clock_shows_utc_in_bcd)
{
	guest_time = 951782399; /* Monday, 28 February 2000, 23:59:59 UTC */
	ck_assert_uint_eq(cmos_register(0x00), 0x59);
	ck_assert_uint_eq(cmos_register(0x02), 0x59);
	ck_assert_uint_eq(cmos_register(0x04), 0x23);
	ck_assert_uint_eq(cmos_register(0x06), 0x02);
	ck_assert_uint_eq(cmos_register(0x07), 0x28);
	ck_assert_uint_eq(cmos_register(0x08), 0x02);
	ck_assert_uint_eq(cmos_register(0x09), 0x00);
	ck_assert_uint_eq(cmos_register(CMOS_CENTURY), 0x20);
	guest_time++;
	ck_assert_uint_eq(cmos_register(0x07), 0x29);
}
END_TEST

START_TEST(clock_is_valid_24_hours_bcd_and_never_updating)
{
	ck_assert_uint_eq(cmos_register(0x0a) & 0x80, 0);
	ck_assert_uint_eq(cmos_register(0x0b) & 0x06, 0x02);
	ck_assert_uint_eq(cmos_register(0x0d), 0x80);
	ck_assert_uint_eq(cmos_register(0x8d), 0x80); /* with the NMI masked */
	ck_assert_uint_eq(in(CMOS_PORT, 1), 0xff);
}
END_TEST

START_TEST(clock_cannot_be_set)
{
	guest_time = 951782399;
	out(CMOS_PORT, 1, 0x0b);
	out(CMOS_PORT + 1, 1, 0xff);
	out(CMOS_PORT, 2, 0x0009 | 0x5500); /* index and data in one access */
	ck_assert_uint_eq(cmos_register(0x0b), 0x02);
	ck_assert_uint_eq(cmos_register(0x09), 0x00);
}
END_TEST

static uint32_t cmos_number(uint8_t index, unsigned int len)
{
	uint32_t value = 0;

	for (unsigned int i = 0; i < len; i++)
		value |= (uint32_t)cmos_register((uint8_t)(index + i)) << 8 * i;
	return value;
}

/* In units of 64 KiB: what lies above 16 MiB, and above 4 GiB. */
START_TEST(clock_says_how_much_ram_there_is_if_told)
{
	ck_assert_uint_eq(cmos_number(0x34, 2), 0);
	ck_assert_uint_eq(cmos_number(0x5b, 3), 0);
	cmos_set_memory(&cmos, 0x80000000, 0x123450000);
	ck_assert_uint_eq(cmos_number(0x34, 2), 0x7f00);
	ck_assert_uint_eq(cmos_number(0x5b, 3), 0x12345);
	cmos_set_memory(&cmos, 0xb0000000, 1ULL << 40);
	ck_assert_uint_eq(cmos_number(0x34, 2), 0xaf00);
	ck_assert_uint_eq(cmos_number(0x5b, 3), 0xffffff);
	cmos_set_memory(&cmos, 16 << 20, 0xffff);
	ck_assert_uint_eq(cmos_number(0x34, 2), 0);
	ck_assert_uint_eq(cmos_number(0x5b, 3), 0);
}
END_TEST

START_TEST(clock_shows_the_hosts_time_by_default)
{
	struct cmos host;
	time_t now = time(NULL);
	uint8_t year = (uint8_t)(gmtime(&now)->tm_year % 100);

	cmos_init(&host, time);
	host.dev.ops->write(&host.dev, 0, 1, 0x09);
	/* unless the year ended in between */
	ck_assert_uint_eq(host.dev.ops->read(&host.dev, 1, 1), year / 10 << 4 | year % 10);
}
END_TEST

/* --- hostile guests --------------------------------------------------------------------------- */

START_TEST(random_accesses_of_all_ports_harm_nothing)
{
	uint32_t seed = 4711;

	for (int i = 0; i < 50000; i++) {
		static const unsigned int lens[] = {1, 2, 4, 8};
		const struct bus_range *range;
		uint8_t data[8];

		seed = seed * 1664525 + 1013904223;
		range = &bus.range[(seed >> 20) % bus.n];
		memset(data, (int)(seed >> 8), sizeof(data));
		bus_access(&bus, range->base + (seed >> 12) % range->len, data, lens[seed >> 30],
			   seed >> 5 & 1);
		if (seen.irq[PLATFORM_SCI_IRQ] != pm.sci.level || debug.len > DEBUG_LINE)
			ck_abort_msg("after step %d", i);
	}
	ck_assert_uint_eq(seen.marks, 1);
	ck_assert_uint_gt(seen.resets, 0);
	ck_assert_uint_gt(seen.panics, 0);
}
END_TEST

SUITE(test_platform_devices)
{
	Suite *suite = suite_create("platform devices");
	TCase *tc = tcase_create("platform devices");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, linux_finds_no_keyboard_controller_without_waiting);
	tcase_add_test(tc, ovmf_finds_no_keyboard_controller);
	tcase_add_test(tc, pulsing_the_reset_line_resets);
	tcase_add_test(tc, ports_between_data_and_command_are_nobodys);
	tcase_add_test(tc, counters_of_the_pit_stand_still_at_zero);
	tcase_add_test(tc, power_button_raises_the_sci_when_enabled_and_is_cleared_by_writing_1);
	tcase_add_test(tc, only_defined_enable_bits_stick);
	tcase_add_test(tc, sci_enable_is_always_set);
	tcase_add_test(tc, sleep_enable_with_the_type_of_S5_powers_off);
	tcase_add_test(tc, timer_ticks_at_3_579545_MHz_and_wraps_at_32_bits);
	tcase_add_test(tc, timer_runs_and_cannot_be_written);
	tcase_add_test(tc, reset_register_resets_by_bit_2);
	tcase_add_test(tc, pvpanic_offers_and_reports_panic_and_crash_load);
	tcase_add_test(tc, only_the_first_boot_mark_counts);
	tcase_add_test(tc, debug_console_gives_lines);
	tcase_add_test(tc, debug_console_breaks_endless_lines);
	tcase_add_test(tc, clock_shows_utc_in_bcd);
	tcase_add_test(tc, clock_is_valid_24_hours_bcd_and_never_updating);
	tcase_add_test(tc, clock_cannot_be_set);
	tcase_add_test(tc, clock_says_how_much_ram_there_is_if_told);
	tcase_add_test(tc, clock_shows_the_hosts_time_by_default);
	tcase_add_test(tc, random_accesses_of_all_ports_harm_nothing);
	suite_add_tcase(suite, tc);
	return suite;
}
