// SPDX-License-Identifier: MIT
/* The headers are those of the PE format (Microsoft, "PE Format": MS-DOS stub, COFF file header,
 * section table). */
#include "boot/uki.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DOS_HEADER_LEN 64u
#define DOS_PE_AT      0x3c /* u32: where the PE header is */

/* PE header: "PE\0\0", u16 machine, u16 sections, …, u16 size of the optional header, u16 */
#define PE_LEN		 24u
#define PE_MACHINE	 4
#define PE_SECTIONS	 6
#define PE_OPTIONAL_SIZE 20
#define MACHINE_X86_64	 0x8664

/* Section header: name, u32 size in memory, u32 address, u32 size in the file, u32 offset, … */
#define SECTION_LEN    40u
#define SECTION_NAME   8
#define SECTION_MEMORY 8
#define SECTION_SIZE   16
#define SECTION_OFFSET 20

struct pe {
	uint64_t table; /* offset of the section headers */
	unsigned int nsections;
	unsigned int machine;
};

/* 1 and *pe, or 0: it is no PE file. */
static int read_pe(const struct mem_file *file, struct pe *pe, struct vmm_error *err)
{
	uint8_t dos[DOS_HEADER_LEN], header[PE_LEN];
	uint64_t at;
	int ret;

	if (file->size < sizeof(dos))
		return 0;
	ret = mem_file_read(file, 0, dos, sizeof(dos), err);
	if (ret < 0)
		return ret;
	at = get_le32(dos + DOS_PE_AT);
	if (memcmp(dos, "MZ", 2) != 0 || !range_inside(at, sizeof(header), 0, file->size))
		return 0;
	ret = mem_file_read(file, at, header, sizeof(header), err);
	if (ret < 0)
		return ret;
	if (memcmp(header, "PE\0\0", 4) != 0)
		return 0;
	*pe = (struct pe){
		.table = at + sizeof(header) + get_le16(header + PE_OPTIONAL_SIZE),
		.nsections = get_le16(header + PE_SECTIONS),
		.machine = get_le16(header + PE_MACHINE),
	};
	return 1;
}

static bool is_named(const uint8_t *section, const char *name)
{
	return strncmp((const char *)section, name, SECTION_NAME) == 0;
}

/* Where a part is noted, or NULL for sections that are nothing to us. */
static struct uki_part *part_of(struct uki *uki, const uint8_t *section)
{
	if (is_named(section, ".linux"))
		return &uki->kernel;
	if (is_named(section, ".initrd"))
		return &uki->initrd;
	return is_named(section, ".cmdline") ? &uki->cmdline : NULL;
}

/* Notes the part that the section is, unless this profile has had one. */
static int add_section(const struct mem_file *file, const uint8_t *section, struct uki *profile,
		       struct vmm_error *err)
{
	struct uki_part *part = part_of(profile, section);
	uint64_t memory = get_le32(section + SECTION_MEMORY);
	struct uki_part here = {
		.offset = get_le32(section + SECTION_OFFSET),
		.len = get_le32(section + SECTION_SIZE),
	};

	if (!part || part->len)
		return 0;
	/* what is in the file is padded */
	if (memory && memory < here.len)
		here.len = memory;
	if (here.len && (here.offset == 0 || !range_inside(here.offset, here.len, 0, file->size)))
		return vmm_error_set(err, -ENOEXEC,
				     "%s: section %.8s of a unified kernel image at %#" PRIx64
				     "+%#" PRIx64 " is not inside the file",
				     file->path, (const char *)section, here.offset, here.len);
	*part = here;
	return 0;
}

/*
 * Sections in front of the first .profile are all profiles' own; each profile's stand behind its
 * .profile, and go before those.
 */
static int read_sections(const struct mem_file *file, const struct pe *pe, struct uki *base,
			 struct uki *first, struct vmm_error *err)
{
	uint8_t section[SECTION_LEN];
	unsigned int profiles = 0;

	for (unsigned int i = 0; i < pe->nsections; i++) {
		int ret = mem_file_read(file, pe->table + (uint64_t)i * SECTION_LEN, section,
					sizeof(section), err);

		if (ret == 0 && is_named(section, ".profile") && profiles++ == 1)
			return 0;
		if (ret == 0)
			ret = add_section(file, section, profiles ? first : base, err);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static struct uki_part choose(struct uki_part first, struct uki_part base)
{
	return first.len ? first : base;
}

int uki_read(const struct mem_file *file, struct uki *uki, struct vmm_error *err)
{
	struct uki base = {.kernel = {.len = 0}}, first = {.kernel = {.len = 0}};
	struct pe pe;
	int ret = read_pe(file, &pe, err);

	if (ret <= 0)
		return ret;
	if (pe.nsections > UKI_SECTIONS_MAX ||
	    !range_inside(pe.table, (uint64_t)pe.nsections * SECTION_LEN, 0, file->size))
		return vmm_error_set(err, -ENOEXEC,
				     "%s: an EFI program whose %u section headers are not all "
				     "inside the file, or are more than %d",
				     file->path, pe.nsections, UKI_SECTIONS_MAX);
	ret = read_sections(file, &pe, &base, &first, err);
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
