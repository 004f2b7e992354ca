/* SPDX-License-Identifier: MIT */
/*
 * For the tests of the network device: one device, its driver in a guest, and the host's side of it
 * (net_fixture.h). Frames are filled so that every byte tells its place and the frame's number.
 */
#ifndef TESTS_UNIT_NET_DRIVER_H
#define TESTS_UNIT_NET_DRIVER_H

#include "tests/unit/net_fixture.h"
#include "tests/unit/virtio_driver.h"
#include "vmm/virtio/net_internal.h"

#include <arpa/inet.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <sys/epoll.h>

#define RX 0
#define TX 1

static struct world world;
static struct net_host h;
static struct driver d;
static struct vmm_error err;
static int stream; /* the host's end of the connection */

static inline void setup(void)
{
	world_setup(&world, false);
	net_host_init(&h, &world.host);
	stream = -1;
}

static inline void teardown(void)
{
	if (stream >= 0)
		close(stream);
	net_host_close(&h);
	world_teardown(&world);
}

static inline void set(const char *key, const char *value)
{
	ck_assert_msg(config_set(&h.config, key, value, &err) == 0, "%s", err.text);
}

/* Creates net[0] and lets a driver start it. */
static inline void start(uint64_t features)
{
	struct virtio_device *dev;

	ck_assert_msg(virtio_create(&dev, &virtio_net, &world.host, &h.config, 0, &err) == 0, "%s",
		      err.text);
	driver_attach(&d, &world, dev);
	driver_start(&d, features, 64);
}

static inline void start_tap(uint64_t features)
{
	set("net[0].tap", "\"tap0\"");
	start(features);
}

static inline void accept_stream(void)
{
	stream = accept4(h.listener, NULL, NULL, SOCK_NONBLOCK);
	ck_assert_int_ge(stream, 0);
}

static inline void start_stream(uint64_t features)
{
	char path[64];

	ck_assert(net_host_listen(&h));
	snprintf(path, sizeof(path), "\"%s\"", h.path);
	set("net[0].socket", path);
	start(features);
	accept_stream();
}

static inline void run_loop(void)
{
	loop_poll(&world.loop, 10000);
}

/* Nothing is ready, so the thread would sleep. */
static inline void must_sleep(void)
{
	struct epoll_event event;

	ck_assert_int_eq(epoll_wait(world.loop.epoll_fd, &event, 1, 0), 0);
}

/* Bytes that tell place and frame. */
static inline void fill(uint8_t *frame, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		frame[i] = (uint8_t)(i * 31 + (i >> 8) * 7 + seed);
}

/* The driver has a frame of `len` bytes to send, in two buffers. */
static inline void offer_frame(size_t len, unsigned int seed)
{
	static uint8_t frame[NET_HDR + NET_FRAME_MAX];
	uint64_t gpa = driver_alloc(&d, NET_HDR + len);
	struct driver_buf buf[2] = {
		{gpa, NET_HDR + 2, false},
		{gpa + NET_HDR + 2, (uint32_t)len - 2, false},
	};

	memset(frame, 0, NET_HDR);
	fill(frame + NET_HDR, len, seed);
	driver_store(&d, gpa, frame, NET_HDR + len);
	driver_add(&d, TX, buf, 2);
}

/* Buffers of `len` bytes for frames to come; returns the first one's address. */
static inline uint64_t offer_buffers(unsigned int n, uint32_t len)
{
	uint64_t first = 0;

	for (unsigned int i = 0; i < n; i++) {
		struct driver_buf buf = {driver_alloc(&d, len), len, true};

		if (i == 0)
			first = buf.gpa;
		driver_add(&d, RX, &buf, 1);
	}
	driver_kick(&d, RX);
	return first;
}

/* What the host's program reads: a frame behind its length. */
static inline void expect_on_stream(size_t len, unsigned int seed)
{
	static uint8_t got[4 + NET_FRAME_MAX], want[NET_FRAME_MAX];
	size_t done = 0;

	while (done < 4 + len) {
		ssize_t n = recv(stream, got + done, 4 + len - done, 0);

		if (n < 0)
			run_loop(); /* what was blocked goes on */
		else
			done += (size_t)n;
		ck_assert_msg(n != 0, "the connection is closed");
	}
	fill(want, len, seed);
	ck_assert_uint_eq(ntohl(*(uint32_t *)got), len);
	ck_assert_mem_eq(got + 4, want, len);
}

static inline void send_on_stream(size_t len, unsigned int seed)
{
	static uint8_t frame[4 + NET_FRAME_MAX];
	size_t done = 0;

	*(uint32_t *)frame = htonl((uint32_t)len);
	fill(frame + 4, len, seed);
	while (done < 4 + len) {
		ssize_t n = send(stream, frame + done, 4 + len - done, MSG_NOSIGNAL);

		run_loop();
		ck_assert(n > 0 || errno == EAGAIN);
		done += n > 0 ? (size_t)n : 0;
	}
	run_loop();
}

/* The next frame in the guest, which the driver has given buffers of `size` bytes for from `gpa`
 * on, page after page; returns how many of them it takes. */
static inline unsigned int expect_in_guest(uint64_t gpa, uint32_t size, size_t len,
					   unsigned int seed)
{
	static uint8_t got[NET_HDR + NET_FRAME_MAX + 4096], want[NET_FRAME_MAX];
	uint32_t head, part;
	unsigned int n = 0;
	size_t done = 0;

	while (done < NET_HDR + len) {
		ck_assert_msg(driver_used(&d, RX, &head, &part), "%zu bytes are missing",
			      NET_HDR + len - done);
		driver_load(&d, gpa + align_up(size, PAGE_SIZE) * n++, got + done, part);
		done += part;
	}
	ck_assert_uint_eq(done, NET_HDR + len);
	fill(want, len, seed);
	ck_assert_mem_eq(got + NET_HDR, want, len);
	ck_assert_uint_eq(get_le16(got + 10), n);
	for (int i = 0; i < 10; i++)
		ck_assert_uint_eq(got[i], 0);
	return n;
}

static inline uint16_t link_status(void)
{
	return (uint16_t)d.dev->dev.ops->read(&d.dev->dev, VIRTIO_MMIO_CONFIG + 6, 2);
}

static inline Suite *net_suite(const char *name, TCase *tc)
{
	Suite *s = suite_create(name);

	tcase_add_checked_fixture(tc, setup, teardown);
	suite_add_tcase(s, tc);
	return s;
}

#endif
