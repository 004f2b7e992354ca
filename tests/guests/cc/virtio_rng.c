// SPDX-License-Identifier: MIT
/* The entropy device (virtio 1.2, section 5.4): it fills buffers with random bytes. */
#include "tests/guests/cc/virtio.h"

#define BYTES 64

static int64_t once(void)
{
	virtio_describe(0, 0, BUFFER_PAGE, BYTES, VRING_DESC_F_WRITE);
	virtio_offer(0);
	return virtio_wait(0);
}

static void works(uint64_t n)
{
	volatile uint64_t *words = (volatile uint64_t *)BUFFER_PAGE;
	uint64_t before = 0;

	for (uint64_t i = 0; i < n; i++) {
		int64_t len = once();

		if (len != BYTES)
			fail("request %u gives %u bytes", i, (uint64_t)len);
		/* 64 random bits are not 0, and not what they were */
		if (words[0] == 0 || words[0] == before || words[7] == 0)
			fail("request %u: the bytes are not new", i);
		before = words[0];
	}
}

const struct virtio_case virtio_rng = {VIRTIO_ID_RNG, 1, works, once};
