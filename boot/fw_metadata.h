/* SPDX-License-Identifier: MIT */
/*
 * What a firmware image says about the memory that it needs before it can run: sections, in the order
 * of the image's table.
 *
 *	SEV metadata	OVMF for SNP guests (edk2, OvmfPkg/ResetVector: X64/OvmfSevMetadata.asm and
 *			Ia16/ResetVectorVtf0.asm)
 *	TDVF		OVMF or td-shim for TDs (Intel TDX Virtual Firmware Design Guide, chapter 11,
 *			"TDVF metadata")
 *
 * Both are found by a table of GUIDed structures at the end of the image. It ends 32 bytes before the
 * end of the file and is read backwards:
 *
 *	data, u16 length (of data, length and GUID), GUID    one entry after the other
 *	u16 length (of the whole table, with this), footer GUID
 *	32 bytes of code: the reset vector
 */
#ifndef BOOT_FW_METADATA_H
#define BOOT_FW_METADATA_H

#include "mem/plan.h"

struct guid {
	uint8_t byte[16];
};

/* From the text form: the first three groups are stored little-endian. */
#define GUID(a, b, c, ...)                                                                  \
	{                                                                                   \
		{                                                                           \
			(a) & 0xff, (a) >> 8 & 0xff, (a) >> 16 & 0xff, (a) >> 24, (b)&0xff, \
				(b) >> 8, (c)&0xff, (c) >> 8, __VA_ARGS__                   \
		}                                                                           \
	}

#define FW_SECTIONS_MAX 64 /* real images have six to ten; of SEV metadata at most half of that */

#define FW_SEV 0x100 /* added to the numbers that SEV metadata has for its sections */

enum fw_section_type {
	TDVF_BFV = 0,		/* boot firmware volume: code, from the file */
	TDVF_CFV = 1,		/* configuration firmware volume: variables, from the file */
	TDVF_TD_HOB = 2,	/* the VMM tells the firmware here what RAM there is */
	TDVF_TEMP_MEM = 3,	/* zeros: stack, heap, mailbox */
	TDVF_PERM_MEM = 4,	/* the guest accepts it later */
	TDVF_PAYLOAD = 5,	/* td-shim: a kernel, from the file or from the VMM */
	TDVF_PAYLOAD_PARAM = 6, /* td-shim: its command line */
	TDVF_TD_INFO = 7,	/* in the file only */
	TDVF_TD_PARAMS = 8,	/* in the file only */
	OVMF_SEC_MEM = FW_SEV | 1,
	OVMF_SECRETS = FW_SEV | 2,
	OVMF_CPUID = FW_SEV | 3,
	OVMF_SVSM_CAA = FW_SEV | 4,
	OVMF_KERNEL_HASHES = FW_SEV | 0x10,
};

#define TDVF_MR_EXTEND 1u /* the contents are measured */
#define TDVF_PAGE_AUG  2u /* not there at start */

struct fw_section {
	uint64_t gpa; /* page aligned */
	uint64_t len; /* whole pages; 0: no memory (TDVF only) */
	enum fw_section_type type;
	uint32_t offset;     /* TDVF: of its data in the file */
	uint32_t raw;	     /* bytes of data; zeros follow up to len */
	uint32_t attributes; /* TDVF_MR_EXTEND, TDVF_PAGE_AUG */
};

struct fw_metadata {
	struct fw_section section[FW_SECTIONS_MAX];
	size_t nsections;
	/* SEV metadata only */
	uint32_t ap_eip;   /* first instruction of all CPUs but the first; not 0 */
	uint32_t hash_gpa; /* where the firmware reads the table of kernel hashes; 0: nowhere */
	uint32_t hash_len; /* bytes of room there */
};

/*
 * Each reads it out of an image that will end at 4 GiB and is smaller than that, and checks it: data
 * inside the file, memory without overlap; SEV metadata: below the image; TDVF: below the shared bit,
 * and a BFV with the reset vector. Whether the memory is RAM is not known here. -EINVAL with a
 * sentence for an image that is damaged, or that was not built for such a guest.
 */
int ovmf_parse(const struct mem_file *file, struct fw_metadata *fw, struct vmm_error *err);
int tdvf_parse(const struct mem_file *file, struct fw_metadata *fw, struct vmm_error *err);

/* Is the section's memory there, and accepted, when the guest starts? */
bool fw_added(const struct fw_section *section);

/* The section of a type of which there is at most one, or NULL. */
const struct fw_section *fw_find(const struct fw_metadata *fw, enum fw_section_type type);

/* "SNP secrets", "BFV", …; NULL for a number that is no type's */
const char *fw_type_name(enum fw_section_type type);

/* How a section becomes a boot item. */
enum load_kind fw_type_kind(enum fw_section_type type);

#endif
