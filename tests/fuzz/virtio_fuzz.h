/* SPDX-License-Identifier: MIT */
/*
 * For the fuzzers of virtio devices: the input is what a hostile guest does, step by step, to a
 * device's registers, to its own memory, and to the state of its pages. A fuzzer gives a function
 * that creates the device, and one for what happens on the host's side of it.
 *
 * A step is a byte and its arguments, all from the input; one that is cut off ends the run. Guest
 * RAM is 64 KiB: page 0 for buffers as the input likes, queue q at page 1 + q, the rest free.
 */
#ifndef TESTS_FUZZ_VIRTIO_FUZZ_H
#define TESTS_FUZZ_VIRTIO_FUZZ_H

#include "tests/fuzz/fuzz_file.h"
#include "vmm/base/bytes.h"
#include "vmm/virtio/virtio.h"

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/mman.h>

#define VFUZZ_RAM	KIB(64)
#define VFUZZ_QUEUE_LEN 16
/* where the parts of a well-formed queue are in its page */
#define VFUZZ_AVAIL 0x400
#define VFUZZ_USED  0x800

struct vfuzz_kind {
	int (*create)(struct virtio_device **dev, struct virtio_host *host);
	/* NULL: nothing happens on the host's side */
	void (*event)(struct virtio_device *dev, const uint8_t *bytes, size_t len);
	bool confidential;
	bool plain; /* no page is ever private */
};

struct vfuzz {
	struct guest_mem mem;
	struct loop loop;
	struct loop *loops[1];
	struct virtio_host host;
	struct virtio_device *dev;
	const uint8_t *at;
	size_t left;
	uint16_t next_desc[16], next_avail[16];
};

enum vfuzz_step {
	VFUZZ_WRITE_REG,
	VFUZZ_READ_REG,
	VFUZZ_ACCESS,  /* any offset, width and direction */
	VFUZZ_MEMORY,  /* bytes into guest memory */
	VFUZZ_WORK,    /* the device's loop runs */
	VFUZZ_CONVERT, /* a page private or shared */
	VFUZZ_START,   /* a well-behaved driver sets up everything */
	VFUZZ_CHAIN,   /* descriptors behind each other, made available, notified */
	VFUZZ_EVENT,   /* on the host's side */
	VFUZZ_STEPS,
};

/* `n` bytes of the input, little-endian; 0 when it is at its end */
static inline uint64_t vfuzz_take(struct vfuzz *f, size_t n)
{
	uint8_t wide[8] = {0};

	if (f->left < n) {
		f->left = 0;
		return 0;
	}
	memcpy(wide, f->at, n);
	f->at += n;
	f->left -= n;
	return get_le64(wide);
}

static inline void vfuzz_write(struct vfuzz *f, uint64_t reg, uint32_t value)
{
	f->dev->dev.ops->write(&f->dev->dev, reg, 4, value);
}

static inline uint32_t vfuzz_read(struct vfuzz *f, uint64_t reg)
{
	return (uint32_t)f->dev->dev.ops->read(&f->dev->dev, reg, 4);
}

/* Guest memory, whatever its state: the guest may write its private pages, too. */
static inline void vfuzz_store(struct vfuzz *f, uint64_t gpa, const void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		f->mem.region[0].hva[(gpa + i) % VFUZZ_RAM] = ((const uint8_t *)bytes)[i];
}

static inline void vfuzz_store16(struct vfuzz *f, uint64_t gpa, uint16_t value)
{
	uint8_t raw[2];

	put_le16(raw, value);
	vfuzz_store(f, gpa, raw, sizeof(raw));
}

static inline void vfuzz_start(struct vfuzz *f, uint64_t features)
{
	features |= 1ULL << VIRTIO_F_VERSION_1 | 1ULL << VIRTIO_F_ACCESS_PLATFORM;
	features &= f->dev->offered | 15ULL << 28 | 3ULL << 32;
	vfuzz_write(f, VIRTIO_MMIO_STATUS, 0);
	vfuzz_write(f, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	for (uint32_t page = 0; page < 2; page++) {
		vfuzz_write(f, VIRTIO_MMIO_DRIVER_FEATURES_SEL, page);
		vfuzz_write(f, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32 * page));
	}
	vfuzz_write(f, VIRTIO_MMIO_STATUS, 0xb);
	for (uint32_t q = 0; q < f->dev->nqueues && q < ARRAY_SIZE(f->next_desc); q++) {
		uint32_t gpa = (uint32_t)((1 + q) * PAGE_SIZE % VFUZZ_RAM);

		memset(f->mem.region[0].hva + gpa, 0, PAGE_SIZE);
		f->next_desc[q] = f->next_avail[q] = 0;
		vfuzz_write(f, VIRTIO_MMIO_QUEUE_SEL, q);
		vfuzz_write(f, VIRTIO_MMIO_QUEUE_NUM, VFUZZ_QUEUE_LEN);
		vfuzz_write(f, VIRTIO_MMIO_QUEUE_DESC_LOW, gpa);
		vfuzz_write(f, VIRTIO_MMIO_QUEUE_AVAIL_LOW, gpa + VFUZZ_AVAIL);
		vfuzz_write(f, VIRTIO_MMIO_QUEUE_USED_LOW, gpa + VFUZZ_USED);
		vfuzz_write(f, VIRTIO_MMIO_QUEUE_READY, 1);
	}
	vfuzz_write(f, VIRTIO_MMIO_STATUS, 0xf);
}

/* A chain of 1 to 8 descriptors whose address, length and flags the input gives. */
static inline void vfuzz_chain(struct vfuzz *f)
{
	uint32_t q = (uint32_t)vfuzz_take(f, 1) % (f->dev->nqueues < 16 ? f->dev->nqueues : 16);
	unsigned int n = 1 + (unsigned int)vfuzz_take(f, 1) % 8;
	uint64_t base = (1 + q) * PAGE_SIZE;
	uint16_t head = f->next_desc[q];

	for (unsigned int i = 0; i < n; i++) {
		uint64_t flags = vfuzz_take(f, 1);
		uint8_t raw[16] = {0};

		/* mostly a length that fits, now and then any */
		put_le64(raw, vfuzz_take(f, flags & 0x80 ? 8 : 2));
		put_le32(raw + 8, (uint32_t)vfuzz_take(f, flags & 0x40 ? 4 : 1));
		put_le16(raw + 12,
			 (uint16_t)((flags & (VRING_DESC_F_WRITE | VRING_DESC_F_INDIRECT)) |
				    (i + 1 < n ? VRING_DESC_F_NEXT : 0)));
		f->next_desc[q] = (uint16_t)((f->next_desc[q] + 1) % VFUZZ_QUEUE_LEN);
		put_le16(raw + 14, f->next_desc[q]);
		vfuzz_store(f, base + 16u * ((head + i) % VFUZZ_QUEUE_LEN), raw, sizeof(raw));
	}
	vfuzz_store16(f, base + VFUZZ_AVAIL + 4 + 2u * (f->next_avail[q] % VFUZZ_QUEUE_LEN), head);
	vfuzz_store16(f, base + VFUZZ_AVAIL + 2, ++f->next_avail[q]);
	vfuzz_write(f, VIRTIO_MMIO_QUEUE_NOTIFY, q);
}

static inline void vfuzz_access(struct vfuzz *f)
{
	uint64_t offset = vfuzz_take(f, 2) % VIRTIO_WINDOW;
	unsigned int len = 1 + (unsigned int)vfuzz_take(f, 1) % 8;

	if (offset + len > VIRTIO_WINDOW)
		return;
	if (vfuzz_take(f, 1) & 1)
		f->dev->dev.ops->write(&f->dev->dev, offset, len, vfuzz_take(f, len));
	else
		f->dev->dev.ops->read(&f->dev->dev, offset, len);
}

static inline void vfuzz_bytes(struct vfuzz *f, const struct vfuzz_kind *kind, bool event)
{
	uint64_t gpa = event ? 0 : vfuzz_take(f, 2);
	size_t len = (size_t)vfuzz_take(f, 1);

	if (len > f->left)
		len = f->left;
	if (!event)
		vfuzz_store(f, gpa, f->at, len);
	else if (kind->event)
		kind->event(f->dev, f->at, len);
	f->at += len;
	f->left -= len;
}

static inline void vfuzz_step(struct vfuzz *f, const struct vfuzz_kind *kind)
{
	uint64_t page;

	switch (vfuzz_take(f, 1) % VFUZZ_STEPS) {
	case VFUZZ_WRITE_REG:
		page = vfuzz_take(f, 1) * 4;
		vfuzz_write(f, page, (uint32_t)vfuzz_take(f, 4));
		break;
	case VFUZZ_READ_REG:
		vfuzz_read(f, vfuzz_take(f, 1) * 4);
		break;
	case VFUZZ_ACCESS:
		vfuzz_access(f);
		break;
	case VFUZZ_MEMORY:
		vfuzz_bytes(f, kind, false);
		break;
	case VFUZZ_WORK:
		loop_poll(&f->loop, 8);
		break;
	case VFUZZ_CONVERT:
		page = vfuzz_take(f, 1);
		if (!kind->plain)
			mem_state_set(f->mem.region[0].state, page % (VFUZZ_RAM / PAGE_SIZE), 1,
				      page >> 7 != 0);
		break;
	case VFUZZ_START:
		vfuzz_start(f, vfuzz_take(f, 8));
		break;
	case VFUZZ_CHAIN:
		vfuzz_chain(f);
		break;
	case VFUZZ_EVENT:
		vfuzz_bytes(f, kind, true);
		break;
	}
}

/* The world is made once; memory is emptied, and the device made anew, for each run. */
static inline struct vfuzz *vfuzz_world(const struct vfuzz_kind *kind)
{
	static struct vfuzz f;

	if (!f.host.sys) {
		mem_init(&f.mem, sys_host(), NULL, MEM_PAGES_SMALL);
		fuzz_require(mem_add_region(&f.mem, "RAM", 0, VFUZZ_RAM, NULL) == 0);
		f.mem.mode = kind->plain ? MEM_MODE_SHARED : MEM_MODE_SPLIT;
		fuzz_require(mem_state_create(&f.mem.region[0].state, sys_host(),
					      VFUZZ_RAM / PAGE_SIZE, NULL) == 0);
		fuzz_require(loop_init(&f.loop, sys_host(), NULL) == 0);
		f.loops[0] = &f.loop;
		f.host = (struct virtio_host){
			.sys = sys_host(),
			.mem = &f.mem,
			.confidential = kind->confidential,
			.loops = f.loops,
			.nloops = 1,
		};
	}
	memset(f.mem.region[0].hva, 0, VFUZZ_RAM);
	mem_state_set(f.mem.region[0].state, 0, VFUZZ_RAM / PAGE_SIZE, false);
	return &f;
}

/* One guest, from its first step to its last. */
static inline int vfuzz_run(const struct vfuzz_kind *kind, const uint8_t *data, size_t size)
{
	struct vfuzz *f = vfuzz_world(kind);
	pthread_rwlock_t *lock = &f->mem.region[0].state->lock;

	f->at = data;
	f->left = size;
	fuzz_require(kind->create(&f->dev, &f->host) == 0);
	fuzz_require(virtio_connect(f->dev, 0, 0, NULL) == 0);
	while (f->left > 0)
		vfuzz_step(f, kind);
	loop_poll(&f->loop, 8);
	vfuzz_write(f, VIRTIO_MMIO_STATUS, 0);
	/* a device that was reset holds no memory */
	fuzz_require(pthread_rwlock_trywrlock(lock) == 0);
	pthread_rwlock_unlock(lock);
	virtio_destroy(f->dev);
	return 0;
}

#endif
