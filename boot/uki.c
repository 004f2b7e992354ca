// SPDX-License-Identifier: MIT
/* The headers are those of the PE format (Microsoft, "PE Format": MS-DOS stub, COFF file header,
 * section table). */
#include "boot/uki.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct dos_header {
	char magic[2]; /* "MZ" */
	uint8_t unused[58];
	uint32_t pe; /* where the PE header is */
} __attribute__((packed));

struct pe_header {
	char magic[4]; /* "PE\0\0" */
	uint16_t machine;
	uint16_t nsections;
	uint8_t unused[12];
	uint16_t optional_len; /* of the header that follows, in front of the sections */
	uint16_t flags;
} __attribute__((packed));

#define MACHINE_X86_64 0x8664

struct pe_section {
	char name[8];
	uint32_t memory_len;
	uint32_t address;
	uint32_t file_len;
	uint32_t file_offset;
	uint8_t unused[16];
} __attribute__((packed));

_Static_assert(sizeof(struct dos_header) == 64 && sizeof(struct pe_header) == 24 &&
		       sizeof(struct pe_section) == 40,
	       "as in the PE format");

/* 1 and *pe, with *table, the offset of the section headers, or 0: it is no PE file. */
static int read_pe(const struct mem_file *file, struct pe_header *pe, uint64_t *table,
		   struct vmm_error *err)
{
	struct dos_header dos;
	int ret;

	if (file->size < sizeof(dos))
		return 0;
	ret = mem_file_read(file, 0, &dos, sizeof(dos), err);
	if (ret < 0)
		return ret;
	if (memcmp(dos.magic, "MZ", 2) != 0 || !range_inside(dos.pe, sizeof(*pe), 0, file->size))
		return 0;
	ret = mem_file_read(file, dos.pe, pe, sizeof(*pe), err);
	if (ret < 0)
		return ret;
	*table = (uint64_t)dos.pe + sizeof(*pe) + pe->optional_len;
	return memcmp(pe->magic, "PE\0\0", 4) == 0;
}

static bool is_named(const struct pe_section *section, const char *name)
{
	return strncmp(section->name, name, sizeof(section->name)) == 0;
}

/* Where a part is noted, or NULL for sections that are nothing to us. */
static struct uki_part *part_of(struct uki *uki, const struct pe_section *section)
{
	if (is_named(section, ".linux"))
		return &uki->kernel;
	if (is_named(section, ".initrd"))
		return &uki->initrd;
	return is_named(section, ".cmdline") ? &uki->cmdline : NULL;
}

/* Notes the part that the section is, unless this profile has had one. */
static int add_section(const struct mem_file *file, const struct pe_section *section,
		       struct uki *profile, struct vmm_error *err)
{
	struct uki_part *part = part_of(profile, section);
	struct uki_part here = {.offset = section->file_offset, .len = section->file_len};

	if (!part || part->len)
		return 0;
	/* what is in the file is padded */
	if (section->memory_len && section->memory_len < here.len)
		here.len = section->memory_len;
	if (here.len && (here.offset == 0 || !range_inside(here.offset, here.len, 0, file->size)))
		return vmm_error_set(err, -ENOEXEC,
				     "%s: section %.8s of a unified kernel image at %#" PRIx64
				     "+%#" PRIx64 " is not inside the file",
				     file->path, section->name, here.offset, here.len);
	*part = here;
	return 0;
}

/*
 * Sections in front of the first .profile are all profiles' own; each profile's stand behind its
 * .profile, and go before those.
 */
static int read_sections(const struct mem_file *file, uint64_t table, unsigned int nsections,
			 struct uki *base, struct uki *first, struct vmm_error *err)
{
	struct pe_section section;
	unsigned int profiles = 0;
	int ret = 0;

	for (unsigned int i = 0; i < nsections && ret == 0; i++) {
		ret = mem_file_read(file, table + i * sizeof(section), &section, sizeof(section),
				    err);
		if (ret == 0 && is_named(&section, ".profile") && profiles++ == 1)
			return 0;
		if (ret == 0)
			ret = add_section(file, &section, profiles ? first : base, err);
	}
	return ret;
}

static struct uki_part choose(struct uki_part first, struct uki_part base)
{
	return first.len ? first : base;
}

int uki_read(const struct mem_file *file, struct uki *uki, struct vmm_error *err)
{
	struct uki base = {.kernel = {.len = 0}}, first = {.kernel = {.len = 0}};
	struct pe_header pe;
	uint64_t table;
	int ret = read_pe(file, &pe, &table, err);

	if (ret <= 0)
		return ret;
	if (pe.nsections > UKI_SECTIONS_MAX ||
	    !range_inside(table, pe.nsections * sizeof(struct pe_section), 0, file->size))
		return vmm_error_set(err, -ENOEXEC,
				     "%s: an EFI program whose %u section headers are not all "
				     "inside the file, or are more than %d",
				     file->path, pe.nsections, UKI_SECTIONS_MAX);
	ret = read_sections(file, table, pe.nsections, &base, &first, err);
	if (ret < 0)
		return ret;
	*uki = (struct uki){
		.kernel = choose(first.kernel, base.kernel),
		.initrd = choose(first.initrd, base.initrd),
		.cmdline = choose(first.cmdline, base.cmdline),
	};
	if (uki->kernel.len == 0)
		return 0;
	if (pe.machine != MACHINE_X86_64)
		return vmm_error_set(err, -ENOEXEC,
				     "%s: a unified kernel image for machine %#x, not for x86-64",
				     file->path, pe.machine);
	return 1;
}

/* Control characters become spaces, and those around the text go. */
static void clean(char *text, size_t len)
{
	size_t start = 0;

	len = strnlen(text, len);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			text[i] = ' ';
	while (len > 0 && text[len - 1] == ' ')
		len--;
	while (start < len && text[start] == ' ')
		start++;
	memmove(text, text + start, len - start);
	text[len - start] = '\0';
}

int uki_cmdline(const struct mem_file *file, const struct uki *uki, uint64_t max, char **cmdline,
		struct vmm_error *err)
{
	uint64_t len = uki->cmdline.len;
	int ret;

	*cmdline = NULL;
	if (len > max)
		return vmm_error_set(err, -E2BIG,
				     "%s: section .cmdline has %" PRIu64 " bytes, at most %" PRIu64
				     " are possible",
				     file->path, len, max);
	*cmdline = calloc(1, len + 1);
	if (!*cmdline)
		return vmm_error_set(err, -ENOMEM, "%s: out of memory for its command line",
				     file->path);
	ret = mem_file_read(file, uki->cmdline.offset, *cmdline, len, err);
	if (ret < 0) {
		free(*cmdline);
		*cmdline = NULL;
		return ret;
	}
	clean(*cmdline, len);
	return 0;
}
