/* SPDX-License-Identifier: MIT */
/*
 * The least of a PC with Intel's Q35 chipset that OVMF takes for one: configuration space with two
 * functions in it, and no bus behind them. Only VMs with firmware have this.
 *
 *   00:00.0  host bridge 8086:29c0. OVMF's platform code looks at this ID to know what machine it
 *            is in, and moves the window below with its PCIEXBAR register.
 *   00:1f.0  ISA bridge (ICH9) 8086:2918. OVMF finds the power management block by its PMBASE and
 *            ACPI_CNTL registers, for its timer and for power-off, and takes the presence of an ISA
 *            bridge for that of a serial port and a keyboard controller.
 *
 * Configuration space is reached by the ports 0xcf8 and 0xcfc (PCI 3.0, 3.2.2.3.2), which OVMF uses
 * at first and Linux uses always, and through a window in memory (PCIEXBAR), which OVMF uses later.
 * The reset register at port 0xcf9 lies between the former.
 *
 * References: Intel 3 Series Express Chipset Family datasheet, section 5.1; Intel ICH9 Family
 * datasheet, chapter 13.
 */
#ifndef VMM_DEV_Q35_H
#define VMM_DEV_Q35_H

#include "vmm/dev/bus.h"

#include <stdatomic.h>
#include <stdint.h>

#define Q35_CONFIG_PORTS 8
#define Q35_WINDOWS	 2

struct q35;

struct q35_window {
	struct device dev;
	struct q35 *q35;
	uint64_t base; /* dev answers when PCIEXBAR says that the window is there */
};

struct q35 {
	struct device ports;
	struct q35_window window[Q35_WINDOWS];
	struct device *reset;	      /* at port 0xcf9 */
	_Atomic uint32_t address;     /* what port 0xcfc shows */
	_Atomic uint32_t pciexbar[2]; /* low and high half */
};

/* `reset`: the device of the reset register, which gets the accesses to its port. */
void q35_init(struct q35 *q35, struct device *reset);

#endif
