/* SPDX-License-Identifier: MIT */
/*
 * Kernel and initrd for firmware, which starts them itself: their files stay open, and are read
 * when the guest asks for them. A bzImage is handed over in two parts, the setup part with its
 * header and the rest; together they are the file as it is, which is what OVMF holds against the
 * kernel's hash.
 */
#ifndef BOOT_FW_KERNEL_H
#define BOOT_FW_KERNEL_H

#include "mem/file.h"

#include <stdbool.h>

struct fw_kernel {
	struct mem_file kernel;
	struct mem_file initrd;
	bool have_initrd;
	bool startable;	      /* a bzImage or an EFI program, which is all that OVMF starts */
	uint32_t setup_len;   /* bytes of the kernel's file; 0: it has no setup part */
	uint64_t cmdline_max; /* bytes that the kernel takes, without the final zero byte */
};

/* `initrd` may be NULL. Files of 4 GiB and more are refused, and those that cannot be read. On
 * failure nothing is open. The paths must outlive *k. */
int fw_kernel_open(struct fw_kernel *k, const struct sys *sys, const char *kernel,
		   const char *initrd, struct vmm_error *err);
void fw_kernel_close(struct fw_kernel *k);

/* Is the command line short enough for the kernel? Firmware hands on any. */
int fw_kernel_check_cmdline(const struct fw_kernel *k, const char *cmdline, struct vmm_error *err);

/*
 * The hashes of kernel, initrd and command line that OVMF holds against what it is given through
 * fw_cfg: a measured page vouches for files that are not measured themselves (edk2,
 * OvmfPkg/AmdSev/BlobVerifierLibSevHashes). SHA-256 of the files' bytes as they are, none being an
 * empty file, and of the command line with its final zero byte.
 */
#define KERNEL_HASHES_SIZE 176 /* 168 bytes of table, zeros to a multiple of 16 */

int fw_kernel_hashes(const struct fw_kernel *k, const char *cmdline, void *table,
		     struct vmm_error *err);

/* Says what is wrong with a kernel that is not startable. */
int fw_kernel_refuse(const struct fw_kernel *k, struct vmm_error *err);

#endif
