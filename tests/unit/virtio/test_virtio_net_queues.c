// SPDX-License-Identifier: MIT
/* The network device's queues when there is more than may pass, when the host has nothing but errors,
 * and when the driver has set up half of a pair. */
#include "tests/unit/net_driver.h"
#include "tests/unit/suite.h"

#include <sys/uio.h>

/* `n` frames of `len` bytes, all of them the same, in queue `q`. */
static uint64_t frames(unsigned int q, unsigned int n, uint32_t len)
{
	struct driver_buf buf = {driver_alloc(&d, NET_HDR + len), NET_HDR + len, false};

	while (n-- > 0)
		driver_add(&d, q, &buf, 1);
	return buf.gpa;
}

static unsigned int used(unsigned int q)
{
	return driver_load16(&d, d.queue[q].used + 2);
}

/* --- limits ----------------------------------------------------------------------------------- */

/* 17 frames are more than a turn's bytes, and more than what may pass at once. */
START_TEST(turn_that_ends_with_the_frame_that_uses_up_the_limit_goes_on)
{
	uint64_t end;

	set("net[0].tx-bandwidth", "10725000");
	start_stream(0);
	close(stream); /* from now on frames are gone at once */
	stream = -1;
	run_loop();
	frames(TX, 40, 65000);
	driver_kick(&d, TX);
	ck_assert_uint_lt(used(TX), 40);
	for (end = timer_now() + 10000000000ULL; used(TX) < 40 && timer_now() < end;) {
		poll(NULL, 0, 1);
		run_loop();
	}
	ck_assert_uint_eq(used(TX), 40);
	driver_detach(&d);
}
END_TEST

static void start_two_pairs(void)
{
	struct driver_buf buf[2];
	uint64_t gpa;
	uint8_t command[5] = {VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, 2, 0, 0xff};

	set("net[0].queues", "2");
	start_tap(BIT(VIRTIO_NET_F_MQ) | BIT(VIRTIO_NET_F_CTRL_VQ));
	gpa = driver_alloc(&d, sizeof(command));
	driver_store(&d, gpa, command, sizeof(command));
	buf[0] = (struct driver_buf){gpa, 4, false};
	buf[1] = (struct driver_buf){gpa + 4, 1, true};
	driver_add(&d, 4, buf, 2);
	driver_kick(&d, 4);
	ck_assert(!h.detached[1]);
}

/* Gives chains that came back to the device again; returns how many. */
static unsigned int again(unsigned int q)
{
	unsigned int n = 0;
	uint32_t head, len;

	for (; driver_used(&d, q, &head, &len); n++)
		driver_offer(&d, q, (uint16_t)head);
	if (n > 0)
		driver_write(&d, VIRTIO_MMIO_QUEUE_NOTIFY, q);
	return n;
}

static void drain(int fd)
{
	static uint8_t frame[NET_HDR + 4096];

	while (recv(fd, frame, sizeof(frame), 0) > 0)
		;
}

/* Pair 0 has 60 frames outstanding all the time, pair 1 only four, of which each is four times as
 * long: shares are of bytes. */
START_TEST(busy_pair_starves_no_other_of_the_limit_from_the_guest)
{
	unsigned int n[2] = {0};
	uint64_t end;

	set("net[0].tx-bandwidth", "2000000");
	start_two_pairs();
	frames(1, 60, 500);
	frames(3, 4, 2000);
	driver_write(&d, VIRTIO_MMIO_QUEUE_NOTIFY, 1);
	driver_write(&d, VIRTIO_MMIO_QUEUE_NOTIFY, 3);
	for (end = timer_now() + 600000000; timer_now() < end;) {
		loop_poll(&world.loop, 3);
		if (timer_now() < end - 400000000)
			n[0] = n[1] = 0; /* what passes at once goes to whoever is there first */
		for (unsigned int pair = 0; pair < 2; pair++) {
			n[pair] += again(2 * pair + 1);
			drain(h.own[pair]);
		}
	}
	ck_assert_uint_gt(n[0], 0);
	ck_assert_uint_ge(n[1], n[0] / 64);
	driver_detach(&d);
}
END_TEST

static void fill_tap(int fd, size_t len)
{
	static uint8_t frame[NET_HDR + 4096];

	while (send(fd, frame, NET_HDR + len, MSG_NOSIGNAL) > 0)
		;
}

START_TEST(busy_pair_starves_no_other_of_the_limit_to_the_guest)
{
	unsigned int n[2] = {0};
	uint64_t end;

	set("net[0].rx-bandwidth", "2000000");
	start_two_pairs();
	for (unsigned int pair = 0; pair < 2; pair++) {
		struct driver_buf buf = {driver_alloc(&d, 4096), 4096, true};

		for (unsigned int i = 0; i < (pair == 0 ? 60u : 4u); i++)
			driver_add(&d, 2 * pair, &buf, 1);
		driver_write(&d, VIRTIO_MMIO_QUEUE_NOTIFY, 2 * pair);
	}
	/* what passes at once goes to whoever is there first */
	for (end = timer_now() + 600000000; timer_now() < end;) {
		fill_tap(h.own[0], 500);
		fill_tap(h.own[1], 500);
		loop_poll(&world.loop, 3);
		n[0] += again(0);
		n[1] += again(2);
		if (timer_now() < end - 400000000)
			n[0] = n[1] = 0;
	}
	ck_assert_uint_gt(n[0], 0);
	ck_assert_uint_ge(n[1], n[0] / 16);
	driver_detach(&d);
}
END_TEST

/* Without limits they share the thread. */
START_TEST(busy_pair_starves_no_other_of_the_thread)
{
	unsigned int n[2] = {0};
	uint64_t end;

	start_two_pairs();
	frames(1, 60, 500);
	frames(3, 4, 500);
	driver_write(&d, VIRTIO_MMIO_QUEUE_NOTIFY, 1);
	driver_write(&d, VIRTIO_MMIO_QUEUE_NOTIFY, 3);
	for (end = timer_now() + 200000000; timer_now() < end;) {
		loop_poll(&world.loop, 2);
		for (unsigned int pair = 0; pair < 2; pair++) {
			n[pair] += again(2 * pair + 1);
			drain(h.own[pair]);
		}
	}
	ck_assert_uint_gt(n[1], n[0] / 64);
	driver_detach(&d);
}
END_TEST

/* A pair that is taken out of use while it waits for the limit is not served any more. */
START_TEST(pair_out_of_use_has_no_turn)
{
	set("net[0].tx-bandwidth", "10000");
	start_two_pairs();
	frames(3, 40, 1000);
	driver_kick(&d, 3);
	ck_assert_uint_lt(used(3), 40);
	driver_write(&d, VIRTIO_MMIO_STATUS, 0);
	poll(NULL, 0, 150);
	run_loop();
	must_sleep();
	driver_detach(&d);
}
END_TEST

/* --- errors that stay ------------------------------------------------------------------------- */

/* A descriptor that is readable and whose reads fail, as a tap's would whose driver has broken
 * down: reads of a write-only end. */
START_TEST(tap_that_gives_nothing_but_errors_costs_nothing)
{
	struct net *net;
	int fds[2];

	start_tap(0);
	net = (struct net *)d.dev;
	offer_buffers(4, 1526);
	must_sleep();
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_ge(dup2(fds[1], net->port[0].source.fd), 0); /* EBADF */
	world.log_lines = 0;
	for (unsigned int i = 0; i < 20; i++) {
		net_ready(&net->port[0].source, EPOLLIN);
		if (i == 0)
			ck_assert_ptr_nonnull(strstr(world.log_text, "EBADF"));
		loop_poll(&world.loop, 1000);
		must_sleep();
	}
	ck_assert_uint_gt(world.log_lines, 0);
	ck_assert_uint_le(world.log_lines, VMM_LOG_LINES + 1);
	close(fds[0]);
	close(fds[1]);
	driver_detach(&d);
}
END_TEST

/* ... and a frame that fails is no reason to leave the next ones waiting. */
START_TEST(frame_without_bytes_is_passed_over)
{
	uint8_t frame[NET_HDR + 60] = {0};

	start_tap(0);
	offer_buffers(8, 1526);
	for (unsigned int i = 0; i < 5; i++) {
		ck_assert_int_eq(send(h.own[0], frame, NET_HDR, 0), NET_HDR);
		ck_assert_int_eq(send(h.own[0], frame, sizeof(frame), 0), sizeof(frame));
	}
	run_loop();
	ck_assert_uint_eq(used(RX), 5);
	driver_detach(&d);
}
END_TEST

/* --- vhost ------------------------------------------------------------------------------------ */

static void start_vhost(unsigned int queues)
{
	struct virtio_device *dev;

	h.have_vhost = true;
	set("net[0].tap", "\"tap0\"");
	ck_assert_msg(virtio_create(&dev, &virtio_net, &world.host, &h.config, 0, &err) == 0, "%s",
		      err.text);
	driver_attach(&d, &world, dev);
	ck_assert(driver_negotiate(&d, BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_ACCESS_PLATFORM)));
	for (unsigned int q = 0; q < 2; q++)
		if (queues >> q & 1)
			driver_make_queue(&d, q, 64);
	driver_ok(&d);
}

/* vhost takes pairs only: we do it, and have to watch the tap then. */
START_TEST(half_of_a_pair_is_served_without_vhost)
{
	uint8_t frame[NET_HDR + 60] = {0};
	unsigned int sent = 0;
	uint64_t gpa;

	start_vhost(1 << RX);
	ck_assert_uint_eq(h.vhost_backends, 0);
	offer_buffers(4, 1526);
	ck_assert_int_eq(send(h.own[0], frame, sizeof(frame), 0), sizeof(frame));
	run_loop();
	ck_assert_uint_eq(used(RX), 1);
	driver_detach(&d);

	/* to a host that does not read for some time */
	d = (struct driver){0};
	h.ntaps = 0;
	start_vhost(1 << TX);
	ck_assert_uint_eq(h.vhost_backends, 0);
	gpa = frames(TX, 1, 4000);
	for (unsigned int i = 0; i < 3000 && used(TX) == (uint16_t)i; i++, sent++) {
		struct driver_buf buf = {gpa, NET_HDR + 4000, false};

		driver_add(&d, TX, &buf, 1);
		driver_kick(&d, TX);
	}
	run_loop();
	drain(h.own[0]);
	run_loop();
	ck_assert_uint_eq(used(TX), d.queue[TX].next_avail);
	driver_detach(&d);
}
END_TEST

START_TEST(pairs_are_vhosts_from_driver_to_reset)
{
	start_vhost(1 << RX | 1 << TX);
	ck_assert_uint_eq(h.vhost_backends, 2);
	driver_write(&d, VIRTIO_MMIO_STATUS, 0);
	ck_assert_uint_eq(h.vhost_backends, 0);
	driver_detach(&d);
}
END_TEST

SUITE(test_virtio_net_queues)
{
	TCase *tc = tcase_create("net");

	tcase_add_test(tc, turn_that_ends_with_the_frame_that_uses_up_the_limit_goes_on);
	tcase_add_test(tc, busy_pair_starves_no_other_of_the_limit_from_the_guest);
	tcase_add_test(tc, busy_pair_starves_no_other_of_the_limit_to_the_guest);
	tcase_add_test(tc, busy_pair_starves_no_other_of_the_thread);
	tcase_add_test(tc, pair_out_of_use_has_no_turn);
	tcase_add_test(tc, tap_that_gives_nothing_but_errors_costs_nothing);
	tcase_add_test(tc, frame_without_bytes_is_passed_over);
	tcase_add_test(tc, half_of_a_pair_is_served_without_vhost);
	tcase_add_test(tc, pairs_are_vhosts_from_driver_to_reset);
	return net_suite("virtio_net_queues", tc);
}
