/* SPDX-License-Identifier: MIT */
/*
 * Kernel loaders: each puts a kernel into guest memory, records its boot items, and says what the
 * rest of the loader has to know.
 */
#ifndef BOOT_KERNEL_H
#define BOOT_KERNEL_H

#include "boot/image.h"
#include "mem/plan.h"

#include <asm/bootparam.h>
#include <stdbool.h>

/* In every setup header (boot.rst, "The Real-Mode Kernel Header"). */
#define LINUX_BOOT_FLAG	   0xaa55
#define LINUX_HEADER_MAGIC 0x53726448u /* "HdrS" */
#define LINUX_PROTOCOL_MIN 0x20c       /* 2.12: the first with xloadflags */

/* Longest command line that Linux takes (COMMAND_LINE_SIZE, with the final zero byte). */
#define LINUX_CMDLINE_SIZE 2048u

struct kernel {
	enum load_entry_mode mode; /* ENTRY_LONG_MODE or ENTRY_PVH */
	uint64_t entry;
	uint64_t initrd_end;	    /* the initrd has to end at or below this address … */
	bool initrd_anywhere;	    /* … or may be above it, if there is no room */
	uint64_t cmdline_max;	    /* bytes, without the final zero byte */
	struct setup_header header; /* to be handed back to it; ENTRY_LONG_MODE only */
};

/*
 * Finds out what the file is, and loads it. `need_long_mode`: only the 64-bit entry will do. What
 * is no kernel for this machine is refused by what it is.
 */
int kernel_load(struct boot_image *image, bool need_long_mode, struct guest_mem *mem,
		struct load_plan *plan, struct kernel *kernel, struct vmm_error *err);

/* Linux x86 boot protocol, 64-bit entry (Documentation/arch/x86/boot.rst). */
bool bzimage_is(const struct boot_image *image);
int bzimage_load(struct boot_image *image, struct guest_mem *mem, struct load_plan *plan,
		 struct kernel *kernel, struct vmm_error *err);

/* ELF, started at its PVH entry if it has one and that is allowed, else at its 64-bit entry. */
bool elf_is(const struct boot_image *image);
int elf_load(struct boot_image *image, bool need_long_mode, struct guest_mem *mem,
	     struct load_plan *plan, struct kernel *kernel, struct vmm_error *err);

/* Where RAM below the hole ends. Kernel, initrd and device tree lie below it. */
uint64_t kernel_ram_end(const struct guest_mem *mem);

#endif
