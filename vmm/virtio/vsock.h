/* SPDX-License-Identifier: MIT */
/*
 * Sockets between host and guest (virtio 1.2, section 5.10). Programs of the host see Unix sockets:
 *
 *	guest to host	a connection to CID 2, port P, goes to whoever listens at PATH_P
 *	host to guest	a program connects to PATH and sends "CONNECT P\n"; when the guest has
 *			accepted it is told "OK Q\n", with Q the host's port, and the stream
 *			begins; when the guest refuses, the connection is closed
 */
#ifndef VMM_VIRTIO_VSOCK_H
#define VMM_VIRTIO_VSOCK_H

#include "vmm/virtio/virtio.h"

/* Listens at `path`, which outlives the device. On failure *dev is NULL. */
int virtio_vsock_create(struct virtio_device **dev, struct virtio_host *host, uint32_t cid,
			const char *path, struct vmm_error *err);

#endif
