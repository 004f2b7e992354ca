// SPDX-License-Identifier: MIT
/* The bytes of a chain: a device looks at contents, not at how the driver has cut them (2.6.4). */
#include "vmm/virtio/queue.h"

#include <string.h>

static size_t min(size_t a, size_t b)
{
	return a < b ? a : b;
}

unsigned int iov_slice(const struct iovec *iov, unsigned int n, size_t offset, size_t len,
		       struct iovec *out)
{
	unsigned int nout = 0;

	for (unsigned int i = 0; i < n && len > 0; i++) {
		struct iovec part = iov[i];
		size_t skip = min(offset, part.iov_len);

		offset -= skip;
		part.iov_len = min(part.iov_len - skip, len);
		if (part.iov_len == 0)
			continue;
		part.iov_base = (uint8_t *)part.iov_base + skip;
		len -= part.iov_len;
		out[nout++] = part;
	}
	return nout;
}

size_t chain_read(const struct virtq_chain *chain, size_t offset, void *buf, size_t len)
{
	size_t done = 0;

	for (unsigned int i = 0; i < chain->nread && done < len; i++) {
		const struct iovec *part = &chain->iov[i];
		size_t skip = min(offset, part->iov_len);
		size_t n = min(part->iov_len - skip, len - done);

		memcpy((uint8_t *)buf + done, (const uint8_t *)part->iov_base + skip, n);
		offset -= skip;
		done += n;
	}
	return done;
}

size_t chain_write(const struct virtq_chain *chain, size_t offset, const void *buf, size_t len)
{
	size_t done = 0;

	for (unsigned int i = 0; i < chain->nwrite && done < len; i++) {
		const struct iovec *part = &chain->write[i];
		size_t skip = min(offset, part->iov_len);
		size_t n = min(part->iov_len - skip, len - done);

		memcpy((uint8_t *)part->iov_base + skip, (const uint8_t *)buf + done, n);
		offset -= skip;
		done += n;
	}
	return done;
}
