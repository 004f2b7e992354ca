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
FAULT(0)
FAULT(1)
FAULT(2)
FAULT(3)
FAULT(6)
FAULT(7)
FAULT_WITH_CODE(8)
FAULT_WITH_CODE(10)
FAULT_WITH_CODE(11)
FAULT_WITH_CODE(12)
FAULT_WITH_CODE(13)
FAULT_WITH_CODE(14)
FAULT(18)

void traps_init(void)
{
	set_gate(0, (uintptr_t)fault_0);
	set_gate(1, (uintptr_t)fault_1);
	set_gate(2, (uintptr_t)fault_2);
	set_gate(3, (uintptr_t)fault_3);
	set_gate(6, (uintptr_t)fault_6);
	set_gate(7, (uintptr_t)fault_7);
	set_gate(8, (uintptr_t)fault_8);
	set_gate(10, (uintptr_t)fault_10);
	set_gate(11, (uintptr_t)fault_11);
	set_gate(12, (uintptr_t)fault_12);
	set_gate(13, (uintptr_t)fault_13);
	set_gate(14, (uintptr_t)fault_14);
	set_gate(18, (uintptr_t)fault_18);
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
