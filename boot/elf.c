// SPDX-License-Identifier: MIT
/*
 * ELF kernels (System V gABI, chapter 5). Loadable segments go to their physical addresses. A
 * kernel with a Xen note PHYS32_ENTRY is started there (PVH, Xen docs/misc/pvh.pandoc); otherwise
 * at its ELF entry point in 64-bit mode, as Linux expects of a loader that skips the bzImage.
 */
#include "boot/elf_note.h"
#include "boot/kernel.h"
#include "boot/lowmem.h"
#include "boot/ram.h"
#include "boot/segments.h"
#include "vmm/base/bytes.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NOTE_PHYS32_ENTRY 18	  /* XEN_ELFNOTE_PHYS32_ENTRY, Xen public/elfnote.h */
#define NOTES_MAX	  0x10000 /* bytes; Linux has 0.5 KiB of them */

struct elf {
	struct boot_image *image;
	struct guest_mem *mem;
	Elf64_Ehdr header;
	Elf64_Phdr phdr[SEGMENTS_MAX]; /* header.e_phnum of them */
	struct segment seg[SEGMENTS_MAX];
	size_t nsegs;
};

bool elf_is(const struct boot_image *image)
{
	return image->head_len >= sizeof(Elf64_Ehdr) && memcmp(image->head, ELFMAG, SELFMAG) == 0;
}

static const char *machine_name(unsigned int machine)
{
	switch (machine) {
	case EM_386:
		return "32-bit x86";
	case EM_ARM:
		return "32-bit Arm";
	case EM_AARCH64:
		return "arm64";
	case EM_RISCV:
		return "RISC-V";
	case EM_PPC64:
		return "PowerPC";
	case EM_S390:
		return "s390";
	default:
		return "another machine";
	}
}

static int check_header(const struct elf *elf, struct vmm_error *err)
{
	const char *path = elf->image->path;
	const Elf64_Ehdr *h = &elf->header;

	if (h->e_ident[EI_DATA] != ELFDATA2LSB)
		return vmm_error_set(err, -ENOEXEC,
				     "%s: EI_DATA %u: a big-endian ELF file, not for x86-64", path,
				     h->e_ident[EI_DATA]);
	/* e_machine is at the same place in 32-bit files */
	if (h->e_machine != EM_X86_64)
		return vmm_error_set(err, -ENOEXEC,
				     "%s: e_machine %u: an ELF file for %s, not for x86-64", path,
				     h->e_machine, machine_name(h->e_machine));
	if (h->e_ident[EI_CLASS] != ELFCLASS64)
		return vmm_error_set(err, -ENOEXEC, "%s: EI_CLASS %u: not a 64-bit ELF file", path,
				     h->e_ident[EI_CLASS]);
	if (h->e_type != ET_EXEC && h->e_type != ET_DYN)
		return vmm_error_set(err, -ENOEXEC, "%s: e_type %u: not an executable ELF file",
				     path, h->e_type);
	if (h->e_phentsize != sizeof(Elf64_Phdr))
		return vmm_error_set(err, -ENOEXEC,
				     "%s: e_phentsize %u, program headers have %zu bytes", path,
				     h->e_phentsize, sizeof(Elf64_Phdr));
	if (h->e_phnum == 0 || h->e_phnum > SEGMENTS_MAX)
		return vmm_error_set(err, -ENOEXEC,
				     "%s: e_phnum %u: 1 to %d program headers are possible", path,
				     h->e_phnum, SEGMENTS_MAX);
	return 0;
}

static int read_headers(struct elf *elf, struct vmm_error *err)
{
	int ret;

	memcpy(&elf->header, elf->image->head, sizeof(elf->header));
	ret = check_header(elf, err);
	if (ret < 0)
		return ret;
	ret = image_read(elf->image, elf->header.e_phoff, elf->phdr,
			 elf->header.e_phnum * sizeof(Elf64_Phdr), err);
	if (ret < 0)
		vmm_error_prefix(err, "program headers at e_phoff %#" PRIx64,
				 (uint64_t)elf->header.e_phoff);
	return ret;
}

/* A kernel is started with the first 4 GiB mapped, or without paging. */
static const char *place_advice(const struct guest_mem *mem, const Elf64_Phdr *p)
{
	if (p->p_paddr >= LAYOUT_HIGH_BASE)
		return "no kernel is loaded above 4 GiB";
	return ram_advice(mem, p->p_paddr, p->p_memsz);
}

static int check_segment(const struct elf *elf, size_t index, struct vmm_error *err)
{
	const char *path = elf->image->path;
	const Elf64_Phdr *p = &elf->phdr[index];
	uint64_t ram_end = kernel_ram_end(elf->mem), end;

	if (p->p_filesz > p->p_memsz)
		return vmm_error_set(err, -ENOEXEC,
				     "%s: program header %zu: p_filesz %#" PRIx64
				     " is more than p_memsz %#" PRIx64,
				     path, index, (uint64_t)p->p_filesz, (uint64_t)p->p_memsz);
	if (__builtin_add_overflow(p->p_offset, p->p_filesz, &end) ||
	    (!elf->image->codec && end > elf->image->file.size))
		return vmm_error_set(err, -ENODATA,
				     "%s: program header %zu: p_offset %#" PRIx64
				     " and p_filesz %#" PRIx64 " reach beyond the end of the file",
				     path, index, (uint64_t)p->p_offset, (uint64_t)p->p_filesz);
	if (p->p_paddr < LOWMEM_END)
		return vmm_error_set(err, -ENOEXEC,
				     "%s: program header %zu: p_paddr %#" PRIx64
				     " is below 1 MiB, where the loader keeps boot parameters and "
				     "tables",
				     path, index, (uint64_t)p->p_paddr);
	if (!range_inside(p->p_paddr, p->p_memsz, LOWMEM_END, ram_end - LOWMEM_END))
		return vmm_error_set(err, -ENOMEM,
				     "%s: program header %zu: p_paddr %#" PRIx64 " and p_memsz "
				     "%#" PRIx64 " reach beyond RAM for kernels, which ends at "
				     "%#" PRIx64 ": %s",
				     path, index, (uint64_t)p->p_paddr, (uint64_t)p->p_memsz,
				     ram_end, place_advice(elf->mem, p));
	return 0;
}

static int collect_segments(struct elf *elf, struct vmm_error *err)
{
	for (size_t i = 0; i < elf->header.e_phnum; i++) {
		const Elf64_Phdr *p = &elf->phdr[i];
		int ret;

		if (p->p_type != PT_LOAD || p->p_memsz == 0)
			continue;
		ret = check_segment(elf, i, err);
		if (ret < 0)
			return ret;
		elf->seg[elf->nsegs++] = (struct segment){
			.gpa = p->p_paddr,
			.file_len = p->p_filesz,
			.mem_len = p->p_memsz,
			.offset = p->p_offset,
		};
	}
	if (elf->nsegs == 0)
		return vmm_error_set(err, -ENOEXEC, "%s: no loadable segment (PT_LOAD)",
				     elf->image->path);
	return 0;
}

static int by_offset(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* In the order of the file, which is the only one possible for a compressed file. */
static int load_segments(struct elf *elf, struct vmm_error *err)
{
	qsort(elf->seg, elf->nsegs, sizeof(elf->seg[0]), by_offset);
	for (size_t i = 0; i < elf->nsegs; i++) {
		const struct segment *s = &elf->seg[i];
		int ret;

		if (s->file_len == 0)
			continue;
		ret = image_load(elf->image, s->offset, elf->mem, s->gpa, s->file_len, err);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* Does a segment bring bytes of the file to `gpa`? */
static bool is_loaded(const struct elf *elf, uint64_t gpa)
{
	for (size_t i = 0; i < elf->nsegs; i++) {
		if (range_inside(gpa, 1, elf->seg[i].gpa, elf->seg[i].file_len))
			return true;
	}
	return false;
}

/*
 * The contents of a note segment. Usually it is also part of a loadable segment, and then it is
 * already in guest memory, where a compressed file does not have to go back. `buf` has p_filesz
 * bytes.
 */
static int read_notes(struct elf *elf, const Elf64_Phdr *p, uint8_t *buf, struct vmm_error *err)
{
	for (size_t i = 0; i < elf->nsegs; i++) {
		const struct segment *s = &elf->seg[i];

		if (range_inside(p->p_offset, p->p_filesz, s->offset, s->file_len))
			return mem_read(elf->mem, s->gpa + (p->p_offset - s->offset), buf,
					p->p_filesz);
	}
	return image_read(elf->image, p->p_offset, buf, p->p_filesz, err);
}

/* 1 and *entry when note segment `p` has the PVH entry, 0 when it does not. */
static int pvh_entry_in(struct elf *elf, const Elf64_Phdr *p, uint64_t *entry,
			struct vmm_error *err)
{
	const char *path = elf->image->path;
	const uint8_t *desc;
	size_t desc_len = 0;
	uint8_t *notes;
	int ret;

	if (p->p_filesz > NOTES_MAX)
		return vmm_error_set(err, -ENOEXEC,
				     "%s: p_filesz %#" PRIx64 " of a note segment is more than %#x",
				     path, (uint64_t)p->p_filesz, NOTES_MAX);
	notes = malloc(p->p_filesz);
	if (!notes)
		return vmm_error_set(err, -ENOMEM, "%s: out of memory for its notes", path);
	ret = read_notes(elf, p, notes, err);
	if (ret == 0) {
		ret = elf_note_find(notes, p->p_filesz, p->p_align == 8 ? 8 : 4, "Xen",
				    NOTE_PHYS32_ENTRY, &desc, &desc_len);
		if (ret < 0)
			vmm_error_set(err, ret,
				      "%s: a note reaches beyond its segment at p_offset "
				      "%#" PRIx64,
				      path, (uint64_t)p->p_offset);
	}
	/* an address of the size of the kernel's pointers */
	if (ret == 1 && desc_len != 4 && desc_len != 8)
		ret = vmm_error_set(err, -ENOEXEC,
				    "%s: the PVH entry note has %zu bytes, not 4 or 8", path,
				    desc_len);
	if (ret == 1)
		*entry = desc_len == 8 ? get_le64(desc) : get_le32(desc);
	free(notes);
	return ret;
}

static int find_entry(struct elf *elf, bool need_long_mode, struct kernel *kernel,
		      struct vmm_error *err)
{
	kernel->mode = ENTRY_LONG_MODE;
	kernel->entry = elf->header.e_entry;
	for (size_t i = 0; i < elf->header.e_phnum && !need_long_mode; i++) {
		const Elf64_Phdr *p = &elf->phdr[i];
		int ret;

		if (p->p_type != PT_NOTE || p->p_filesz == 0)
			continue;
		ret = pvh_entry_in(elf, p, &kernel->entry, err);
		if (ret < 0)
			return ret;
		if (ret == 1) {
			kernel->mode = ENTRY_PVH;
			break;
		}
	}
	if (!is_loaded(elf, kernel->entry))
		return vmm_error_set(
			err, -ENOEXEC, "%s: the %s entry %#" PRIx64 " is in none of its segments",
			elf->image->path, kernel->mode == ENTRY_PVH ? "PVH" : "64-bit (e_entry)",
			kernel->entry);
	return 0;
}

int elf_load(struct boot_image *image, bool need_long_mode, struct guest_mem *mem,
	     struct load_plan *plan, struct kernel *kernel, struct vmm_error *err)
{
	struct elf elf = {.image = image, .mem = mem};
	int ret;

	ret = read_headers(&elf, err);
	if (ret == 0)
		ret = collect_segments(&elf, err);
	if (ret == 0)
		ret = segments_record(elf.seg, elf.nsegs, mem, plan, image->path, err);
	if (ret == 0)
		ret = load_segments(&elf, err);
	if (ret == 0)
		ret = find_entry(&elf, need_long_mode, kernel, err);
	if (ret < 0)
		return ret;

	kernel->initrd_end = kernel_ram_end(mem);
	/* Linux since 3.8; it takes 32 bits of the address that PVH has for it */
	kernel->initrd_anywhere = kernel->mode == ENTRY_LONG_MODE;
	kernel->cmdline_max = LINUX_CMDLINE_SIZE - 1;
	/* what a bzImage's own header would say, as far as Linux looks at it past that stage */
	kernel->header = (struct setup_header){
		.boot_flag = LINUX_BOOT_FLAG,
		.header = LINUX_HEADER_MAGIC,
		.version = LINUX_PROTOCOL_MIN,
		.loadflags = LOADED_HIGH,
		.cmdline_size = LINUX_CMDLINE_SIZE - 1,
		.initrd_addr_max = (uint32_t)(kernel_ram_end(mem) - 1),
		.kernel_alignment = 0x200000,
	};
	return 0;
}
