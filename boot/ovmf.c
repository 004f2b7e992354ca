// SPDX-License-Identifier: MIT
#include "boot/ovmf.h"

#include "boot/guid_table.h"
#include "mem/layout.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <string.h>

static const struct guid reset_block = /* 00f771de-1a7e-4fcb-890e-68c77e2fb44e */
	GUID(0x00f771de, 0x1a7e, 0x4fcb, 0x89, 0x0e, 0x68, 0xc7, 0x7e, 0x2f, 0xb4, 0x4e);
static const struct guid sev_metadata = /* dc886566-984a-4798-a75e-5585a7bf67cc */
	GUID(0xdc886566, 0x984a, 0x4798, 0xa7, 0x5e, 0x55, 0x85, 0xa7, 0xbf, 0x67, 0xcc);
static const struct guid hash_area = /* 7255371f-3a3b-4b04-927b-1da6efa8d454 */
	GUID(0x7255371f, 0x3a3b, 0x4b04, 0x92, 0x7b, 0x1d, 0xa6, 0xef, 0xa8, 0xd4, 0x54);

/* The metadata: a header, then descriptors. */
#define HEADER_LEN     16u   /* "ASEV", u32 length of it all, u32 version, u32 descriptors */
#define DESCRIPTOR_LEN 12ULL /* u32 gpa, u32 length, u32 type */
#define VERSION	       1u

const char *ovmf_section_name(enum ovmf_section_type type)
{
	switch (type) {
	case OVMF_SEC_MEM:
		return "firmware memory";
	case OVMF_SECRETS:
		return "SNP secrets";
	case OVMF_CPUID:
		return "SNP CPUID";
	case OVMF_SVSM_CAA:
		return "SVSM calling area";
	case OVMF_KERNEL_HASHES:
		return "kernel hashes";
	}
	return NULL;
}

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

/* Is this section sound, and does it leave alone the image and the sections before it? */
static int check_section(const struct mem_file *file, const struct ovmf *ovmf,
			 const struct ovmf_section *s, struct vmm_error *err)
{
	const char *name = ovmf_section_name(s->type);

	if (!name)
		return vmm_error_set(err, -EINVAL,
				     "%s: SEV metadata section of unknown type %#x at %#x",
				     file->path, (unsigned int)s->type, s->gpa);
	if (s->len == 0 || !is_aligned(s->gpa | s->len, PAGE_SIZE) ||
	    !range_inside(s->gpa, s->len, 0, LAYOUT_HIGH_BASE - file->size))
		return vmm_error_set(err, -EINVAL,
				     "%s: SEV metadata section %s at %#x+%#x is no range of pages "
				     "below the image",
				     file->path, name, s->gpa, s->len);
	for (size_t i = 0; i < ovmf->nsections; i++) {
		const struct ovmf_section *other = &ovmf->section[i];

		if (ranges_overlap(s->gpa, s->len, other->gpa, other->len))
			return vmm_error_set(err, -EINVAL,
					     "%s: SEV metadata sections at %#x and %#x overlap",
					     file->path, other->gpa, s->gpa);
		if (s->type == other->type && s->type != OVMF_SEC_MEM)
			return vmm_error_set(err, -EINVAL,
					     "%s: SEV metadata has two sections %s, at %#x and %#x",
					     file->path, name, other->gpa, s->gpa);
	}
	return 0;
}

static int read_sections(const struct mem_file *file, uint64_t offset, uint32_t count,
			 struct ovmf *ovmf, struct vmm_error *err)
{
	uint8_t raw[DESCRIPTOR_LEN];
	int ret = 0;

	for (uint32_t i = 0; i < count && ret == 0; i++) {
		struct ovmf_section *s = &ovmf->section[i];

		ret = mem_file_read(file, offset + i * DESCRIPTOR_LEN, raw, sizeof(raw), err);
		if (ret < 0)
			return ret;
		s->gpa = get_le32(raw);
		s->len = get_le32(raw + 4);
		s->type = (enum ovmf_section_type)get_le32(raw + 8);
		ret = check_section(file, ovmf, s, err);
		ovmf->nsections = i + 1;
	}
	return ret;
}

/* `distance`: from the end of the file back to the metadata. */
static int read_metadata(const struct mem_file *file, uint32_t distance, struct ovmf *ovmf,
			 struct vmm_error *err)
{
	uint8_t header[HEADER_LEN];
	uint64_t offset;
	uint32_t count;
	int ret;

	if (distance > file->size || distance < sizeof(header))
		return vmm_error_set(err, -EINVAL,
				     "%s: its SEV metadata is said to be %u bytes before its end, "
				     "outside of the file",
				     file->path, distance);
	offset = file->size - distance;
	ret = mem_file_read(file, offset, header, sizeof(header), err);
	if (ret < 0)
		return ret;
	count = get_le32(header + 12);
	if (memcmp(header, "ASEV", 4) != 0 || get_le32(header + 8) != VERSION)
		return vmm_error_set(err, -EINVAL,
				     "%s: no SEV metadata of version 1 at offset %#llx, where the "
				     "GUID table says",
				     file->path, (unsigned long long)offset);
	/* more than the sections is nothing to worry about, and other loaders take it */
	if (count == 0 || count > OVMF_MAX_SECTIONS ||
	    get_le32(header + 4) < HEADER_LEN + count * DESCRIPTOR_LEN ||
	    get_le32(header + 4) > distance)
		return vmm_error_set(err, -EINVAL,
				     "%s: SEV metadata of %u bytes with %u sections is damaged",
				     file->path, get_le32(header + 4), count);
	return read_sections(file, offset + HEADER_LEN, count, ovmf, err);
}

int ovmf_parse(const struct mem_file *file, struct ovmf *ovmf, struct vmm_error *err)
{
	struct guid_table table;
	uint8_t entry[8];
	int ret;

	*ovmf = (struct ovmf){.nsections = 0};
	ret = guid_table_read(file, &table, err);
	if (ret == 0)
		ret = guid_table_get(&table, &sev_metadata, "SEV metadata", entry, 4, err);
	if (ret != 0)
		return explain_missing(ret, file, "SEV metadata", err);
	ret = read_metadata(file, get_le32(entry), ovmf, err);
	if (ret < 0)
		return ret;

	ret = guid_table_get(&table, &reset_block, "the SEV-ES reset block", entry, 4, err);
	if (ret < 0)
		return explain_missing(ret, file, "SEV-ES reset block", err);
	ovmf->ap_eip = get_le32(entry);
	if (ovmf->ap_eip == 0)
		return vmm_error_set(err, -EINVAL, "%s: its SEV-ES reset block is empty",
				     file->path);

	ret = guid_table_get(&table, &hash_area, "kernel hashes", entry, 8, err);
	if (ret == 0) {
		ovmf->hash_gpa = get_le32(entry);
		ovmf->hash_len = get_le32(entry + 4);
	}
	return ret == -ENOENT ? 0 : ret;
}
