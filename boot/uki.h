/* SPDX-License-Identifier: MIT */
/*
 * Unified kernel images: an EFI program whose sections hold a kernel and what belongs to it (UAPI
 * Group Specification 5, "Unified Kernel Image"). EFI firmware runs the program in it, which starts
 * the kernel; here the parts are taken out and booted as if they were files of their own.
 */
#ifndef BOOT_UKI_H
#define BOOT_UKI_H

#include "mem/file.h"

#include <stdbool.h>

#define UKI_SECTIONS_MAX 256 /* of which a file with a dozen profiles has a hundred */

struct uki_part {
	uint64_t offset; /* in the file */
	uint64_t len;	 /* 0: there is none */
};

struct uki {
	struct uki_part kernel;	 /* .linux; never 0 */
	struct uki_part initrd;	 /* .initrd */
	struct uki_part cmdline; /* .cmdline: text */
};

/*
 * Finds the parts of the file: 1 if it is a unified kernel image, 0 if it is another EFI program or
 * none at all, -ENOEXEC for one that is damaged or for another processor. All parts lie inside the
 * file. Of several profiles the first counts, which is the one that is started by default.
 */
int uki_read(const struct mem_file *file, struct uki *uki, struct vmm_error *err);

/*
 * The text of the command line, to be freed by the caller: without spaces and line ends around it,
 * and with spaces for control characters, as the program in the image hands it on. Empty if there
 * is none. -E2BIG for more than `max` bytes.
 */
int uki_cmdline(const struct mem_file *file, const struct uki *uki, uint64_t max, char **cmdline,
		struct vmm_error *err);

#endif
