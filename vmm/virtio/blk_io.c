// SPDX-License-Identifier: MIT
/*
 * Requests (virtio 1.2, section 5.2.6), and how they are carried out with the thread waiting. One is
 * a header and data to write, in buffers that the device reads, then data to read and a byte of
 * status, in buffers that it writes; how the driver cuts that into buffers means nothing (section
 * 2.6.4).
 */
#include "vmm/virtio/blk_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <string.h>

#define HEADER_BYTES sizeof(struct virtio_blk_outhdr)

/* --- what the driver asks for ----------------------------------------------------------------- */

/* Where the status goes: the last byte of all. There is no buffer of 0 bytes in a chain. */
static uint8_t *status_byte(const struct virtq_chain *chain)
{
	const struct iovec *last = &chain->write[chain->nwrite - 1];

	return (uint8_t *)last->iov_base + last->iov_len - 1;
}

/* Places it on the disk: BLK_PENDING, or the answer. */
static int place(const struct blk *blk, uint64_t sector, uint64_t most, struct blk_request *req)
{
	if (req->len > most || !is_aligned(req->len, BLK_SECTOR) ||
	    sector > blk->image.size / BLK_SECTOR ||
	    !range_inside(sector * BLK_SECTOR, req->len, 0, blk->image.size))
		return VIRTIO_BLK_S_IOERR;
	req->offset = sector * BLK_SECTOR;
	return req->len > 0 ? BLK_PENDING : VIRTIO_BLK_S_OK;
}

static int parse_read(const struct blk *blk, struct virtq_chain *chain, uint64_t sector,
		      struct blk_request *req)
{
	int ret;

	req->len = chain->write_len - 1;
	req->iov = chain->write;
	req->niov = iov_slice(chain->write, chain->nwrite, 0, req->len, req->iov);
	ret = place(blk, sector, BLK_MAX_LEN, req);
	if (ret != VIRTIO_BLK_S_IOERR)
		req->used = (uint32_t)req->len + 1;
	return ret;
}

static int parse_write(const struct blk *blk, struct virtq_chain *chain, uint64_t sector,
		       struct blk_request *req)
{
	req->len = chain->read_len - HEADER_BYTES;
	req->iov = chain->iov;
	req->niov = iov_slice(chain->iov, chain->nread, HEADER_BYTES, req->len, req->iov);
	return blk->image.readonly ? VIRTIO_BLK_S_IOERR : place(blk, sector, BLK_MAX_LEN, req);
}

/* One range, as the configuration space says. */
static int parse_range(const struct blk *blk, const struct virtq_chain *chain,
		       struct blk_request *req)
{
	struct virtio_blk_discard_write_zeroes range;

	if (!virtio_has(&blk->virtio,
			req->op == BLK_ZERO ? VIRTIO_BLK_F_WRITE_ZEROES : VIRTIO_BLK_F_DISCARD))
		return VIRTIO_BLK_S_UNSUPP;
	if (chain_read(chain, HEADER_BYTES, &range, sizeof(range)) < sizeof(range) ||
	    chain->read_len > HEADER_BYTES + sizeof(range))
		return VIRTIO_BLK_S_IOERR;
	req->len = (uint64_t)range.num_sectors * BLK_SECTOR;
	req->unmap = range.flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
	if (range.flags & ~(uint32_t)VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP ||
	    (req->op == BLK_DISCARD && req->unmap))
		return VIRTIO_BLK_S_UNSUPP;
	return place(blk, range.sector, req->op == BLK_ZERO ? BLK_MAX_ZEROES : BLK_MAX_DISCARD,
		     req);
}

static int give_id(const struct blk *blk, const struct virtq_chain *chain, struct blk_request *req)
{
	size_t room = chain->write_len - 1;
	size_t n = room < sizeof(blk->id) ? room : sizeof(blk->id);

	chain_write(chain, 0, blk->id, n);
	/* what lies between the ID and the status is not written */
	req->used = (uint32_t)(n == room ? n + 1 : n);
	return VIRTIO_BLK_S_OK;
}

int blk_parse(struct blk *blk, struct virtq_chain *chain, struct blk_request *req)
{
	struct virtio_blk_outhdr header;

	if (chain->write_len == 0) {
		virtio_broken(&blk->virtio, "a request without room for its status");
		return -EPROTO;
	}
	/* Used bytes are counted from the first one on: of a failed read none is sure. */
	*req = (struct blk_request){
		.status = status_byte(chain),
		.used = chain->write_len == 1,
		.failed = chain->write_len == 1,
	};
	if (chain_read(chain, 0, &header, sizeof(header)) < sizeof(header))
		return VIRTIO_BLK_S_IOERR;
	switch (header.type) {
	case VIRTIO_BLK_T_IN:
		req->op = BLK_READ;
		return parse_read(blk, chain, header.sector, req);
	case VIRTIO_BLK_T_OUT:
		req->op = BLK_WRITE;
		return parse_write(blk, chain, header.sector, req);
	case VIRTIO_BLK_T_FLUSH:
		req->op = BLK_FLUSH;
		return blk->image.readonly ? VIRTIO_BLK_S_OK : BLK_PENDING;
	case VIRTIO_BLK_T_GET_ID:
		return give_id(blk, chain, req);
	case VIRTIO_BLK_T_DISCARD:
		req->op = BLK_DISCARD;
		return parse_range(blk, chain, req);
	case VIRTIO_BLK_T_WRITE_ZEROES:
		req->op = BLK_ZERO;
		return parse_range(blk, chain, req);
	default:
		return VIRTIO_BLK_S_UNSUPP;
	}
}

uint32_t blk_answer(const struct blk_request *req, uint8_t status)
{
	*req->status = status;
	return status == VIRTIO_BLK_S_OK ? req->used : req->failed;
}

/* --- how it is done --------------------------------------------------------------------------- */

/* Section 5.2.6.2: writes may stay in a cache until a flush only if the driver knows of flushes,
 * and has not asked for the contrary. */
bool blk_write_through(const struct blk *blk)
{
	if (virtio_has(&blk->virtio, VIRTIO_BLK_F_CONFIG_WCE))
		return !__atomic_load_n(&blk->config.wce, __ATOMIC_RELAXED);
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
	if (req->op == BLK_READ || req->op == BLK_WRITE)
		return transferred(blk, req, ret);
	if (req->op == BLK_DISCARD && ret == -EOPNOTSUPP)
		ret = 0; /* it is a hint */
	if (req->op == BLK_ZERO && ret == -EOPNOTSUPP)
		ret = write_zeroes(blk, req);
	if (ret < 0 || req->op == BLK_FLUSH || !blk_write_through(blk))
		return (int)ret;
	req->op = BLK_FLUSH;
	return 1;
}

int blk_io(struct blk *blk, struct blk_request *req, bool wait)
{
	bool *tells = &blk->image.tells[req->op == BLK_WRITE];
	int ret;

	if (!wait && ((req->op != BLK_READ && req->op != BLK_WRITE) ||
		      blk_io_fd(blk, req) == blk->image.direct_fd ||
		      (req->op == BLK_WRITE && blk_write_through(blk))))
		return -EAGAIN;
	do {
		bool try = !wait && *tells;
		ssize_t n = call(blk, req, try ? RWF_NOWAIT : 0);

		if (try && (n == -EAGAIN || n == 0))
			return -EAGAIN;
		if (try && n == -EOPNOTSUPP)
			*tells = false;
		ret = try && n == -EOPNOTSUPP ? 1 : blk_io_step(blk, req, n);
	} while (ret > 0);
	return ret;
}

uint8_t blk_io_status(struct blk *blk, const struct blk_request *req, int ret)
{
	static const char *const what[] = {
		[BLK_READ] = "read",	   [BLK_WRITE] = "write",	[BLK_FLUSH] = "flush",
		[BLK_DISCARD] = "discard", [BLK_ZERO] = "write zeroes",
	};

	if (ret == 0)
		return VIRTIO_BLK_S_OK;
	virtio_complain(&blk->virtio, "unable to %s %" PRIu64 " bytes at %" PRIu64 ": %s",
			what[req->op], req->len, req->offset, strerrorname_np(-ret));
	return VIRTIO_BLK_S_IOERR;
}
