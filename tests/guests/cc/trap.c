// SPDX-License-Identifier: MIT
/*
 * Tables for exceptions and interrupts. No exception is expected: one is told with all that helps to
 * find out whether guest, VMM, kernel or emulator is to blame, where without a handler there would be
 * a triple fault. Intel SDM volume 3, 6.10 to 6.15.
 */
#include "tests/guests/cc/guest.h"

#define CODE_SELECTOR 8
#define GATE	      0x8e00 /* present, 64-bit interrupt gate */

struct gate {
	uint16_t offset_low, selector, type, offset_middle;
	uint32_t offset_high, reserved;
};

struct __attribute__((packed)) table_register {
	uint16_t limit;
	uint64_t base;
};

struct frame {
	uint64_t rip, cs, rflags, rsp, ss;
};

static const uint64_t gdt[] = {0, 0x00af9b000000ffff};
static struct gate idt[256];

static void set_gate(unsigned int vector, uintptr_t offset)
{
	idt[vector] = (struct gate){
		.offset_low = (uint16_t)offset,
		.offset_middle = (uint16_t)(offset >> 16),
		.offset_high = (uint32_t)(offset >> 32),
		.selector = CODE_SELECTOR,
		.type = GATE,
	};
}

void trap_set_gate(unsigned int vector, trap_handler *handler)
{
	set_gate(vector, (uintptr_t)handler);
}

__attribute__((no_caller_saved_registers)) _Noreturn static void
exception(uint64_t vector, uint64_t error, const struct frame *frame)
{
	uint64_t cr2, cr3;
	const volatile uint64_t *code = (const volatile uint64_t *)frame->rip;
	bool in_code = frame->rip >= LOW_BASE && frame->rip < LOW_BASE + LOW_SIZE - 8;

	__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	fail("exception %u, error code %x, at %x (%x), stack %x, flags %x, cr2 %x, cr3 %x", vector,
	     error, frame->rip, in_code ? *code : 0, frame->rsp, frame->rflags, cr2, cr3);
}

#define FAULT(vector)                                                              \
	__attribute__((interrupt)) static void fault_##vector(struct frame *frame) \
	{                                                                          \
		exception(vector, 0, frame);                                       \
	}
#define FAULT_WITH_CODE(vector)                                                                    \
	__attribute__((interrupt)) static void fault_##vector(struct frame *frame, uint64_t error) \
	{                                                                                          \
		exception(vector, error, frame);                                                   \
	}

/* those that a CPU can raise, without and with an error code */
#define FAULTS(plain, with_code)                                                         \
	plain(0) plain(1) plain(2) plain(3) plain(6) plain(7) with_code(8) with_code(10) \
		with_code(11) with_code(12) with_code(13) with_code(14) plain(18)

FAULTS(FAULT, FAULT_WITH_CODE)

#define SET_GATE(vector) set_gate(vector, (uintptr_t)fault_##vector);

void traps_init(void)
{
	FAULTS(SET_GATE, SET_GATE)
	traps_load();
}

/* Segments that an interrupt can return to, whatever the CPU was started with. */
void traps_load(void)
{
	const struct table_register gdtr = {sizeof(gdt) - 1, (uint64_t)gdt};
	const struct table_register idtr = {sizeof(idt) - 1, (uint64_t)idt};

	__asm__ volatile("lgdt %0\n\t"
			 "lidt %1\n\t"
			 "mov %2, %%ss\n\t"
			 "pushq %3\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "lretq\n"
			 "1:"
			 :
			 : "m"(gdtr), "m"(idtr), "r"(0), "i"(CODE_SELECTOR)
			 : "rax", "memory");
}
