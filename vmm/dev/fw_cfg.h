/* SPDX-License-Identifier: MIT */
/*
 * fw_cfg, by which a guest's firmware is told what machine it is in, and is handed a kernel (QEMU,
 * docs/specs/fw_cfg.rst). It is a set of items, each a string of bytes behind a number: the guest
 * selects one at port 0x510 and reads it byte by byte from port 0x511, or has it written into its
 * memory. Some items have names, which stand in the directory.
 *
 * Everything is read-only. Items are added before the first vCPU runs. Kernel and initrd are never
 * in this process's memory: they are read from their files when the guest asks.
 */
#ifndef VMM_DEV_FW_CFG_H
#define VMM_DEV_FW_CFG_H

#include "mem/file.h"
#include "vmm/dev/bus.h"

#include <pthread.h>

#define FW_CFG_PORTS	 2
#define FW_CFG_DMA_PORTS 8

/* The items without a name that firmware for virtual machines asks for. */
enum fw_cfg_key {
	FW_CFG_SIGNATURE = 0x00,   /* "QEMU" */
	FW_CFG_ID = 0x01,	   /* u32: FW_CFG_ID_… */
	FW_CFG_CPUS = 0x05,	   /* u16 */
	FW_CFG_KERNEL_SIZE = 0x08, /* u32, as are all sizes; without the setup part */
	FW_CFG_INITRD_SIZE = 0x0b,
	FW_CFG_KERNEL_DATA = 0x11,
	FW_CFG_INITRD_DATA = 0x12,
	FW_CFG_CMDLINE_SIZE = 0x14, /* with its final zero byte */
	FW_CFG_CMDLINE_DATA = 0x15,
	FW_CFG_SETUP_SIZE = 0x17, /* the part of a bzImage in front of the kernel proper */
	FW_CFG_SETUP_DATA = 0x18,
	FW_CFG_DIRECTORY = 0x19,
	FW_CFG_FIRST_FILE = 0x20, /* of the directory */
};

#define FW_CFG_ID_PORTS 1u /* the ports are there */
#define FW_CFG_ID_DMA	2u

#define FW_CFG_ITEMS 24
#define FW_CFG_FILES 8
#define FW_CFG_NAME  56 /* with its final zero byte */

struct fw_cfg_item {
	uint16_t key;
	uint32_t len;
	uint8_t *bytes;		     /* the device's own; NULL: they are in the file */
	const struct mem_file *file; /* len bytes at `offset` */
	uint64_t offset;
};

struct fw_cfg {
	struct device dev, dma_dev;
	const struct guest_mem *mem;
	struct fw_cfg_item item[FW_CFG_ITEMS];
	size_t nitems;
	void (*found)(void *ctx); /* once, on a vCPU thread, when the guest first looks; or NULL */
	void *ctx;
	struct fw_cfg_item *directory; /* one of them: it grows with each file that has a name */

	pthread_mutex_t lock; /* of all below */
	bool was_found;
	const struct fw_cfg_item *selected; /* NULL: one that does not exist */
	uint64_t pos;			    /* of the next byte; at most its length */
	uint64_t dma_address;		    /* as far as it has been written */
};

/* With signature, ID and an empty directory. `mem` must outlive the device; it may get its regions
 * later. */
int fw_cfg_init(struct fw_cfg *fw, const struct guest_mem *mem, struct vmm_error *err);

/* Also after fw_cfg_init() has failed, and of a structure that is all zero. */
void fw_cfg_destroy(struct fw_cfg *fw);

/* Adds an item: a little-endian number of `len` bytes (2 or 4); a copy of some bytes; a part of a
 * file, which must outlive the device. -ENOSPC when there are too many, -E2BIG for one of 4 GiB. */
int fw_cfg_add_number(struct fw_cfg *fw, uint16_t key, uint32_t value, size_t len,
		      struct vmm_error *err);
int fw_cfg_add_bytes(struct fw_cfg *fw, uint16_t key, const void *bytes, uint64_t len,
		     struct vmm_error *err);
int fw_cfg_add_part(struct fw_cfg *fw, uint16_t key, const struct mem_file *file, uint64_t offset,
		    uint64_t len, struct vmm_error *err);

/* Adds a copy of some bytes under a name ("etc/e820"), shorter than FW_CFG_NAME. */
int fw_cfg_add_named(struct fw_cfg *fw, const char *name, const void *bytes, uint64_t len,
		     struct vmm_error *err);

#endif
