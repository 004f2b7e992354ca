/* SPDX-License-Identifier: MIT */
/*
 * A memory balloon (virtio 1.2, section 5.5) for plain guests: [balloon]. Pages that the guest puts
 * into it, or reports as free, go back to the host; it gets new ones, of zeros, by touching them.
 */
#ifndef VMM_VIRTIO_BALLOON_H
#define VMM_VIRTIO_BALLOON_H

#include "vmm/virtio/virtio.h"

/* On failure *dev is NULL. */
int virtio_balloon_create(struct virtio_device **dev, struct virtio_host *host,
			  const struct config_balloon *config, struct vmm_error *err);

#endif
