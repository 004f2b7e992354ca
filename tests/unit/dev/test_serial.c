// SPDX-License-Identifier: MIT
/*
 * The serial port, driven as guests drive it: through a bus, register by register. The probing
 * sequences are those of Linux's 8250 driver.
 */
#include "tests/unit/suite.h"
#include "vmm/dev/serial.h"

#include "vmm/dev/bus.h"

#include <linux/serial_reg.h>
#include <stdlib.h>
#include <string.h>

#define PORT 0x3f8

static struct serial serial;
static struct bus bus;
static char sent[4096]; /* what the sink took */
static size_t nsent, sink_room;
static unsigned int invited;
static int irq_level;
static unsigned int irq_rises;

static size_t sink_write(void *ctx, const uint8_t *buf, size_t len)
{
	(void)ctx;
	if (len > sink_room)
		len = sink_room;
	memcpy(sent + nsent, buf, len);
	nsent += len;
	sent[nsent] = '\0';
	sink_room -= len;
	return len;
}

static void room(void *ctx)
{
	(void)ctx;
	invited++;
	serial_room(&serial); /* would deadlock if the port's lock were held */
}

static void set_irq(void *ctx, unsigned int gsi, int level)
{
	(void)ctx;
	if (gsi != 4 || level == irq_level) /* a change each time */
		ck_abort_msg("interrupt line %u set to %d again", gsi, level);
	irq_level = level;
	irq_rises += level == 1;
}

static void setup(void)
{
	struct irq_line irq = {.set = set_irq, .gsi = 4};
	struct serial_sink sink = {.write = sink_write, .room = room};

	serial_init(&serial, &irq, &sink);
	memset(&bus, 0, sizeof(bus));
	ck_assert_int_eq(bus_add(&bus, PORT, SERIAL_PORTS, &serial.dev, NULL), 0);
	nsent = 0;
	sent[0] = '\0';
	sink_room = sizeof(sent) - 1;
	invited = irq_rises = 0;
	irq_level = 0;
}

static void teardown(void)
{
	serial_destroy(&serial);
}

static uint8_t in(unsigned int reg)
{
	uint8_t value;

	ck_assert(bus_access(&bus, PORT + reg, &value, 1, false));
	return value;
}

static void out(unsigned int reg, uint8_t value)
{
	ck_assert(bus_access(&bus, PORT + reg, &value, 1, true));
}

static void type(const char *text)
{
	ck_assert_uint_eq(serial_receive(&serial, (const uint8_t *)text, strlen(text)),
			  strlen(text));
}

/* --- what Linux looks at ---------------------------------------------------------------------- */

START_TEST(linux_autoconfig_finds_a_16550A)
{
	uint8_t mcr;

	out(UART_IER, 0);
	ck_assert_uint_eq(in(UART_IER), 0);
	out(UART_IER, 0xff);
	ck_assert_uint_eq(in(UART_IER), 0x0f);
	out(UART_IER, 0);

	mcr = in(UART_MCR);
	out(UART_MCR, UART_MCR_LOOP | 0x0a);
	ck_assert_uint_eq(in(UART_MSR)&0xf0, 0x90);
	out(UART_MCR, mcr);

	out(UART_LCR, UART_LCR_CONF_MODE_B); /* where other chips have an EFR */
	out(UART_EFR, 0);
	out(UART_LCR, 0);
	out(UART_FCR, UART_FCR_ENABLE_FIFO);
	ck_assert_uint_eq(in(UART_IIR) >> 6, 3);
	out(UART_LCR, UART_LCR_CONF_MODE_A);
	ck_assert_uint_ne(in(UART_EFR), 0);
	out(UART_LCR, UART_LCR_CONF_MODE_B);
	ck_assert_uint_ne(in(UART_EFR), 0);
	out(UART_LCR, 0);
	/* a 16750 would show bit 5 for a 64 byte FIFO */
	out(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR7_64BYTE);
	ck_assert_uint_eq(in(UART_IIR) >> 5, 6);
	out(UART_FCR, 0);
	ck_assert_uint_eq(in(UART_IIR) >> 6, 0);
}
END_TEST

START_TEST(linux_size_fifo_counts_16_bytes_in_loopback)
{
	unsigned int count;

	out(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR | UART_FCR_CLEAR_XMIT);
	out(UART_MCR, UART_MCR_LOOP);
	for (count = 0; count < 256; count++)
		out(UART_TX, (uint8_t)count);
	ck_assert(in(UART_LSR)&UART_LSR_OE);
	ck_assert(!(in(UART_LSR)&UART_LSR_OE)); /* reading clears it */
	for (count = 0; count < 256 && (in(UART_LSR)&UART_LSR_DR); count++)
		ck_assert_uint_eq(in(UART_RX), count);
	ck_assert_uint_eq(count, 16);
	ck_assert_uint_eq(nsent, 0);
}
END_TEST

START_TEST(scratch_divisor_and_line_control_read_back)
{
	out(UART_SCR, 0xa5);
	ck_assert_uint_eq(in(UART_SCR), 0xa5);
	out(UART_LCR, UART_LCR_DLAB | 3);
	out(UART_DLL, 0x0c);
	out(UART_DLM, 0x34);
	ck_assert_uint_eq(in(UART_DLL), 0x0c);
	ck_assert_uint_eq(in(UART_DLM), 0x34);
	out(UART_LCR, 3);
	ck_assert_uint_eq(in(UART_LCR), 3);
	ck_assert_uint_eq(in(UART_IER), 0);
	ck_assert_uint_eq(nsent, 0);
}
END_TEST

START_TEST(thre_interrupt_is_raised_again_when_enabled_again)
{
	/* serial8250_do_startup: ports that fail this get a timer instead of interrupts */
	out(UART_IER, UART_IER_THRI);
	ck_assert_uint_eq(in(UART_IIR), UART_IIR_THRI);
	out(UART_IER, 0);
	out(UART_IER, UART_IER_THRI);
	ck_assert_uint_eq(in(UART_IIR), UART_IIR_THRI);
	out(UART_IER, 0);
	/* and the test for UART_BUG_TXEN */
	out(UART_IER, UART_IER_THRI);
	ck_assert(in(UART_LSR)&UART_LSR_TEMT);
	ck_assert_uint_eq(in(UART_IIR), UART_IIR_THRI);
	ck_assert_uint_eq(in(UART_IIR), UART_IIR_NO_INT);
}
END_TEST

/* --- transmitter ------------------------------------------------------------------------------ */

START_TEST(bytes_go_to_the_sink_and_thre_comes_back_after_each)
{
	const char *text = "Linux version";

	out(UART_IER, UART_IER_THRI);
	for (const char *p = text; *p; p++) {
		ck_assert_uint_eq(in(UART_IIR), UART_IIR_THRI);
		ck_assert_int_eq(irq_level, 0); /* acknowledged */
		ck_assert_uint_eq(in(UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
		out(UART_TX, (uint8_t)*p);
		ck_assert_int_eq(irq_level, 1);
	}
	ck_assert_str_eq(sent, text);
}
END_TEST

START_TEST(a_burst_of_16_bytes_moves_the_interrupt_line_twice)
{
	out(UART_IER, UART_IER_THRI);
	in(UART_IIR);
	irq_rises = 0;
	for (int i = 0; i < 16; i++)
		out(UART_TX, 'x');
	ck_assert_uint_eq(irq_rises, 1);
	ck_assert_uint_eq(nsent, 16);
}
END_TEST

START_TEST(a_sink_that_is_behind_makes_the_transmitter_busy_until_it_is_ready)
{
	out(UART_FCR, UART_FCR_ENABLE_FIFO);
	out(UART_IER, UART_IER_THRI);
	in(UART_IIR);
	sink_room = 2;
	for (const char *p = "abcdefgh"; *p; p++)
		out(UART_TX, (uint8_t)*p);
	ck_assert_str_eq(sent, "ab");
	ck_assert_uint_eq(in(UART_LSR), 0);
	ck_assert_uint_eq(in(UART_IIR)&0x0f, UART_IIR_NO_INT);
	ck_assert_int_eq(irq_level, 0);

	sink_room = 3;
	serial_sink_ready(&serial);
	ck_assert_str_eq(sent, "abcde");
	ck_assert_uint_eq(in(UART_LSR), 0);
	ck_assert_int_eq(irq_level, 0);

	sink_room = 100;
	out(UART_TX, 'i'); /* in order, behind the others */
	ck_assert_str_eq(sent, "abcde");
	serial_sink_ready(&serial);
	ck_assert_str_eq(sent, "abcdefghi");
	ck_assert_uint_eq(in(UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
	ck_assert_int_eq(irq_level, 1);
}
END_TEST

START_TEST(a_guest_that_ignores_a_busy_transmitter_loses_bytes_and_nothing_else)
{
	sink_room = 0;
	for (int i = 0; i < 1000; i++)
		out(UART_TX, (uint8_t)('a' + i % 26));
	sink_room = 100;
	serial_sink_ready(&serial);
	ck_assert_str_eq(sent, "abcdefghijklmnop");
	serial_sink_ready(&serial); /* nothing left */
	ck_assert_uint_eq(nsent, 16);
}
END_TEST

START_TEST(clearing_the_transmit_fifo_empties_it)
{
	out(UART_FCR, UART_FCR_ENABLE_FIFO);
	sink_room = 0;
	out(UART_TX, 'x');
	ck_assert_uint_eq(in(UART_LSR), 0);
	out(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_XMIT);
	ck_assert_uint_eq(in(UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
	sink_room = 10;
	serial_sink_ready(&serial);
	ck_assert_uint_eq(nsent, 0);
}
END_TEST

/* --- receiver --------------------------------------------------------------------------------- */

START_TEST(input_is_bounded_and_comes_out_in_order)
{
	ck_assert_uint_eq(serial_room(&serial), 16);
	ck_assert_uint_eq(serial_receive(&serial, (const uint8_t *)"0123456789abcdefXYZ", 19), 16);
	ck_assert_uint_eq(serial_room(&serial), 0);
	ck_assert_uint_eq(serial_receive(&serial, (const uint8_t *)"Q", 1), 0);
	for (const char *p = "0123456789abcdef"; *p; p++) {
		ck_assert(in(UART_LSR)&UART_LSR_DR);
		ck_assert_uint_eq(in(UART_RX), *p);
	}
	ck_assert(!(in(UART_LSR)&UART_LSR_DR));
	ck_assert_uint_eq(in(UART_RX), 0);
	ck_assert_uint_eq(serial_room(&serial), 16);
}
END_TEST

START_TEST(received_data_interrupts_at_the_trigger_and_times_out_below_it)
{
	out(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_R_TRIG_10); /* 8 bytes */
	out(UART_IER, UART_IER_RDI);
	ck_assert_int_eq(irq_level, 0);
	type("1234567");
	ck_assert_int_eq(irq_level, 1);
	ck_assert_uint_eq(in(UART_IIR), 0xc0 | UART_IIR_RX_TIMEOUT);
	type("8");
	ck_assert_uint_eq(in(UART_IIR), 0xc0 | UART_IIR_RDI);
	for (int i = 0; i < 7; i++)
		in(UART_RX);
	ck_assert_int_eq(irq_level, 1);
	in(UART_RX);
	ck_assert_int_eq(irq_level, 0);
}
END_TEST

START_TEST(without_fifos_one_byte_is_data_available)
{
	out(UART_IER, UART_IER_RDI);
	type("x");
	ck_assert_uint_eq(in(UART_IIR), UART_IIR_RDI);
}
END_TEST

START_TEST(clearing_the_receive_fifo_lowers_the_interrupt)
{
	out(UART_FCR, UART_FCR_ENABLE_FIFO);
	out(UART_IER, UART_IER_RDI);
	type("junk");
	ck_assert_int_eq(irq_level, 1);
	out(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	ck_assert_int_eq(irq_level, 0);
	ck_assert_uint_eq(serial_room(&serial), 16);
}
END_TEST

START_TEST(the_feeder_is_told_of_room_once_per_emptied_fifo)
{
	invited = 0;
	type("ab");
	in(UART_RX);
	ck_assert_uint_eq(invited, 0);
	in(UART_RX);
	ck_assert_uint_eq(invited, 1);
	in(UART_RX); /* empty already */
	in(UART_LSR);
	ck_assert_uint_eq(invited, 1);
}
END_TEST

START_TEST(the_guest_listens_when_it_enables_the_receive_interrupt_or_polls)
{
	ck_assert(!serial_listening(&serial));
	/* what Linux' early console does, long before its driver resets the FIFOs */
	out(UART_MCR, UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT2);
	for (int i = 0; i < 1000; i++) {
		in(UART_LSR);
		in(UART_LSR);
		out(UART_TX, 'x');
	}
	out(UART_IER, UART_IER_THRI);
	ck_assert(!serial_listening(&serial));
	ck_assert_uint_eq(invited, 0);
	out(UART_MCR, UART_MCR_DTR | UART_MCR_RTS);
	out(UART_IER, 0x0f); /* Linux' probing */
	ck_assert(!serial_listening(&serial));
	out(UART_MCR, UART_MCR_OUT2);
	ck_assert(serial_listening(&serial));
	ck_assert_uint_eq(invited, 1);
	out(UART_IER, 0);
	ck_assert(!serial_listening(&serial));
	for (int i = 1; i < SERIAL_POLLS; i++)
		in(UART_LSR);
	ck_assert(!serial_listening(&serial));
	in(UART_LSR);
	ck_assert(serial_listening(&serial));
	ck_assert_uint_eq(invited, 2);
	/* it may answer what it hears, but another driver starts anew */
	out(UART_TX, 'x');
	ck_assert(serial_listening(&serial));
	out(UART_FCR, UART_FCR_ENABLE_FIFO);
	ck_assert(!serial_listening(&serial));
}
END_TEST

START_TEST(loopback_keeps_the_outside_out)
{
	out(UART_MCR, UART_MCR_LOOP);
	ck_assert_uint_eq(serial_room(&serial), 0);
	ck_assert_uint_eq(serial_receive(&serial, (const uint8_t *)"x", 1), 0);
	invited = 0;
	out(UART_MCR, 0);
	ck_assert_uint_eq(invited, 1);
	ck_assert_uint_eq(serial_room(&serial), 16);
}
END_TEST

/* --- interrupts and modem lines --------------------------------------------------------------- */

START_TEST(interrupts_are_reported_by_priority)
{
	out(UART_FCR, UART_FCR_ENABLE_FIFO);
	out(UART_MCR, UART_MCR_LOOP);
	in(UART_MSR);
	out(UART_IER, 0x0f);
	for (int i = 0; i < 17; i++) /* overrun, data, transmitter empty … */
		out(UART_TX, 'x');
	out(UART_MCR, UART_MCR_LOOP | UART_MCR_RTS); /* … and CTS has changed */
	ck_assert_uint_eq(in(UART_IIR), 0xc0 | UART_IIR_RLSI);
	ck_assert_uint_eq(in(UART_LSR), UART_LSR_OE | UART_LSR_DR | UART_LSR_THRE | UART_LSR_TEMT);
	ck_assert_uint_eq(in(UART_IIR), 0xc0 | UART_IIR_RDI);
	for (int i = 0; i < 16; i++)
		in(UART_RX);
	ck_assert_uint_eq(in(UART_IIR), 0xc0 | UART_IIR_THRI);
	ck_assert_uint_eq(in(UART_IIR), 0xc0 | UART_IIR_MSI);
	ck_assert_uint_eq(in(UART_IIR), 0xc0 | UART_IIR_MSI); /* reading IIR does not clear it */
	ck_assert_int_eq(irq_level, 1);
	ck_assert_uint_eq(in(UART_MSR), UART_MSR_CTS | UART_MSR_DCTS);
	ck_assert_uint_eq(in(UART_IIR), 0xc0 | UART_IIR_NO_INT);
	ck_assert_int_eq(irq_level, 0);
	ck_assert_uint_eq(in(UART_MSR), UART_MSR_CTS);
}
END_TEST

START_TEST(modem_lines_show_somebody_at_the_other_end)
{
	ck_assert_uint_eq(in(UART_MSR), UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS);
	out(UART_MCR, UART_MCR_LOOP | UART_MCR_OUT1);
	ck_assert_uint_eq(in(UART_MSR),
			  UART_MSR_RI | UART_MSR_DDCD | UART_MSR_DDSR | UART_MSR_DCTS);
	out(UART_MCR, 0); /* ring ends */
	ck_assert_uint_eq(in(UART_MSR), UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS | UART_MSR_DDCD |
						UART_MSR_DDSR | UART_MSR_DCTS | UART_MSR_TERI);
}
END_TEST

START_TEST(an_unconnected_interrupt_line_and_no_feeder_are_fine)
{
	struct irq_line none = {0};
	struct serial_sink sink = {.write = sink_write};
	struct serial s;

	serial_init(&s, &none, &sink);
	s.dev.ops->write(&s.dev, UART_IER, 1, 0x0f);
	s.dev.ops->write(&s.dev, UART_TX, 1, 'x');
	ck_assert_uint_eq(s.dev.ops->read(&s.dev, UART_RX, 1), 0);
	ck_assert_str_eq(sent, "x");
	serial_destroy(&s);
}
END_TEST

/* --- hostile guests --------------------------------------------------------------------------- */

START_TEST(wide_accesses_touch_the_registers_one_by_one)
{
	uint8_t data[8];
	uint16_t word = 0x0f41;

	ck_assert(bus_access(&bus, PORT + UART_TX, &word, 2, true)); /* TX 0x41, IER 0x0f */
	ck_assert_str_eq(sent, "A");
	ck_assert_uint_eq(in(UART_IER), 0x0f);
	ck_assert(bus_access(&bus, PORT, data, 8, false));
	ck_assert_uint_eq(data[UART_IER], 0x0f);
	ck_assert_uint_eq(data[UART_LSR], UART_LSR_THRE | UART_LSR_TEMT);
	ck_assert(!bus_access(&bus, PORT + 6, data, 4, false));
}
END_TEST

START_TEST(random_accesses_never_break_the_invariants)
{
	uint32_t seed = 12345;

	for (int i = 0; i < 50000; i++) {
		static const unsigned int lens[] = {1, 2, 4, 8};
		uint8_t data[8];
		unsigned int len;

		seed = seed * 1664525 + 1013904223;
		len = lens[seed >> 30];
		memset(data, (int)(seed >> 8), sizeof(data));
		nsent = 0;
		sink_room = seed >> 16 & 3;
		bus_access(&bus, PORT + (seed >> 5 & 7), data, len, seed >> 4 & 1);
		if ((seed & 0xf00) == 0)
			serial_receive(&serial, data, sizeof(data));
		if ((seed & 0xf000) == 0)
			serial_sink_ready(&serial);
		/* an assertion that holds costs a message to Check, too */
		if (serial.rx.n > SERIAL_FIFO || serial.tx.n > SERIAL_FIFO ||
		    serial.irq.level != irq_level)
			ck_abort_msg("after step %d", i);
	}
	/* and it still works */
	out(UART_LCR, 3);
	out(UART_MCR, 0);
	out(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR | UART_FCR_CLEAR_XMIT);
	nsent = 0;
	sink_room = 10;
	out(UART_TX, 'k');
	ck_assert_str_eq(sent, "k");
}
END_TEST

SUITE(test_serial)
{
	Suite *suite = suite_create("serial");
	TCase *tc = tcase_create("serial");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, linux_autoconfig_finds_a_16550A);
	tcase_add_test(tc, linux_size_fifo_counts_16_bytes_in_loopback);
	tcase_add_test(tc, scratch_divisor_and_line_control_read_back);
	tcase_add_test(tc, thre_interrupt_is_raised_again_when_enabled_again);
	tcase_add_test(tc, bytes_go_to_the_sink_and_thre_comes_back_after_each);
	tcase_add_test(tc, a_burst_of_16_bytes_moves_the_interrupt_line_twice);
	tcase_add_test(tc, a_sink_that_is_behind_makes_the_transmitter_busy_until_it_is_ready);
	tcase_add_test(tc, a_guest_that_ignores_a_busy_transmitter_loses_bytes_and_nothing_else);
	tcase_add_test(tc, clearing_the_transmit_fifo_empties_it);
	tcase_add_test(tc, input_is_bounded_and_comes_out_in_order);
	tcase_add_test(tc, received_data_interrupts_at_the_trigger_and_times_out_below_it);
	tcase_add_test(tc, without_fifos_one_byte_is_data_available);
	tcase_add_test(tc, clearing_the_receive_fifo_lowers_the_interrupt);
	tcase_add_test(tc, the_feeder_is_told_of_room_once_per_emptied_fifo);
	tcase_add_test(tc, the_guest_listens_when_it_enables_the_receive_interrupt_or_polls);
	tcase_add_test(tc, loopback_keeps_the_outside_out);
	tcase_add_test(tc, interrupts_are_reported_by_priority);
	tcase_add_test(tc, modem_lines_show_somebody_at_the_other_end);
	tcase_add_test(tc, an_unconnected_interrupt_line_and_no_feeder_are_fine);
	tcase_add_test(tc, wide_accesses_touch_the_registers_one_by_one);
	tcase_add_test(tc, random_accesses_never_break_the_invariants);
	suite_add_tcase(suite, tc);
	return suite;
}
