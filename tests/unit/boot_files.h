/* SPDX-License-Identifier: MIT */
/*
 * For the tests of the loader: files that live in memory only, kernels made up in the test, and a
 * guest to load them into.
 */
#ifndef TESTS_UNIT_BOOT_FILES_H
#define TESTS_UNIT_BOOT_FILES_H

#include "boot/boot.h"
#include "boot/kernel.h"
#include "boot/lowmem.h"
#include "mem/plan.h"
#include "tests/fuzz/boot_once.h"
#include "vmm/base/bytes.h"

#include <check.h>
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A file of our own; its path is good until file_free(). */
struct test_file {
	int fd;
	char path[40];
};

static inline struct test_file file_make(const void *bytes, size_t len)
{
	struct test_file f = {.fd = memfd_create("test", MFD_CLOEXEC)};

	ck_assert_int_ge(f.fd, 0);
	for (size_t done = 0; done < len;) {
		ssize_t n = write(f.fd, (const char *)bytes + done, len - done);

		ck_assert_int_gt(n, 0);
		done += (size_t)n;
	}
	snprintf(f.path, sizeof(f.path), "/proc/self/fd/%d", f.fd);
	return f;
}

static inline void file_free(struct test_file *f)
{
	close(f->fd);
}

struct test_guest {
	struct guest_mem mem;
	struct load_plan plan;
	struct vmm_error err;
};

static inline struct test_guest *guest_make(uint64_t ram)
{
	struct test_guest *g = calloc(1, sizeof(*g));

	ck_assert_ptr_nonnull(g);
	mem_init(&g->mem, sys_host(), NULL, MEM_PAGES_SMALL);
	ck_assert_int_eq(mem_add_ram(&g->mem, ram, &g->err), 0);
	load_plan_init(&g->plan, &g->mem);
	return g;
}

static inline void guest_free(struct test_guest *g)
{
	mem_destroy(&g->mem);
	free(g);
}

static inline const struct load_item *guest_item(const struct test_guest *g, const char *name)
{
	for (size_t i = 0; i < g->plan.nitems; i++) {
		if (strcmp(g->plan.item[i].name, name) == 0)
			return &g->plan.item[i];
	}
	ck_abort_msg("no boot item named %s", name);
	return NULL;
}

static inline bool guest_has(const struct test_guest *g, uint64_t gpa, const void *bytes,
			     size_t len)
{
	const void *p = mem_ptr(&g->mem, gpa, len);

	return p && memcmp(p, bytes, len) == 0;
}

static inline void fill(uint8_t *p, size_t len, uint32_t seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525u + 1013904223u;
		/* compressible, but not all the same */
		p[i] = (uint8_t)(seed >> 30);
	}
}

/* --- a bzImage: boot sector, 4 sectors of setup, BZ_LEN bytes of protected-mode part ---------- */

#define BZ_SETUP   (5 * 512u)
#define BZ_LEN	   0x18000u
#define BZ_FILE	   (BZ_SETUP + BZ_LEN)
#define BZ_PREF	   0x1000000u
#define BZ_INIT	   0x40000u
#define BZ_CMDLINE 0x7ffu

static inline void bzimage_make(uint8_t file[BZ_FILE])
{
	memset(file, 0, BZ_SETUP);
	fill(file + BZ_SETUP, BZ_LEN, 1);
	file[0x1ef] = 0xff; /* the sentinel, which must not be copied */
	file[0x1f1] = 4;
	put_le32(file + 0x1f4, BZ_LEN / 16);
	put_le16(file + 0x1fe, 0xaa55);
	file[0x200] = 0xeb;
	file[0x201] = 0x6c - 2; /* the header ends at 0x26c */
	memcpy(file + 0x202, "HdrS", 4);
	put_le16(file + 0x206, 0x20f);
	file[0x211] = LOADED_HIGH;
	put_le32(file + 0x22c, 0x7fffffff);
	put_le32(file + 0x230, 0x200000);
	file[0x234] = 1;
	put_le16(file + 0x236, XLF_KERNEL_64);
	put_le32(file + 0x238, BZ_CMDLINE);
	put_le64(file + 0x258, BZ_PREF);
	put_le32(file + 0x260, BZ_INIT);
	put_le32(file + 0x268, 0x1234); /* kernel_info_offset */
}

/* --- an ELF file: two segments and a note segment -------------------------------------------- */

#define ELF_TEXT_AT   0x1000u /* offset in the file */
#define ELF_TEXT_LEN  0x2345u
#define ELF_DATA_AT   0x4000u
#define ELF_DATA_LEN  0x1800u
#define ELF_DATA_MEM  0x5432u
#define ELF_NOTE_AT   0x3000u /* inside the text segment */
#define ELF_NOTE_LEN  44u
#define ELF_FILE      (ELF_DATA_AT + ELF_DATA_LEN)
#define ELF_TEXT_GPA  0x200000u
#define ELF_DATA_GPA  0x204000u
#define ELF_ENTRY     0x200040u
#define ELF_PVH_ENTRY 0x200100u

static inline Elf64_Ehdr *elf_header(uint8_t *file)
{
	return (void *)file;
}

static inline Elf64_Phdr *elf_phdr(uint8_t *file, size_t i)
{
	return (void *)(file + sizeof(Elf64_Ehdr) + i * sizeof(Elf64_Phdr));
}

/* A note of another owner, then the PVH entry. */
static inline void elf_notes(uint8_t *p)
{
	put_le32(p, 4);
	put_le32(p + 4, 3);
	put_le32(p + 8, 18);
	memcpy(p + 12, "GNU", 4);
	put_le32(p + 20, 4);
	put_le32(p + 24, 8);
	put_le32(p + 28, 18);
	memcpy(p + 32, "Xen", 4);
	put_le64(p + 36, ELF_PVH_ENTRY);
}

static inline void elf_make(uint8_t file[ELF_FILE])
{
	memset(file, 0, ELF_FILE);
	fill(file + ELF_TEXT_AT, ELF_TEXT_LEN, 2);
	fill(file + ELF_DATA_AT, ELF_DATA_LEN, 3);
	elf_notes(file + ELF_NOTE_AT);
	*elf_header(file) = (Elf64_Ehdr){
		.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_entry = ELF_ENTRY,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 3,
	};
	*elf_phdr(file, 0) = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_offset = ELF_TEXT_AT,
		.p_vaddr = 0xffffffff80000000 + ELF_TEXT_GPA,
		.p_paddr = ELF_TEXT_GPA,
		.p_filesz = ELF_TEXT_LEN,
		.p_memsz = ELF_TEXT_LEN,
	};
	*elf_phdr(file, 1) = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_offset = ELF_DATA_AT,
		.p_paddr = ELF_DATA_GPA,
		.p_filesz = ELF_DATA_LEN,
		.p_memsz = ELF_DATA_MEM,
	};
	*elf_phdr(file, 2) = (Elf64_Phdr){
		.p_type = PT_NOTE,
		.p_offset = ELF_NOTE_AT,
		.p_filesz = ELF_NOTE_LEN,
		.p_memsz = ELF_NOTE_LEN,
		.p_align = 4,
	};
}

/* Loads a kernel, nothing else. */
static inline int kernel_at(struct test_guest *g, const char *path, bool long_mode,
			    struct kernel *kernel)
{
	int ret;

	memset(kernel, 0, sizeof(*kernel));
	ret = image_open(&kernel->image, g->mem.sys, path, &g->err);
	if (ret < 0)
		return ret;
	ret = kernel_parse(kernel, &g->err);
	if (ret == 0)
		ret = kernel_load(kernel, long_mode, &g->plan, &g->err);
	image_close(&kernel->image);
	return ret;
}

/* The same with one made up in the test. */
static inline int kernel_from(struct test_guest *g, const void *bytes, size_t len, bool long_mode,
			      struct kernel *kernel)
{
	struct test_file f = file_make(bytes, len);
	int ret;

	ret = kernel_at(g, f.path, long_mode, kernel);
	if (ret < 0) {
		ck_assert_int_eq(g->err.code, ret);
		ck_assert_msg(strstr(g->err.text, f.path) != NULL,
			      "the message does not name the file: %s", g->err.text);
	}
	file_free(&f);
	return ret;
}

#define ck_assert_refused(ret, g, fragment)                                                 \
	do {                                                                                \
		ck_assert_int_lt((ret), 0);                                                 \
		ck_assert_msg(strstr((g)->err.text, (fragment)) != NULL,                    \
			      "'%s' is not in the message: %s", (fragment), (g)->err.text); \
	} while (0)

#endif
