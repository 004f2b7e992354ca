// SPDX-License-Identifier: MIT
/*
 * A driver for virtio over MMIO (virtio 1.2, sections 3.1.1 and 4.2.3), as small as it gets: one
 * queue, one request at a time, no interrupts. Queue and buffer are pages of the arena, shared with
 * the host as a confidential guest has to share them; then they are private, which is to cost the
 * device a reset and nothing else.
 */
#include "tests/guests/cc/guest.h"

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#define WINDOWS	     0xd0000000
#define WINDOW_COUNT 16
#define MAGIC	     0x74726976
#define SIZE	     8 /* entries of the queue */

#define QUEUE_PAGE  ARENA
#define BUFFER_PAGE (ARENA + GUEST_PAGE_SIZE)

/* in the buffer page, for disks */
#define HEADER BUFFER_PAGE
#define STATUS (BUFFER_PAGE + 64)
#define DATA   (BUFFER_PAGE + 512)
#define SECTOR 512

#define VERSION_1 (1ULL << VIRTIO_F_VERSION_1)
#define PLATFORM  (1ULL << VIRTIO_F_ACCESS_PLATFORM)

#define PATIENCE 35795450 /* ticks of the PM timer: 10 seconds */

struct queue {
	struct vring_desc desc[SIZE];
	struct {
		uint16_t flags, idx, ring[SIZE], used_event;
	} avail;
	uint8_t pad[100];
	struct {
		uint16_t flags, idx;
		struct vring_used_elem ring[SIZE];
		uint16_t avail_event;
	} used;
};

static uint64_t window;
static uint16_t next; /* the next request's index */

static volatile struct queue *queue(void)
{
	return (volatile struct queue *)QUEUE_PAGE;
}

static uint32_t reg_read(uint64_t reg)
{
	uint32_t value;

	__asm__ volatile("movl (%1), %0" : "=r"(value) : "r"(window + reg) : "memory");
	return value;
}

static void reg_write(uint64_t reg, uint32_t value)
{
	__asm__ volatile("movl %0, (%1)" : : "r"(value), "r"(window + reg) : "memory");
}

static void reg_write64(uint64_t low, uint64_t high, uint64_t value)
{
	reg_write(low, (uint32_t)value);
	reg_write(high, (uint32_t)(value >> 32));
}

static bool find(uint32_t id)
{
	for (uint64_t i = 0; i < WINDOW_COUNT; i++) {
		window = WINDOWS + i * GUEST_PAGE_SIZE;
		if (reg_read(VIRTIO_MMIO_MAGIC_VALUE) == MAGIC &&
		    reg_read(VIRTIO_MMIO_DEVICE_ID) == id)
			return true;
	}
	return false;
}

static bool negotiate(uint64_t features)
{
	reg_write(VIRTIO_MMIO_STATUS, 0);
	reg_write(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	for (uint32_t i = 0; i < 2; i++) {
		reg_write(VIRTIO_MMIO_DRIVER_FEATURES_SEL, i);
		reg_write(VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32 * i));
	}
	reg_write(VIRTIO_MMIO_STATUS, reg_read(VIRTIO_MMIO_STATUS) | VIRTIO_CONFIG_S_FEATURES_OK);
	return reg_read(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK;
}

static void zero(uint64_t gpa)
{
	for (size_t i = 0; i < GUEST_PAGE_SIZE / 8; i++)
		((volatile uint64_t *)gpa)[i] = 0;
}

static void start(void)
{
	const uint64_t gpa = QUEUE_PAGE;

	zero(QUEUE_PAGE);
	next = 0;
	if (!negotiate(VERSION_1 | PLATFORM))
		fail("the device refuses its own features");
	reg_write(VIRTIO_MMIO_QUEUE_SEL, 0);
	reg_write(VIRTIO_MMIO_QUEUE_NUM, SIZE);
	reg_write64(VIRTIO_MMIO_QUEUE_DESC_LOW, VIRTIO_MMIO_QUEUE_DESC_HIGH,
		    gpa + offsetof(struct queue, desc));
	reg_write64(VIRTIO_MMIO_QUEUE_AVAIL_LOW, VIRTIO_MMIO_QUEUE_AVAIL_HIGH,
		    gpa + offsetof(struct queue, avail));
	reg_write64(VIRTIO_MMIO_QUEUE_USED_LOW, VIRTIO_MMIO_QUEUE_USED_HIGH,
		    gpa + offsetof(struct queue, used));
	reg_write(VIRTIO_MMIO_QUEUE_READY, 1);
	reg_write(VIRTIO_MMIO_STATUS, reg_read(VIRTIO_MMIO_STATUS) | VIRTIO_CONFIG_S_DRIVER_OK);
	if (!(reg_read(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_DRIVER_OK))
		fail("the device does not start: status %x",
		     (uint64_t)reg_read(VIRTIO_MMIO_STATUS));
}

/* Makes the chain from descriptor 0 on available, and waits for the device. Returns how many bytes
 * it wrote, or -1 when it needs a reset instead. */
static int64_t submit(void)
{
	volatile struct queue *q = queue();
	uint32_t start_time = pm_timer();

	q->avail.ring[next % SIZE] = 0;
	__atomic_store_n(&q->avail.idx, ++next, __ATOMIC_SEQ_CST);
	reg_write(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	while (pm_timer() - start_time < PATIENCE) {
		if (__atomic_load_n(&q->used.idx, __ATOMIC_ACQUIRE) == next)
			return q->used.ring[(next - 1) % SIZE].len;
		if (reg_read(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET)
			return -1;
	}
	fail("request %u is not answered, status %x", (uint64_t)next,
	     (uint64_t)reg_read(VIRTIO_MMIO_STATUS));
}

static void describe(unsigned int index, uint64_t gpa, uint32_t len, uint16_t flags)
{
	volatile struct vring_desc *desc = &queue()->desc[index];

	desc->addr = gpa;
	desc->len = len;
	desc->flags = flags;
	desc->next = (uint16_t)(index + 1);
}

/* --- random bytes ----------------------------------------------------------------------------- */

/* Has the device write `len` bytes into the buffer. */
static int64_t ask(uint32_t len)
{
	describe(0, BUFFER_PAGE, len, VRING_DESC_F_WRITE);
	return submit();
}

static void rng_works(uint64_t n)
{
	volatile uint64_t *words = (volatile uint64_t *)BUFFER_PAGE;
	uint64_t before = 0;

	for (uint64_t i = 0; i < n; i++) {
		int64_t len = ask(64);

		if (len != 64)
			fail("request %u gives %u bytes", i, (uint64_t)len);
		/* 64 random bits are not 0, and not what they were */
		if (words[0] == 0 || words[0] == before || words[7] == 0)
			fail("request %u: the bytes are not new", i);
		before = words[0];
	}
}

static int64_t rng_once(void)
{
	return ask(64);
}

/* --- disks ------------------------------------------------------------------------------------ */

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
	describe(0, HEADER, sizeof(*header), VRING_DESC_F_NEXT);
	describe(1, DATA, SECTOR, VRING_DESC_F_NEXT | write);
	describe(2, STATUS, 1, VRING_DESC_F_WRITE);
	ret = submit();
	if (ret >= 0 && *status != VIRTIO_BLK_S_OK)
		fail("sector %u: status %u", sector, (uint64_t)*status);
	return ret;
}

static void disk_works(uint64_t n)
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

static int64_t disk_once(void)
{
	return transfer(VIRTIO_BLK_T_IN, 0);
}

/* --- the tests -------------------------------------------------------------------------------- */

static void must_need_reset(const char *what, int64_t (*once)(void))
{
	uint32_t why;

	if (once() != -1)
		fail("%s: the device goes on", what);
	why = reg_read(VIRTIO_MMIO_INTERRUPT_STATUS);
	if (!(why & VIRTIO_MMIO_INT_CONFIG))
		fail("%s: interrupt status %x", what, (uint64_t)why);
}

/* Three times n requests, with what must not work between them. */
static void test_device(uint64_t n, void (*works)(uint64_t n), int64_t (*once)(void))
{
	if (negotiate(VERSION_1))
		fail("a confidential guest need not share its buffers");
	convert(QUEUE_PAGE, 2, SHARED);
	start();
	works(n);

	convert(BUFFER_PAGE, 1, PRIVATE);
	must_need_reset("private buffer", once);
	convert(BUFFER_PAGE, 1, SHARED);
	start();
	works(n);

	convert(QUEUE_PAGE, 1, PRIVATE);
	start();
	must_need_reset("private queue", once);
	convert(QUEUE_PAGE, 1, SHARED);
	start();
	works(n);
	reg_write(VIRTIO_MMIO_STATUS, 0);
	convert(QUEUE_PAGE, 2, PRIVATE);
}

void test_virtio(const struct options *options)
{
	uint64_t devices = 0;

	if (find(VIRTIO_ID_RNG)) {
		test_device(options->n, rng_works, rng_once);
		devices++;
	}
	if (find(VIRTIO_ID_BLOCK)) {
		test_device(options->n, disk_works, disk_once);
		devices++;
	}
	say("GUEST ok virtio devices=%u requests=%u", devices, 3 * options->n);
}
