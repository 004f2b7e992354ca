/* SPDX-License-Identifier: MIT */
/*
 * What an OVMF image says about the start of an SEV-SNP guest: the memory that it needs populated
 * before it can accept any itself ("SEV metadata"), where the other CPUs start, and where it looks
 * for the hashes of the kernel (edk2, OvmfPkg/ResetVector: X64/OvmfSevMetadata.asm and
 * Ia16/ResetVectorVtf0.asm).
 */
#ifndef BOOT_OVMF_H
#define BOOT_OVMF_H

#include "mem/file.h"

#include <stddef.h>
#include <stdint.h>

#define OVMF_MAX_SECTIONS 32 /* real images have about six */

enum ovmf_section_type {
	OVMF_SEC_MEM = 1,
	OVMF_SECRETS = 2,
	OVMF_CPUID = 3,
	OVMF_SVSM_CAA = 4,
	OVMF_KERNEL_HASHES = 0x10,
};

struct ovmf_section {
	uint32_t gpa; /* page aligned */
	uint32_t len; /* whole pages, not 0 */
	enum ovmf_section_type type;
};

struct ovmf {
	struct ovmf_section section[OVMF_MAX_SECTIONS]; /* in the order of the image's table */
	size_t nsections;
	uint32_t ap_eip;   /* first instruction of all CPUs but the first; not 0 */
	uint32_t hash_gpa; /* where the firmware reads the table of kernel hashes; 0: nowhere */
	uint32_t hash_len; /* bytes of room there */
};

/*
 * Reads it out of an image that will end at 4 GiB and is smaller than that. Sections overlap
 * neither each other nor the image; whether they are in RAM is not known here. -EINVAL with a
 * sentence for an image that is damaged, or that was not built for SNP.
 */
int ovmf_parse(const struct mem_file *file, struct ovmf *ovmf, struct vmm_error *err);

/* "firmware memory", "SNP secrets", … */
const char *ovmf_section_name(enum ovmf_section_type type);

#endif
