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

#include "boot/config.h"
#include "boot/igvm_defs.h"
#include "mem/file.h"
#include "mem/plan.h"

#define IGVM_HEADERS_MAX MIB(32) /* a million pages, one by one */

struct igvm {
	struct mem_file file;
	uint8_t *headers; /* the variable headers; every length in them is sound */
	uint32_t len;
	uint32_t offset; /* of them in the file, for messages */
	enum igvm_platform platform;
	uint32_t mask;	    /* the bit of this guest's platform */
	uint32_t platforms; /* the bits of all platforms in the file */
	uint32_t types;	    /* which platforms these are, by enum igvm_platform */
};

/* A variable header of the file. */
struct igvm_header {
	const struct igvm_form *form; /* NULL: not known, and may be ignored */
	enum igvm_type type;
	uint64_t offset;  /* of the header in the file */
	const void *data; /* its content */
	bool applies;	  /* to this guest's platform */
};

/*
 * Opens config->igvm, checks all headers, finds the guest's platform, and fills *demand, which is
 * all zero before. igvm_close() undoes it; on failure nothing is open. -EINVAL for a damaged file,
 * -ENOTSUP for one that needs what there is not: named in the sentence.
 */
int igvm_open(struct igvm *igvm, const struct boot_config *config, const struct sys *sys,
	      struct boot_demand *demand, struct vmm_error *err);
void igvm_close(struct igvm *igvm);

/* The header at *at, which starts at 0, and moves *at behind it; false when there is none. */
bool igvm_next(const struct igvm *igvm, uint32_t *at, struct igvm_header *header);

/* boot_load() for a guest in an IGVM file. */
int igvm_load(const struct igvm *igvm, const struct boot_config *config, struct load_plan *plan,
	      struct vmm_error *err);

/* --- between the files of the loader -------------------------------------------------------- */

#define IGVM_AREAS	64
#define IGVM_AREA_BYTES MIB(16) /* all of them together */

/* Headers that have something filled in: each makes it anew, a device tree even, so a million of
 * them would keep a launch busy for minutes. Each kind once in each area is less. */
#define IGVM_PARAMETERS 1024

struct igvm_loader {
	const struct igvm *igvm;
	const struct boot_config *config;
	struct guest_mem *mem;
	struct load_plan *plan;
	struct igvm_filled {
		uint32_t index;
		uint64_t len;	/* whole pages */
		uint8_t *bytes; /* NULL: inserted */
	} area[IGVM_AREAS];
	size_t nareas;
	uint64_t areas_len;	  /* of all areas */
	unsigned int nparameters; /* filled in so far */
	/* pages on their way into the plan; len 0: none */
	struct igvm_run {
		const char *name;
		enum load_kind kind;
		uint64_t gpa;
		uint64_t len;
		uint64_t used;
	} run;
	/* bytes on their way from the file to guest memory */
	struct {
		uint64_t offset;
		uint64_t gpa;
		uint64_t len;
	} copy;
};

/* What is done for a header of each type: for its platform, when the file is opened, and when it is
 * loaded. A type of which neither is done is refused. */
struct igvm_form {
	enum igvm_type type;
	uint16_t size;
	uint8_t mask; /* offset of it */
	uint8_t reserved, reserved_len;
	const char *name;
	int (*open)(struct igvm *igvm, const struct igvm_header *header, struct boot_demand *demand,
		    struct vmm_error *err);
	int (*load)(struct igvm_loader *l, const struct igvm_header *header, struct vmm_error *err);
};

#define IGVM_NO_MASK 0xff /* for all platforms */

/* A sentence about one header: its name and where it is go in front of the text. */
int igvm_refuse(const struct igvm_header *header, int code, struct vmm_error *err, const char *fmt,
		...) __attribute__((format(printf, 4, 5)));

/* Pages gathered so far become an item. */
int igvm_flush(struct igvm_loader *l, struct vmm_error *err);

/* igvm_load.c: memory */
int igvm_load_pages(struct igvm_loader *l, const struct igvm_header *header, struct vmm_error *err);
int igvm_load_required(struct igvm_loader *l, const struct igvm_header *header,
		       struct vmm_error *err);
int igvm_load_error_range(struct igvm_loader *l, const struct igvm_header *header,
			  struct vmm_error *err);

/* igvm_parameter.c: what the guest is told */
int igvm_load_area(struct igvm_loader *l, const struct igvm_header *header, struct vmm_error *err);
int igvm_load_parameter(struct igvm_loader *l, const struct igvm_header *header,
			struct vmm_error *err);
int igvm_load_insert(struct igvm_loader *l, const struct igvm_header *header,
		     struct vmm_error *err);

/* The firmware measures registers after all pages, so what is measured may not stand behind them. */
int igvm_check_order(const struct igvm_loader *l, const struct igvm_header *header,
		     struct vmm_error *err);

/* igvm_vp.c: registers; SEV_FEATURES come from the first context of an SNP guest */
int igvm_open_context(struct igvm *igvm, const struct igvm_header *header,
		      struct boot_demand *demand, struct vmm_error *err);
int igvm_load_context(struct igvm_loader *l, const struct igvm_header *header,
		      struct vmm_error *err);

#endif
