/* SPDX-License-Identifier: MIT */
/*
 * IGVM files: a whole guest in one file, pages and registers and all, for several platforms at
 * once. The platform headers give each platform a bit, and the others say by a mask of bits which
 * platforms they are for; a plain VM is IGVM's "native" platform.
 *
 * Boot items come in the order of the file's directives, so that the launch measures what the
 * file's author has measured.
 */
#ifndef BOOT_IGVM_H
#define BOOT_IGVM_H

#include "boot/boot.h"
#include "boot/igvm_defs.h"
#include "mem/file.h"

#define IGVM_HEADERS_MAX MIB(32) /* a million pages, one by one */

struct igvm {
	struct mem_file file;
	uint8_t *headers; /* the variable headers; every length in them is sound */
	uint32_t len;
	uint32_t offset;    /* of them in the file, for messages */
	uint32_t mask;	    /* the bit of this guest's platform */
	uint32_t platforms; /* the bits of all platforms in the file */
	enum igvm_platform platform;
};

/* A variable header of the file. */
struct igvm_header {
	uint32_t type;	     /* without IGVM_OPTIONAL */
	const char *name;    /* NULL: not known, and may be ignored */
	const uint8_t *data; /* its content */
	uint64_t offset;     /* of the header in the file */
	bool applies;	     /* to this guest's platform */
};

/*
 * Opens config->igvm, checks the structure of all headers, finds the guest's platform, and fills
 * *demand, which is all zero before. igvm_close() undoes it; on failure nothing is open. -EINVAL
 * for a damaged file, -ENOTSUP for one that needs what there is not: named in the sentence.
 */
int igvm_open(struct igvm *igvm, const struct boot_config *config, const struct sys *sys,
	      struct boot_demand *demand, struct vmm_error *err);
void igvm_close(struct igvm *igvm);

/* Checks the structure of the headers and finds the platform; igvm_open() does it. */
int igvm_check_headers(struct igvm *igvm, struct vmm_error *err);

/* The header at *at, which starts at 0, and moves *at behind it; false when there is none. */
bool igvm_next(const struct igvm *igvm, uint32_t *at, struct igvm_header *header);

/* A sentence about one header: its name and where it is go in front of the text. */
int igvm_refuse(const struct igvm_header *header, int code, struct vmm_error *err, const char *fmt,
		...) __attribute__((format(printf, 4, 5)));

/* What the file asks of the launch; igvm_open() does it. */
int igvm_demand(const struct igvm *igvm, struct boot_demand *demand, struct vmm_error *err);

/* boot_load() for a guest in an IGVM file. */
int igvm_load(const struct igvm *igvm, const struct boot_config *config, struct load_plan *plan,
	      struct vmm_error *err);

/* --- igvm_vp.c: registers --------------------------------------------------------------------- */

/* Appends the registers of a VP context that applies to this guest to the plan. */
int igvm_vp_context(const struct igvm *igvm, const struct igvm_header *header,
		    struct load_plan *plan, struct vmm_error *err);

/* SEV_FEATURES of the VMSA that the VP context of an SNP guest points to. */
int igvm_vp_features(const struct igvm *igvm, const struct igvm_header *header, uint64_t *features,
		     struct vmm_error *err);

/* --- igvm_area.c, igvm_parameter.c: what the guest is told ------------------------------------ */

#define IGVM_AREAS	64
#define IGVM_AREA_BYTES MIB(16) /* all of them together */

/* Headers that have something filled in: each makes it anew, a device tree even, so a million of
 * them would keep a launch busy for minutes. Each kind once in each area is less. */
#define IGVM_PARAMETERS 1024

struct igvm_area {
	uint32_t index;
	uint64_t len;	/* whole pages */
	uint8_t *bytes; /* NULL: inserted */
};

struct igvm_areas {
	struct igvm_area area[IGVM_AREAS];
	size_t n;
	uint64_t total;
	unsigned int nparameters; /* filled in so far */
};

int igvm_area_add(struct igvm_areas *areas, const struct igvm *igvm,
		  const struct igvm_header *header, struct vmm_error *err);

/* Copies the area to where the header says, as a boot item that is not measured. */
int igvm_area_insert(struct igvm_areas *areas, const struct igvm_header *header,
		     struct load_plan *plan, struct vmm_error *err);

void igvm_areas_free(struct igvm_areas *areas);

/* Fills in a parameter. */
int igvm_parameter(struct igvm_areas *areas, const struct igvm_header *header,
		   const struct boot_config *config, const struct guest_mem *mem,
		   struct vmm_error *err);

#endif
