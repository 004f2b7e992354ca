// SPDX-License-Identifier: MIT
#include "tests/guests/cc/virtio.h"

#define WINDOWS	     0xd0000000
#define WINDOW_COUNT 16
#define MAGIC	     0x74726976
#define SIZE	     8 /* entries of a queue */
#define MAX_QUEUES   3

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
	uint8_t more[700];
};

_Static_assert(sizeof(struct queue) * MAX_QUEUES <= GUEST_PAGE_SIZE, "they share a page");

static uint64_t window, window_number;
static uint16_t next[MAX_QUEUES]; /* the next chain's index */
static uint64_t irqs[MAX_QUEUES]; /* how many there had been when the last one was offered */

static uint64_t queue_gpa(unsigned int index)
{
	return QUEUE_PAGE + index * sizeof(struct queue);
}

static volatile struct queue *queue(unsigned int index)
{
	return (volatile struct queue *)queue_gpa(index);
}

/* --- registers -------------------------------------------------------------------------------- */

uint32_t virtio_read(uint64_t reg)
{
	uint32_t value;

	__asm__ volatile("movl (%1), %0" : "=r"(value) : "r"(window + reg) : "memory");
	return value;
}

void virtio_write(uint64_t reg, uint32_t value)
{
	__asm__ volatile("movl %0, (%1)" : : "r"(value), "r"(window + reg) : "memory");
}

static void write64(uint64_t low, uint64_t high, uint64_t value)
{
	virtio_write(low, (uint32_t)value);
	virtio_write(high, (uint32_t)(value >> 32));
}

bool virtio_find(uint32_t id)
{
	for (uint64_t i = 0; i < WINDOW_COUNT; i++) {
		window = WINDOWS + i * GUEST_PAGE_SIZE;
		window_number = i;
		if (virtio_read(VIRTIO_MMIO_MAGIC_VALUE) == MAGIC &&
		    virtio_read(VIRTIO_MMIO_DEVICE_ID) == id)
			return true;
	}
	return false;
}

bool virtio_negotiate(uint64_t features)
{
	virtio_write(VIRTIO_MMIO_STATUS, 0);
	virtio_write(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	for (uint32_t i = 0; i < 2; i++) {
		virtio_write(VIRTIO_MMIO_DRIVER_FEATURES_SEL, i);
		virtio_write(VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32 * i));
	}
	virtio_write(VIRTIO_MMIO_STATUS,
		     virtio_read(VIRTIO_MMIO_STATUS) | VIRTIO_CONFIG_S_FEATURES_OK);
	return virtio_read(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK;
}

static void set_up(unsigned int index)
{
	uint64_t gpa = queue_gpa(index);

	next[index] = 0;
	virtio_write(VIRTIO_MMIO_QUEUE_SEL, index);
	virtio_write(VIRTIO_MMIO_QUEUE_NUM, SIZE);
	write64(VIRTIO_MMIO_QUEUE_DESC_LOW, VIRTIO_MMIO_QUEUE_DESC_HIGH,
		gpa + offsetof(struct queue, desc));
	write64(VIRTIO_MMIO_QUEUE_AVAIL_LOW, VIRTIO_MMIO_QUEUE_AVAIL_HIGH,
		gpa + offsetof(struct queue, avail));
	write64(VIRTIO_MMIO_QUEUE_USED_LOW, VIRTIO_MMIO_QUEUE_USED_HIGH,
		gpa + offsetof(struct queue, used));
	virtio_write(VIRTIO_MMIO_QUEUE_READY, 1);
}

void virtio_start(unsigned int nqueues)
{
	for (size_t i = 0; i < GUEST_PAGE_SIZE / 8; i++)
		((volatile uint64_t *)QUEUE_PAGE)[i] = 0;
	if (!virtio_negotiate(VERSION_1 | PLATFORM))
		fail("the device refuses its own features");
	for (unsigned int i = 0; i < nqueues; i++)
		set_up(i);
	virtio_write(VIRTIO_MMIO_STATUS,
		     virtio_read(VIRTIO_MMIO_STATUS) | VIRTIO_CONFIG_S_DRIVER_OK);
	if (!(virtio_read(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_DRIVER_OK))
		fail("the device does not start: status %x",
		     (uint64_t)virtio_read(VIRTIO_MMIO_STATUS));
}

/* --- chains ----------------------------------------------------------------------------------- */

void virtio_describe(unsigned int queue_index, unsigned int index, uint64_t gpa, uint32_t len,
		     uint16_t flags)
{
	volatile struct vring_desc *desc = &queue(queue_index)->desc[index];

	desc->addr = gpa;
	desc->len = len;
	desc->flags = flags;
	desc->next = (uint16_t)(index + 1);
}

void virtio_offer(unsigned int index)
{
	volatile struct queue *q = queue(index);

	irqs[index] = irqs_of_window(window_number);
	q->avail.ring[next[index] % SIZE] = 0;
	__atomic_store_n(&q->avail.idx, ++next[index], __ATOMIC_SEQ_CST);
	virtio_write(VIRTIO_MMIO_QUEUE_NOTIFY, index);
}

int64_t virtio_wait(unsigned int index)
{
	volatile struct queue *q = queue(index);
	uint32_t start_time = pm_timer();

	while (pm_timer() - start_time < PATIENCE) {
		if (virtio_read(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET)
			return -1;
		if (irqs_of_window(window_number) == irqs[index])
			continue;
		if (__atomic_load_n(&q->used.idx, __ATOMIC_ACQUIRE) == next[index])
			return q->used.ring[(next[index] - 1) % SIZE].len;
	}
	fail("chain %u of queue %u: used %u, status %x, %u interrupts", (uint64_t)next[index],
	     (uint64_t)index, (uint64_t)q->used.idx, (uint64_t)virtio_read(VIRTIO_MMIO_STATUS),
	     irqs_of_window(window_number) - irqs[index]);
}
