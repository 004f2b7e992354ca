// SPDX-License-Identifier: MIT
/*
 * Requests (virtio 1.2, section 5.2.6). One is a header of 16 bytes and data to write, in buffers
 * that the device reads, then data to read and a byte of status, in buffers that it writes; how
 * the driver cuts that into buffers means nothing (section 2.6.4).
 */
#include "vmm/base/bytes.h"
#include "vmm/virtio/blk_internal.h"

#include <errno.h>

#define HEADER_BYTES 16 /* le32 type, le32 reserved, le64 sector */
#define RANGE_BYTES  16 /* le64 sector, le32 number of sectors, le32 flags */

/* Where the status goes: the last byte of all. There is no buffer of 0 bytes in a chain. */
static uint8_t *status_byte(const struct virtq_chain *chain)
{
	const struct iovec *last = &chain->write[chain->nwrite - 1];

	return (uint8_t *)last->iov_base + last->iov_len - 1;
}

/* Is all of it on the disk? */
static bool on_disk(const struct blk *blk, uint64_t sector, uint64_t len)
{
	return sector <= blk->image.size / BLK_SECTOR &&
	       range_inside(sector * BLK_SECTOR, len, 0, blk->image.size);
}

static int parse_transfer(struct blk *blk, struct virtq_chain *chain, uint64_t sector,
			  struct blk_request *req)
{
	if (req->op == BLK_READ) {
		req->len = chain->write_len - 1;
		req->iov = chain->write;
		req->niov = iov_slice(chain->write, chain->nwrite, 0, req->len, req->iov);
	} else {
		req->len = chain->read_len - HEADER_BYTES;
		req->iov = chain->iov;
		req->niov = iov_slice(chain->iov, chain->nread, HEADER_BYTES, req->len, req->iov);
	}
	req->offset = sector * BLK_SECTOR;
	if (req->op == BLK_WRITE && blk->image.readonly)
		return VIRTIO_BLK_S_IOERR;
	if (!is_aligned(req->len, BLK_SECTOR) || req->len > BLK_MAX_LEN ||
	    !on_disk(blk, sector, req->len))
		return VIRTIO_BLK_S_IOERR;
	if (req->op == BLK_READ)
		req->used = (uint32_t)req->len + 1;
	return req->len > 0 ? BLK_PENDING : VIRTIO_BLK_S_OK;
}

/* One range, as the configuration space says. */
static int parse_range(struct blk *blk, const struct virtq_chain *chain, struct blk_request *req)
{
	uint32_t most = req->op == BLK_ZERO ? BLK_MAX_ZEROES : BLK_MAX_DISCARD;
	uint8_t raw[RANGE_BYTES];
	uint64_t sector;
	uint32_t flags;

	if (chain_read(chain, HEADER_BYTES, raw, sizeof(raw)) < sizeof(raw) ||
	    chain->read_len > HEADER_BYTES + RANGE_BYTES)
		return VIRTIO_BLK_S_IOERR;
	sector = get_le64(raw);
	flags = get_le32(raw + 12);
	req->len = (uint64_t)get_le32(raw + 8) * BLK_SECTOR;
	req->unmap = flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
	if (flags & ~(uint32_t)VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP ||
	    (req->op == BLK_DISCARD && req->unmap))
		return VIRTIO_BLK_S_UNSUPP;
	if (req->len > most || !on_disk(blk, sector, req->len))
		return VIRTIO_BLK_S_IOERR;
	req->offset = sector * BLK_SECTOR;
	return req->len > 0 ? BLK_PENDING : VIRTIO_BLK_S_OK;
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

static int parse_type(struct blk *blk, struct virtq_chain *chain, const uint8_t *header,
		      struct blk_request *req)
{
	uint64_t sector = get_le64(header + 8);

	switch (get_le32(header)) {
	case VIRTIO_BLK_T_IN:
		req->op = BLK_READ;
		return parse_transfer(blk, chain, sector, req);
	case VIRTIO_BLK_T_OUT:
		req->op = BLK_WRITE;
		return parse_transfer(blk, chain, sector, req);
	case VIRTIO_BLK_T_FLUSH:
		req->op = BLK_FLUSH;
		return blk->image.readonly ? VIRTIO_BLK_S_OK : BLK_PENDING;
	case VIRTIO_BLK_T_GET_ID:
		return give_id(blk, chain, req);
	case VIRTIO_BLK_T_DISCARD:
		if (!virtio_has(&blk->virtio, VIRTIO_BLK_F_DISCARD))
			return VIRTIO_BLK_S_UNSUPP;
		req->op = BLK_DISCARD;
		return parse_range(blk, chain, req);
	case VIRTIO_BLK_T_WRITE_ZEROES:
		if (!virtio_has(&blk->virtio, VIRTIO_BLK_F_WRITE_ZEROES))
			return VIRTIO_BLK_S_UNSUPP;
		req->op = BLK_ZERO;
		return parse_range(blk, chain, req);
	default:
		return VIRTIO_BLK_S_UNSUPP;
	}
}

int blk_parse(struct blk *blk, struct virtq_chain *chain, struct blk_request *req)
{
	uint8_t header[HEADER_BYTES];

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
	if (chain_read(chain, 0, header, sizeof(header)) < sizeof(header))
		return VIRTIO_BLK_S_IOERR;
	return parse_type(blk, chain, header, req);
}

uint32_t blk_answer(const struct blk_request *req, uint8_t status)
{
	*req->status = status;
	return status == VIRTIO_BLK_S_OK ? req->used : req->failed;
}
