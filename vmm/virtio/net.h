/* SPDX-License-Identifier: MIT */
/*
 * The network device (virtio 1.2, section 5.1): [[net]]. Its frames go to a tap interface of the
 * host, by this process or, with vhost-net, by the kernel alone; or through a Unix socket to a
 * program such as passt.
 */
#ifndef VMM_VIRTIO_NET_H
#define VMM_VIRTIO_NET_H

#include "vmm/machine/files.h"
#include "vmm/virtio/virtio.h"

/* Opens what config->net[index] names. On failure *dev is NULL. `config` outlives the device. */
int virtio_net_create(struct virtio_device **dev, struct virtio_host *host,
		      const struct vmm_config *config, size_t index, struct vmm_error *err);

/* For `minivmm check`: could all of them be opened now? Nothing is left open. */
void virtio_net_check(const struct sys *sys, const struct vmm_config *config, files_fault_fn *fault,
		      void *ctx);

#endif
