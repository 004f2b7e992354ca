/* SPDX-License-Identifier: MIT */
/* A disk (virtio 1.2, section 5.2): a raw image or a block device of the host, from [[disk]]. */
#ifndef VMM_VIRTIO_BLK_H
#define VMM_VIRTIO_BLK_H

#include "vmm/machine/files.h"
#include "vmm/virtio/virtio.h"

/* Opens and locks the image of disk number `index`. On failure *dev is NULL. */
int virtio_blk_create(struct virtio_device **dev, struct virtio_host *host,
		      const struct config_disk *disk, size_t index, struct vmm_error *err);

/* Could the images of all disks be opened and locked now? They are not locked: no VM is disturbed. */
void virtio_blk_check(const struct sys *sys, const struct vmm_config *config, files_fault_fn *fault,
		      void *ctx);

#endif
