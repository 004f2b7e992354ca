// SPDX-License-Identifier: MIT
/*
 * ELF kernels (System V gABI, chapter 5). Loadable segments go to their physical addresses. A
 * kernel with a Xen note PHYS32_ENTRY is started there (PVH, Xen docs/misc/pvh.pandoc); otherwise
 * at its ELF entry point in 64-bit mode, as Linux expects of a loader that skips the bzImage.
 */
#include "boot/kernel.h"
#include "boot/lowmem.h"
#include "boot/ram.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTE_PHYS32_ENTRY 18	  /* XEN_ELFNOTE_PHYS32_ENTRY, Xen public/elfnote.h */
#define NOTES_MAX	  0x10000 /* bytes; Linux has 0.5 KiB of them */

struct elf {
	struct kernel *kernel;
	struct load_plan *plan;
	Elf64_Phdr seg[ELF_SEGMENTS_MAX]; /* those that are loaded */
	size_t nsegs;
};

bool elf_is(const struct boot_image *image)
{
	return image->head_len >= sizeof(Elf64_Ehdr) && memcmp(image->head, ELFMAG, SELFMAG) == 0;
}

/* --- headers ---------------------------------------------------------------------------------- */

static const char *machine_name(unsigned int machine)
{
	static const struct {
		unsigned int machine;
		const char *name;
	} known[] = {
		{EM_386, "32-bit x86"}, {EM_ARM, "32-bit Arm"}, {EM_AARCH64, "arm64"},
		{EM_RISCV, "RISC-V"},	{EM_PPC64, "PowerPC"},	{EM_S390, "s390"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i].machine == machine)
			return known[i].name;
	return "another machine";
}

static int check_header(const Elf64_Ehdr *h, struct vmm_error *err)
{
	if (h->e_ident[EI_DATA] != ELFDATA2LSB)
		return vmm_error_set(err, -ENOEXEC,
				     "EI_DATA %u: a big-endian ELF file, not for x86-64",
				     h->e_ident[EI_DATA]);
	/* e_machine is at the same place in 32-bit files */
	if (h->e_machine != EM_X86_64)
		return vmm_error_set(err, -ENOEXEC,
				     "e_machine %u: an ELF file for %s, not for x86-64",
				     h->e_machine, machine_name(h->e_machine));
	if (h->e_ident[EI_CLASS] != ELFCLASS64)
		return vmm_error_set(err, -ENOEXEC, "EI_CLASS %u: not a 64-bit ELF file",
				     h->e_ident[EI_CLASS]);
	if (h->e_type != ET_EXEC && h->e_type != ET_DYN)
		return vmm_error_set(err, -ENOEXEC, "e_type %u: not an executable ELF file",
				     h->e_type);
	if (h->e_phentsize != sizeof(Elf64_Phdr))
		return vmm_error_set(err, -ENOEXEC,
				     "e_phentsize %u, program headers have %zu bytes",
				     h->e_phentsize, sizeof(Elf64_Phdr));
	if (h->e_phnum == 0 || h->e_phnum > ELF_SEGMENTS_MAX)
		return vmm_error_set(err, -ENOEXEC,
				     "e_phnum %u: 1 to %d program headers are possible", h->e_phnum,
				     ELF_SEGMENTS_MAX);
	return 0;
}

int elf_parse(struct kernel *kernel, struct vmm_error *err)
{
	Elf64_Ehdr *h = &kernel->ehdr;
	int ret;

	memcpy(h, kernel->image.head, sizeof(*h));
	ret = check_header(h, err);
	if (ret < 0) {
		vmm_error_prefix(err, "%s", kernel->image.file.path);
		return ret;
	}
	ret = image_read(&kernel->image, h->e_phoff, kernel->phdr, h->e_phnum * sizeof(Elf64_Phdr),
			 err);
	if (ret < 0)
		vmm_error_prefix(err, "program headers at e_phoff %#" PRIx64, h->e_phoff);
	return ret;
}

/* --- segments --------------------------------------------------------------------------------- */

/* A kernel is started with the first 4 GiB mapped, or without paging. */
static const char *place_advice(const struct guest_mem *mem, const Elf64_Phdr *p)
{
	if (p->p_paddr >= LAYOUT_HIGH_BASE)
		return "no kernel is loaded above 4 GiB";
	return ram_advice(mem, p->p_paddr, p->p_memsz);
}

static int check_segment(const struct elf *elf, const Elf64_Phdr *p, struct vmm_error *err)
{
	uint64_t end = kernel_ram_end(elf->plan->mem);

	if (p->p_filesz > p->p_memsz)
		return vmm_error_set(err, -ENOEXEC,
				     "p_filesz %#" PRIx64 " is more than p_memsz %#" PRIx64,
				     p->p_filesz, p->p_memsz);
	if (!image_has(&elf->kernel->image, p->p_offset, p->p_filesz))
		return vmm_error_set(err, -ENODATA,
				     "p_offset %#" PRIx64 " and p_filesz %#" PRIx64
				     " reach beyond the end of the file",
				     p->p_offset, p->p_filesz);
	if (p->p_paddr < LOWMEM_END)
		return vmm_error_set(err, -ENOEXEC,
				     "p_paddr %#" PRIx64 " is below 1 MiB, where the loader keeps "
				     "boot parameters and tables",
				     p->p_paddr);
	if (!range_inside(p->p_paddr, p->p_memsz, LOWMEM_END, end - LOWMEM_END))
		return vmm_error_set(err, -ENOMEM,
				     "p_paddr %#" PRIx64 " and p_memsz %#" PRIx64
				     " reach beyond RAM for kernels, which ends at %#" PRIx64
				     ": %s",
				     p->p_paddr, p->p_memsz, end, place_advice(elf->plan->mem, p));
	return 0;
}

static int collect_segments(struct elf *elf, struct vmm_error *err)
{
	for (size_t i = 0; i < elf->kernel->ehdr.e_phnum; i++) {
		const Elf64_Phdr *p = &elf->kernel->phdr[i];
		int ret;

		if (p->p_type != PT_LOAD || p->p_memsz == 0)
			continue;
		ret = check_segment(elf, p, err);
		if (ret < 0) {
			vmm_error_prefix(err, "%s: program header %zu",
					 elf->kernel->image.file.path, i);
			return ret;
		}
		elf->seg[elf->nsegs++] = *p;
	}
	if (elf->nsegs == 0)
		return vmm_error_set(err, -ENOEXEC, "%s: no loadable segment (PT_LOAD)",
				     elf->kernel->image.file.path);
	return 0;
}

/* An item in the making; `end` is not rounded up to the page. */
struct run {
	uint64_t gpa;
	uint64_t end;
	enum load_kind kind;
};

struct runs {
	struct run run[2 * ELF_SEGMENTS_MAX];
	size_t n;
};

static int by_address(const void *a, const void *b)
{
	const Elf64_Phdr *x = a, *y = b;

	return x->p_paddr < y->p_paddr ? -1 : x->p_paddr > y->p_paddr;
}

/*
 * Appends the bytes [gpa, end), which are above all bytes so far, but may begin in the page in
 * which the last run ends.
 */
static void append(struct runs *runs, uint64_t gpa, uint64_t end, enum load_kind kind)
{
	struct run *last = runs->n > 0 ? &runs->run[runs->n - 1] : NULL;
	uint64_t page_end = last ? align_up(last->end, PAGE_SIZE) : 0;

	if (gpa >= end)
		return;
	gpa = align_down(gpa, PAGE_SIZE);
	if (last && gpa < page_end) {
		if (last->kind == LOAD_ZERO && kind == LOAD_DATA) {
			/* the page is no longer all zero */
			last->end = gpa;
			if (last->end == last->gpa)
				runs->n--;
		} else if (end <= page_end) {
			last->end = end;
			return;
		} else {
			last->end = page_end;
			gpa = page_end;
		}
	}
	runs->run[runs->n++] = (struct run){gpa, end, kind};
}

static int record_runs(const struct runs *runs, struct load_plan *plan, struct vmm_error *err)
{
	unsigned int nth = 0;

	for (size_t i = 0; i < runs->n; i++) {
		const struct run *r = &runs->run[i];
		struct load_item *item;
		char name[32] = "kernel bss";

		if (r->kind == LOAD_DATA)
			snprintf(name, sizeof(name), "kernel segment %u", nth++);
		item = load_plan_reserve(plan, name, r->gpa, r->end - r->gpa, r->kind, err);
		if (!item)
			return err->code;
		item->written = item->used; /* load_segments() will, or there is no guest */
	}
	return 0;
}

int elf_record(Elf64_Phdr *seg, size_t nsegs, struct load_plan *plan, struct vmm_error *err)
{
	struct runs runs = {.n = 0};

	qsort(seg, nsegs, sizeof(*seg), by_address);
	for (size_t i = 0; i < nsegs; i++) {
		const Elf64_Phdr *s = &seg[i], *low = &seg[i ? i - 1 : 0];
		uint64_t file_end = s->p_paddr + s->p_filesz;
		uint64_t bss = s->p_filesz ? align_up(file_end, PAGE_SIZE) : s->p_paddr;

		if (i > 0 && s->p_paddr - low->p_paddr < low->p_memsz)
			return vmm_error_set(err, -EEXIST,
					     "segment at p_paddr %#" PRIx64
					     " overlaps the one at %#" PRIx64
					     " of p_memsz %#" PRIx64,
					     s->p_paddr, low->p_paddr, low->p_memsz);
		append(&runs, s->p_paddr, file_end, LOAD_DATA);
		append(&runs, bss, s->p_paddr + s->p_memsz, LOAD_ZERO);
	}
	return record_runs(&runs, plan, err);
}
static int by_offset(const void *a, const void *b)
{
	const Elf64_Phdr *x = a, *y = b;

	return x->p_offset < y->p_offset ? -1 : x->p_offset > y->p_offset;
}

/* In the order of the file, which is the only one possible for a compressed file. */
static int load_segments(struct elf *elf, struct vmm_error *err)
{
	int ret = 0;

	qsort(elf->seg, elf->nsegs, sizeof(elf->seg[0]), by_offset);
	for (size_t i = 0; i < elf->nsegs && ret == 0; i++) {
		const Elf64_Phdr *s = &elf->seg[i];

		if (s->p_filesz > 0)
			ret = image_load(&elf->kernel->image, s->p_offset, elf->plan->mem,
					 s->p_paddr, s->p_filesz, err);
	}
	return ret;
}

/* --- where it starts -------------------------------------------------------------------------- */

/* Does a segment bring bytes of the file to `gpa`? */
static bool is_loaded(const struct elf *elf, uint64_t gpa)
{
	for (size_t i = 0; i < elf->nsegs; i++)
		if (range_inside(gpa, 1, elf->seg[i].p_paddr, elf->seg[i].p_filesz))
			return true;
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
		const Elf64_Phdr *s = &elf->seg[i];

		if (range_inside(p->p_offset, p->p_filesz, s->p_offset, s->p_filesz))
			return mem_read(elf->plan->mem, s->p_paddr + (p->p_offset - s->p_offset),
					buf, p->p_filesz);
	}
	return image_read(&elf->kernel->image, p->p_offset, buf, p->p_filesz, err);
}

int elf_note_find(const uint8_t *notes, size_t len, size_t align, const char *name, uint32_t type,
		  const uint8_t **desc, size_t *desc_len)
{
	size_t want = strlen(name) + 1;

	while (len >= sizeof(Elf64_Nhdr)) {
		uint64_t name_len = get_le32(notes), value_len = get_le32(notes + 4);
		uint64_t value_at = align_up(sizeof(Elf64_Nhdr) + name_len, align);
		uint64_t next = align_up(value_at + value_len, align);

		/* 32-bit lengths in 64-bit sums: nothing can wrap. The last note's padding may be
		 * missing. */
		if (value_at + value_len > len)
			return -EBADMSG;
		if (get_le32(notes + 8) == type && name_len == want &&
		    memcmp(notes + sizeof(Elf64_Nhdr), name, want) == 0) {
			*desc = notes + value_at;
			*desc_len = (size_t)value_len;
			return 1;
		}
		if (next >= len)
			break;
		notes += next;
		len -= next;
	}
	return 0;
}

/* 1 and *entry when note segment `p` has the PVH entry, 0 when it does not. */
static int pvh_entry_in(struct elf *elf, const Elf64_Phdr *p, uint64_t *entry,
			struct vmm_error *err)
{
	const char *path = elf->kernel->image.file.path;
	const uint8_t *desc;
	size_t desc_len = 0;
	uint8_t *notes;
	int ret;

	if (p->p_filesz > NOTES_MAX)
		return vmm_error_set(err, -ENOEXEC,
				     "%s: p_filesz %#" PRIx64 " of a note segment is more than %#x",
				     path, p->p_filesz, NOTES_MAX);
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
				      path, p->p_offset);
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

static int find_entry(struct elf *elf, bool need_long_mode, struct vmm_error *err)
{
	struct kernel *kernel = elf->kernel;
	int found = 0;

	kernel->entry = elf->kernel->ehdr.e_entry;
	for (size_t i = 0; i < elf->kernel->ehdr.e_phnum && !need_long_mode && found == 0; i++) {
		const Elf64_Phdr *p = &elf->kernel->phdr[i];

		if (p->p_type == PT_NOTE && p->p_filesz > 0)
			found = pvh_entry_in(elf, p, &kernel->entry, err);
	}
	if (found < 0)
		return found;
	kernel->mode = found ? ENTRY_PVH : ENTRY_LONG_MODE;
	if (!is_loaded(elf, kernel->entry))
		return vmm_error_set(err, -ENOEXEC,
				     "%s: the %s entry %#" PRIx64 " is in none of its segments",
				     elf->kernel->image.file.path,
				     found ? "PVH" : "64-bit (e_entry)", kernel->entry);
	return 0;
}

int elf_load(struct kernel *kernel, bool need_long_mode, struct load_plan *plan,
	     struct vmm_error *err)
{
	struct elf elf = {.kernel = kernel, .plan = plan};
	int ret = collect_segments(&elf, err);

	if (ret == 0) {
		ret = elf_record(elf.seg, elf.nsegs, plan, err);
		if (ret < 0)
			vmm_error_prefix(err, "%s", kernel->image.file.path);
	}
	if (ret == 0)
		ret = load_segments(&elf, err);
	if (ret == 0)
		ret = find_entry(&elf, need_long_mode, err);

	kernel->initrd_end = kernel_ram_end(plan->mem);
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
		.initrd_addr_max = (uint32_t)(kernel->initrd_end - 1),
		.kernel_alignment = 0x200000,
	};
	return ret;
}
