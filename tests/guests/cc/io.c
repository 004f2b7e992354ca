// SPDX-License-Identifier: MIT
#include "tests/guests/cc/guest.h"

#include <linux/serial_reg.h>
#include <stdarg.h>

#define SERIAL	      0x3f8
#define DEBUG_CONSOLE 0xe9
#define PM_CONTROL    0x604
#define PM_TIMER      0x608
#define S5	      (5u << 10 | 1u << 13) /* SLP_TYP and SLP_EN, ACPI 6.5, 4.8.3.2 */

static void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static void out16(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static uint8_t in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

void io_init(void)
{
	out8(SERIAL + UART_FCR, UART_FCR_ENABLE_FIFO);
	out8(SERIAL + UART_MCR, UART_MCR_DTR | UART_MCR_RTS); /* ready for input */
}

static void put_char(char c)
{
	while (!(in8(SERIAL + UART_LSR) & UART_LSR_THRE))
		;
	out8(SERIAL + UART_TX, (uint8_t)c);
	out8(DEBUG_CONSOLE, (uint8_t)c);
}

static void put_string(const char *s)
{
	while (*s)
		put_char(*s++);
}

static void put_number(uint64_t value, unsigned int base)
{
	char digits[20];
	size_t n = 0;

	do
		digits[n++] = "0123456789abcdef"[value % base];
	while ((value /= base) != 0);
	while (n > 0)
		put_char(digits[--n]);
}

static void put(const char *format, va_list args)
{
	for (; *format; format++) {
		if (*format != '%') {
			put_char(*format);
			continue;
		}
		switch (*++format) {
		case 's':
			put_string(va_arg(args, const char *));
			break;
		case 'u':
			put_number(va_arg(args, uint64_t), 10);
			break;
		case 'x':
			put_string("0x");
			put_number(va_arg(args, uint64_t), 16);
			break;
		default:
			return;
		}
	}
}

void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put(format, args);
	va_end(args);
	put_char('\n');
}

void fail(const char *format, ...)
{
	va_list args;

	put_string("GUEST FAIL ");
	va_start(args, format);
	put(format, args);
	va_end(args);
	put_char('\n');
	power_off();
}

void read_line(char *line, size_t size)
{
	size_t n = 0;

	for (;;) {
		char c;

		while (!(in8(SERIAL + UART_LSR) & UART_LSR_DR))
			__asm__ volatile("pause");
		c = (char)in8(SERIAL + UART_RX);
		if (c == '\n')
			break;
		if (n + 1 < size)
			line[n++] = c;
	}
	line[n] = '\0';
}

uint32_t pm_timer(void)
{
	uint32_t value;

	__asm__ volatile("inl %w1, %0" : "=a"(value) : "Nd"(PM_TIMER));
	return value;
}

void power_off(void)
{
	out16(PM_CONTROL, S5);
	for (;;)
		__asm__ volatile("hlt");
}

void triple_fault(void)
{
	const struct {
		uint8_t bytes[10];
	} no_table = {{0}};

	__asm__ volatile("lidt %0\n\tud2" : : "m"(no_table));
	__builtin_unreachable();
}
