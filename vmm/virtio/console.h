/* SPDX-License-Identifier: MIT */
/*
 * A console of one port (virtio 1.2, section 5.3): [console]. What is at the other end is a console
 * of vmm/dev/console.h, with its flow control; here a guest that is too fast waits for its buffers
 * to come back.
 */
#ifndef VMM_VIRTIO_CONSOLE_H
#define VMM_VIRTIO_CONSOLE_H

#include "vmm/dev/console.h"
#include "vmm/virtio/virtio.h"

/* Where its bytes go, for those who ask about panics. `dev` is of virtio_console. */
struct console *virtio_console_end(struct virtio_device *dev);

/* The terminal behind a console may have another size now: tells the guest. Any thread, while the
 * VM runs. */
void virtio_console_resized(struct virtio_device *dev);

#endif
