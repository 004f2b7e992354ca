// SPDX-License-Identifier: MIT
#include "vmm/virtio/queue.h"

#include "vmm/base/bytes.h"
#include "vmm/virtio/virtio.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <unistd.h>

/* Where things are in the three areas: section 2.7.5, 2.7.6, 2.7.8. */
#define AVAIL_FLAGS	  0
#define AVAIL_INDEX	  2
#define AVAIL_RING(n)	  (4 + 2 * (uint64_t)(n))
#define USED_INDEX	  2
#define USED_RING(n)	  (4 + 8 * (uint64_t)(n))
#define USED_EVENT(size)  AVAIL_RING(size) /* after the ring: the driver's wish */
#define AVAIL_EVENT(size) USED_RING(size)
#define DESC_BYTES	  16

/* Takes hold of a piece of an area. */
static int hold(struct virtq *q, const struct virtq_area *area, uint64_t offset, size_t len,
		enum mem_use use, struct mem_pin *pin)
{
	if (area->at && virtio_may_hold(q->dev)) {
		*pin = (struct mem_pin){.ptr = area->at + offset};
		return 0;
	}
	if (mem_pin(q->dev->host->mem, area->gpa + offset, len, use, NULL, pin) == 0)
		return 0;
	virtio_broken(q->dev, "queue %u at %#llx is not in shared RAM", q->index,
		      (unsigned long long)(area->gpa + offset));
	return -EPROTO;
}

static void let_go(struct mem_pin *pin)
{
	if (pin->state)
		mem_unpin(pin);
}

/* Two bytes of a ring, which is aligned, in one access: the driver writes them meanwhile. */
static int load16(struct virtq *q, const struct virtq_area *area, uint64_t offset, uint16_t *value)
{
	struct mem_pin pin;
	int ret = hold(q, area, offset, sizeof(*value), MEM_FOR_READING, &pin);

	if (ret < 0)
		return ret;
	*value = __atomic_load_n((uint16_t *)pin.ptr, __ATOMIC_ACQUIRE);
	let_go(&pin);
	return 0;
}

static int store16(struct virtq *q, const struct virtq_area *area, uint64_t offset, uint16_t value)
{
	struct mem_pin pin;
	int ret = hold(q, area, offset, sizeof(value), MEM_FOR_WRITING, &pin);

	if (ret < 0)
		return ret;
	__atomic_store_n((uint16_t *)pin.ptr, value, __ATOMIC_RELEASE);
	let_go(&pin);
	return 0;
}

/* --- chains ----------------------------------------------------------------------------------- */

struct desc {
	uint64_t gpa;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

/* The table a chain is in at the moment: the queue's own or an indirect one. */
struct table {
	struct virtq_area area;
	uint32_t n; /* descriptors */
	bool indirect;
};

static int broken(struct virtq *q, const char *what)
{
	virtio_broken(q->dev, "queue %u: %s", q->index, what);
	return -EPROTO;
}

static int read_desc(struct virtq *q, const struct table *table, uint16_t index, struct desc *desc)
{
	const uint64_t offset = (uint64_t)index * DESC_BYTES;
	uint8_t raw[DESC_BYTES];
	struct mem_pin pin;
	int ret;

	if (index >= table->n)
		return broken(q, "a descriptor's index is beyond the table");
	if (table->area.gpa > UINT64_MAX - offset)
		return broken(q, "a descriptor table is beyond all memory");
	ret = hold(q, &table->area, offset, sizeof(raw), MEM_FOR_READING, &pin);
	if (ret < 0)
		return ret;
	memcpy(raw, pin.ptr, sizeof(raw));
	let_go(&pin);
	*desc = (struct desc){
		.gpa = get_le64(raw),
		.len = get_le32(raw + 8),
		.flags = get_le16(raw + 12),
		.next = get_le16(raw + 14),
	};
	return 0;
}

static int add_buffer(struct virtq *q, struct virtq_chain *chain, const struct desc *desc)
{
	bool write = desc->flags & VRING_DESC_F_WRITE;
	unsigned int at = chain->nread + chain->nwrite;

	if (!write && chain->nwrite > 0)
		return broken(q, "a buffer to read comes after one to write");
	if (desc->len == 0)
		return 0;
	if (mem_pin(q->dev->host->mem, desc->gpa, desc->len,
		    write ? MEM_FOR_WRITING : MEM_FOR_READING, q->dev->name, &chain->pin[at]) < 0) {
		virtio_broken(q->dev,
			      "queue %u: a buffer of %u bytes at %#llx is not in shared RAM",
			      q->index, desc->len, (unsigned long long)desc->gpa);
		return -EPROTO;
	}
	chain->iov[at] = (struct iovec){.iov_base = chain->pin[at].ptr, .iov_len = desc->len};
	if (write) {
		chain->nwrite++;
		chain->write_len += desc->len;
	} else {
		chain->nread++;
		chain->read_len += desc->len;
	}
	return 0;
}

/* Section 2.7.5.3: a table of its own, the last element of a chain in the queue's table. */
static int enter_indirect(struct virtq *q, const struct desc *desc, struct table *table)
{
	if (!virtio_has(q->dev, VIRTIO_RING_F_INDIRECT_DESC))
		return broken(q, "an indirect descriptor, which was not negotiated");
	if (table->indirect || desc->flags & VRING_DESC_F_NEXT)
		return broken(q, "an indirect descriptor inside of a table or of a chain");
	if (desc->len == 0 || desc->len % DESC_BYTES != 0)
		return broken(q, "an indirect table of an odd size");
	*table = (struct table){{desc->gpa, NULL}, desc->len / DESC_BYTES, true};
	return 0;
}

static int collect(struct virtq *q, struct virtq_chain *chain)
{
	struct table table = {q->desc, q->size, false};
	uint16_t index = chain->head;

	/* one step more than buffers, for the descriptor of the indirect table */
	for (unsigned int n = 0; n < VIRTQ_MAX_CHAIN + (table.indirect ? 1u : 0u); n++) {
		struct desc desc = {0};
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
	return broken(q, "a chain is too long, or a loop");
}

int virtq_pop(struct virtq *q, struct virtq_chain *chain)
{
	uint16_t available = 0, head = 0;
	int ret;

	if (!virtio_runs(q->dev) || !q->ready)
		return 0;
	ret = load16(q, &q->avail, AVAIL_INDEX, &available);
	if (ret < 0)
		return ret;
	if (available == q->next_avail)
		return 0;
	if ((uint16_t)(available - q->next_avail) > q->size)
		return broken(q, "more chains are available than there are descriptors");
	ret = load16(q, &q->avail, AVAIL_RING(q->next_avail % q->size), &head);
	if (ret < 0)
		return ret;

	chain->head = head;
	chain->nread = chain->nwrite = 0;
	chain->read_len = chain->write_len = 0;
	ret = collect(q, chain);
	if (ret < 0) {
		virtq_drop(chain);
		return ret;
	}
	chain->write = &chain->iov[chain->nread];
	q->next_avail++;
	return 1;
}

void virtq_drop(struct virtq_chain *chain)
{
	for (unsigned int i = 0; i < chain->nread + chain->nwrite; i++)
		let_go(&chain->pin[i]);
	chain->nread = chain->nwrite = 0;
	chain->read_len = chain->write_len = 0;
}

void virtq_unpop(struct virtq *q)
{
	q->next_avail--;
}

/* --- the used ring ---------------------------------------------------------------------------- */

void virtq_put(struct virtq *q, struct virtq_chain *chain, uint32_t written)
{
	virtq_drop(chain);
	virtq_put_head(q, chain->head, written);
}

void virtq_put_head(struct virtq *q, uint16_t head, uint32_t written)
{
	struct mem_pin pin;

	if (!virtio_runs(q->dev) || !q->ready ||
	    hold(q, &q->used, USED_RING(q->next_used % q->size), 8, MEM_FOR_WRITING, &pin) < 0)
		return;
	put_le32(pin.ptr, head);
	put_le32((uint8_t *)pin.ptr + 4, written);
	let_go(&pin);
	q->next_used++;
}

/* Section 2.7.7.2, 2.7.10: the driver says after which element it wants to hear of it. */
static bool wants_interrupt(struct virtq *q, uint16_t before)
{
	uint16_t word = 0;

	if (virtio_has(q->dev, VIRTIO_RING_F_EVENT_IDX)) {
		if (load16(q, &q->avail, USED_EVENT(q->size), &word) < 0)
			return false;
		return (uint16_t)(q->published - word - 1) < (uint16_t)(q->published - before);
	}
	if (load16(q, &q->avail, AVAIL_FLAGS, &word) < 0)
		return false;
	return !(word & VRING_AVAIL_F_NO_INTERRUPT);
}

void virtq_show(struct virtq *q)
{
	if (q->shown == q->next_used || !virtio_runs(q->dev))
		return;
	if (store16(q, &q->used, USED_INDEX, q->next_used) == 0)
		q->shown = q->next_used;
}

void virtq_publish(struct virtq *q)
{
	uint16_t before = q->published;

	virtq_show(q);
	if (before == q->shown || !virtio_runs(q->dev))
		return;
	q->published = q->shown;
	/* first show, then read the wish: the driver does it the other way round */
	atomic_thread_fence(memory_order_seq_cst);
	if (wants_interrupt(q, before))
		virtio_interrupt(q->dev, VIRTIO_MMIO_INT_VRING);
}

bool virtq_rearm(struct virtq *q)
{
	uint16_t available = 0;

	if (!virtio_runs(q->dev) || !q->ready)
		return false;
	/* without event indices every chain is notified, and that is for old drivers only */
	if (virtio_has(q->dev, VIRTIO_RING_F_EVENT_IDX) &&
	    store16(q, &q->used, AVAIL_EVENT(q->size), q->next_avail) < 0)
		return false;
	atomic_thread_fence(memory_order_seq_cst);
	if (load16(q, &q->avail, AVAIL_INDEX, &available) < 0)
		return false;
	return available != q->next_avail;
}

void virtq_again(struct virtq *q)
{
	uint64_t one = 1;
	ssize_t n = write(q->source.fd, &one, sizeof(one));

	(void)n; /* at its limit it is readable already */
}

void virtq_serve(struct virtq *q, uint32_t (*one)(struct virtio_device *dev, struct virtq *q,
						  struct virtq_chain *chain))
{
	struct virtq_chain *chain = q->dev->chain;
	unsigned int left = q->size;

	do {
		for (; left > 0 && virtq_pop(q, chain) > 0; left--)
			virtq_put(q, chain, one(q->dev, q, chain));
		virtq_publish(q);
		if (left == 0) {
			virtq_again(q);
			return;
		}
	} while (virtq_rearm(q));
}

bool virtq_valid(const struct virtq *q)
{
	/* alignments: section 2.7, table of the three parts */
	return q->size > 0 && (q->size & (q->size - 1)) == 0 && q->size <= q->dev->queue_max &&
	       is_aligned(q->desc.gpa, 16) && is_aligned(q->avail.gpa, 2) &&
	       is_aligned(q->used.gpa, 4) &&
	       q->avail.gpa <= UINT64_MAX - UINT64_C(8) * VIRTQ_MAX_SIZE &&
	       q->used.gpa <= UINT64_MAX - UINT64_C(16) * VIRTQ_MAX_SIZE;
}

static void find(const struct virtq *q, struct virtq_area *area, uint64_t len, enum mem_use use)
{
	struct mem_pin pin = {0};

	if (q->ready && virtio_may_hold(q->dev))
		mem_pin(q->dev->host->mem, area->gpa, len, use, NULL, &pin);
	area->at = pin.ptr;
	let_go(&pin);
}

void virtq_start(struct virtq *q)
{
	/* with the words behind the rings, which event indices are in */
	find(q, &q->desc, (uint64_t)q->size * DESC_BYTES, MEM_FOR_READING);
	find(q, &q->avail, USED_EVENT(q->size) + 2, MEM_FOR_READING);
	find(q, &q->used, AVAIL_EVENT(q->size) + 2, MEM_FOR_WRITING);
}

void virtq_reset(struct virtq *q)
{
	q->desc = q->avail = q->used = (struct virtq_area){0};
	q->size = q->dev->queue_max;
	q->ready = false;
	q->next_avail = q->next_used = q->shown = q->published = 0;
}
