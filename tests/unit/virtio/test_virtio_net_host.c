// SPDX-License-Identifier: MIT
/* The network device: what the driver is told, its connection to the host, and what it needs there. */
#include "tests/unit/net_driver.h"
#include "tests/unit/suite.h"

/* --- what the driver is told ------------------------------------------------------------------ */

START_TEST(configuration_space_says_what_was_configured)
{
	uint64_t mac = 0;

	set("net[0].mac", "\"52:54:00:aB:cd:ef\"");
	set("net[0].mtu", "9000");
	start_tap(0);
	ck_assert_uint_eq(driver_read(&d, VIRTIO_MMIO_DEVICE_ID), 1);
	for (unsigned int i = 0; i < 6; i++)
		mac = mac << 8 | d.dev->dev.ops->read(&d.dev->dev, VIRTIO_MMIO_CONFIG + i, 1);
	ck_assert_uint_eq(mac, 0x525400abcdef);
	ck_assert_uint_eq(link_status(), VIRTIO_NET_S_LINK_UP);
	ck_assert_uint_eq(d.dev->dev.ops->read(&d.dev->dev, VIRTIO_MMIO_CONFIG + 10, 2), 9000);
	ck_assert(driver_offered(&d) & BIT(VIRTIO_NET_F_MTU));
	ck_assert(!(driver_offered(&d) & BIT(VIRTIO_NET_F_MQ)));
	driver_detach(&d);
}
END_TEST

START_TEST(made_up_address_stays_and_is_nobodys)
{
	uint8_t mac[2][6];

	for (int i = 0; i < 2; i++) {
		start_tap(0);
		memcpy(mac[i], d.dev->config, 6);
		driver_detach(&d);
	}
	ck_assert_mem_eq(mac[0], mac[1], 6);
	ck_assert_uint_eq(mac[0][0] & 3, 2);
}
END_TEST

START_TEST(offloads_are_those_of_a_tap_and_not_of_a_stream)
{
	const uint64_t offloads = BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_GUEST_CSUM) |
				  BIT(VIRTIO_NET_F_GUEST_TSO4) | BIT(VIRTIO_NET_F_GUEST_TSO6) |
				  BIT(VIRTIO_NET_F_HOST_TSO4) | BIT(VIRTIO_NET_F_HOST_TSO6);

	start_tap(0);
	ck_assert_uint_eq(driver_offered(&d) & offloads, offloads);
	ck_assert(
		!(driver_offered(&d) & (BIT(VIRTIO_NET_F_GUEST_UFO) | BIT(VIRTIO_NET_F_HOST_UFO))));
	driver_detach(&d);
	config_clear(&h.config);
	start_stream(0);
	ck_assert_uint_eq(driver_offered(&d) & offloads, 0);
	driver_detach(&d);
}
END_TEST

START_TEST(tap_leaves_to_the_guest_what_the_driver_accepted)
{
	start_tap(BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(VIRTIO_NET_F_GUEST_TSO4) |
		  BIT(VIRTIO_NET_F_GUEST_ECN));
	ck_assert_uint_eq(h.offload, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN);
	driver_write(&d, VIRTIO_MMIO_STATUS, 0);
	ck_assert_uint_eq(h.offload, 0);
	/* segments without checksums: as if not accepted */
	driver_start(&d, BIT(VIRTIO_NET_F_GUEST_TSO4) | BIT(VIRTIO_NET_F_GUEST_TSO6), 64);
	ck_assert_uint_eq(h.offload, 0);
	driver_detach(&d);
}
END_TEST

/* --- the connection --------------------------------------------------------------------------- */

static void wait_for_link(uint16_t status)
{
	for (int i = 0; i < 500 && link_status() != status; i++) {
		poll(NULL, 0, 10);
		run_loop();
	}
	ck_assert_uint_eq(link_status(), status);
}

START_TEST(link_is_down_while_nobody_is_there)
{
	uint64_t gpa;

	start_stream(BIT(VIRTIO_NET_F_STATUS));
	gpa = offer_buffers(2, 1526);
	driver_interrupts(&d);
	close(stream);
	close(h.listener);
	run_loop();
	ck_assert_uint_eq(link_status(), 0);
	ck_assert_uint_gt(driver_interrupts(&d), 0);
	ck_assert(driver_read(&d, VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_CONFIG);
	ck_assert_ptr_nonnull(strstr(world.log_text, "closed"));
	/* frames go nowhere meanwhile, and hold nothing up */
	offer_frame(500, 1);
	driver_kick(&d, TX);

	ck_assert(net_host_listen(&h));
	wait_for_link(VIRTIO_NET_S_LINK_UP);
	accept_stream();
	offer_frame(500, 2);
	driver_kick(&d, TX);
	expect_on_stream(500, 2);
	send_on_stream(400, 3);
	expect_in_guest(gpa, 1526, 400, 3);
	driver_detach(&d);
}
END_TEST

/* Each connection is looked for a second later. */
START_TEST(a_peer_that_accepts_and_closes_does_not_fill_the_log)
{
	unsigned int rounds = VMM_LOG_LINES + 3, before;

	start_stream(BIT(VIRTIO_NET_F_STATUS));
	offer_buffers(2, 1526);
	before = world.log_lines;
	for (unsigned int i = 0; i < rounds; i++) {
		close(stream);
		run_loop();
		ck_assert_uint_eq(link_status(), 0);
		wait_for_link(VIRTIO_NET_S_LINK_UP);
		accept_stream();
	}
	/* of two kinds of lines, and of each one that says that there are more */
	ck_assert_uint_ge(world.log_lines - before, 2 * VMM_LOG_LINES);
	ck_assert_uint_le(world.log_lines - before, 2 * (VMM_LOG_LINES + 1));
	driver_detach(&d);
}
END_TEST

START_TEST(connection_that_is_lost_while_it_is_full_holds_nothing_up)
{
	uint32_t head, len;
	unsigned int done = 0;

	start_stream(0);
	for (unsigned int i = 0; i < 24; i++)
		offer_frame(60000, i);
	driver_kick(&d, TX);
	close(stream);
	run_loop();
	while (driver_used(&d, TX, &head, &len))
		done++;
	ck_assert_uint_eq(done, 24);
	driver_detach(&d);
}
END_TEST

START_TEST(bytes_that_are_no_frames_end_the_connection)
{
	static const uint32_t lengths[] = {0, 13, NET_FRAME_MAX + 1, UINT32_MAX};
	uint32_t length = htonl(lengths[_i]);

	start_stream(0);
	offer_buffers(1, 1526);
	ck_assert_int_eq(send(stream, &length, 4, 0), 4);
	run_loop();
	ck_assert_uint_eq(link_status(), 0);
	driver_detach(&d);
}
END_TEST

/* --- several queues --------------------------------------------------------------------------- */

/* Asks for n pairs; returns what the device answers. */
static uint8_t set_pairs(unsigned int queue, uint8_t class, uint16_t n)
{
	uint64_t gpa = driver_alloc(&d, 64);
	struct driver_buf buf[3] = {{gpa, 2, false}, {gpa + 2, 2, false}, {gpa + 4, 1, true}};
	uint8_t command[5] = {class, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, 0, 0, 0xff};
	uint32_t head, len;

	put_le16(command + 2, n);
	driver_store(&d, gpa, command, sizeof(command));
	driver_add(&d, queue, buf, 3);
	driver_kick(&d, queue);
	ck_assert(driver_used(&d, queue, &head, &len));
	ck_assert_uint_eq(len, 1);
	driver_load(&d, gpa, command, sizeof(command));
	return command[4];
}

START_TEST(driver_chooses_how_many_queues_get_frames)
{
	uint8_t frame[NET_HDR + 60] = {0};
	struct driver_buf buf;

	set("net[0].queues", "3");
	start_tap(BIT(VIRTIO_NET_F_MQ) | BIT(VIRTIO_NET_F_CTRL_VQ));
	ck_assert_uint_eq(d.dev->nqueues, 7);
	ck_assert_uint_eq(h.ntaps, 3);
	ck_assert(!h.detached[0] && h.detached[1] && h.detached[2]);
	ck_assert_uint_eq(set_pairs(6, VIRTIO_NET_CTRL_MQ, 2), VIRTIO_NET_OK);
	ck_assert(!h.detached[0] && !h.detached[1] && h.detached[2]);

	buf = (struct driver_buf){driver_alloc(&d, 100), NET_HDR + 60, false};
	driver_add(&d, 3, &buf, 1);
	driver_kick(&d, 3);
	ck_assert_int_eq(recv(h.own[1], frame, sizeof(frame), 0), sizeof(frame));
	driver_add(&d, 5, &buf, 1);
	driver_kick(&d, 5);
	ck_assert_int_eq(recv(h.own[2], frame, sizeof(frame), 0), -1);

	ck_assert_uint_eq(set_pairs(6, VIRTIO_NET_CTRL_MQ, 0), VIRTIO_NET_ERR);
	ck_assert_uint_eq(set_pairs(6, VIRTIO_NET_CTRL_MQ, 4), VIRTIO_NET_ERR);
	ck_assert_uint_eq(set_pairs(6, VIRTIO_NET_CTRL_MAC, 1), VIRTIO_NET_ERR);
	ck_assert(!h.detached[1]);
	ck_assert_uint_eq(set_pairs(6, VIRTIO_NET_CTRL_MQ, 1), VIRTIO_NET_OK);
	ck_assert(h.detached[1]);
	driver_detach(&d);
}
END_TEST

/* Section 5.1.2: the control queue is the third then. */
START_TEST(driver_without_multi_queue_has_one_pair)
{
	set("net[0].queues", "2");
	start_tap(BIT(VIRTIO_NET_F_CTRL_VQ));
	ck_assert_uint_eq(set_pairs(2, VIRTIO_NET_CTRL_MQ, 2), VIRTIO_NET_ERR);
	ck_assert(h.detached[1]);
	driver_detach(&d);
}
END_TEST

/* --- what cannot be opened -------------------------------------------------------------------- */

static void refused(int code, const char *text)
{
	struct virtio_device *dev;

	for (int check = 0; check < 2; check++) {
		err = (struct vmm_error){0};
		if (check)
			virtio_net.check(world.host.sys, &h.config, 0, &err);
		else
			ck_assert_int_eq(
				virtio_create(&dev, &virtio_net, &world.host, &h.config, 0, &err),
				code);
		ck_assert_int_eq(err.code, code);
		ck_assert_msg(strstr(err.text, text) != NULL, "%s", err.text);
		ck_assert_ptr_nonnull(strstr(err.text, "net[0]."));
	}
}

static int no_tun(void *ctx, const char *path, int flags)
{
	(void)ctx, (void)path, (void)flags;
	return -ENOENT;
}

static int refuse_all(void *ctx, int fd, unsigned long request, void *arg)
{
	(void)ctx, (void)fd, (void)request, (void)arg;
	return -EPERM;
}

START_TEST(reasons_why_a_tap_cannot_be_used_are_told)
{
	set("net[0].tap", "\"tap7\"");
	refused(-ENODEV, "ip tuntap add tap7 mode tap");
	set("net[0].tap", "\"tap0\"");
	h.ops.ioctl = refuse_all;
	refused(-EPERM, "belongs to another user");
	h.ops.open = no_tun;
	refused(-ENOENT,
		"module tun, or in a container give it the device (--device /dev/net/tun)");
}
END_TEST

START_TEST(reasons_why_a_socket_cannot_be_used_are_told)
{
	set("net[0].socket", "\"/no/such/socket\"");
	refused(-ENOENT, "passt");
}
END_TEST

START_TEST(descriptor_that_is_no_tap_is_refused)
{
	h.ops.ioctl = sys_host()->ops->ioctl;
	set("net[0].fd", "0");
	refused(-ENOTTY, "descriptor 0 is no tap");
}
END_TEST

START_TEST(vhost_is_refused_where_it_cannot_be)
{
	struct virtio_device *dev;

	set("net[0].tap", "\"tap0\"");
	set("net[0].vhost", "\"on\"");
	ck_assert_int_eq(virtio_create(&dev, &virtio_net, &world.host, &h.config, 0, &err),
			 -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.text, "vhost_net"));
	world.mem.mode = MEM_MODE_SPLIT;
	ck_assert_int_eq(virtio_create(&dev, &virtio_net, &world.host, &h.config, 0, &err),
			 -ENOTSUP);
	ck_assert_ptr_nonnull(strstr(err.text, "private memory"));
}
END_TEST

/* vhost cannot be told that it may only read there. */
START_TEST(vhost_is_not_told_of_read_only_firmware)
{
	ck_assert_int_eq(mem_add_rom(&world.mem, "firmware", 0xfffff000, PAGE_SIZE, &err), 0);
	ck_assert_int_eq(mem_add_region(&world.mem, "high RAM", GIB(4), MIB(2), &err), 0);
	h.have_vhost = true;
	set("net[0].vhost", "\"on\"");
	start_tap(0);
	ck_assert_uint_eq(h.nregions, 2);
	ck_assert_uint_eq(h.vhost_region[0].guest_phys_addr, 0);
	ck_assert_uint_eq(h.vhost_region[1].guest_phys_addr, GIB(4));
	ck_assert_uint_eq(h.vhost_region[1].userspace_addr, (uintptr_t)world.mem.region[2].hva);
	driver_detach(&d);
}
END_TEST

SUITE(test_virtio_net_host)
{
	TCase *tc = tcase_create("net");

	tcase_add_test(tc, configuration_space_says_what_was_configured);
	tcase_add_test(tc, made_up_address_stays_and_is_nobodys);
	tcase_add_test(tc, offloads_are_those_of_a_tap_and_not_of_a_stream);
	tcase_add_test(tc, tap_leaves_to_the_guest_what_the_driver_accepted);
	tcase_add_test(tc, link_is_down_while_nobody_is_there);
	tcase_add_test(tc, a_peer_that_accepts_and_closes_does_not_fill_the_log);
	tcase_add_test(tc, connection_that_is_lost_while_it_is_full_holds_nothing_up);
	tcase_add_loop_test(tc, bytes_that_are_no_frames_end_the_connection, 0, 4);
	tcase_add_test(tc, driver_chooses_how_many_queues_get_frames);
	tcase_add_test(tc, driver_without_multi_queue_has_one_pair);
	tcase_add_test(tc, reasons_why_a_tap_cannot_be_used_are_told);
	tcase_add_test(tc, reasons_why_a_socket_cannot_be_used_are_told);
	tcase_add_test(tc, descriptor_that_is_no_tap_is_refused);
	tcase_add_test(tc, vhost_is_refused_where_it_cannot_be);
	tcase_add_test(tc, vhost_is_not_told_of_read_only_firmware);
	return net_suite("virtio_net_host", tc);
}
