/* SPDX-License-Identifier: MIT */
/* Random bytes (virtio 1.2, section 5.4), from [rng] source. */
#ifndef VMM_VIRTIO_RNG_H
#define VMM_VIRTIO_RNG_H

#include "vmm/machine/files.h"
#include "vmm/virtio/virtio.h"

/* Opens `source`. On failure *dev is NULL. */
int virtio_rng_create(struct virtio_device **dev, struct virtio_host *host, const char *source,
		      struct vmm_error *err);

/* For `minivmm check`, when there is such a device: could its source be opened now? */
void virtio_rng_check(const struct sys *sys, const struct vmm_config *config, files_fault_fn *fault,
		      void *ctx);

#endif
