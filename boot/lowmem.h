/* SPDX-License-Identifier: MIT */
/*
 * What the loader puts below 1 MiB, at fixed addresses. Everything else (kernel, initrd, device
 * tree) is at or above 1 MiB.
 *
 *	0x00000  RAM, not used: Linux reads words 0x40e and 0x413 of the BIOS data area, zero here
 *	0x01000  boot parameters (Linux) or start info (PVH), 1 page
 *	0x03000  page tables, 6 pages (64-bit entry only)
 *	0x09000  SNP guests only, reserved: secrets, CPUID table, and the blob that leads to them
 *	0x10000  command line, up to 64 KiB with its final zero byte
 *	0x20000  RAM, not used; Linux takes its trampolines from 0x9f000 downwards
 *	0xa0000  reserved: where PCs have video memory and option ROMs
 *	0xe0000  ACPI tables, up to 128 KiB; what they leave over is reserved
 *
 * There is no GDT: the VMM loads the hidden parts of the segment registers itself, and Linux brings
 * its own table before it loads a selector.
 */
#ifndef BOOT_LOWMEM_H
#define BOOT_LOWMEM_H

#define LOWMEM_PARAMS	    UINT64_C(0x1000)
#define LOWMEM_PAGE_TABLES  UINT64_C(0x3000)
#define LOWMEM_SNP_SECRETS  UINT64_C(0x9000)
#define LOWMEM_SNP_CPUID    UINT64_C(0xa000)
#define LOWMEM_SNP_BLOB	    UINT64_C(0xb000)
#define LOWMEM_SNP_END	    UINT64_C(0xc000)
#define LOWMEM_CMDLINE	    UINT64_C(0x10000)
#define LOWMEM_CMDLINE_SIZE UINT64_C(0x10000)
#define LOWMEM_RAM_END	    UINT64_C(0xa0000)
#define LOWMEM_ACPI	    UINT64_C(0xe0000)
#define LOWMEM_ACPI_SIZE    UINT64_C(0x20000)
#define LOWMEM_END	    UINT64_C(0x100000)

#endif
