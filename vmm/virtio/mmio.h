/* SPDX-License-Identifier: MIT */
/* Between mmio.c, the registers of a virtio device, and device.c. */
#ifndef VMM_VIRTIO_MMIO_H
#define VMM_VIRTIO_MMIO_H

#include "vmm/virtio/virtio.h"

extern const struct device_ops virtio_mmio_ops;

#endif
