/* SPDX-License-Identifier: MIT */
/*
 * What a TDVF image (OVMF or td-shim built for TDX) says about its memory: the descriptor and its
 * sections (Intel TDX Virtual Firmware Design Guide, chapter 11, "TDVF metadata").
 */
#ifndef BOOT_TDVF_H
#define BOOT_TDVF_H

#include "mem/file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TDVF_MAX_SECTIONS 64 /* real images have six to ten */

enum tdvf_type {
	TDVF_BFV = 0,		/* boot firmware volume: code, from the file */
	TDVF_CFV = 1,		/* configuration firmware volume: variables, from the file */
	TDVF_TD_HOB = 2,	/* the VMM tells the firmware here what RAM there is */
	TDVF_TEMP_MEM = 3,	/* zeros: stack, heap, mailbox */
	TDVF_PERM_MEM = 4,	/* the guest accepts it later */
	TDVF_PAYLOAD = 5,	/* td-shim: a kernel, from the file or from the VMM */
	TDVF_PAYLOAD_PARAM = 6, /* td-shim: its command line */
	TDVF_TD_INFO = 7,	/* in the file only */
	TDVF_TD_PARAMS = 8,	/* in the file only */
};

#define TDVF_MR_EXTEND 1u /* the contents are measured */
#define TDVF_PAGE_AUG  2u /* not there at start */

struct tdvf_section {
	uint32_t offset; /* of its data in the file */
	uint32_t raw;	 /* bytes of data; zeros follow up to len */
	uint64_t gpa;	 /* page aligned */
	uint64_t len;	 /* whole pages; 0: no memory */
	enum tdvf_type type;
	uint32_t attributes; /* TDVF_MR_EXTEND, TDVF_PAGE_AUG */
};

struct tdvf {
	struct tdvf_section section[TDVF_MAX_SECTIONS]; /* in the order of the image's table */
	size_t nsections;
};

/*
 * Reads it out of an image and checks it: data inside the file, memory without overlap and below
 * the shared bit, a BFV with the reset vector. Whether the memory is RAM is not known here. -EINVAL
 * with a sentence for an image that is damaged, or that was not built for TDX.
 */
int tdvf_parse(const struct mem_file *file, struct tdvf *tdvf, struct vmm_error *err);

/* Is the section's memory there, and accepted, when the TD starts? */
bool tdvf_added(const struct tdvf_section *section);

/* The section of a type of which there is at most one, or NULL. */
const struct tdvf_section *tdvf_find(const struct tdvf *tdvf, enum tdvf_type type);

/* "BFV", "TempMem", … */
const char *tdvf_type_name(enum tdvf_type type);

#endif
