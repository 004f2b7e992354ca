// SPDX-License-Identifier: MIT
/*
 * What each device goes through: it works from shared pages, as a confidential guest has to have
 * its queues and buffers. Then a buffer is private, and then a queue, which is to cost the device a
 * reset and nothing else.
 */
#include "tests/guests/cc/virtio.h"

static void must_need_reset(const char *what, const struct virtio_case *device)
{
	uint32_t why;

	if (device->once() != -1)
		fail("%s: the device goes on", what);
	why = virtio_read(VIRTIO_MMIO_INTERRUPT_STATUS);
	if (!(why & VIRTIO_MMIO_INT_CONFIG))
		fail("%s: interrupt status %x", what, (uint64_t)why);
}

/* Three times n requests, with what must not work between them. */
static void test_device(uint64_t n, const struct virtio_case *device)
{
	if (virtio_negotiate(VERSION_1))
		fail("a confidential guest need not share its buffers");
	convert(QUEUE_PAGE, VIRTIO_PAGES, SHARED);
	virtio_start(device->nqueues);
	device->works(n);

	convert(BUFFER_PAGE, 1, PRIVATE);
	must_need_reset("private buffer", device);
	convert(BUFFER_PAGE, 1, SHARED);
	virtio_start(device->nqueues);
	device->works(n);

	convert(QUEUE_PAGE, 1, PRIVATE);
	virtio_start(device->nqueues);
	must_need_reset("private queue", device);
	convert(QUEUE_PAGE, 1, SHARED);
	virtio_start(device->nqueues);
	device->works(n);
	virtio_write(VIRTIO_MMIO_STATUS, 0);
	convert(QUEUE_PAGE, VIRTIO_PAGES, PRIVATE);
}

void test_virtio(const struct options *options)
{
	const struct virtio_case *const cases[] = {
		&virtio_rng,
		&virtio_blk,
		&virtio_net,
		&virtio_vsock,
	};
	uint64_t devices = 0;

	irqs_init();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (!virtio_find(cases[i]->id))
			continue;
		test_device(options->n, cases[i]);
		devices++;
	}
	say("GUEST ok virtio devices=%u requests=%u", devices, 3 * options->n);
}
