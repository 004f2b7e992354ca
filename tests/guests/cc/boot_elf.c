// SPDX-License-Identifier: MIT
/* The guest as a kernel: boot parameters, and the local APIC to start other CPUs with. */
#include "tests/guests/cc/guest.h"

#include <asm/bootparam.h>

#define HEADER_MAGIC 0x53726448 /* "HdrS" */

/* Intel SDM volume 3, 11.12: x2APIC mode; 11.6.1: interrupt command register */
#define MSR_APIC_BASE  0x1b
#define APIC_ENABLED   (1u << 11)
#define APIC_X2APIC    (1u << 10)
#define MSR_X2APIC_ICR 0x830
#define ICR_ALL_OTHERS (3u << 18)
#define ICR_ASSERT     (1u << 14)
#define ICR_INIT       (5u << 8)
#define ICR_STARTUP    (6u << 8)

extern const uint8_t trampoline[], trampoline_end[], trampoline_cr3[];

_Noreturn void guest_main(const struct boot_params *params);

static uint64_t read_msr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

static void write_msr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
}

static void wait_ticks(uint32_t ticks)
{
	uint32_t start = pm_timer();

	while (pm_timer() - start < ticks)
		;
}

void wake_other_cpus(void)
{
	volatile uint8_t *copy = (volatile uint8_t *)TRAMPOLINE;
	uint64_t cr3;

	for (size_t i = 0; i < (size_t)(trampoline_end - trampoline); i++)
		copy[i] = trampoline[i];
	__asm__("mov %%cr3, %0" : "=r"(cr3));
	*(volatile uint64_t *)(copy + (trampoline_cr3 - trampoline)) = cr3;

	write_msr(MSR_APIC_BASE, read_msr(MSR_APIC_BASE) | APIC_ENABLED | APIC_X2APIC);
	write_msr(MSR_X2APIC_ICR, ICR_ALL_OTHERS | ICR_ASSERT | ICR_INIT);
	wait_ticks(35796); /* 10 ms */
	write_msr(MSR_X2APIC_ICR, ICR_ALL_OTHERS | ICR_ASSERT | ICR_STARTUP | TRAMPOLINE >> 12);
}

void guest_main(const struct boot_params *params)
{
	io_init();
	traps_init();
	if ((uintptr_t)params == IGVM_AREA)
		run(igvm_cmdline());
	if (params->hdr.header != HEADER_MAGIC)
		fail("no boot parameters at %x", (uint64_t)(uintptr_t)params);
	if (params->e820_entries == 0)
		fail("no memory map");
	run((const char *)(uintptr_t)params->hdr.cmd_line_ptr);
}
