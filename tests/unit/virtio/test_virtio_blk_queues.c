// SPDX-License-Identifier: MIT
/* Disks with several queues that all want more than there is; and what is done when io_uring does not
 * take what it is given. */
#include "tests/unit/blk_fixture.h"
#include "tests/unit/suite.h"

#include <poll.h>

#define SLOT 128 /* bytes of guest memory for a request: header, status, its table */

static uint64_t slots[2]; /* gpa */
static uint64_t data;
static uint32_t data_len[2];
static unsigned int answered[2];

static void make_slots(void)
{
	for (unsigned int q = 0; q < 2; q++)
		slots[q] = driver_alloc(&d, 256 * SLOT);
	data = driver_alloc(&d, KIB(64));
}

/* Makes request number `slot` of the queue available, from its place in the image on. */
static void ask(unsigned int q, unsigned int slot)
{
	uint64_t at = slots[q] + (uint64_t)slot * SLOT;
	const struct driver_buf buf[] = {
		{at, 16, false}, {data, data_len[q], true}, {at + 16, 1, true}};

	put_header(at, VIRTIO_BLK_T_IN, slot);
	driver_chain(&d, at + 32, 3, 0, buf, 3);
	driver_desc(&d, d.queue[q].desc, slot, at + 32, 48, VRING_DESC_F_INDIRECT, 0);
	driver_offer(&d, q, (uint16_t)slot);
}

/* Takes answers; `more`: each is followed by the same request again. */
static void take_answers(unsigned int q, bool more)
{
	uint32_t head, len;

	while (driver_used(&d, q, &head, &len)) {
		answered[q]++;
		if (more)
			ask(q, head);
	}
	if (more)
		driver_write(&d, VIRTIO_MMIO_QUEUE_NOTIFY, q);
}

static void start_queues(unsigned int n)
{
	disk->queues = n;
	blk_start(FEATURES);
	make_slots();
	data_len[0] = data_len[1] = 512;
	answered[0] = answered[1] = 0;
}

static void work(uint64_t ns)
{
	uint64_t end;

	for (end = timer_now() + ns; timer_now() < end;) {
		loop_poll(&world.loop, 3);
		take_answers(0, true);
		take_answers(1, true);
	}
}

/* 256 requests outstanding in queue 0 and 4 in queue 1, for some time. */
static void compete(void)
{
	for (unsigned int i = 0; i < 256; i++)
		ask(0, i);
	/* it has what it can get, before the other one comes */
	driver_write(&d, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	loop_poll(&world.loop, 1);
	for (unsigned int i = 0; i < 4; i++)
		ask(1, i);
	driver_write(&d, VIRTIO_MMIO_QUEUE_NOTIFY, 1);
	/* what a limit lets pass at once is the first one's */
	work(200000000);
	answered[0] = answered[1] = 0;
	work(400000000);
	ck_assert_uint_gt(answered[0], 0);
}

/* It gets what it asks for, which is one in 64. */
START_TEST(a_busy_queue_starves_no_other)
{
	host.engine = (enum engine)_i;
	start_queues(2);
	compete();
	ck_assert_uint_ge(answered[1], answered[0] / 80);
	driver_detach(&d);
}
END_TEST

START_TEST(a_busy_queue_starves_no_other_of_the_requests_in_a_second)
{
	host.engine = (enum engine)_i;
	disk->iops = 2000;
	start_queues(2);
	compete();
	ck_assert_uint_ge(answered[1], answered[0] / 16);
	driver_detach(&d);
}
END_TEST

/* Shares are of bytes, not of requests. (How exact they are is for test_fair.c: on a busy machine
 * much passes at once, and queue 1 asks for no more than four.) */
START_TEST(a_busy_queue_starves_no_other_of_the_bytes_in_a_second)
{
	host.engine = (enum engine)_i;
	disk->bandwidth = 5000000;
	start_queues(2);
	data_len[0] = 16384;
	data_len[1] = 4096;
	compete();
	ck_assert_uint_ge(answered[1], answered[0] / 8);
	driver_detach(&d);
}
END_TEST

/* Whatever the host's disk makes of one queue's requests. */
START_TEST(a_queue_keeps_room_in_the_ring_for_the_others)
{
	host.engine = ENGINE_FORCE;
	start_queues(2);
	for (unsigned int i = 0; i < 256; i++)
		ask(0, i);
	driver_write(&d, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	loop_poll(&world.loop, 1);
	if (blk->ring.fd < 0)
		return;
	ck_assert_uint_eq(blk->in_ring[0], BLK_IN_FLIGHT * 3 / 4);
	for (unsigned int i = 0; i < 32; i++)
		ask(1, i);
	for (unsigned int n = 0; n < BLK_IN_FLIGHT; n++)
		ck_assert_int_eq(blk_uring_room(blk, 1), 1);
	driver_write(&d, VIRTIO_MMIO_QUEUE_NOTIFY, 1);
	blk_settle();
	take_answers(0, false);
	take_answers(1, false);
	ck_assert_uint_eq(answered[0], 256);
	ck_assert_uint_eq(answered[1], 32);
	ck_assert_uint_eq(blk->in_ring[0] + blk->in_ring[1], 0);
	driver_detach(&d);
}
END_TEST

START_TEST(one_queue_alone_has_the_whole_ring)
{
	host.engine = ENGINE_FORCE;
	start_queues(1);
	for (unsigned int i = 0; i < 200; i++)
		ask(0, i);
	driver_write(&d, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	loop_poll(&world.loop, 1);
	if (blk->ring.fd >= 0)
		ck_assert_uint_eq(blk->ring.in_flight, BLK_IN_FLIGHT);
	blk_settle();
	take_answers(0, false);
	ck_assert_uint_eq(answered[0], 200);
	driver_detach(&d);
}
END_TEST

/* --- io_uring_enter() fails ------------------------------------------------------------------- */

/* As if the kernel had come to half of each request only. */
static void cut_results(void)
{
	struct pollfd fd = {.fd = blk->ring.fd, .events = POLLIN};
	uint32_t tail;

	do {
		ck_assert_int_eq(poll(&fd, 1, 10000), 1);
		tail = __atomic_load_n(blk->ring.cq_tail, __ATOMIC_ACQUIRE);
	} while (tail - *blk->ring.cq_head < BLK_IN_FLIGHT);
	for (uint32_t i = *blk->ring.cq_head; i != tail; i++)
		((struct io_uring_cqe *)(uintptr_t)blk->ring.cqes)[i & blk->ring.cq_mask].res =
			(int)data_len[0] / 2;
}

/* The ring is full, results are taken, their second halves are not taken by the kernel but done at
 * once: from then on nothing is in flight whose end could get things going again. */
START_TEST(room_that_is_made_by_a_failing_submission_is_used)
{
	host.engine = ENGINE_FORCE;
	start_queues(1);
	data_len[0] = 1024;
	for (unsigned int i = 0; i < 200; i++)
		ask(0, i);
	driver_write(&d, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	loop_poll(&world.loop, 1);
	if (blk->ring.fd < 0)
		return;
	cut_results();
	host.enter = -EAGAIN;
	loop_poll(&world.loop, 1000);
	take_answers(0, false);
	ck_assert_uint_eq(answered[0], 200);
	driver_detach(&d);
}
END_TEST

/* The same with another queue's requests in the way, and the kernel recovering in between. */
START_TEST(no_request_is_lost_while_submissions_fail_now_and_then)
{
	unsigned int asked = 0;

	host.engine = ENGINE_FORCE;
	start_queues(2);
	for (unsigned int round = 0; round < 50; round++) {
		for (unsigned int i = 0; i < 200; i++)
			ask(round % 2, i);
		asked += 200;
		host.enter = round % 3 ? -EAGAIN : 0;
		driver_write(&d, VIRTIO_MMIO_QUEUE_NOTIFY, round % 2);
		loop_poll(&world.loop, 1);
		host.enter = round % 4 ? 0 : -EBUSY;
		blk_settle();
		take_answers(round % 2, false);
		ck_assert_uint_eq(answered[0] + answered[1], asked);
	}
	driver_detach(&d);
}
END_TEST

/* io_uring_enter() that takes nothing, and says nothing either. */
START_TEST(a_kernel_that_takes_nothing_is_not_asked_for_ever)
{
	uint8_t got[512];

	host.engine = ENGINE_FORCE;
	host.take_nothing = true;
	blk_start(FEATURES);
	ck_assert_uint_eq(blk_read(0, got, sizeof(got)), VIRTIO_BLK_S_OK);
	ck_assert_uint_le(host.enters, 4);
	driver_detach(&d);
}
END_TEST

SUITE(test_virtio_blk_queues)
{
	Suite *s = suite_create("virtio_blk_queues");
	TCase *tc = tcase_create("blk");

	tcase_add_checked_fixture(tc, blk_setup, blk_teardown);
	tcase_add_loop_test(tc, a_busy_queue_starves_no_other, 0, ENGINES);
	tcase_add_loop_test(tc, a_busy_queue_starves_no_other_of_the_requests_in_a_second, 0,
			    ENGINES);
	tcase_add_loop_test(tc, a_busy_queue_starves_no_other_of_the_bytes_in_a_second, 0, ENGINES);
	tcase_add_test(tc, a_queue_keeps_room_in_the_ring_for_the_others);
	tcase_add_test(tc, one_queue_alone_has_the_whole_ring);
	tcase_add_test(tc, room_that_is_made_by_a_failing_submission_is_used);
	tcase_add_test(tc, no_request_is_lost_while_submissions_fail_now_and_then);
	tcase_add_test(tc, a_kernel_that_takes_nothing_is_not_asked_for_ever);
	suite_add_tcase(s, tc);
	return s;
}
