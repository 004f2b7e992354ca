// SPDX-License-Identifier: MIT
#include "boot/fw_metadata.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define RESET_VECTOR	 UINT64_C(0xfffffff0)
#define RESET_VECTOR_LEN 32u  /* bytes of code behind the table */
#define TABLE_MAX	 4096 /* bytes of entries; real ones have a few hundred */

static const struct guid footer = /* 96b582de-1fb2-45f7-baea-a366c55a082d */
	GUID(0x96b582de, 0x1fb2, 0x45f7, 0xba, 0xea, 0xa3, 0x66, 0xc5, 0x5a, 0x08, 0x2d);
static const struct guid reset_block = /* 00f771de-1a7e-4fcb-890e-68c77e2fb44e */
	GUID(0x00f771de, 0x1a7e, 0x4fcb, 0x89, 0x0e, 0x68, 0xc7, 0x7e, 0x2f, 0xb4, 0x4e);
static const struct guid sev_metadata = /* dc886566-984a-4798-a75e-5585a7bf67cc */
	GUID(0xdc886566, 0x984a, 0x4798, 0xa7, 0x5e, 0x55, 0x85, 0xa7, 0xbf, 0x67, 0xcc);
static const struct guid hash_area = /* 7255371f-3a3b-4b04-927b-1da6efa8d454 */
	GUID(0x7255371f, 0x3a3b, 0x4b04, 0x92, 0x7b, 0x1d, 0xa6, 0xef, 0xa8, 0xd4, 0x54);
static const struct guid tdx_metadata = /* e47a6535-984a-4798-865e-4685a7bf8ec2 */
	GUID(0xe47a6535, 0x984a, 0x4798, 0x86, 0x5e, 0x46, 0x85, 0xa7, 0xbf, 0x8e, 0xc2);

/* --- the table of GUIDs ----------------------------------------------------------------------- */

/* Stands behind each entry's data, and, as the footer, behind the table. */
struct tail {
	uint16_t len;
	struct guid guid;
} __attribute__((packed));

struct table {
	const char *path; /* of the file, for messages */
	size_t len;
	uint8_t entries[TABLE_MAX]; /* without the footer; every length in it is sound */
};

static struct tail tail_at(const struct table *table, size_t end)
{
	struct tail tail;

	memcpy(&tail, table->entries + end - sizeof(tail), sizeof(tail));
	return tail;
}

/* Do the lengths, from the last entry to the first, use up the table exactly? */
static int check_entries(const struct table *table, struct vmm_error *err)
{
	size_t end = table->len;

	while (end >= sizeof(struct tail)) {
		size_t len = tail_at(table, end).len;

		if (len < sizeof(struct tail) || len > end)
			return vmm_error_set(err, -EINVAL,
					     "%s: its GUID table is damaged: an entry of %zu bytes "
					     "where %zu are left",
					     table->path, len, end);
		end -= len;
	}
	if (end > 0)
		return vmm_error_set(err, -EINVAL,
				     "%s: its GUID table is damaged: %zu bytes are left over",
				     table->path, end);
	return 0;
}

/* -ENOENT when there is none: *err is left alone then. */
static int read_table(const struct mem_file *file, struct table *table, struct vmm_error *err)
{
	struct tail tail;
	uint64_t end;
	int ret;

	*table = (struct table){.path = file->path};
	if (file->size < RESET_VECTOR_LEN + sizeof(tail))
		return -ENOENT;
	end = file->size - RESET_VECTOR_LEN;
	ret = mem_file_read(file, end - sizeof(tail), &tail, sizeof(tail), err);
	if (ret < 0)
		return ret;
	if (memcmp(&tail.guid, &footer, sizeof(footer)) != 0)
		return -ENOENT;
	if (tail.len < sizeof(tail) || tail.len > end ||
	    tail.len - sizeof(tail) > sizeof(table->entries))
		return vmm_error_set(err, -EINVAL,
				     "%s: its GUID table is damaged: a length of %u bytes",
				     file->path, tail.len);
	table->len = tail.len - sizeof(tail);
	ret = mem_file_read(file, end - tail.len, table->entries, table->len, err);
	return ret < 0 ? ret : check_entries(table, err);
}

/* Copies the data of an entry, exactly `len` bytes of `what`; -ENOENT, and *err left alone, when there
 * is none. */
static int get_entry(const struct table *table, const struct guid *guid, const char *what,
		     void *data, size_t len, struct vmm_error *err)
{
	struct tail tail;

	for (size_t end = table->len; end > 0; end -= tail.len) {
		tail = tail_at(table, end);
		if (memcmp(&tail.guid, guid, sizeof(*guid)) != 0)
			continue;
		if (tail.len - sizeof(tail) != len)
			return vmm_error_set(err, -EINVAL,
					     "%s: the GUID table's entry for %s has %zu bytes "
					     "instead of %zu",
					     table->path, what, tail.len - sizeof(tail), len);
		memcpy(data, table->entries + end - sizeof(tail) - len, len);
		return 0;
	}
	return -ENOENT;
}

/* --- sections --------------------------------------------------------------------------------- */

static const struct type {
	enum fw_section_type type;
	const char *name;
	enum load_kind kind;
	bool many;	/* there may be several of them */
	bool needs_raw; /* has data in the file */
	bool no_raw;	/* has none */
	bool no_memory;
} types[] = {
	{TDVF_BFV, "BFV", .kind = LOAD_DATA, .many = true, .needs_raw = true},
	{TDVF_CFV, "CFV", .kind = LOAD_DATA, .many = true, .needs_raw = true},
	{TDVF_TD_HOB, "TD_HOB", .kind = LOAD_DATA, .no_raw = true},
	{TDVF_TEMP_MEM, "TempMem", .kind = LOAD_ZERO, .many = true, .no_raw = true},
	{TDVF_PERM_MEM, "PermMem", .kind = LOAD_DATA, .many = true, .no_raw = true},
	{TDVF_PAYLOAD, "Payload", .kind = LOAD_DATA},
	{TDVF_PAYLOAD_PARAM, "PayloadParam", .kind = LOAD_DATA},
	{TDVF_TD_INFO, "TD_INFO", .kind = LOAD_DATA, .no_memory = true},
	{TDVF_TD_PARAMS, "TD_PARAMS", .kind = LOAD_DATA, .no_memory = true},
	{OVMF_SEC_MEM, "firmware memory", .kind = LOAD_ZERO, .many = true},
	{OVMF_SECRETS, "SNP secrets", .kind = LOAD_SECRETS},
	{OVMF_CPUID, "SNP CPUID", .kind = LOAD_CPUID},
	{OVMF_SVSM_CAA, "SVSM calling area", .kind = LOAD_ZERO},
	{OVMF_KERNEL_HASHES, "kernel hashes", .kind = LOAD_DATA},
};

static const struct type *find_type(unsigned int type)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i].type == type)
			return &types[i];
	return NULL;
}

const char *fw_type_name(enum fw_section_type type)
{
	const struct type *t = find_type(type);

	return t ? t->name : NULL;
}

enum load_kind fw_type_kind(enum fw_section_type type)
{
	return find_type(type)->kind;
}

bool fw_added(const struct fw_section *section)
{
	return section->len > 0 && section->type != TDVF_PERM_MEM &&
	       !(section->attributes & TDVF_PAGE_AUG);
}

const struct fw_section *fw_find(const struct fw_metadata *fw, enum fw_section_type type)
{
	for (size_t i = 0; i < fw->nsections; i++)
		if (fw->section[i].type == type)
			return &fw->section[i];
	return NULL;
}

/* One of the two kinds of metadata. */
struct format {
	const char *name;
	uint64_t end; /* of the memory that sections may have */
	const char *beyond;
	bool sev;
};

/* What is wrong with a section, or NULL. */
static const char *fault_of(const struct format *format, const struct type *t,
			    const struct fw_section *s, uint64_t file_size)
{
	if ((uint64_t)s->offset + s->raw > file_size)
		return "its data goes on after the end of the file: a split CODE image has to be "
		       "joined with its VARS image, VARS first";
	if (t->needs_raw && s->raw == 0)
		return "it has no data";
	if (t->no_raw && (s->raw || s->offset))
		return "it has data";
	if (t->no_memory)
		return s->gpa || s->len ? "it has memory" : NULL;
	if (!is_aligned(s->gpa | s->len, PAGE_SIZE) || (format->sev && s->len == 0))
		return "it is no range of pages";
	if (!range_inside(s->gpa, s->len, 0, format->end))
		return format->beyond;
	if (s->raw > s->len)
		return "it has more data than memory";
	if (s->type == TDVF_PERM_MEM && s->len && !(s->attributes & TDVF_PAGE_AUG))
		return "it is not marked as accepted later";
	return NULL;
}

/* Keeps section `s`, which stands behind the others, if it is sound, by itself and beside them. `number`:
 * the format's, of its type. */
static int add_section(const struct mem_file *file, const struct format *format, uint32_t number,
		       struct fw_section *s, struct fw_metadata *fw, struct vmm_error *err)
{
	const struct type *t =
		number < FW_SEV ? find_type(number | (format->sev ? FW_SEV : 0)) : NULL;
	const size_t n = fw->nsections;
	const char *fault;

	if (!t)
		return vmm_error_set(err, -EINVAL, "%s: %s section %zu is of unknown type %#x",
				     file->path, format->name, n, number);
	s->type = t->type;
	if (s->attributes & ~(TDVF_MR_EXTEND | TDVF_PAGE_AUG))
		return vmm_error_set(err, -EINVAL,
				     "%s: %s section %zu (%s) has unknown attributes %#x",
				     file->path, format->name, n, t->name, s->attributes);
	fault = fault_of(format, t, s, file->size);
	if (fault)
		return vmm_error_set(err, -EINVAL,
				     "%s: %s section %zu (%s at %#" PRIx64 "+%#" PRIx64 "): %s",
				     file->path, format->name, n, t->name, s->gpa, s->len, fault);
	for (size_t i = 0; i < n; i++) {
		const struct fw_section *other = &fw->section[i];

		if (ranges_overlap(s->gpa, s->len, other->gpa, other->len))
			return vmm_error_set(err, -EINVAL,
					     "%s: %s sections %zu (%s) and %zu (%s) overlap at "
					     "%#" PRIx64,
					     file->path, format->name, i, fw_type_name(other->type),
					     n, t->name, s->gpa);
		if (s->type == other->type && !t->many)
			return vmm_error_set(err, -EINVAL, "%s: %s has two sections %s", file->path,
					     format->name, t->name);
	}
	fw->nsections++;
	return 0;
}

struct header {
	char magic[4];
	uint32_t len; /* of it all */
	uint32_t version;
	uint32_t count;
};

#define VERSION 1u

/* --- SEV metadata ----------------------------------------------------------------------------- */

struct sev_descriptor {
	uint32_t gpa, len, type;
};

/* An image without these was built without SNP in mind, the most common mistake. */
static int explain_missing(int ret, const struct mem_file *file, const char *what,
			   struct vmm_error *err)
{
	if (ret != -ENOENT)
		return ret;
	return vmm_error_set(err, -EINVAL,
			     "%s: has no %s: an SNP guest needs an OVMF that was built for it, "
			     "such as Debian's OVMF.fd or an AmdSev build; split CODE images of "
			     "the 4 MiB build (_4M) are not",
			     file->path, what);
}

static int read_sev_sections(const struct mem_file *file, uint64_t offset, uint32_t count,
			     struct fw_metadata *fw, struct vmm_error *err)
{
	const struct format format = {
		.name = "SEV metadata",
		.end = LAYOUT_HIGH_BASE - file->size,
		.beyond = "it is no range of pages below the image",
		.sev = true,
	};
	int ret = 0;

	for (uint32_t i = 0; i < count && ret == 0; i++) {
		struct fw_section *s = &fw->section[i];
		struct sev_descriptor d;

		ret = mem_file_read(file, offset + i * sizeof(d), &d, sizeof(d), err);
		if (ret < 0)
			return ret;
		*s = (struct fw_section){.gpa = d.gpa, .len = d.len};
		ret = add_section(file, &format, d.type, s, fw, err);
	}
	return ret;
}

/* `distance`: from the end of the file back to the metadata. */
static int read_sev_metadata(const struct mem_file *file, uint32_t distance, struct fw_metadata *fw,
			     struct vmm_error *err)
{
	uint64_t offset = file->size - distance;
	struct header h;
	int ret;

	if (distance > file->size || distance < sizeof(h))
		return vmm_error_set(err, -EINVAL,
				     "%s: its SEV metadata is said to be %u bytes before its end, "
				     "outside of the file",
				     file->path, distance);
	ret = mem_file_read(file, offset, &h, sizeof(h), err);
	if (ret < 0)
		return ret;
	if (memcmp(h.magic, "ASEV", 4) != 0 || h.version != VERSION)
		return vmm_error_set(err, -EINVAL,
				     "%s: no SEV metadata of version 1 at offset %#" PRIx64
				     ", where the GUID table says",
				     file->path, offset);
	/* more than the sections is nothing to worry about, and other loaders take it */
	if (h.count == 0 || h.count > FW_SECTIONS_MAX / 2 ||
	    h.len < sizeof(h) + h.count * sizeof(struct sev_descriptor) || h.len > distance)
		return vmm_error_set(err, -EINVAL,
				     "%s: SEV metadata of %u bytes with %u sections is damaged",
				     file->path, h.len, h.count);
	return read_sev_sections(file, offset + sizeof(h), h.count, fw, err);
}

int ovmf_parse(const struct mem_file *file, struct fw_metadata *fw, struct vmm_error *err)
{
	uint32_t distance, area[2];
	struct table table;
	int ret;

	*fw = (struct fw_metadata){.nsections = 0};
	ret = read_table(file, &table, err);
	if (ret == 0)
		ret = get_entry(&table, &sev_metadata, "SEV metadata", &distance, 4, err);
	if (ret < 0)
		return explain_missing(ret, file, "SEV metadata", err);
	ret = read_sev_metadata(file, distance, fw, err);
	if (ret < 0)
		return ret;

	ret = get_entry(&table, &reset_block, "the SEV-ES reset block", &fw->ap_eip, 4, err);
	if (ret < 0)
		return explain_missing(ret, file, "SEV-ES reset block", err);
	if (fw->ap_eip == 0)
		return vmm_error_set(err, -EINVAL, "%s: its SEV-ES reset block is empty",
				     file->path);

	ret = get_entry(&table, &hash_area, "kernel hashes", area, sizeof(area), err);
	if (ret == 0) {
		fw->hash_gpa = area[0];
		fw->hash_len = area[1];
	}
	return ret == -ENOENT ? 0 : ret;
}

/* --- TDVF ------------------------------------------------------------------------------------- */

struct tdvf_descriptor {
	uint32_t offset, raw;
	uint64_t gpa, len;
	uint32_t type, attributes;
};

_Static_assert(sizeof(struct sev_descriptor) == 12 && sizeof(struct tdvf_descriptor) == 32 &&
		       sizeof(struct header) == 16,
	       "as in the files");

#define LEGACY_POINTER 0x20u /* from the end of the file: u32 offset of the descriptor */
#define SHARED_BIT     (UINT64_C(1) << 47) /* of guests with 48 address bits, which is all there are */

static int read_tdvf_sections(const struct mem_file *file, uint64_t offset, uint32_t count,
			      struct fw_metadata *fw, struct vmm_error *err)
{
	static const struct format format = {
		.name = "TDVF",
		.end = SHARED_BIT,
		.beyond = "it goes beyond the address space of a TD",
	};
	int ret = 0;

	for (uint32_t i = 0; i < count && ret == 0; i++) {
		struct fw_section *s = &fw->section[i];
		struct tdvf_descriptor d;

		ret = mem_file_read(file, offset + i * sizeof(d), &d, sizeof(d), err);
		if (ret < 0)
			return ret;
		*s = (struct fw_section){
			.gpa = d.gpa,
			.len = d.len,
			.offset = d.offset,
			.raw = d.raw,
			.attributes = d.attributes,
		};
		ret = add_section(file, &format, d.type, s, fw, err);
	}
	return ret;
}

static int check_reset_vector(const struct mem_file *file, const struct fw_metadata *fw,
			      struct vmm_error *err)
{
	for (size_t i = 0; i < fw->nsections; i++) {
		const struct fw_section *s = &fw->section[i];

		if (s->type == TDVF_BFV && fw_added(s) &&
		    range_inside(RESET_VECTOR, 16, s->gpa, s->raw))
			return 0;
	}
	return vmm_error_set(err, -EINVAL, "%s: no BFV section has the reset vector at %#" PRIx64,
			     file->path, RESET_VECTOR);
}

/* Where the descriptor is in the file. -ENOENT: the image does not say. */
static int find_descriptor(const struct mem_file *file, uint64_t *offset, struct vmm_error *err)
{
	struct table table;
	uint32_t pointer;
	int ret = read_table(file, &table, err);

	if (ret == 0)
		ret = get_entry(&table, &tdx_metadata, "TDX metadata", &pointer, 4, err);
	if (ret == 0 && __builtin_sub_overflow(file->size, pointer, offset))
		return vmm_error_set(err, -EINVAL,
				     "%s: its TDX metadata is said to be %u bytes before its end, "
				     "outside of the file",
				     file->path, pointer);
	/* older td-shim images point from the front, where others have reset code */
	if (ret != -ENOENT || file->size < LEGACY_POINTER)
		return ret;
	ret = mem_file_read(file, file->size - LEGACY_POINTER, &pointer, sizeof(pointer), err);
	*offset = pointer;
	return ret;
}

int tdvf_parse(const struct mem_file *file, struct fw_metadata *fw, struct vmm_error *err)
{
	struct header h = {.len = 0};
	uint64_t offset = 0, len;
	int ret;

	*fw = (struct fw_metadata){.nsections = 0};
	ret = find_descriptor(file, &offset, err);
	if (ret == 0 && range_inside(offset, sizeof(h), 0, file->size))
		ret = mem_file_read(file, offset, &h, sizeof(h), err);
	if (ret < 0 && ret != -ENOENT)
		return ret;
	if (memcmp(h.magic, "TDVF", 4) != 0)
		return vmm_error_set(err, -EINVAL,
				     "%s: has no TDX metadata: a TD needs a firmware that was "
				     "built for TDX, such as Debian's OVMF.fd or td-shim; split "
				     "CODE and VARS images do not work",
				     file->path);
	len = sizeof(h) + (uint64_t)h.count * sizeof(struct tdvf_descriptor);
	if (h.version != VERSION || h.count == 0 || h.count > FW_SECTIONS_MAX || h.len != len ||
	    !range_inside(offset, len, 0, file->size))
		return vmm_error_set(err, -EINVAL,
				     "%s: TDVF descriptor of version %u, %u bytes with %u "
				     "sections is damaged or of another version",
				     file->path, h.version, h.len, h.count);
	ret = read_tdvf_sections(file, offset + sizeof(h), h.count, fw, err);
	return ret < 0 ? ret : check_reset_vector(file, fw, err);
}
