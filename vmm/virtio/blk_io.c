// SPDX-License-Identifier: MIT
#include "vmm/base/bytes.h"
#include "vmm/virtio/blk_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <string.h>

/* Section 5.2.6.2: writes may stay in a cache until a flush only if the driver knows of flushes,
 * and has not asked for the contrary. */
bool blk_write_through(const struct blk *blk)
{
	if (virtio_has(&blk->virtio, VIRTIO_BLK_F_CONFIG_WCE))
		return !blk->config[offsetof(struct virtio_blk_config, wce)];
	return !virtio_has(&blk->virtio, VIRTIO_BLK_F_FLUSH);
}

int blk_io_fd(const struct blk *blk, const struct blk_request *req)
{
	bool transfer = req->op == BLK_READ || req->op == BLK_WRITE;

	return transfer && !req->buffered && blk->image.direct_fd >= 0 ? blk->image.direct_fd
								       : blk->image.fd;
}

/* A hole reads as zeroes, for files and for block devices. */
int blk_io_mode(const struct blk_request *req)
{
	if (req->op == BLK_ZERO && !req->unmap)
		return FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE;
	return FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
}

/* One system call for what is left. `flags`: RWF_* for reads and writes. */
static ssize_t call(struct blk *blk, const struct blk_request *req, int flags)
{
	const struct sys *sys = blk->virtio.host->sys;
	int fd = blk_io_fd(blk, req);

	switch (req->op) {
	case BLK_READ:
		return sys->ops->preadv(sys->ctx, fd, req->iov, req->niov, req->offset, flags);
	case BLK_WRITE:
		if (blk_write_through(blk))
			flags |= RWF_DSYNC;
		return sys->ops->pwritev(sys->ctx, fd, req->iov, req->niov, req->offset, flags);
	case BLK_FLUSH:
		return sys->ops->fdatasync(sys->ctx, fd);
	default:
		return sys->ops->fallocate(sys->ctx, fd, blk_io_mode(req), req->offset, req->len);
	}
}

/* For file systems that cannot be told to make zeroes. */
static int write_zeroes(struct blk *blk, struct blk_request *req)
{
	static uint8_t zeroes[KIB(64)]; /* never written, and not const: no bytes in the program */
	const struct sys *sys = blk->virtio.host->sys;

	while (req->len > 0) {
		struct iovec iov[16];
		unsigned int n = 0;
		ssize_t ret;

		for (uint64_t left = req->len; left > 0 && n < ARRAY_SIZE(iov); n++) {
			iov[n].iov_base = zeroes;
			iov[n].iov_len = left < sizeof(zeroes) ? (size_t)left : sizeof(zeroes);
			left -= iov[n].iov_len;
		}
		ret = sys->ops->pwritev(sys->ctx, blk->image.fd, iov, n, req->offset, 0);
		if (ret <= 0)
			return ret < 0 ? (int)ret : -EIO;
		req->offset += (uint64_t)ret;
		req->len -= (uint64_t)ret;
	}
	return 0;
}

static int transferred(struct blk *blk, struct blk_request *req, ssize_t ret)
{
	/* The guest's buffers, or its sectors, are not aligned as direct I/O needs it. The page
	 * cache takes them, and the kernel keeps both views of the file the same. */
	if (ret == -EINVAL && blk_io_fd(blk, req) == blk->image.direct_fd) {
		req->buffered = true;
		return 1;
	}
	if (ret <= 0)
		return ret < 0 ? (int)ret : -EIO; /* the end: somebody has cut the file */
	if ((uint64_t)ret >= req->len) {
		req->len = 0;
		return 0;
	}
	req->offset += (uint64_t)ret;
	req->len -= (uint64_t)ret;
	req->niov = iov_slice(req->iov, req->niov, (size_t)ret, req->len, req->iov);
	return 1;
}

int blk_io_step(struct blk *blk, struct blk_request *req, ssize_t ret)
{
	switch (req->op) {
	case BLK_READ:
	case BLK_WRITE:
		return transferred(blk, req, ret);
	case BLK_FLUSH:
		return (int)ret;
	case BLK_DISCARD:
		if (ret == -EOPNOTSUPP)
			ret = 0; /* it is a hint */
		break;
	case BLK_ZERO:
		if (ret == -EOPNOTSUPP)
			ret = write_zeroes(blk, req);
		break;
	}
	if (ret < 0 || !blk_write_through(blk))
		return (int)ret;
	req->op = BLK_FLUSH;
	return 1;
}

int blk_io(struct blk *blk, struct blk_request *req)
{
	int ret;

	do
		ret = blk_io_step(blk, req, call(blk, req, 0));
	while (ret > 0);
	return ret;
}

int blk_io_now(struct blk *blk, struct blk_request *req)
{
	bool *tells = &blk->image.tells[req->op == BLK_WRITE];

	if ((req->op != BLK_READ && req->op != BLK_WRITE) ||
	    blk_io_fd(blk, req) == blk->image.direct_fd ||
	    (req->op == BLK_WRITE && blk_write_through(blk)))
		return -EAGAIN;
	while (*tells) {
		ssize_t n = call(blk, req, RWF_NOWAIT);
		int ret;

		if (n == -EAGAIN || n == 0)
			return -EAGAIN;
		if (n == -EOPNOTSUPP) {
			*tells = false;
			break;
		}
		ret = blk_io_step(blk, req, n);
		if (ret <= 0)
			return ret;
	}
	return blk_io(blk, req);
}

uint8_t blk_io_status(struct blk *blk, const struct blk_request *req, int ret)
{
	static const char *const what[] = {
		[BLK_READ] = "read",	   [BLK_WRITE] = "write",	[BLK_FLUSH] = "flush",
		[BLK_DISCARD] = "discard", [BLK_ZERO] = "write zeroes",
	};

	if (ret == 0)
		return VIRTIO_BLK_S_OK;
	virtio_complain(&blk->virtio, "unable to %s %llu bytes at %llu: %s", what[req->op],
			(unsigned long long)req->len, (unsigned long long)req->offset,
			strerrorname_np(-ret));
	return VIRTIO_BLK_S_IOERR;
}
