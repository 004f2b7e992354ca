/* SPDX-License-Identifier: MIT */
/*
 * The guest physical address map. RAM starts at 0; what does not fit below the hole for devices
 * goes on at 4 GiB. The split is that of QEMU's q35 machine, so that everything derived from the
 * RAM ranges (the TD HOB, hence RTMR[0]) has the value that public calculators expect.
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

#define PAGE_SIZE 4096ULL

#define LAYOUT_LOW_MAX	   0xb0000000ULL /* RAM stays below this when it all fits */
#define LAYOUT_LOW_SPLIT   0x80000000ULL /* otherwise this much of it is low */
#define LAYOUT_VIRTIO_BASE 0xd0000000ULL
#define LAYOUT_IOAPIC	   0xfec00000ULL
#define LAYOUT_LAPIC	   0xfee00000ULL
#define LAYOUT_IDENTITY	   0xfeffc000ULL /* 1 page, KVM_SET_IDENTITY_MAP_ADDR */
#define LAYOUT_TSS	   0xfeffd000ULL /* 3 pages, KVM_SET_TSS_ADDR */
#define LAYOUT_HIGH_BASE   0x100000000ULL

#define LAYOUT_RAM_MIN 0x2000000ULL /* 32 MiB */

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
