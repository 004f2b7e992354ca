// SPDX-License-Identifier: MIT
/* The network device: frames, and the bounds of what it does at a time. */
#include "tests/unit/net_driver.h"
#include "tests/unit/suite.h"

/* --- frames ----------------------------------------------------------------------------------- */

START_TEST(frames_pass_a_tap_with_their_header)
{
	static uint8_t frame[NET_HDR + 1000], got[2000];
	uint64_t gpa;
	uint32_t head, len;

	start_tap(0);
	offer_frame(600, 1);
	driver_kick(&d, TX);
	ck_assert_int_eq(recv(h.own[0], got, sizeof(got), 0), NET_HDR + 600);
	fill(frame, 600, 1);
	ck_assert_mem_eq(got + NET_HDR, frame, 600);
	ck_assert(driver_used(&d, TX, &head, &len));
	ck_assert_uint_eq(len, 0);

	gpa = offer_buffers(1, 2000);
	fill(frame, sizeof(frame), 9);
	ck_assert_int_eq(send(h.own[0], frame, sizeof(frame), 0), sizeof(frame));
	run_loop();
	ck_assert(driver_used(&d, RX, &head, &len));
	ck_assert_uint_eq(len, sizeof(frame));
	ck_assert_uint_gt(driver_interrupts(&d), 0);
	driver_load(&d, gpa, got, sizeof(frame));
	/* the header is the tap's but for the number of buffers */
	ck_assert_mem_eq(got, frame, 10);
	ck_assert_uint_eq(get_le16(got + 10), 1);
	ck_assert_mem_eq(got + NET_HDR, frame + NET_HDR, 1000);
	driver_detach(&d);
}
END_TEST

START_TEST(frames_pass_a_stream_behind_their_length)
{
	static const size_t sizes[] = {14, 60, 1514, 9014, NET_FRAME_MAX};
	uint64_t gpa;

	start_stream(BIT(VIRTIO_NET_F_MRG_RXBUF));
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		offer_frame(sizes[i], i);
		driver_kick(&d, TX);
		expect_on_stream(sizes[i], i);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes) - 1; i++) {
		gpa = offer_buffers(4, 4000);
		send_on_stream(sizes[i], i);
		expect_in_guest(gpa, 4000, sizes[i], i);
		driver_write(&d, VIRTIO_MMIO_STATUS, 0);
		driver_start(&d, BIT(VIRTIO_NET_F_MRG_RXBUF), 64);
	}
	driver_detach(&d);
}
END_TEST

START_TEST(large_frames_are_spread_over_buffers)
{
	uint64_t gpa;
	unsigned int n;

	start_stream(BIT(VIRTIO_NET_F_MRG_RXBUF));
	gpa = offer_buffers(60, 1526);
	for (unsigned int i = 0; i < 4; i++) {
		send_on_stream(20000, i); /* the first through the spill, the others without */
		n = expect_in_guest(gpa, 1526, 20000, i);
		ck_assert_uint_eq(n, 14);
		gpa += n * PAGE_SIZE;
	}
	/* small ones after it take one buffer each */
	for (unsigned int i = 0; i < 3; i++) {
		send_on_stream(100, i);
		ck_assert_uint_eq(expect_in_guest(gpa, 1526, 100, i), 1);
		gpa += PAGE_SIZE;
	}
	driver_detach(&d);
}
END_TEST

START_TEST(frame_that_does_not_fit_is_lost_and_the_next_is_not)
{
	uint64_t gpa;
	uint32_t head, len;

	start_stream(0);
	gpa = offer_buffers(2, 1526);
	send_on_stream(9000, 1);
	ck_assert(!driver_used(&d, RX, &head, &len));
	send_on_stream(1514, 2);
	expect_in_guest(gpa, 1526, 1514, 2);
	driver_detach(&d);
}
END_TEST

START_TEST(guest_without_buffers_costs_nothing_and_loses_nothing)
{
	uint64_t gpa;

	start_stream(0);
	for (unsigned int i = 0; i < 5; i++)
		send_on_stream(1000, i);
	must_sleep();
	gpa = offer_buffers(5, 1526);
	for (unsigned int i = 0; i < 5; i++, gpa += PAGE_SIZE)
		expect_in_guest(gpa, 1526, 1000, i);
	must_sleep();
	driver_detach(&d);
}
END_TEST

START_TEST(host_that_does_not_read_holds_the_guest_back)
{
	unsigned int done = 0;
	uint32_t head, len;

	start_stream(0);
	for (unsigned int i = 0; i < 24; i++)
		offer_frame(60000, i);
	driver_kick(&d, TX);
	must_sleep();
	while (driver_used(&d, TX, &head, &len))
		done++;
	ck_assert_uint_gt(done, 0);
	ck_assert_uint_lt(done, 24);
	for (unsigned int i = 0; i < 24; i++)
		expect_on_stream(60000, i);
	run_loop();
	while (driver_used(&d, TX, &head, &len))
		done++;
	ck_assert_uint_eq(done, 24);
	driver_detach(&d);
}
END_TEST

/* A reset between two parts of a frame must not show on the wire. */
START_TEST(frames_stay_whole_over_a_reset)
{
	unsigned int sent = 0;
	uint32_t head, len;

	start_stream(0);
	for (unsigned int i = 0; i < 24; i++)
		offer_frame(60000, i);
	driver_kick(&d, TX);
	while (driver_used(&d, TX, &head, &len))
		sent++;
	driver_write(&d, VIRTIO_MMIO_STATUS, 0);
	d.free_page = PAGE_SIZE;
	driver_start(&d, 0, 64);
	offer_frame(500, 77);
	driver_kick(&d, TX);
	for (unsigned int i = 0; i < sent; i++)
		expect_on_stream(60000, i);
	run_loop();
	expect_on_stream(500, 77);
	driver_detach(&d);
}
END_TEST

START_TEST(what_is_no_frame_is_dropped)
{
	struct driver_buf buf[2] = {{0, 20, false}, {0, 100, true}};
	uint32_t head, len;
	char byte;

	start_stream(0);
	buf[0].gpa = driver_alloc(&d, 20);
	buf[1].gpa = driver_alloc(&d, 100);
	driver_add(&d, TX, &buf[0], 1); /* too short */
	driver_add(&d, TX, &buf[1], 1); /* to be written to */
	driver_kick(&d, TX);
	ck_assert_int_eq(recv(stream, &byte, 1, 0), -1);
	ck_assert(driver_used(&d, TX, &head, &len) && driver_used(&d, TX, &head, &len));
	offer_frame(500, 3);
	driver_kick(&d, TX);
	expect_on_stream(500, 3);
	driver_detach(&d);
}
END_TEST

START_TEST(buffer_without_room_for_a_header_costs_the_device)
{
	start_stream(BIT(VIRTIO_NET_F_MRG_RXBUF));
	offer_buffers(1, NET_HDR - 1);
	send_on_stream(100, 0);
	driver_must_need_reset(&d);
	driver_detach(&d);
}
END_TEST

/* --- bounds ----------------------------------------------------------------------------------- */

START_TEST(other_devices_have_their_turn)
{
	uint64_t gpa;
	unsigned int n = 0;
	uint32_t head, len;

	start_stream(BIT(VIRTIO_NET_F_MRG_RXBUF));
	close(stream); /* from now on frames are gone at once */
	stream = -1;
	run_loop();
	/* 3 MiB that are there at once, all of them the same bytes */
	gpa = driver_alloc(&d, 65536 + 4096);
	for (unsigned int i = 0; i < 60; i++) {
		struct driver_buf buf = {gpa, NET_HDR + 60000, false};

		driver_add(&d, TX, &buf, 1);
	}
	driver_write(&d, VIRTIO_MMIO_QUEUE_NOTIFY, TX);
	loop_poll(&world.loop, 1);
	while (driver_used(&d, TX, &head, &len))
		n++;
	ck_assert_uint_gt(n, 0);
	ck_assert_uint_lt(n, 60);
	run_loop();
	while (driver_used(&d, TX, &head, &len))
		n++;
	ck_assert_uint_eq(n, 60);
	driver_detach(&d);
}
END_TEST

static double seconds(void)
{
	return (double)timer_now() / 1e9;
}

/* Ten times the burst of a tenth of a second takes nine tenths of one. */
START_TEST(bandwidth_from_the_guest_is_limited)
{
	double began;

	set("net[0].tx-bandwidth", "200000");
	start_stream(0);
	for (unsigned int i = 0; i < 30; i++)
		offer_frame(2000, i);
	began = seconds();
	driver_kick(&d, TX);
	must_sleep();
	for (unsigned int i = 0; i < 30; i++)
		expect_on_stream(2000, i);
	ck_assert_double_ge(seconds() - began, 0.18);
	driver_detach(&d);
}
END_TEST

START_TEST(bandwidth_to_the_guest_is_limited)
{
	uint64_t gpa;
	double began;

	set("net[0].rx-bandwidth", "200000");
	start_stream(0);
	gpa = offer_buffers(30, 3000);
	began = seconds();
	for (unsigned int i = 0; i < 30; i++)
		send_on_stream(2000, i);
	must_sleep();
	while (driver_load16(&d, d.queue[RX].used + 2) < 30) {
		poll(NULL, 0, 1);
		run_loop();
	}
	ck_assert_double_ge(seconds() - began, 0.18);
	for (unsigned int i = 0; i < 30; i++, gpa += PAGE_SIZE)
		expect_in_guest(gpa, 3000, 2000, i);
	driver_detach(&d);
}
END_TEST

SUITE(test_virtio_net)
{
	TCase *tc = tcase_create("net");

	tcase_add_test(tc, frames_pass_a_tap_with_their_header);
	tcase_add_test(tc, frames_pass_a_stream_behind_their_length);
	tcase_add_test(tc, large_frames_are_spread_over_buffers);
	tcase_add_test(tc, frame_that_does_not_fit_is_lost_and_the_next_is_not);
	tcase_add_test(tc, guest_without_buffers_costs_nothing_and_loses_nothing);
	tcase_add_test(tc, host_that_does_not_read_holds_the_guest_back);
	tcase_add_test(tc, frames_stay_whole_over_a_reset);
	tcase_add_test(tc, what_is_no_frame_is_dropped);
	tcase_add_test(tc, buffer_without_room_for_a_header_costs_the_device);
	tcase_add_test(tc, other_devices_have_their_turn);
	tcase_add_test(tc, bandwidth_from_the_guest_is_limited);
	tcase_add_test(tc, bandwidth_to_the_guest_is_limited);
	return net_suite("virtio_net", tc);
}
