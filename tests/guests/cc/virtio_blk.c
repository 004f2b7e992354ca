// SPDX-License-Identifier: MIT
/* The block device (virtio 1.2, section 5.2): sectors are written, and read again. */
#include "tests/guests/cc/virtio.h"

#include <linux/virtio_blk.h>

/* in the buffer page */
#define HEADER BUFFER_PAGE
#define STATUS (BUFFER_PAGE + 64)
#define DATA   (BUFFER_PAGE + 512)
#define SECTOR 512

/* What word `i` of a sector holds; the test on the host knows it, too. */
static uint64_t word(uint64_t sector, uint64_t i)
{
	return 0x1122334400000000 + sector * 0x10000 + i;
}

/* One sector, from or to DATA. */
static int64_t transfer(uint32_t type, uint64_t sector)
{
	volatile struct virtio_blk_outhdr *header = (volatile struct virtio_blk_outhdr *)HEADER;
	uint16_t write = type == VIRTIO_BLK_T_IN ? VRING_DESC_F_WRITE : 0;
	volatile uint8_t *status = (volatile uint8_t *)STATUS;
	int64_t ret;

	header->type = type;
	header->ioprio = 0;
	header->sector = sector;
	*status = 0xff;
	virtio_describe(0, 0, HEADER, sizeof(*header), VRING_DESC_F_NEXT);
	virtio_describe(0, 1, DATA, SECTOR, VRING_DESC_F_NEXT | write);
	virtio_describe(0, 2, STATUS, 1, VRING_DESC_F_WRITE);
	virtio_offer(0);
	ret = virtio_wait(0);
	if (ret >= 0 && *status != VIRTIO_BLK_S_OK)
		fail("sector %u: status %u", sector, (uint64_t)*status);
	return ret;
}

static void works(uint64_t n)
{
	volatile uint64_t *words = (volatile uint64_t *)DATA;

	for (uint64_t sector = 0; sector < n; sector++) {
		for (uint64_t i = 0; i < SECTOR / 8; i++)
			words[i] = word(sector, i);
		transfer(VIRTIO_BLK_T_OUT, sector);
	}
	for (uint64_t sector = 0; sector < n; sector++) {
		for (uint64_t i = 0; i < SECTOR / 8; i++)
			words[i] = 0;
		transfer(VIRTIO_BLK_T_IN, sector);
		for (uint64_t i = 0; i < SECTOR / 8; i++)
			if (words[i] != word(sector, i))
				fail("sector %u, word %u: %x", sector, i, words[i]);
	}
}

static int64_t once(void)
{
	return transfer(VIRTIO_BLK_T_IN, 0);
}

const struct virtio_case virtio_blk = {VIRTIO_ID_BLOCK, 1, works, once};
