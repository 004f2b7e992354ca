// SPDX-License-Identifier: MIT
/* Split virtqueues: good drivers get what they ask for, bad ones lose the device and no more. */
#include "tests/unit/suite.h"
#include "tests/unit/virtio_driver.h"

#include <errno.h>
#include <stdlib.h>

#define EVENT_IDX (1ULL << VIRTIO_RING_F_EVENT_IDX)
#define INDIRECT  (1ULL << VIRTIO_RING_F_INDIRECT_DESC)

/* A device that writes back what it reads, and counts. */
struct mirror {
	struct virtio_device virtio;
	unsigned int served, nread, nwrite;
	size_t read_len, write_len;
};

static int serve(struct virtio_device *dev, struct virtq *q, struct virtq_chain *chain)
{
	struct mirror *mirror = (struct mirror *)dev;
	uint8_t bytes[4096];
	size_t n = chain_read(chain, 0, bytes, sizeof(bytes));

	(void)q;
	mirror->served++;
	mirror->nread = chain->nread;
	mirror->nwrite = chain->nwrite;
	mirror->read_len = chain->read_len;
	mirror->write_len = chain->write_len;
	return (int)chain_write(chain, 0, bytes, n);
}

static void kick(struct virtio_device *dev, struct virtq *q)
{
	(void)dev;
	virtio_serve(q, serve);
}

static int open_mirror(struct virtio_device *dev, const struct vmm_config *config, size_t index,
		       struct vmm_error *err)
{
	(void)config, (void)index;
	return virtio_queues(dev, 1, 256, err);
}

static const struct virtio_ops ops = {
	.name = "mirror",
	.id = 63,
	.size = sizeof(struct mirror),
	.open = open_mirror,
	.kick = kick,
};

static struct world world;
static struct driver d;
static struct mirror *mirror;

static void setup(void)
{
	struct virtio_device *dev;
	struct vmm_error err;

	world_setup(&world, false);
	ck_assert_int_eq(virtio_create(&dev, &ops, &world.host, NULL, 0, &err), 0);
	mirror = (struct mirror *)dev;
	driver_attach(&d, &world, dev);
}

static void teardown(void)
{
	driver_detach(&d);
	world_teardown(&world);
}

/* One chain of `n` bytes to read and as many to write. */
static void round_trip(const char *text, bool indirect)
{
	uint32_t n = (uint32_t)strlen(text), head, len;
	struct driver_buf buf[] = {
		{driver_alloc(&d, n), n, false},
		{driver_alloc(&d, n), n, true},
	};
	char back[64] = "";
	uint16_t sent;

	driver_store(&d, buf[0].gpa, text, n);
	sent = indirect ? driver_add_indirect(&d, 0, buf, 2) : driver_add(&d, 0, buf, 2);
	driver_kick(&d, 0);
	ck_assert(driver_used(&d, 0, &head, &len));
	ck_assert_uint_eq(head, sent);
	ck_assert_uint_eq(len, n);
	driver_load(&d, buf[1].gpa, back, n);
	ck_assert_str_eq(back, text);
	ck_assert(!driver_used(&d, 0, &head, &len));
}

START_TEST(chains_come_back_with_what_was_written)
{
	driver_start(&d, 0, 16);
	round_trip("hello", false);
	round_trip("and again", false);
	ck_assert_uint_eq(driver_read(&d, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_VRING);
	ck_assert_uint_eq(driver_interrupts(&d), 2);
	driver_write(&d, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
	ck_assert_uint_eq(driver_read(&d, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
}
END_TEST

START_TEST(indirect_chains_come_back_too)
{
	driver_start(&d, INDIRECT, 4);
	for (int i = 0; i < 9; i++)
		round_trip("indirect", true);
}
END_TEST

START_TEST(direct_buffers_may_be_followed_by_an_indirect_table)
{
	uint64_t in = driver_alloc(&d, 8), out = driver_alloc(&d, 8), table = driver_alloc(&d, 32);
	uint32_t head, len;

	driver_start(&d, INDIRECT, 8);
	driver_desc(&d, d.queue[0].desc, 0, in, 8, VRING_DESC_F_NEXT, 5);
	driver_desc(&d, d.queue[0].desc, 5, table, 32, VRING_DESC_F_INDIRECT, 0);
	driver_desc(&d, table, 0, in, 4, VRING_DESC_F_NEXT, 1);
	driver_desc(&d, table, 1, out, 8, VRING_DESC_F_WRITE, 0);
	driver_offer(&d, 0, 0);
	driver_kick(&d, 0);
	ck_assert(driver_used(&d, 0, &head, &len));
	ck_assert_uint_eq(len, 8);
	ck_assert_uint_eq(mirror->read_len, 12);
	ck_assert_uint_eq(mirror->nread, 2);
}
END_TEST

START_TEST(contents_do_not_depend_on_how_they_are_cut)
{
	uint64_t in = driver_alloc(&d, 64), out = driver_alloc(&d, 64);
	uint8_t sent[32], got[32];
	uint32_t head, len;

	driver_start(&d, 0, 64);
	for (uint32_t i = 0; i < sizeof(sent); i++)
		sent[i] = (uint8_t)(i * 7 + 1);
	driver_store(&d, in, sent, sizeof(sent));
	for (uint32_t cut = 1; cut < 32; cut++) {
		struct driver_buf buf[] = {
			{in, cut, false},
			{in + cut, 0, false},
			{in + cut, 32 - cut, false},
			{out, 32 - cut, true},
			{out + 32 - cut, cut, true},
		};

		driver_add(&d, 0, buf, 5);
		driver_kick(&d, 0);
		ck_assert(driver_used(&d, 0, &head, &len));
		ck_assert_uint_eq(len, 32);
		driver_load(&d, out, got, sizeof(got));
		ck_assert_mem_eq(got, sent, sizeof(sent));
		memset(got, 0, sizeof(got));
		driver_store(&d, out, got, sizeof(got));
	}
}
END_TEST

START_TEST(a_part_of_buffers_is_found)
{
	uint8_t bytes[30];
	struct iovec iov[] = {{bytes, 10}, {bytes + 10, 0}, {bytes + 10, 20}}, out[3];

	ck_assert_uint_eq(iov_slice(iov, 3, 0, 30, out), 2);
	ck_assert_uint_eq(iov_slice(iov, 3, 10, 100, out), 1);
	ck_assert_ptr_eq(out[0].iov_base, bytes + 10);
	ck_assert_uint_eq(out[0].iov_len, 20);
	ck_assert_uint_eq(iov_slice(iov, 3, 9, 2, out), 2);
	ck_assert_ptr_eq(out[0].iov_base, bytes + 9);
	ck_assert_uint_eq(out[0].iov_len, 1);
	ck_assert_uint_eq(out[1].iov_len, 1);
	ck_assert_uint_eq(iov_slice(iov, 3, 30, 1, out), 0);
	ck_assert_uint_eq(iov_slice(iov, 3, SIZE_MAX, SIZE_MAX, out), 0);
}
END_TEST

START_TEST(indices_wrap_around_the_ring_and_around_16_bits)
{
	struct driver_buf buf = {driver_alloc(&d, 4), 4, true};
	uint32_t head, len;

	driver_start(&d, EVENT_IDX, 4);
	for (unsigned int i = 0; i < 70000; i++) {
		driver_add(&d, 0, &buf, 1);
		driver_store16(&d, d.queue[0].avail + 4 + 2 * 4, d.queue[0].seen); /* used_event */
		driver_kick(&d, 0);
		ck_assert(driver_used(&d, 0, &head, &len));
		ck_assert_uint_eq(driver_interrupts(&d), 1);
	}
	ck_assert_uint_eq(mirror->served, 70000);
}
END_TEST

START_TEST(interrupts_come_when_the_event_index_is_passed)
{
	struct driver_buf buf = {driver_alloc(&d, 4), 4, true};
	uint64_t used_event, avail_event;

	driver_start(&d, EVENT_IDX, 16);
	used_event = d.queue[0].avail + 4 + 2 * 16;
	avail_event = d.queue[0].used + 4 + 8 * 16;
	driver_store16(&d, used_event, 2); /* when the third is used */
	for (int i = 0; i < 5; i++) {
		driver_add(&d, 0, &buf, 1);
		driver_kick(&d, 0);
		ck_assert_uint_eq(driver_interrupts(&d), i == 2);
		ck_assert_uint_eq(driver_load16(&d, avail_event), i + 1);
	}
	driver_store16(&d, used_event, 6); /* passed in the middle of a batch */
	for (int i = 0; i < 4; i++)
		driver_add(&d, 0, &buf, 1);
	driver_kick(&d, 0);
	ck_assert_uint_eq(driver_interrupts(&d), 1);
}
END_TEST

/* A driver that waits for the first of two elements is interrupted, though the second is what the
 * interrupt comes with. */
START_TEST(what_is_flushed_is_interrupted_for_later)
{
	struct driver_buf buf = {driver_alloc(&d, 4), 4, true};
	struct virtq *q = &mirror->virtio.queue[0];
	static struct virtq_chain chain;

	driver_start(&d, EVENT_IDX, 16);
	for (uint16_t i = 0; i < 2; i++) {
		driver_add(&d, 0, &buf, 1);
		ck_assert_int_eq(virtq_pop(q, &chain), 1);
		virtq_push(q, &chain, 4);
		virtq_flush(q);
		ck_assert_uint_eq(driver_load16(&d, d.queue[0].used + 2), i + 1);
		ck_assert_uint_eq(driver_interrupts(&d), 0);
	}
	virtio_notify(q);
	ck_assert_uint_eq(driver_interrupts(&d), 1);
	virtio_notify(q);
	ck_assert_uint_eq(driver_interrupts(&d), 0);
}
END_TEST

START_TEST(without_event_index_a_flag_keeps_interrupts_off)
{
	struct driver_buf buf = {driver_alloc(&d, 4), 4, true};

	driver_start(&d, 0, 16);
	driver_store16(&d, d.queue[0].avail, VRING_AVAIL_F_NO_INTERRUPT);
	driver_add(&d, 0, &buf, 1);
	driver_kick(&d, 0);
	ck_assert_uint_eq(mirror->served, 1);
	ck_assert_uint_eq(driver_interrupts(&d), 0);
}
END_TEST

START_TEST(a_chain_given_back_unused_is_taken_again)
{
	struct driver_buf buf = {driver_alloc(&d, 4), 4, true};
	static struct virtq_chain chain;

	driver_start(&d, 0, 16);
	driver_add(&d, 0, &buf, 1);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(virtq_pop(&mirror->virtio.queue[0], &chain), 1);
		ck_assert_uint_eq(chain.write_len, 4);
		virtq_unpop(&mirror->virtio.queue[0], &chain);
	}
	driver_kick(&d, 0);
	ck_assert_uint_eq(mirror->served, 1);
}
END_TEST

/* A driver that adds chains while the device works gets a queue's worth, then others get theirs. */
static struct virtq *busy_queue;
static unsigned int busy_turns;

static int serve_busy(struct virtio_device *dev, struct virtq *q, struct virtq_chain *chain)
{
	(void)dev, (void)chain;
	busy_queue = q;
	driver_offer(&d, 0, 0);
	return 0;
}

static void kick_busy(struct virtio_device *dev, struct virtq *q)
{
	(void)dev;
	busy_turns++;
	virtio_serve(q, serve_busy);
}

START_TEST(a_queue_that_never_gets_empty_leaves_the_others_their_turn)
{
	struct virtio_ops busy = ops;

	busy.kick = kick_busy;
	mirror->virtio.ops = &busy;
	driver_start(&d, EVENT_IDX, 8);
	driver_desc(&d, d.queue[0].desc, 0, driver_alloc(&d, 4), 4, VRING_DESC_F_WRITE, 0);
	driver_offer(&d, 0, 0);
	busy_turns = 0;
	driver_write(&d, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	loop_poll(&world.loop, 5);
	ck_assert_uint_eq(busy_turns, 5);
	ck_assert_uint_eq(busy_queue->next_avail, 5 * 8);
	mirror->virtio.ops = &ops;
}
END_TEST

/* --- drivers that break the rules ------------------------------------------------------------- */

static void must_break(const char *why)
{
	driver_kick(&d, 0);
	driver_must_need_reset(&d);
	ck_assert_uint_eq(mirror->served, 0);
	ck_assert_msg(strstr(world.log_text, why) != NULL, "\"%s\"", world.log_text);
	/* and after a reset all is well */
	d.free_page = WORLD_RAM / 2;
	driver_start(&d, INDIRECT, 16);
	round_trip("good again", false);
	mirror->served = 0;
}

START_TEST(a_loop_of_descriptors_ends)
{
	uint64_t gpa = driver_alloc(&d, 4);

	driver_start(&d, 0, 16);
	driver_desc(&d, d.queue[0].desc, 0, gpa, 4, VRING_DESC_F_NEXT, 1);
	driver_desc(&d, d.queue[0].desc, 1, gpa, 4, VRING_DESC_F_NEXT, 0);
	driver_offer(&d, 0, 0);
	must_break("loop");
}
END_TEST

START_TEST(a_loop_of_empty_descriptors_ends_as_well)
{
	driver_start(&d, 0, 16);
	driver_desc(&d, d.queue[0].desc, 3, 0, 0, VRING_DESC_F_NEXT, 3);
	driver_offer(&d, 0, 3);
	must_break("loop");
}
END_TEST

START_TEST(a_chain_has_at_most_256_buffers)
{
	static struct driver_buf buf[VIRTQ_MAX_CHAIN + 1];
	uint64_t gpa = driver_alloc(&d, 4);
	uint32_t head, len;

	for (size_t i = 0; i < ARRAY_SIZE(buf); i++)
		buf[i] = (struct driver_buf){gpa, 4, true};
	driver_start(&d, INDIRECT, 16);
	driver_add_indirect(&d, 0, buf, VIRTQ_MAX_CHAIN);
	driver_kick(&d, 0);
	ck_assert(driver_used(&d, 0, &head, &len));
	ck_assert_uint_eq(mirror->nwrite, VIRTQ_MAX_CHAIN);
	mirror->served = 0;
	driver_add_indirect(&d, 0, buf, VIRTQ_MAX_CHAIN + 1);
	must_break("too long");
}
END_TEST

START_TEST(indices_beyond_the_table_are_refused)
{
	uint64_t gpa = driver_alloc(&d, 4);

	driver_start(&d, 0, 16);
	driver_offer(&d, 0, 16);
	must_break("beyond the table");
	driver_desc(&d, d.queue[0].desc, d.queue[0].next_desc, gpa, 4, VRING_DESC_F_NEXT, 0xffff);
	driver_offer(&d, 0, d.queue[0].next_desc);
	must_break("beyond the table");
}
END_TEST

START_TEST(more_chains_than_descriptors_are_refused)
{
	driver_start(&d, 0, 16);
	driver_store16(&d, d.queue[0].avail + 2, 17);
	must_break("more chains");
	driver_store16(&d, d.queue[0].avail + 2, 0); /* backwards */
	must_break("more chains");
}
END_TEST

START_TEST(buffers_outside_of_ram_are_refused)
{
	static const struct driver_buf bad[] = {
		{WORLD_RAM, 1, true},	  {WORLD_RAM - 1, 2, false},	{UINT64_MAX, 1, true},
		{UINT64_MAX, 2, false},	  {UINT64_MAX - 3, 16, true},	{0, UINT32_MAX, true},
		{0xd0000000, 4096, true}, {1ULL << 63, 1 << 30, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		d.free_page = PAGE_SIZE;
		driver_start(&d, 0, 16);
		driver_add(&d, 0, &bad[i], 1);
		must_break("not in shared RAM");
	}
}
END_TEST

START_TEST(a_buffer_to_read_after_one_to_write_is_refused)
{
	struct driver_buf buf[] = {{driver_alloc(&d, 4), 4, true}, {driver_alloc(&d, 4), 4, false}};

	driver_start(&d, 0, 16);
	driver_add(&d, 0, buf, 2);
	must_break("after one to write");
}
END_TEST

START_TEST(indirect_tables_that_are_none_are_refused)
{
	uint64_t table = driver_alloc(&d, 64), gpa = driver_alloc(&d, 4);
	static const struct {
		uint32_t len;
		uint16_t flags;
		const char *why;
	} bad[] = {
		{0, VRING_DESC_F_INDIRECT, "odd size"},
		{15, VRING_DESC_F_INDIRECT, "odd size"},
		{17, VRING_DESC_F_INDIRECT, "odd size"},
		{16, VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT, "inside of"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		driver_start(&d, INDIRECT, 16);
		driver_desc(&d, table, 0, gpa, 4, 0, 0);
		driver_desc(&d, d.queue[0].desc, 0, table, bad[i].len, bad[i].flags, 1);
		driver_offer(&d, 0, 0);
		must_break(bad[i].why);
		d.free_page = 8 * PAGE_SIZE;
	}
	driver_start(&d, INDIRECT, 16);
	driver_desc(&d, table, 0, table, 16, VRING_DESC_F_INDIRECT, 0); /* in itself */
	driver_desc(&d, d.queue[0].desc, 0, table, 16, VRING_DESC_F_INDIRECT, 0);
	driver_offer(&d, 0, 0);
	must_break("inside of");
	driver_desc(&d, d.queue[0].desc, d.queue[0].next_desc, WORLD_RAM, 16, VRING_DESC_F_INDIRECT,
		    0);
	driver_offer(&d, 0, d.queue[0].next_desc);
	must_break("not in shared RAM");
}
END_TEST

START_TEST(an_indirect_table_needs_its_feature)
{
	struct driver_buf buf = {driver_alloc(&d, 4), 4, true};

	driver_start(&d, 0, 16);
	driver_add_indirect(&d, 0, &buf, 1);
	must_break("not negotiated");
}
END_TEST

/* Each area of a queue outside of RAM, one after the other. */
START_TEST(queues_outside_of_ram_are_refused)
{
	struct driver_buf buf = {driver_alloc(&d, 4), 4, true};
	static const uint64_t bad[] = {WORLD_RAM, WORLD_RAM - 16, 1ULL << 52, 0xfffffffffffff000};

	for (size_t i = 0; i < 3 * ARRAY_SIZE(bad); i++) {
		struct driver_queue *q = &d.queue[0];

		d.free_page = 8 * PAGE_SIZE;
		ck_assert(driver_negotiate(&d, 1ULL << VIRTIO_F_VERSION_1));
		driver_make_queue(&d, 0, 16);
		driver_write(&d, VIRTIO_MMIO_QUEUE_READY, 0);
		*(uint64_t *[]){&q->desc, &q->avail, &q->used}[i % 3] = bad[i / 3];
		driver_place_queue(&d, 0);
		driver_ok(&d);
		if (i % 3 == 0) { /* the first 16 bytes may be inside */
			driver_store16(&d, q->avail + 4, 15);
			driver_store16(&d, q->avail + 2, 1);
		} else if (i % 3 == 2) {
			q->desc = driver_alloc(&d, 256);
			driver_chain(&d, mirror->virtio.queue[0].desc.gpa, 16, 0, &buf, 1);
			driver_store16(&d, q->avail + 2, 3); /* the same one each time */
		} else if (bad[i / 3] < WORLD_RAM) {
			driver_store16(&d, q->avail + 2, 16);
		}
		driver_kick(&d, 0);
		ck_assert_msg(driver_status(&d) & VIRTIO_CONFIG_S_NEEDS_RESET, "case %zu", i);
	}
}
END_TEST

START_TEST(private_memory_costs_the_device_only)
{
	uint64_t gpa = driver_alloc(&d, 3 * PAGE_SIZE);
	struct driver_buf buf = {gpa, 3 * PAGE_SIZE, true};

	world_make_private(&world, gpa + 2 * PAGE_SIZE, PAGE_SIZE, true);
	driver_start(&d, 0, 16);
	driver_add(&d, 0, &buf, 1);
	must_break("not in shared RAM");
	/* all pins are gone: the lock can be had */
	ck_assert_int_eq(pthread_rwlock_trywrlock(&world.mem.region[0].state->lock), 0);
	pthread_rwlock_unlock(&world.mem.region[0].state->lock);

	world_make_private(&world, d.queue[0].avail, PAGE_SIZE, true);
	driver_kick(&d, 0);
	driver_must_need_reset(&d);
	world_make_private(&world, d.queue[0].avail, PAGE_SIZE, false);

	d.free_page = WORLD_RAM / 4;
	driver_start(&d, 0, 16);
	buf.len = PAGE_SIZE;
	driver_add(&d, 0, &buf, 1);
	world_make_private(&world, d.queue[0].used, PAGE_SIZE, true);
	driver_kick(&d, 0);
	driver_must_need_reset(&d);
	ck_assert_int_eq(pthread_rwlock_trywrlock(&world.mem.region[0].state->lock), 0);
	pthread_rwlock_unlock(&world.mem.region[0].state->lock);
}
END_TEST

/* An image of firmware at `ROM`, all of whose bytes are 'f'. */
#define ROM 0xfffff000ULL

static void add_rom(void)
{
	struct vmm_error err;

	ck_assert_int_eq(mem_add_rom(&world.mem, "firmware", ROM, PAGE_SIZE, &err), 0);
	memset(world.mem.region[1].hva, 'f', PAGE_SIZE);
}

static void rom_must_be_as_it_was(void)
{
	for (size_t i = 0; i < PAGE_SIZE; i++)
		ck_assert_int_eq(world.mem.region[1].hva[i], 'f');
}

START_TEST(a_device_does_not_write_into_read_only_firmware)
{
	uint64_t text;
	uint32_t head, len;
	char back[8] = "";

	add_rom();
	driver_start(&d, 0, 16);
	text = driver_alloc(&d, 512);
	driver_store(&d, text, "written", 8);
	/* out of it a device may read */
	driver_add(&d, 0, (struct driver_buf[]){{ROM + 8, 4, false}, {text + 256, 4, true}}, 2);
	driver_kick(&d, 0);
	ck_assert(driver_used(&d, 0, &head, &len));
	driver_load(&d, text + 256, back, 4);
	ck_assert_str_eq(back, "ffff");

	driver_add(&d, 0, (struct driver_buf[]){{text, 8, false}, {ROM + 0xe00, 8, true}}, 2);
	driver_kick(&d, 0);
	driver_must_need_reset(&d);
	rom_must_be_as_it_was();
}
END_TEST

START_TEST(a_used_ring_in_read_only_firmware_is_refused)
{
	add_rom();
	ck_assert(driver_negotiate(&d,
				   1ULL << VIRTIO_F_VERSION_1 | 1ULL << VIRTIO_F_ACCESS_PLATFORM));
	driver_make_queue(&d, 0, 16);
	driver_write(&d, VIRTIO_MMIO_QUEUE_READY, 0);
	d.queue[0].used = ROM;
	driver_place_queue(&d, 0);
	driver_ok(&d);
	driver_add(&d, 0, (struct driver_buf[]){{driver_alloc(&d, 8), 8, false}}, 1);
	driver_kick(&d, 0);
	driver_must_need_reset(&d);
	rom_must_be_as_it_was();
}
END_TEST

START_TEST(a_guest_cannot_fill_the_log)
{
	for (int i = 0; i < 50; i++) {
		d.free_page = PAGE_SIZE;
		driver_start(&d, 0, 16);
		driver_offer(&d, 0, 99);
		driver_kick(&d, 0);
		driver_must_need_reset(&d);
	}
	ck_assert_uint_eq(world.log_lines, VMM_LOG_LINES + 1);
}
END_TEST

SUITE(test_virtio_queue)
{
	Suite *s = suite_create("virtio_queue");
	TCase *tc = tcase_create("queue");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, chains_come_back_with_what_was_written);
	tcase_add_test(tc, indirect_chains_come_back_too);
	tcase_add_test(tc, direct_buffers_may_be_followed_by_an_indirect_table);
	tcase_add_test(tc, contents_do_not_depend_on_how_they_are_cut);
	tcase_add_test(tc, a_part_of_buffers_is_found);
	tcase_add_test(tc, indices_wrap_around_the_ring_and_around_16_bits);
	tcase_add_test(tc, interrupts_come_when_the_event_index_is_passed);
	tcase_add_test(tc, what_is_flushed_is_interrupted_for_later);
	tcase_add_test(tc, without_event_index_a_flag_keeps_interrupts_off);
	tcase_add_test(tc, a_chain_given_back_unused_is_taken_again);
	tcase_add_test(tc, a_queue_that_never_gets_empty_leaves_the_others_their_turn);
	tcase_add_test(tc, a_loop_of_descriptors_ends);
	tcase_add_test(tc, a_loop_of_empty_descriptors_ends_as_well);
	tcase_add_test(tc, a_chain_has_at_most_256_buffers);
	tcase_add_test(tc, indices_beyond_the_table_are_refused);
	tcase_add_test(tc, more_chains_than_descriptors_are_refused);
	tcase_add_test(tc, buffers_outside_of_ram_are_refused);
	tcase_add_test(tc, a_buffer_to_read_after_one_to_write_is_refused);
	tcase_add_test(tc, indirect_tables_that_are_none_are_refused);
	tcase_add_test(tc, an_indirect_table_needs_its_feature);
	tcase_add_test(tc, queues_outside_of_ram_are_refused);
	tcase_add_test(tc, private_memory_costs_the_device_only);
	tcase_add_test(tc, a_device_does_not_write_into_read_only_firmware);
	tcase_add_test(tc, a_used_ring_in_read_only_firmware_is_refused);
	tcase_add_test(tc, a_guest_cannot_fill_the_log);
	suite_add_tcase(s, tc);
	return s;
}
