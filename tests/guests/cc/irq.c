// SPDX-License-Identifier: MIT
/*
 * Interrupts of devices: pins of the I/O APIC, each with a vector of its own at the boot CPU, and how
 * often it came. Intel SDM volume 3, chapter 11; 82093AA datasheet, section 3.
 */
#include "tests/guests/cc/guest.h"

#define PINS	     24
#define FIRST_VECTOR 0x40
#define SPURIOUS     0xff

#define IOAPIC_INDEX 0xfec00000
#define IOAPIC_DATA  0xfec00010
#define IOAPIC_ENTRY 0x10

#define LAPIC	      0xfee00000
#define LAPIC_EOI     0xb0
#define LAPIC_SVR     0xf0
#define LAPIC_ENABLED 0x100
#define MSR_APIC_BASE 0x1b
#define APIC_BASE_X2  0x400
#define MSR_X2APIC    0x800

#define PIC_MASK 0x21 /* and 0xa1, of the other 8259 */

struct frame;

static volatile uint64_t count[PINS];
static bool x2apic;

static uint64_t rdmsr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return low | (uint64_t)high << 32;
}

static void mmio_write(uint64_t gpa, uint32_t value)
{
	__asm__ volatile("movl %0, (%1)" : : "r"(value), "r"(gpa) : "memory");
}

static void lapic_write(uint32_t reg, uint32_t value)
{
	if (x2apic)
		__asm__ volatile("wrmsr" : : "c"(MSR_X2APIC + reg / 16), "a"(value), "d"(0));
	else
		mmio_write(LAPIC + reg, value);
}

/* called by handlers, which may change no register */
__attribute__((no_caller_saved_registers)) static void came(unsigned int pin)
{
	count[pin]++;
	lapic_write(LAPIC_EOI, 0);
}

/* A handler for each pin, as the vector is not told to it. */
#define HANDLER(pin)                                                              \
	__attribute__((interrupt)) static void handler_##pin(struct frame *frame) \
	{                                                                         \
		(void)frame;                                                      \
		came(pin);                                                        \
	}
/* those of virtio windows (vmm/virtio/devices.c), in their order */
HANDLER(5)
HANDLER(6)
HANDLER(7)
HANDLER(10)

static const struct {
	unsigned int pin;
	void (*handler)(struct frame *frame);
} windows[] = {{5, handler_5}, {6, handler_6}, {7, handler_7}, {10, handler_10}};

__attribute__((interrupt)) static void spurious(struct frame *frame)
{
	(void)frame;
}

/* The first sixteen lines lead to the 8259s as well, which were never told vectors. */
static void silence_pics(void)
{
	__asm__ volatile("outb %0, %1" : : "a"((uint8_t)0xff), "Nd"((uint16_t)PIC_MASK));
	__asm__ volatile("outb %0, %1" : : "a"((uint8_t)0xff), "Nd"((uint16_t)(PIC_MASK + 0x80)));
}

static void program_pin(unsigned int pin)
{
	const uint32_t entry = IOAPIC_ENTRY + 2 * pin;

	mmio_write(IOAPIC_INDEX, entry + 1);
	mmio_write(IOAPIC_DATA, 0); /* the boot CPU's local APIC */
	mmio_write(IOAPIC_INDEX, entry);
	mmio_write(IOAPIC_DATA, FIRST_VECTOR + pin); /* an edge, not masked */
}

void irqs_init(void)
{
	x2apic = rdmsr(MSR_APIC_BASE) & APIC_BASE_X2;
	for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++)
		trap_set_gate(FIRST_VECTOR + windows[i].pin, windows[i].handler);
	trap_set_gate(SPURIOUS, spurious);
	silence_pics();
	lapic_write(LAPIC_SVR, LAPIC_ENABLED | SPURIOUS);
	for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++)
		program_pin(windows[i].pin);
	__asm__ volatile("sti");
}

uint64_t irqs_of_window(uint64_t window)
{
	if (window >= sizeof(windows) / sizeof(windows[0]))
		fail("window %u has no handler", window);
	return count[windows[window].pin];
}
