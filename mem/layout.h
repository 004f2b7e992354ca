/* SPDX-License-Identifier: MIT */
/*
 * Where everything is in a guest: physical addresses, I/O ports, interrupts. RAM starts at 0; what
 * does not fit below the hole for devices goes on at 4 GiB. The split is that of QEMU's q35
 * machine, so that everything derived from the RAM ranges (the TD HOB, hence RTMR[0]) has the value
 * that public calculators expect.
 *
 *	0x0000_0000  RAM; the first MiB also holds what the loader hands to the kernel
 *	0x8000_0000  hole, when memory >= 0xb000_0000 bytes; otherwise RAM up to memory
 *	0xd000_0000  virtio-mmio windows
 *	0xfec0_0000  I/O APIC        0xfee0_0000  local APIC       (both in KVM)
 *	0xfeff_c000  KVM's own pages on Intel: identity map, TSS
 *	0xff00_0000  firmware image, ending at 4 GiB
 *	0x1_0000_0000  the rest of RAM
 */
#ifndef MEM_LAYOUT_H
#define MEM_LAYOUT_H

#include "vmm/base/error.h"

#include <stddef.h>
#include <stdint.h>

#define PAGE_SIZE UINT64_C(4096)

#define LAYOUT_LOW_MAX	   UINT64_C(0xb0000000) /* RAM stays below this when it all fits */
#define LAYOUT_LOW_SPLIT   UINT64_C(0x80000000) /* otherwise this much of it is low */
#define LAYOUT_VIRTIO_BASE UINT64_C(0xd0000000)
#define LAYOUT_IOAPIC	   UINT64_C(0xfec00000)
#define LAYOUT_LAPIC	   UINT64_C(0xfee00000)
#define LAYOUT_IDENTITY	   UINT64_C(0xfeffc000) /* 1 page, KVM_SET_IDENTITY_MAP_ADDR */
#define LAYOUT_TSS	   UINT64_C(0xfeffd000) /* 3 pages, KVM_SET_TSS_ADDR */
#define LAYOUT_HIGH_BASE   UINT64_C(0x100000000)

#define LAYOUT_RAM_MIN UINT64_C(0x2000000) /* 32 MiB */

/* Of firmware's VMs: where the PCI configuration window may be, see vmm/dev/q35.h. */
#define LAYOUT_PCI_WINDOW_OLD  UINT64_C(0xb0000000)
#define LAYOUT_PCI_WINDOW      UINT64_C(0xe0000000)
#define LAYOUT_PCI_WINDOW_SIZE UINT64_C(0x10000000)

/*
 * I/O ports. The ACPI tables and the device tree name some of them, vmm/dev implements all.
 */
#define PIT_PORT	       0x40 /* 3 bytes, the counters; only where KVM has no PIT */
#define I8042_COMMAND_PORT     0x64
#define CMOS_PORT	       0x70 /* 2 bytes: index, data */
#define DEBUG_CONSOLE_PORT     0xe9
#define BOOT_MARK_PORT	       0xf4
#define PLATFORM_SERIAL_PORT   0x3f8 /* 8 bytes */
#define OVMF_DEBUG_PORT	       0x402 /* edk2, PcdDebugIoPort */
#define PLATFORM_PVPANIC_PORT  0x505 /* \_HID QEMU0001 */
#define FW_CFG_PORT	       0x510 /* 2 bytes: selector; the second one also data */
#define FW_CFG_DMA_PORT	       0x514 /* 8 bytes, big-endian: address of a request */
#define PLATFORM_PM1A_EVT_PORT 0x600 /* 4 bytes: status, enable */
#define PLATFORM_PM1A_CNT_PORT 0x604 /* 2 bytes */
#define PLATFORM_PM_TIMER_PORT 0x608 /* 4 bytes */
#define Q35_CONFIG_PORT	       0xcf8 /* 8 bytes, among them the reset register's */
#define PLATFORM_RESET_PORT    0xcf9 /* as on PCs: reset by writing PLATFORM_RESET_VALUE */

/*
 * Interrupts. Every ISA interrupt has the GSI of its own number, IRQ 0 (the PIT) included: that is
 * KVM's routing when nobody sets another. The SCI is level triggered and active high.
 */
#define PLATFORM_SERIAL_IRQ 4
#define PLATFORM_SCI_IRQ    9

/* What the ACPI tables tell the guest to write, and the devices understand. */
#define PLATFORM_RESET_VALUE 0x06
#define PLATFORM_S5_TYPE     5 /* SLP_TYP for power-off in \_S5 */

struct gpa_range {
	uint64_t gpa;
	uint64_t len; /* bytes */
};

/*
 * Splits `size` bytes of RAM into one or two ranges, ascending; returns how many. `size` is a
 * multiple of 4 KiB from LAYOUT_RAM_MIN to 2^51.
 */
size_t layout_ram(uint64_t size, struct gpa_range ram[2]);

/* First address above all RAM, and above the hole. */
uint64_t layout_end(uint64_t size);

#endif
