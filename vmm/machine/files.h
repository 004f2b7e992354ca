/* SPDX-License-Identifier: MIT */
/*
 * The files that a VM reads, writes and appends to, as its configuration names them: which they are
 * and whether one would damage another.
 */
#ifndef VMM_MACHINE_FILES_H
#define VMM_MACHINE_FILES_H

#include "cc/tech.h"
#include "vmm/base/sys.h"
#include "vmm/config/config.h"

enum file_use {
	FILE_LOADED,   /* read as a whole, before the guest runs or for it */
	FILE_SOURCE,   /* read as a stream */
	FILE_READ,     /* a disk that is not written to */
	FILE_WRITTEN,  /* a disk */
	FILE_APPENDED, /* text of a console or of the log goes behind its end */
};

struct vm_file {
	char key[24]; /* "boot.kernel", "disk[0].path"; "" is the configuration itself */
	const char *path;
	enum file_use use;
};

#define FILES_MAX (16 + CONFIG_MAX_DISKS)

/* All of them that a VM of kind `tech` uses, in the order of the tables; returns how many. The paths
 * are the configuration's. */
size_t files_list(const struct vmm_config *config, const struct cc_tech *tech,
		  struct vm_file file[FILES_MAX]);

/* Is given each fault that is found; its text begins with the key at fault. */
typedef void files_fault_fn(void *ctx, const struct vmm_error *fault);

/*
 * What is written to must be no other file of the same VM, whatever names the two have. Files that
 * are not there, or may not be looked at, are passed over: whoever opens them says so. Returns 0
 * also when faults were found, or a negative errno when the host did not answer.
 */
int files_check(const struct vmm_config *config, const struct cc_tech *tech, const struct sys *sys,
		files_fault_fn *fault, void *ctx, struct vmm_error *err);

/* The same, for those who want the first fault only: as *err, -EINVAL. */
int files_check_first(const struct vmm_config *config, const struct cc_tech *tech,
		      const struct sys *sys, struct vmm_error *err);

#endif
