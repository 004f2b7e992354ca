/* SPDX-License-Identifier: MIT */
/*
 * For the tests of disks: an image in a file, a driver that sends requests, and system calls of the
 * host that are counted, recorded, or fail.
 */
#ifndef TESTS_UNIT_BLK_FIXTURE_H
#define TESTS_UNIT_BLK_FIXTURE_H

#include "tests/unit/virtio_driver.h"
#include "vmm/virtio/blk_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>

#define IMAGE_SIZE MIB(1)
#define F(bit)	   (1ULL << VIRTIO_BLK_F_##bit)
#define ALL_WRITABLE                                                                               \
	(F(SIZE_MAX) | F(SEG_MAX) | F(BLK_SIZE) | F(TOPOLOGY) | F(FLUSH) | F(CONFIG_WCE) | F(MQ) | \
	 F(DISCARD) | F(WRITE_ZEROES))
#define FEATURES (ALL_WRITABLE | 1ULL << VIRTIO_RING_F_INDIRECT_DESC)

/* How requests get to the file. */
enum engine {
	ENGINE_WAIT,  /* no io_uring: the thread waits */
	ENGINE_RING,  /* the page cache, or io_uring for what is not there */
	ENGINE_FORCE, /* io_uring: no read or write can be done at once */
	ENGINES,
};

static struct {
	enum engine engine;
	int preadv, pwritev, fdatasync, fallocate, enter; /* to return; 0: the real thing */
	unsigned int preadvs, pwritevs, fdatasyncs, fallocates, enters;
	int write_flags, mode; /* of the last one */
	bool take_nothing;     /* io_uring_enter() returns 0 */
} host;

static struct world world;
static struct driver d;
static struct blk *blk;
static struct vmm_config conf;
static struct config_disk *const disk = &conf.disk[0];
static struct vmm_error err;
static char path[] = "/tmp/minivmm-disk-XXXXXX";

static inline ssize_t fake_preadv(void *ctx, int fd, const struct iovec *iov, unsigned int n,
				  uint64_t offset, int flags)
{
	host.preadvs++;
	if (host.preadv)
		return host.preadv;
	if (host.engine == ENGINE_FORCE && flags & RWF_NOWAIT)
		return -EAGAIN;
	return sys_host()->ops->preadv(ctx, fd, iov, n, offset, flags);
}

static inline ssize_t fake_pwritev(void *ctx, int fd, const struct iovec *iov, unsigned int n,
				   uint64_t offset, int flags)
{
	host.pwritevs++;
	host.write_flags = flags;
	if (host.pwritev)
		return host.pwritev;
	if (host.engine == ENGINE_FORCE && flags & RWF_NOWAIT)
		return -EAGAIN;
	return sys_host()->ops->pwritev(ctx, fd, iov, n, offset, flags);
}

static inline int fake_fdatasync(void *ctx, int fd)
{
	host.fdatasyncs++;
	return host.fdatasync ? host.fdatasync : sys_host()->ops->fdatasync(ctx, fd);
}

static inline int fake_fallocate(void *ctx, int fd, int mode, uint64_t offset, uint64_t len)
{
	host.fallocates++;
	host.mode = mode;
	return host.fallocate ? host.fallocate
			      : sys_host()->ops->fallocate(ctx, fd, mode, offset, len);
}

static inline int fake_uring_setup(void *ctx, unsigned int entries, struct io_uring_params *params)
{
	if (host.engine == ENGINE_WAIT)
		return -EPERM;
	return sys_host()->ops->uring_setup(ctx, entries, params);
}

static inline int fake_uring_enter(void *ctx, int fd, unsigned int submit, unsigned int complete,
				   unsigned int flags)
{
	host.enters++;
	if (host.take_nothing)
		return 0;
	return host.enter ? host.enter
			  : sys_host()->ops->uring_enter(ctx, fd, submit, complete, flags);
}

static inline const struct sys *fake_sys(void)
{
	static struct sys_ops ops;
	static const struct sys sys = {.ops = &ops};

	ops = *sys_host()->ops;
	ops.preadv = fake_preadv;
	ops.pwritev = fake_pwritev;
	ops.fdatasync = fake_fdatasync;
	ops.fallocate = fake_fallocate;
	ops.uring_setup = fake_uring_setup;
	ops.uring_enter = fake_uring_enter;
	return &sys;
}

/* What byte `i` of the image is before any write. */
static inline uint8_t image_byte(uint64_t i)
{
	return (uint8_t)(i * 7 + (i >> 9) + 1);
}

static inline void image_make(uint64_t size)
{
	int fd;

	strcpy(path, "/tmp/minivmm-disk-XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	for (uint64_t at = 0; at < size; at += 4096) {
		uint8_t page[4096];
		size_t n = size - at < sizeof(page) ? (size_t)(size - at) : sizeof(page);

		for (size_t i = 0; i < n; i++)
			page[i] = image_byte(at + i);
		ck_assert_int_eq(write(fd, page, n), n);
	}
	close(fd);
}

static inline void image_read(uint64_t offset, void *bytes, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	ck_assert_int_eq(pread(fd, bytes, len, (off_t)offset), len);
	close(fd);
}

static inline void blk_setup(void)
{
	memset(&host, 0, sizeof(host));
	host.engine = ENGINE_RING;
	world_setup(&world, false);
	world.host.sys = fake_sys();
	image_make(IMAGE_SIZE);
	*disk = (struct config_disk){.path = path, .queues = 1};
}

static inline void blk_teardown(void)
{
	unlink(path);
	world_teardown(&world);
}

/* Disk `index`, as *disk says. */
static inline int blk_open(struct virtio_device **dev, size_t index)
{
	conf.disk[index] = *disk;
	return virtio_create(dev, &virtio_blk, &world.host, &conf, index, &err);
}

/* The device from *disk; its features are not negotiated yet. */
static inline void blk_create(void)
{
	struct virtio_device *dev;

	ck_assert_msg(blk_open(&dev, 0) == 0, "%s", err.text);
	blk = (struct blk *)dev;
	driver_attach(&d, &world, dev);
}

static inline void blk_start(uint64_t features)
{
	blk_create();
	driver_start(&d, features & driver_offered(&d), 256);
}

/* The loop runs until nothing is in flight. */
static inline void blk_settle(void)
{
	loop_poll(&world.loop, 1000);
	for (int i = 0; i < 5000 && (blk->ring.fd >= 0 && blk->ring.in_flight > 0); i++) {
		usleep(1000);
		loop_poll(&world.loop, 1000);
	}
}

struct sent {
	uint64_t header, data, status; /* gpa */
	uint32_t len;
	uint16_t head;
};

static inline void put_header(uint64_t gpa, uint32_t type, uint64_t sector)
{
	uint8_t raw[16] = {0};

	put_le32(raw, type);
	put_le64(raw + 8, sector);
	driver_store(&d, gpa, raw, sizeof(raw));
}

/* Makes a request available, without a notification; `from_device`: who fills the data. */
static inline struct sent blk_send(uint32_t type, uint64_t sector, const void *data, uint32_t len,
				   bool from_device)
{
	struct sent s = {.len = len};
	struct driver_buf buf[3];
	unsigned int n = 0;

	s.header = driver_alloc(&d, 32);
	s.status = s.header + 24;
	put_header(s.header, type, sector);
	driver_store(&d, s.status, "\xee", 1);
	buf[n++] = (struct driver_buf){s.header, 16, false};
	if (len > 0) {
		s.data = driver_alloc(&d, len);
		if (data)
			driver_store(&d, s.data, data, len);
		buf[n++] = (struct driver_buf){s.data, len, from_device};
	}
	buf[n++] = (struct driver_buf){s.status, 1, true};
	s.head = driver_add_indirect(&d, 0, buf, n);
	return s;
}

static inline uint8_t sent_status(const struct sent *s)
{
	uint8_t status;

	driver_load(&d, s->status, &status, 1);
	return status;
}

/* A request and its answer; `into` NULL or where data from the device go. *used: bytes told. */
static inline uint8_t blk_request(uint32_t type, uint64_t sector, const void *data, uint32_t len,
				  void *into, uint32_t *used)
{
	uint64_t before = d.free_page;
	struct sent s = blk_send(type, sector, data, len, into != NULL);
	uint32_t head, told = 0;

	driver_kick(&d, 0);
	blk_settle();
	ck_assert_msg(driver_used(&d, 0, &head, &told), "no answer");
	ck_assert_uint_eq(head, s.head);
	if (into)
		driver_load(&d, s.data, into, len);
	if (used)
		*used = told;
	d.free_page = before;
	return sent_status(&s);
}

static inline uint8_t blk_read(uint64_t sector, void *into, uint32_t len)
{
	uint32_t used;
	uint8_t status = blk_request(VIRTIO_BLK_T_IN, sector, NULL, len, into, &used);

	if (status == VIRTIO_BLK_S_OK)
		ck_assert_uint_eq(used, len + 1);
	return status;
}

static inline uint8_t blk_write(uint64_t sector, const void *data, uint32_t len)
{
	uint32_t used;
	uint8_t status = blk_request(VIRTIO_BLK_T_OUT, sector, data, len, NULL, &used);

	ck_assert_uint_eq(used, 1);
	return status;
}

/* A request of one range of sectors. */
static inline uint8_t blk_range(uint32_t type, uint64_t sector, uint32_t sectors, uint32_t flags)
{
	uint8_t raw[16];

	put_le64(raw, sector);
	put_le32(raw + 8, sectors);
	put_le32(raw + 12, flags);
	return blk_request(type, 0, raw, sizeof(raw), NULL, NULL);
}

#endif
