/* SPDX-License-Identifier: MIT */
/*
 * Firmware images, which a guest starts at their reset vector: they get a region of memory of their
 * own that ends at 4 GiB, and what else they need before they can run is in their metadata. The
 * items come in the order that QEMU has made the usual one, so that public calculators of launch
 * measurements agree.
 */
#ifndef BOOT_FIRMWARE_H
#define BOOT_FIRMWARE_H

#include "boot/config.h"
#include "boot/fw_kernel.h"
#include "boot/fw_metadata.h"
#include "mem/plan.h"

/* Images end at 4 GiB and are at most this large: below are the local APICs. */
#define FIRMWARE_MAX (LAYOUT_HIGH_BASE - UINT64_C(0xff000000))

#define FIRMWARE_RESET_VECTOR UINT64_C(0xfffffff0)

struct firmware {
	struct mem_file file;
	struct fw_kernel kernel;     /* if there is one */
	struct fw_metadata metadata; /* no sections in a plain VM */
};

/*
 * Opens config->firmware, kernel and initrd, and decides whether it can start this guest: size,
 * metadata, and whether a kernel can be handed to it if there is one. firmware_close() undoes it;
 * on failure nothing is open.
 */
int firmware_open(struct firmware *fw, const struct boot_config *config, const struct sys *sys,
		  struct vmm_error *err);
void firmware_close(struct firmware *fw);

/* boot_load() for a guest with firmware. */
int firmware_load(const struct firmware *fw, const struct boot_config *config,
		  struct load_plan *plan, struct vmm_error *err);

#endif
