/* SPDX-License-Identifier: MIT */
/*
 * Firmware images made up in a test: two pages with a GUID table at their end, SEV metadata and a
 * TDVF descriptor. Parsers read them from a buffer, as fuzzers do.
 */
#ifndef TESTS_UNIT_FIRMWARE_IMAGE_H
#define TESTS_UNIT_FIRMWARE_IMAGE_H

#include "mem/file.h"
#include "tests/fuzz/fuzz_file.h"
#include "tests/unit/boot_files.h"

#define IMAGE_LEN  0x2000u
#define IMAGE_GPA  (LAYOUT_HIGH_BASE - IMAGE_LEN)
#define IMAGE_NAME "image.fd"

/* Offsets in the image. The table ends 32 bytes before the end of the file. */
#define AT_SEV	 0x1000u /* "ASEV" */
#define AT_TDVF	 0x1100u /* "TDVF" */
#define AT_TABLE (IMAGE_LEN - 32 - 110)
#define AT_END	 (IMAGE_LEN - 32)

/* Entries, in ascending order: data, u16 length, GUID. */
#define AT_SEV_OFFSET  AT_TABLE		     /* u32, 22 bytes with length and GUID */
#define AT_HASH_AREA   (AT_TABLE + 22)	     /* two u32, 26 bytes */
#define AT_RESET_BLOCK (AT_TABLE + 22 + 26)  /* u32, 22 bytes */
#define AT_TDX_OFFSET  (AT_RESET_BLOCK + 22) /* u32, 22 bytes */
#define AT_FOOTER      (AT_TDX_OFFSET + 22)  /* u16 length of it all, GUID */

static const uint8_t guid_footer[16] = {0xde, 0x82, 0xb5, 0x96, 0xb2, 0x1f, 0xf7, 0x45,
					0xba, 0xea, 0xa3, 0x66, 0xc5, 0x5a, 0x08, 0x2d};
static const uint8_t guid_sev[16] = {0x66, 0x65, 0x88, 0xdc, 0x4a, 0x98, 0x98, 0x47,
				     0xa7, 0x5e, 0x55, 0x85, 0xa7, 0xbf, 0x67, 0xcc};
static const uint8_t guid_hash[16] = {0x1f, 0x37, 0x55, 0x72, 0x3b, 0x3a, 0x04, 0x4b,
				      0x92, 0x7b, 0x1d, 0xa6, 0xef, 0xa8, 0xd4, 0x54};
static const uint8_t guid_reset[16] = {0xde, 0x71, 0xf7, 0x00, 0x7e, 0x1a, 0xcb, 0x4f,
				       0x89, 0x0e, 0x68, 0xc7, 0x7e, 0x2f, 0xb4, 0x4e};
static const uint8_t guid_tdx[16] = {0x35, 0x65, 0x7a, 0xe4, 0x4a, 0x98, 0x98, 0x47,
				     0x86, 0x5e, 0x46, 0x85, 0xa7, 0xbf, 0x8e, 0xc2};

static inline uint8_t *put_entry(uint8_t *at, const void *data, size_t len, const uint8_t guid[16])
{
	memcpy(at, data, len);
	put_le16(at + len, (uint16_t)(len + 18));
	memcpy(at + len + 2, guid, 16);
	return at + len + 18;
}

static inline void image_table(uint8_t image[IMAGE_LEN])
{
	uint8_t data[8], *at = image + AT_TABLE;

	put_le32(data, IMAGE_LEN - AT_SEV);
	at = put_entry(at, data, 4, guid_sev);
	put_le32(data, 0x805c00);
	put_le32(data + 4, 0x400);
	at = put_entry(at, data, 8, guid_hash);
	put_le32(data, 0x80b004);
	at = put_entry(at, data, 4, guid_reset);
	put_le32(data, IMAGE_LEN - AT_TDVF);
	at = put_entry(at, data, 4, guid_tdx);
	put_le16(data, AT_END - AT_TABLE);
	memcpy(at, data, 2);
	memcpy(at + 2, guid_footer, 16);
	ck_assert_ptr_eq(at + 18, image + AT_END);
}

static inline void put_sev_section(uint8_t *at, uint32_t gpa, uint32_t len, uint32_t type)
{
	put_le32(at, gpa);
	put_le32(at + 4, len);
	put_le32(at + 8, type);
}

#define SEV_SECTIONS 6

/* Out of the order of addresses, as real tables are. */
static inline void image_sev(uint8_t image[IMAGE_LEN])
{
	uint8_t *at = image + AT_SEV;

	memcpy(at, "ASEV", 4);
	put_le32(at + 4, 16 + 12 * SEV_SECTIONS);
	put_le32(at + 8, 1);
	put_le32(at + 12, SEV_SECTIONS);
	put_sev_section(at + 16, 0x800000, 0x2000, 1);
	put_sev_section(at + 28, 0x803000, 0x1000, 3);
	put_sev_section(at + 40, 0x802000, 0x1000, 2);
	put_sev_section(at + 52, 0x804000, 0x1000, 4);
	put_sev_section(at + 64, 0x805000, 0x1000, 0x10);
	put_sev_section(at + 76, 0x806000, 0x3000, 1);
}

struct tdvf_row {
	uint32_t offset, raw;
	uint64_t gpa, len;
	uint32_t type, attributes;
};

static inline void put_tdvf_section(uint8_t *at, const struct tdvf_row *row)
{
	put_le32(at, row->offset);
	put_le32(at + 4, row->raw);
	put_le64(at + 8, row->gpa);
	put_le64(at + 16, row->len);
	put_le32(at + 24, row->type);
	put_le32(at + 28, row->attributes);
}

/* Writes a descriptor with these sections. */
static inline void image_tdvf(uint8_t image[IMAGE_LEN], const struct tdvf_row *rows, size_t n)
{
	uint8_t *at = image + AT_TDVF;

	memcpy(at, "TDVF", 4);
	put_le32(at + 4, (uint32_t)(16 + 32 * n));
	put_le32(at + 8, 1);
	put_le32(at + 12, (uint32_t)n);
	for (size_t i = 0; i < n; i++)
		put_tdvf_section(at + 16 + 32 * i, &rows[i]);
}

/* BFV, CFV, TD_HOB, TempMem: what an OVMF has. */
static const struct tdvf_row ovmf_rows[] = {
	{0x1000, 0x1000, IMAGE_GPA + 0x1000, 0x1000, 0, 1},
	{0, 0x1000, IMAGE_GPA, 0x1000, 1, 0},
	{0, 0, 0x809000, 0x2000, 2, 0},
	{0, 0, 0x800000, 0x6000, 3, 0},
};

static inline void image_make(uint8_t image[IMAGE_LEN])
{
	memset(image, 0x90, IMAGE_LEN);
	image_table(image);
	image_sev(image);
	image_tdvf(image, ovmf_rows, ARRAY_SIZE(ovmf_rows));
}

/* As ck_assert(), but at no cost when it holds: for what is checked a hundred thousand times. */
#define image_require(holds)                                 \
	do {                                                 \
		if (!(holds))                                \
			ck_abort_msg("%s is false", #holds); \
	} while (0)

/* A file over a buffer; nothing has to be closed. */
static inline struct mem_file image_open_buffer(struct sys *sys, struct fuzz_file *buffer,
						const uint8_t *bytes, size_t len)
{
	struct vmm_error err;
	struct mem_file file;

	*buffer = (struct fuzz_file){bytes, len};
	*sys = (struct sys){&fuzz_ops, buffer};
	image_require(mem_file_open(&file, sys, IMAGE_NAME, &err) == 0);
	return file;
}

/* A refusal is a sentence that names the file, and the code is the one that was returned. */
static inline void image_check_refusal(int ret, const struct vmm_error *err)
{
	image_require(ret < 0 && err->code == ret);
	if (!strstr(err->text, IMAGE_NAME))
		ck_abort_msg("the file is not named: %s", err->text);
}

/* What is wrong with an image, and the word that says so. */
struct image_fault {
	uint32_t at;
	unsigned int size; /* bytes: 2, 4 or 8 */
	uint64_t value;
	const char *says;
};

static inline void image_patch(uint8_t image[IMAGE_LEN], const struct image_fault *fault)
{
	if (fault->size == 2)
		put_le16(image + fault->at, (uint16_t)fault->value);
	else if (fault->size == 4)
		put_le32(image + fault->at, (uint32_t)fault->value);
	else
		put_le64(image + fault->at, fault->value);
}

#endif
