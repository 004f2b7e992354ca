/* SPDX-License-Identifier: MIT */
/*
 * Direct kernel boot: kernel, initrd and command line, from files of their own or from a unified
 * kernel image, which are opened once.
 */
#ifndef BOOT_DIRECT_H
#define BOOT_DIRECT_H

#include "boot/boot.h"
#include "boot/image.h"

struct direct {
	struct boot_image image; /* of the kernel */
	struct mem_file initrd;	 /* size 0: none */
	bool initrd_inside;	 /* a part of the kernel's file */
	char *own_cmdline;	 /* of a unified kernel image that counts, or NULL */
};

/* Opens what config->kernel and config->initrd name. On failure nothing is open. */
int direct_open(struct direct *direct, const struct boot_config *config, const struct sys *sys,
		struct vmm_error *err);
int direct_load(struct direct *direct, const struct boot_config *config, struct guest_mem *mem,
		struct load_plan *plan, struct vmm_error *err);
void direct_close(struct direct *direct);

#endif
