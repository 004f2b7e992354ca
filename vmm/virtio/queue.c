// SPDX-License-Identifier: MIT
#include "vmm/virtio/queue.h"

#include "vmm/base/event.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/virtio_ring.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "rings are little-endian");

/* Where things are in the three areas: section 2.7.5, 2.7.6, 2.7.8. */
#define AVAIL_FLAGS	  0
#define AVAIL_INDEX	  2
#define AVAIL_RING(n)	  (4 + 2 * (uint64_t)(n))
#define USED_INDEX	  2
#define USED_RING(n)	  (4 + 8 * (uint64_t)(n))
#define USED_EVENT(size)  AVAIL_RING(size) /* after the ring: the driver's wish */
#define AVAIL_EVENT(size) USED_RING(size)

/* The first fault counts; the queue does nothing any more. */
static int __attribute__((format(printf, 2, 3))) fail(struct virtq *q, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(q->fault, sizeof(q->fault), fmt, ap);
	va_end(ap);
	q->live = false;
	return -EPROTO;
}

static void unpin(struct mem_pin *pin)
{
	if (pin->state)
		mem_unpin(pin);
}

/* Pins a piece of an area, if that has to be. */
static int pin_area(struct virtq *q, const struct virtq_area *area, uint64_t offset, size_t len,
		    enum mem_use use, struct mem_pin *pin)
{
	uint64_t gpa;

	if (area->at) {
		*pin = (struct mem_pin){.ptr = area->at + offset};
		return 0;
	}
	if (!__builtin_add_overflow(area->gpa, offset, &gpa) &&
	    mem_pin(q->mem, gpa, len, use, NULL, pin) == 0)
		return 0;
	return fail(q, "queue %u at %#" PRIx64 " is not in shared RAM", q->index,
		    area->gpa + offset);
}

/* Two bytes of a ring, which is aligned, in one access: the driver writes them meanwhile. */
static int load16(struct virtq *q, const struct virtq_area *area, uint64_t offset, uint16_t *value)
{
	struct mem_pin pin;
	int ret = pin_area(q, area, offset, sizeof(*value), MEM_FOR_READING, &pin);

	if (ret < 0)
		return ret;
	*value = __atomic_load_n((uint16_t *)pin.ptr, __ATOMIC_ACQUIRE);
	unpin(&pin);
	return 0;
}

static int store16(struct virtq *q, const struct virtq_area *area, uint64_t offset, uint16_t value)
{
	struct mem_pin pin;
	int ret = pin_area(q, area, offset, sizeof(value), MEM_FOR_WRITING, &pin);

	if (ret < 0)
		return ret;
	__atomic_store_n((uint16_t *)pin.ptr, value, __ATOMIC_RELEASE);
	unpin(&pin);
	return 0;
}

/* --- chains ----------------------------------------------------------------------------------- */

/* The table a chain is in at the moment: the queue's own or an indirect one. */
struct table {
	struct virtq_area area;
	uint32_t n; /* descriptors */
	bool indirect;
};

static int read_desc(struct virtq *q, const struct table *table, uint16_t index,
		     struct vring_desc *desc)
{
	struct mem_pin pin;
	int ret;

	if (index >= table->n)
		return fail(q, "queue %u: a descriptor's index is beyond the table", q->index);
	ret = pin_area(q, &table->area, index * sizeof(*desc), sizeof(*desc), MEM_FOR_READING,
		       &pin);
	if (ret < 0)
		return ret;
	memcpy(desc, pin.ptr, sizeof(*desc));
	unpin(&pin);
	return 0;
}

static int add_buffer(struct virtq *q, struct virtq_chain *chain, const struct vring_desc *desc)
{
	bool write = desc->flags & VRING_DESC_F_WRITE;
	unsigned int at = chain->nread + chain->nwrite;

	if (!write && chain->nwrite > 0)
		return fail(q, "queue %u: a buffer to read comes after one to write", q->index);
	if (desc->len == 0)
		return 0;
	if (mem_pin(q->mem, desc->addr, desc->len, write ? MEM_FOR_WRITING : MEM_FOR_READING,
		    q->owner, &chain->pin[at]) < 0)
		return fail(q,
			    "queue %u: a buffer of %u bytes at %#" PRIx64 " is not in shared RAM",
			    q->index, desc->len, (uint64_t)desc->addr);
	chain->iov[at] = (struct iovec){.iov_base = chain->pin[at].ptr, .iov_len = desc->len};
	*(write ? &chain->nwrite : &chain->nread) += 1;
	*(write ? &chain->write_len : &chain->read_len) += desc->len;
	return 0;
}

/* Section 2.7.5.3: a table of its own, the last element of a chain in the queue's table. */
static int enter_indirect(struct virtq *q, const struct vring_desc *desc, struct table *table)
{
	if (!q->indirect)
		return fail(q, "queue %u: an indirect descriptor, which was not negotiated",
			    q->index);
	if (table->indirect || desc->flags & VRING_DESC_F_NEXT)
		return fail(q, "queue %u: an indirect descriptor inside of a table or of a chain",
			    q->index);
	if (desc->len == 0 || desc->len % sizeof(*desc) != 0)
		return fail(q, "queue %u: an indirect table of an odd size", q->index);
	*table = (struct table){{desc->addr, NULL}, desc->len / sizeof(*desc), true};
	return 0;
}

static int collect(struct virtq *q, struct virtq_chain *chain)
{
	struct table table = {q->desc, q->size, false};
	uint16_t index = chain->head;

	/* one step more than buffers, for the descriptor of the indirect table */
	for (unsigned int n = 0; n < VIRTQ_MAX_CHAIN + (table.indirect ? 1u : 0u); n++) {
		struct vring_desc desc = {0};
		int ret = read_desc(q, &table, index, &desc);

		if (ret < 0)
			return ret;
		if (desc.flags & VRING_DESC_F_INDIRECT) {
			ret = enter_indirect(q, &desc, &table);
			index = 0;
		} else {
			ret = add_buffer(q, chain, &desc);
			index = desc.next;
			if (ret == 0 && !(desc.flags & VRING_DESC_F_NEXT))
				return 0;
		}
		if (ret < 0)
			return ret;
	}
	return fail(q, "queue %u: a chain is too long, or a loop", q->index);
}

int virtq_pop(struct virtq *q, struct virtq_chain *chain)
{
	uint16_t available = 0;
	int ret;

	if (!q->live)
		return q->fault[0] ? -EPROTO : 0;
	ret = load16(q, &q->avail, AVAIL_INDEX, &available);
	if (ret < 0 || available == q->next_avail)
		return ret;
	if ((uint16_t)(available - q->next_avail) > q->size)
		return fail(q, "queue %u: more chains are available than there are descriptors",
			    q->index);
	chain->nread = chain->nwrite = 0;
	chain->read_len = chain->write_len = 0;
	ret = load16(q, &q->avail, AVAIL_RING(q->next_avail % q->size), &chain->head);
	if (ret == 0)
		ret = collect(q, chain);
	if (ret < 0) {
		virtq_unpin(chain);
		return ret;
	}
	chain->write = &chain->iov[chain->nread];
	q->next_avail++;
	return 1;
}

void virtq_unpin(struct virtq_chain *chain)
{
	for (unsigned int i = 0; i < chain->nread + chain->nwrite; i++)
		unpin(&chain->pin[i]);
	chain->nread = chain->nwrite = 0;
	chain->read_len = chain->write_len = 0;
}

void virtq_unpop(struct virtq *q, struct virtq_chain *chain)
{
	virtq_unpin(chain);
	q->next_avail--;
}

/* --- the used ring ---------------------------------------------------------------------------- */

void virtq_push(struct virtq *q, struct virtq_chain *chain, uint32_t written)
{
	virtq_unpin(chain);
	virtq_push_head(q, chain->head, written);
}

void virtq_push_head(struct virtq *q, uint16_t head, uint32_t written)
{
	const struct vring_used_elem element = {.id = head, .len = written};
	struct mem_pin pin;

	if (!q->live || pin_area(q, &q->used, USED_RING(q->next_used % q->size), sizeof(element),
				 MEM_FOR_WRITING, &pin) < 0)
		return;
	memcpy(pin.ptr, &element, sizeof(element));
	unpin(&pin);
	q->next_used++;
}

void virtq_flush(struct virtq *q)
{
	if (q->live && q->flushed != q->next_used &&
	    store16(q, &q->used, USED_INDEX, q->next_used) == 0)
		q->flushed = q->next_used;
}

int virtq_signal(struct virtq *q)
{
	const uint16_t before = q->signalled;
	uint16_t wish = 0;
	int ret;

	virtq_flush(q);
	if (!q->live || before == q->flushed)
		return q->fault[0] ? -EPROTO : 0;
	q->signalled = q->flushed;
	/* first show, then read the wish: the driver does it the other way round */
	atomic_thread_fence(memory_order_seq_cst);
	ret = load16(q, &q->avail, q->event_idx ? USED_EVENT(q->size) : AVAIL_FLAGS, &wish);
	if (ret < 0)
		return ret;
	/* section 2.7.7.2, 2.7.10: the driver says after which element it wants to hear of it */
	if (q->event_idx)
		return (uint16_t)(q->signalled - wish - 1) < (uint16_t)(q->signalled - before);
	return !(wish & VRING_AVAIL_F_NO_INTERRUPT);
}

bool virtq_rearm(struct virtq *q)
{
	uint16_t available = 0;

	if (!q->live)
		return false;
	/* without event indices every chain is notified, and that is for old drivers only */
	if (q->event_idx && store16(q, &q->used, AVAIL_EVENT(q->size), q->next_avail) < 0)
		return false;
	atomic_thread_fence(memory_order_seq_cst);
	if (load16(q, &q->avail, AVAIL_INDEX, &available) < 0)
		return false;
	return available != q->next_avail;
}

void virtq_kick(const struct virtq *q)
{
	event_raise(q->kick.fd);
}

/* --- buffers ---------------------------------------------------------------------------------- */

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

static size_t copy(const struct iovec *iov, unsigned int n, size_t offset, uint8_t *buf, size_t len,
		   bool out)
{
	size_t done = 0;

	for (unsigned int i = 0; i < n && done < len; i++) {
		size_t skip = min(offset, iov[i].iov_len);
		size_t part = min(iov[i].iov_len - skip, len - done);
		uint8_t *at = (uint8_t *)iov[i].iov_base + skip;

		memcpy(out ? buf + done : at, out ? at : buf + done, part);
		offset -= skip;
		done += part;
	}
	return done;
}

size_t iov_read(const struct iovec *iov, unsigned int n, size_t offset, void *buf, size_t len)
{
	return copy(iov, n, offset, buf, len, true);
}

size_t iov_write(const struct iovec *iov, unsigned int n, size_t offset, const void *buf,
		 size_t len)
{
	/* which is only read */
	return copy(iov, n, offset, (uint8_t *)(uintptr_t)buf, len, false);
}

/* --- for the transport ------------------------------------------------------------------------ */

bool virtq_valid(const struct virtq *q)
{
	/* alignments: section 2.7, table of the three parts */
	return q->size > 0 && (q->size & (q->size - 1)) == 0 && q->size <= q->max_size &&
	       is_aligned(q->desc.gpa, 16) && is_aligned(q->avail.gpa, 2) &&
	       is_aligned(q->used.gpa, 4) &&
	       q->avail.gpa <= UINT64_MAX - UINT64_C(8) * VIRTQ_MAX_SIZE &&
	       q->used.gpa <= UINT64_MAX - UINT64_C(16) * VIRTQ_MAX_SIZE;
}

static void find(const struct virtq *q, struct virtq_area *area, uint64_t len, enum mem_use use)
{
	struct mem_pin pin = {0};

	if (q->live && virtq_stable(q->mem))
		mem_pin(q->mem, area->gpa, len, use, NULL, &pin);
	area->at = pin.ptr;
	unpin(&pin);
}

void virtq_start(struct virtq *q, const struct guest_mem *mem, const char *owner, uint64_t features)
{
	q->mem = mem;
	q->owner = owner;
	q->live = q->ready;
	q->indirect = features >> VIRTIO_RING_F_INDIRECT_DESC & 1;
	q->event_idx = features >> VIRTIO_RING_F_EVENT_IDX & 1;
	/* with the words behind the rings, which event indices are in */
	find(q, &q->desc, q->size * sizeof(struct vring_desc), MEM_FOR_READING);
	find(q, &q->avail, USED_EVENT(q->size) + 2, MEM_FOR_READING);
	find(q, &q->used, AVAIL_EVENT(q->size) + 2, MEM_FOR_WRITING);
}

void virtq_reset(struct virtq *q)
{
	*q = (struct virtq){
		.index = q->index,
		.max_size = q->max_size,
		.size = q->max_size,
		.kick = q->kick,
		.dev = q->dev,
	};
}
