// SPDX-License-Identifier: MIT
#include "boot/tdvf.h"

#include "boot/guid_table.h"
#include "mem/layout.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <string.h>

static const struct guid tdx_metadata = /* e47a6535-984a-4798-865e-4685a7bf8ec2 */
	GUID(0xe47a6535, 0x984a, 0x4798, 0x86, 0x5e, 0x46, 0x85, 0xa7, 0xbf, 0x8e, 0xc2);

/* Descriptor: "TDVF", u32 length of it all, u32 version, u32 sections. */
#define HEADER_LEN  16u
#define SECTION_LEN 32u
#define VERSION	    1u

#define LEGACY_POINTER 0x20u /* from the end of the file: u32 offset of the descriptor */
#define RESET_VECTOR   0xfffffff0ULL
#define SHARED_BIT     (1ULL << 47) /* of guests with 48 address bits, which is all there are */

static const struct {
	const char *name;
	bool once;	/* at most one of them */
	bool needs_raw; /* has data in the file */
	bool no_raw;	/* has none */
	bool no_memory;
} types[] = {
	[TDVF_BFV] = {"BFV", .needs_raw = true},
	[TDVF_CFV] = {"CFV", .needs_raw = true},
	[TDVF_TD_HOB] = {"TD_HOB", .once = true, .no_raw = true},
	[TDVF_TEMP_MEM] = {"TempMem", .no_raw = true},
	[TDVF_PERM_MEM] = {"PermMem", .no_raw = true},
	[TDVF_PAYLOAD] = {"Payload", .once = true},
	[TDVF_PAYLOAD_PARAM] = {"PayloadParam", .once = true},
	[TDVF_TD_INFO] = {"TD_INFO", .once = true, .no_memory = true},
	[TDVF_TD_PARAMS] = {"TD_PARAMS", .once = true, .no_memory = true},
};

const char *tdvf_type_name(enum tdvf_type type)
{
	return types[type].name;
}

bool tdvf_added(const struct tdvf_section *section)
{
	return section->len > 0 && section->type != TDVF_PERM_MEM &&
	       !(section->attributes & TDVF_PAGE_AUG);
}

const struct tdvf_section *tdvf_find(const struct tdvf *tdvf, enum tdvf_type type)
{
	for (size_t i = 0; i < tdvf->nsections; i++)
		if (tdvf->section[i].type == type)
			return &tdvf->section[i];
	return NULL;
}

/* What is wrong with the data of a section, or NULL. */
static const char *data_fault(const struct tdvf_section *s, uint64_t file_size)
{
	if ((uint64_t)s->offset + s->raw > file_size)
		return "its data goes on after the end of the file: a split CODE image has to be "
		       "joined with its VARS image, VARS first";
	if (types[s->type].needs_raw && s->raw == 0)
		return "it has no data";
	if (types[s->type].no_raw && (s->raw || s->offset))
		return "it has data";
	return NULL;
}

/* What is wrong with the memory of a section, or NULL. */
static const char *memory_fault(const struct tdvf_section *s)
{
	if (types[s->type].no_memory)
		return s->gpa || s->len ? "it has memory" : NULL;
	if (!is_aligned(s->gpa | s->len, PAGE_SIZE))
		return "it is no range of pages";
	if (!range_inside(s->gpa, s->len, 0, SHARED_BIT))
		return "it goes beyond the address space of a TD";
	if (s->raw > s->len)
		return "it has more data than memory";
	if (s->type == TDVF_PERM_MEM && s->len && !(s->attributes & TDVF_PAGE_AUG))
		return "it is not marked as accepted later";
	return NULL;
}

/* Is this section sound, by itself and beside those before it? */
static int check_section(const struct mem_file *file, const struct tdvf *tdvf,
			 const struct tdvf_section *s, struct vmm_error *err)
{
	const char *fault;

	if (s->type >= ARRAY_SIZE(types))
		return vmm_error_set(err, -EINVAL, "%s: TDVF section %zu is of unknown type %u",
				     file->path, tdvf->nsections, (unsigned int)s->type);
	if (s->attributes & ~(TDVF_MR_EXTEND | TDVF_PAGE_AUG))
		return vmm_error_set(
			err, -EINVAL, "%s: TDVF section %zu (%s) has unknown attributes %#x",
			file->path, tdvf->nsections, types[s->type].name, s->attributes);
	fault = data_fault(s, file->size);
	if (!fault)
		fault = memory_fault(s);
	if (fault)
		return vmm_error_set(err, -EINVAL, "%s: TDVF section %zu (%s at %#llx+%#llx): %s",
				     file->path, tdvf->nsections, types[s->type].name,
				     (unsigned long long)s->gpa, (unsigned long long)s->len, fault);
	for (size_t i = 0; i < tdvf->nsections; i++) {
		const struct tdvf_section *other = &tdvf->section[i];

		if (ranges_overlap(s->gpa, s->len, other->gpa, other->len))
			return vmm_error_set(err, -EINVAL,
					     "%s: TDVF sections %zu (%s) and %zu (%s) overlap at "
					     "%#llx",
					     file->path, i, types[other->type].name,
					     tdvf->nsections, types[s->type].name,
					     (unsigned long long)s->gpa);
		if (s->type == other->type && types[s->type].once)
			return vmm_error_set(err, -EINVAL, "%s: TDVF has two sections %s",
					     file->path, types[s->type].name);
	}
	return 0;
}

static int read_sections(const struct mem_file *file, uint64_t offset, uint32_t count,
			 struct tdvf *tdvf, struct vmm_error *err)
{
	uint8_t raw[SECTION_LEN];

	while (tdvf->nsections < count) {
		struct tdvf_section *s = &tdvf->section[tdvf->nsections];
		int ret = mem_file_read(file, offset, raw, sizeof(raw), err);

		if (ret < 0)
			return ret;
		*s = (struct tdvf_section){
			.offset = get_le32(raw),
			.raw = get_le32(raw + 4),
			.gpa = get_le64(raw + 8),
			.len = get_le64(raw + 16),
			.type = (enum tdvf_type)get_le32(raw + 24),
			.attributes = get_le32(raw + 28),
		};
		ret = check_section(file, tdvf, s, err);
		if (ret < 0)
			return ret;
		tdvf->nsections++;
		offset += SECTION_LEN;
	}
	return 0;
}

static int check_reset_vector(const struct mem_file *file, const struct tdvf *tdvf,
			      struct vmm_error *err)
{
	for (size_t i = 0; i < tdvf->nsections; i++) {
		const struct tdvf_section *s = &tdvf->section[i];

		if (s->type == TDVF_BFV && tdvf_added(s) &&
		    range_inside(RESET_VECTOR, 16, s->gpa, s->raw))
			return 0;
	}
	return vmm_error_set(err, -EINVAL, "%s: no BFV section has the reset vector at %#llx",
			     file->path, RESET_VECTOR);
}

/* Where the descriptor is in the file. -ENOENT: the image does not say. */
static int find_descriptor(const struct mem_file *file, uint64_t *offset, struct vmm_error *err)
{
	struct guid_table table;
	uint8_t pointer[4];
	int ret;

	ret = guid_table_read(file, &table, err);
	if (ret == 0)
		ret = guid_table_get(&table, &tdx_metadata, "TDX metadata", pointer, 4, err);
	if (ret == 0) {
		if (__builtin_sub_overflow(file->size, get_le32(pointer), offset))
			return vmm_error_set(err, -EINVAL,
					     "%s: its TDX metadata is said to be %u bytes before "
					     "its end, outside of the file",
					     file->path, get_le32(pointer));
		return 0;
	}
	/* older td-shim images point from the front, where others have reset code */
	if (ret != -ENOENT || file->size < LEGACY_POINTER)
		return ret;
	ret = mem_file_read(file, file->size - LEGACY_POINTER, pointer, sizeof(pointer), err);
	*offset = get_le32(pointer);
	return ret;
}

int tdvf_parse(const struct mem_file *file, struct tdvf *tdvf, struct vmm_error *err)
{
	uint8_t header[HEADER_LEN] = {0};
	uint64_t offset = 0;
	uint32_t count;
	int ret;

	*tdvf = (struct tdvf){.nsections = 0};
	ret = find_descriptor(file, &offset, err);
	if (ret == 0 && range_inside(offset, sizeof(header), 0, file->size))
		ret = mem_file_read(file, offset, header, sizeof(header), err);
	if (ret < 0 && ret != -ENOENT)
		return ret;
	if (memcmp(header, "TDVF", 4) != 0)
		return vmm_error_set(err, -EINVAL,
				     "%s: has no TDX metadata: a TD needs a firmware that was "
				     "built for TDX, such as Debian's OVMF.fd or td-shim; split "
				     "CODE and VARS images do not work",
				     file->path);
	count = get_le32(header + 12);
	if (get_le32(header + 8) != VERSION || count == 0 || count > TDVF_MAX_SECTIONS ||
	    get_le32(header + 4) != HEADER_LEN + count * SECTION_LEN ||
	    !range_inside(offset, HEADER_LEN + count * SECTION_LEN, 0, file->size))
		return vmm_error_set(err, -EINVAL,
				     "%s: TDVF descriptor of version %u, %u bytes with %u "
				     "sections is damaged or of another version",
				     file->path, get_le32(header + 8), get_le32(header + 4), count);
	ret = read_sections(file, offset + HEADER_LEN, count, tdvf, err);
	return ret < 0 ? ret : check_reset_vector(file, tdvf, err);
}
