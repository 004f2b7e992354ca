/* SPDX-License-Identifier: MIT */
/*
 * Kernels: each kind is parsed when it is opened, then put into guest memory, and says what the rest of
 * the loader has to know.
 */
#ifndef BOOT_KERNEL_H
#define BOOT_KERNEL_H

#include "boot/image.h"
#include "mem/plan.h"

#include <asm/bootparam.h>
#include <elf.h>
#include <stdbool.h>

/* In every setup header (boot.rst, "The Real-Mode Kernel Header"). */
#define LINUX_BOOT_FLAG	   0xaa55
#define LINUX_HEADER_MAGIC 0x53726448u /* "HdrS" */
#define LINUX_PROTOCOL_MIN 0x20c       /* 2.12: the first with xloadflags */

/* Longest command line that Linux takes (COMMAND_LINE_SIZE, with the final zero byte). */
#define LINUX_CMDLINE_SIZE 2048u

#define ELF_SEGMENTS_MAX 32

struct kernel {
	struct boot_image image;

	/* known when it was parsed */
	bool elf;
	struct setup_header header; /* to be handed back to it; ENTRY_LONG_MODE only */
	uint64_t offset, len;	    /* bzImage: of the protected-mode part in the file */
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdr[ELF_SEGMENTS_MAX]; /* ehdr.e_phnum of them */

	/* known when it was loaded */
	enum load_entry_mode mode; /* ENTRY_LONG_MODE or ENTRY_PVH */
	uint64_t entry;
	uint64_t initrd_end;  /* the initrd has to end at or below this address … */
	bool initrd_anywhere; /* … or may be above it, if there is no room */
	uint64_t cmdline_max; /* bytes, without the final zero byte */
};

/* Finds out what the image, which is open, is, and reads its headers. What is no kernel for this
 * machine is refused by what it is. */
int kernel_parse(struct kernel *kernel, struct vmm_error *err);

/* Puts it into guest memory and records its items. `need_long_mode`: only the 64-bit entry will do. */
int kernel_load(struct kernel *kernel, bool need_long_mode, struct load_plan *plan,
		struct vmm_error *err);

/* Linux x86 boot protocol, 64-bit entry (Documentation/arch/x86/boot.rst). */
bool bzimage_is(const struct boot_image *image);
int bzimage_parse(struct kernel *kernel, struct vmm_error *err);
int bzimage_load(struct kernel *kernel, struct load_plan *plan, struct vmm_error *err);

/* ELF, started at its PVH entry if it has one and that is allowed, else at its 64-bit entry. */
bool elf_is(const struct boot_image *image);
int elf_parse(struct kernel *kernel, struct vmm_error *err);
int elf_load(struct kernel *kernel, bool need_long_mode, struct load_plan *plan,
	     struct vmm_error *err);

/* The loadable segments of an ELF kernel as boot items. Segments begin and end anywhere, boot items are
 * whole pages that never overlap: a page that two segments share belongs to the lower one's item.
 * Sorts them by address, and refuses those that overlap (-EEXIST). */
int elf_record(Elf64_Phdr *seg, size_t nsegs, struct load_plan *plan, struct vmm_error *err);

/*
 * Looks for the note `type` of owner `name` among `len` bytes of notes, aligned to `align` (4 or
 * 8; System V gABI, chapter 5, "Note Section"). Returns 1 and sets *desc and *desc_len (pointing
 * into `notes`), 0 when there is none, or -EBADMSG when a note reaches beyond the end.
 */
int elf_note_find(const uint8_t *notes, size_t len, size_t align, const char *name, uint32_t type,
		  const uint8_t **desc, size_t *desc_len);

/* Where RAM below the hole ends. Kernel, initrd and device tree lie below it. */
uint64_t kernel_ram_end(const struct guest_mem *mem);

#endif
