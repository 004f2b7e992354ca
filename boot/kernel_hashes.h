/* SPDX-License-Identifier: MIT */
/*
 * The hashes of kernel, initrd and command line that OVMF holds against what it is given through
 * fw_cfg: a measured page vouches for files that are not measured themselves (edk2,
 * OvmfPkg/AmdSev/BlobVerifierLibSevHashes).
 */
#ifndef BOOT_KERNEL_HASHES_H
#define BOOT_KERNEL_HASHES_H

#include "mem/file.h"

#include <stdint.h>

#define KERNEL_HASHES_SIZE 176 /* 168 bytes of table, zeros to a multiple of 16 */

/*
 * SHA-256 of the files' bytes as they are and of the command line with its final zero byte.
 * `initrd` may be NULL, which has the hash of an empty file. Errors are those of reading the files.
 */
int kernel_hashes_build(const struct mem_file *kernel, const struct mem_file *initrd,
			const char *cmdline, uint8_t table[KERNEL_HASHES_SIZE],
			struct vmm_error *err);

#endif
