// SPDX-License-Identifier: MIT
/*
 * The vsock device and what it is not to be harmed by: packets that are wrong, guests and programs
 * that do not answer or do not stop, too many connections, and names that are taken.
 */
#include "tests/unit/suite.h"
#include "tests/unit/vsock_guest.h"

#include <sys/resource.h>

/* --- packets that are wrong ------------------------------------------------------------------- */

/* Packets that belong to nothing are answered by an RST with the addresses the other way round. */
static void expect_refusal(const struct virtio_vsock_hdr *p)
{
	struct virtio_vsock_hdr got;

	send_raw(p, NULL, 0);
	ck_assert(receive(&got, NULL));
	ck_assert_uint_eq(got.op, VIRTIO_VSOCK_OP_RST);
	ck_assert_uint_eq(got.type, p->type);
	ck_assert_uint_eq(got.src_cid, p->dst_cid);
	ck_assert_uint_eq(got.dst_cid, p->src_cid);
	ck_assert_uint_eq(got.src_port, p->dst_port);
	ck_assert_uint_eq(got.dst_port, p->src_port);
	nothing_comes();
	ck_assert_uint_eq(vsock->nconns, 0);
}

START_TEST(packets_of_other_kinds_and_addresses_are_refused)
{
	struct virtio_vsock_hdr p = packet(VIRTIO_VSOCK_OP_REQUEST, 1000, GUEST_PORT);
	int listener = host_listen(1000, 5);
	struct virtio_vsock_hdr wrong;

	for (uint16_t type = 0; type < 5; type++) {
		if (type == VIRTIO_VSOCK_TYPE_STREAM)
			continue;
		wrong = p;
		wrong.type = type; /* 2 SEQPACKET, 3 what some call DGRAM */
		expect_refusal(&wrong);
	}
	wrong = p;
	wrong.dst_cid = 1;
	expect_refusal(&wrong);
	wrong.dst_cid = HOST | 1ULL << 32;
	expect_refusal(&wrong);
	wrong = p;
	wrong.src_cid = CID + 1;
	expect_refusal(&wrong);
	close(listener);
}
END_TEST

START_TEST(packets_of_no_connection_are_refused)
{
	for (uint16_t op = 0; op < 12; op++) {
		struct virtio_vsock_hdr p = packet(op, 1001, GUEST_PORT);

		if (op != VIRTIO_VSOCK_OP_RST)
			expect_refusal(&p);
	}
	send_op(VIRTIO_VSOCK_OP_RST, 1001, GUEST_PORT); /* or it would never end */
	nothing_comes();
}
END_TEST

/* What is wrong in a connection ends it. */
static const struct {
	uint16_t op;
	uint32_t len;	     /* as the header says */
	uint32_t data;	     /* as there is */
	bool after_shutdown; /* of the guest's stream */
} wrong_in_connection[] = {
	{.op = VIRTIO_VSOCK_OP_INVALID},
	{.op = 8},
	{.op = VIRTIO_VSOCK_OP_REQUEST},
	{.op = VIRTIO_VSOCK_OP_RESPONSE},
	{.op = VIRTIO_VSOCK_OP_RW, .len = 2, .data = 1},
	{.op = VIRTIO_VSOCK_OP_RW, .len = UINT32_MAX, .data = 1},
	{.op = VIRTIO_VSOCK_OP_RW, .len = 1, .data = 1, .after_shutdown = true},
};

START_TEST(what_is_wrong_in_a_connection_ends_it)
{
	int listener = host_listen(1000, 5), fd = open_from_guest(listener, 0);
	struct virtio_vsock_hdr p = packet(wrong_in_connection[_i].op, 1000, GUEST_PORT);

	if (wrong_in_connection[_i].after_shutdown) {
		send_shutdown(1000, GUEST_PORT, VIRTIO_VSOCK_SHUTDOWN_SEND);
		host_expect_end(fd);
	}
	p.len = wrong_in_connection[_i].len;
	send_raw(&p, "xx", wrong_in_connection[_i].data);
	expect_op(VIRTIO_VSOCK_OP_RST, 1000, GUEST_PORT);
	host_expect_end(fd);
	nothing_comes();
	ck_assert_uint_eq(vsock->nconns, 0);
	close(fd);
}
END_TEST

START_TEST(answers_that_nobody_waits_for_change_nothing)
{
	struct virtio_vsock_hdr p;
	int fd;

	refill = false;
	for (int i = 0; i < RX_BUFFERS; i++) /* now the guest has no buffer left */
		send_op(VIRTIO_VSOCK_OP_RW, 1001, GUEST_PORT);
	fd = host_connect("CONNECT 52\n");
	ck_assert_uint_eq(vsock->nconns, 1);
	/* it guesses what it is going to be asked */
	send_op(VIRTIO_VSOCK_OP_RESPONSE, VSOCK_FIRST_PORT, 52);
	host_expect_end(fd);
	for (int i = 0; i < RX_BUFFERS; i++)
		expect_op(VIRTIO_VSOCK_OP_RST, 1001, GUEST_PORT);
	ck_assert(!receive(&p, NULL));
	close(fd);
}
END_TEST

START_TEST(a_packet_shorter_than_its_header_is_dropped)
{
	struct driver_buf buf = {tx_gpa, VSOCK_HEADER - 1, false};
	uint32_t head, len;

	driver_add(&d, VSOCK_TX, &buf, 1);
	driver_kick(&d, VSOCK_TX);
	ck_assert(driver_used(&d, VSOCK_TX, &head, &len));
	nothing_comes();
	ck_assert_ptr_nonnull(strstr(world.log_text, "header"));
}
END_TEST

START_TEST(a_receive_buffer_without_room_breaks_the_device)
{
	refill = false;
	for (int i = 0; i < RX_BUFFERS; i++)
		send_op(VIRTIO_VSOCK_OP_RW, 1001, GUEST_PORT);
	give_buffer(driver_alloc(&d, RX_LEN), VSOCK_HEADER);
	send_op(VIRTIO_VSOCK_OP_RW, 1001, GUEST_PORT);
	driver_must_need_reset(&d);
}
END_TEST

/* --- those that do not answer ----------------------------------------------------------------- */

START_TEST(a_program_that_says_nothing_is_let_go)
{
	int fd;

	vsock->greeting_ms = 150;
	fd = host_connect("CONNECT");
	host_expect_nothing(fd);
	wait_ms(300);
	host_expect_end(fd);
	ck_assert_uint_eq(vsock->nconns, 0);
	ck_assert(!vsock->ticking || TAILQ_EMPTY(&vsock->timed));
	close(fd);
}
END_TEST

START_TEST(a_guest_that_does_not_answer_is_not_waited_for)
{
	struct virtio_vsock_hdr p;
	int fd;

	vsock->answer_ms = 150;
	fd = host_connect("CONNECT 52\n");
	ck_assert(receive(&p, NULL));
	wait_ms(300);
	host_expect_end(fd);
	expect_op(VIRTIO_VSOCK_OP_RST, p.src_port, 52);
	send_op(VIRTIO_VSOCK_OP_RESPONSE, p.src_port, 52); /* too late */
	expect_op(VIRTIO_VSOCK_OP_RST, p.src_port, 52);
	ck_assert_uint_eq(vsock->nconns, 0);
	close(fd);
}
END_TEST

START_TEST(a_listener_that_is_busy_is_called_again)
{
	int listener = host_listen(1000, 0), first = -1, n = 0;

	/* fill its backlog */
	for (; vsock->nconns == 0 || TAILQ_LAST(&vsock->all, vsock_list)->state == VSOCK_OPEN; n++)
		send_op(VIRTIO_VSOCK_OP_REQUEST, 1000, GUEST_PORT + (uint32_t)n);
	for (int i = 0; i < n - 1; i++)
		expect_op(VIRTIO_VSOCK_OP_RESPONSE, 1000, GUEST_PORT + (uint32_t)i);
	nothing_comes();
	wait_ms(150);
	nothing_comes();
	first = host_accept(listener);
	wait_ms(150);
	expect_op(VIRTIO_VSOCK_OP_RESPONSE, 1000, GUEST_PORT + (uint32_t)n - 1);
	/* but not for ever */
	vsock->busy_ms = 150;
	send_op(VIRTIO_VSOCK_OP_REQUEST, 1000, GUEST_PORT + (uint32_t)n);
	nothing_comes();
	wait_ms(300);
	expect_op(VIRTIO_VSOCK_OP_RST, 1000, GUEST_PORT + (uint32_t)n);
	close(first);
}
END_TEST

START_TEST(bytes_that_nobody_takes_are_kept_for_some_time_only)
{
	int listener = host_listen(1000, 5), fd = open_from_guest(listener, 0);
	static uint8_t bytes[KIB(128)];

	vsock->drain_ms = 150;
	for (int i = 0; i < 3; i++)
		send_data(1000, GUEST_PORT, bytes, sizeof(bytes));
	send_shutdown(1000, GUEST_PORT, VSOCK_BOTH);
	expect_op(VIRTIO_VSOCK_OP_CREDIT_UPDATE, 1000, GUEST_PORT);
	expect_op(VIRTIO_VSOCK_OP_RST, 1000, GUEST_PORT);
	ck_assert_uint_eq(vsock->nconns, 1);
	wait_ms(300);
	ck_assert_uint_eq(vsock->nconns, 0);
	close(fd);
}
END_TEST

/* --- too much --------------------------------------------------------------------------------- */

START_TEST(a_guest_that_takes_no_answers_is_not_listened_to)
{
	struct virtio_vsock_hdr p;
	unsigned int n = 0;

	refill = false;
	/* more than it has buffers and the device has memory for answers */
	for (unsigned int i = 0; i < RX_BUFFERS + VSOCK_REPLIES + 20; i++) {
		send_op(VIRTIO_VSOCK_OP_RW, 1001, i);
		tx_gpa += VSOCK_HEADER; /* it is not taken yet */
	}
	ck_assert(vsock->tx_waits);
	while (receive(&p, NULL))
		n++;
	ck_assert_uint_eq(n, RX_BUFFERS);
	/* all of them are answered, in order, when it does */
	while (n < RX_BUFFERS + VSOCK_REPLIES + 20) {
		give_buffer(PAGE_SIZE * 256, RX_LEN);
		driver_kick(&d, VSOCK_RX);
		expect_op(VIRTIO_VSOCK_OP_RST, 1001, n++);
	}
	nothing_comes();
}
END_TEST

START_TEST(a_flood_of_packets_leaves_others_their_turn)
{
	static const uint8_t bytes[KIB(64)];
	int listener = host_listen(1000, 5), fd = open_from_guest(listener, 0);
	struct virtio_vsock_hdr p = packet(VIRTIO_VSOCK_OP_RW, 1000, GUEST_PORT);
	unsigned int done = 0;
	uint32_t head, len;

	while (driver_used(&d, VSOCK_TX, &head, &len))
		;
	shutdown(fd, SHUT_RD); /* so that the bytes go nowhere */
	p.len = KIB(64);
	send_raw(&p, bytes, sizeof(bytes));
	for (int i = 0; i < 30; i++) {
		struct driver_buf buf = {tx_gpa, VSOCK_HEADER + KIB(64), false};

		driver_add(&d, VSOCK_TX, &buf, 1);
	}
	driver_write(&d, VIRTIO_MMIO_QUEUE_NOTIFY, VSOCK_TX);
	loop_poll(&world.loop, 1);
	while (driver_used(&d, VSOCK_TX, &head, &len))
		done++;
	ck_assert_uint_ge(done, 10);
	ck_assert_uint_lt(done, 25);
	loop_poll(&world.loop, 10);
	while (driver_used(&d, VSOCK_TX, &head, &len))
		done++;
	ck_assert_uint_eq(done, 31);
	close(fd);
}
END_TEST

START_TEST(as_many_connections_as_it_may_have)
{
	int listener = host_listen(1000, 5), a, b, late;

	vsock->max_conns = 2;
	a = open_from_guest(listener, 0);
	b = open_from_guest(listener, 1);
	send_op(VIRTIO_VSOCK_OP_REQUEST, 1000, GUEST_PORT + 2);
	expect_op(VIRTIO_VSOCK_OP_RST, 1000, GUEST_PORT + 2);
	/* a program waits until there is room */
	late = host_connect("CONNECT 52\n");
	nothing_comes();
	send_op(VIRTIO_VSOCK_OP_RST, 1000, GUEST_PORT);
	wait_ms(150);
	expect_op(VIRTIO_VSOCK_OP_REQUEST, VSOCK_FIRST_PORT, 52);
	close(a);
	close(b);
	close(late);
}
END_TEST

START_TEST(without_descriptors_connections_fail_and_the_device_goes_on)
{
	int listener = host_listen(1000, 5), fd = open_from_guest(listener, 0), late;
	struct rlimit limit, low;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	late = host_connect("");
	vsock_free(TAILQ_LAST(&vsock->all, vsock_list));
	close(late);
	low = (struct rlimit){(rlim_t)dup(0), limit.rlim_max};
	close((int)low.rlim_cur);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	send_op(VIRTIO_VSOCK_OP_REQUEST, 1000, GUEST_PORT + 1);
	expect_op(VIRTIO_VSOCK_OP_RST, 1000, GUEST_PORT + 1);
	ck_assert_ptr_nonnull(strstr(world.log_text, "EMFILE"));
	send_data(1000, GUEST_PORT, "works", 5);
	host_expect(fd, "works", 5);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	open_from_guest(listener, 1);
}
END_TEST

START_TEST(descriptors_that_others_have_open_count_too)
{
	int listener = host_listen(1000, 5), next = dup(0), last, others[600], n = 0;
	struct rlimit limit, low;

	close(next);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = (struct rlimit){(rlim_t)next + 400, limit.rlim_max};
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	/* all but 100, which is what stays for certificates and quotes */
	do
		others[n++] = last = dup(0);
	while (last < next + 300 - 1);
	for (unsigned int i = 0; i < 3; i++) {
		send_op(VIRTIO_VSOCK_OP_REQUEST, 1000, GUEST_PORT + i);
		expect_op(VIRTIO_VSOCK_OP_RST, 1000, GUEST_PORT + i);
	}
	for (unsigned int i = 0; i < 100; i++) {
		others[n++] = dup(0);
		ck_assert_int_ge(others[n - 1], 0);
	}
	while (n > 0)
		close(others[--n]);
	open_from_guest(listener, 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}
END_TEST

START_TEST(many_connections_share_the_memory)
{
	uint64_t promised;

	vsock->max_conns = 5000;
	for (int i = 0; i < 5000; i++)
		ck_assert_ptr_nonnull(vsock_new(vsock, -1, VSOCK_CONNECTING));
	ck_assert_ptr_null(vsock_new(vsock, -1, VSOCK_CONNECTING));
	promised = vsock->promised;
	ck_assert_uint_eq(TAILQ_FIRST(&vsock->all)->alloc, VSOCK_ALLOC);
	ck_assert_uint_ge(TAILQ_LAST(&vsock->all, vsock_list)->alloc, VSOCK_ALLOC_MIN);
	ck_assert_uint_le(promised, VSOCK_BUFFERS + 5000 * VSOCK_ALLOC_MIN);
	while (!TAILQ_EMPTY(&vsock->all))
		vsock_free(TAILQ_FIRST(&vsock->all));
	ck_assert_uint_eq(vsock->promised, 0);
}
END_TEST

/* --- the socket's name ------------------------------------------------------------------------ */

static int create(char *at)
{
	struct virtio_device *dev;
	int ret = vsock_create(&dev, at);

	if (ret == 0)
		virtio_destroy(dev);
	else
		ck_assert_ptr_null(dev);
	return ret;
}

START_TEST(the_socket_is_the_users_own_and_goes_with_the_device)
{
	struct virtio_device *dev;
	struct stat st;

	ck_assert_int_eq(vsock_create(&dev, path), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode, S_IFSOCK | 0600);
	virtio_destroy(dev);
	ck_assert_int_eq(stat(path, &st), -1);
	/* one that is another's by now is left alone */
	ck_assert_int_eq(vsock_create(&dev, path), 0);
	unlink(path);
	close(host_listen(-1, 1));
	virtio_destroy(dev);
	ck_assert_int_eq(stat(path, &st), 0);
}
END_TEST

START_TEST(a_name_that_is_in_use_is_refused_and_a_leftover_replaced)
{
	int listener = host_listen(-1, 1), file;
	char longer[120] = {0};

	ck_assert_int_eq(create(path), -EADDRINUSE);
	ck_assert_ptr_nonnull(strstr(err.text, path));
	close(listener);
	ck_assert_int_eq(create(path), 0);
	file = open(path, O_CREAT | O_WRONLY, 0600);
	ck_assert_int_eq(create(path), -EADDRINUSE);
	close(file);
	unlink(path);
	ck_assert_int_eq(create((char[]){"/no/such/folder/v"}), -ENOENT);
	/* room for _PORT is needed */
	memset(longer, 'x', 97);
	ck_assert_int_eq(create(longer), -ENAMETOOLONG);
	ck_assert_ptr_nonnull(strstr(err.text, "vsock.path"));
}
END_TEST

static void setup_world(void)
{
	world_setup(&world, false);
}

static void teardown_world(void)
{
	world_teardown(&world);
}

SUITE(test_vsock_limits)
{
	Suite *s = suite_create("vsock_limits");
	TCase *tc = tcase_create("vsock"), *name = tcase_create("name");

	tcase_add_unchecked_fixture(tc, make_folder, remove_folder);
	tcase_add_checked_fixture(tc, setup_started, teardown_started);
	tcase_add_test(tc, packets_of_other_kinds_and_addresses_are_refused);
	tcase_add_test(tc, packets_of_no_connection_are_refused);
	tcase_add_loop_test(tc, what_is_wrong_in_a_connection_ends_it, 0,
			    ARRAY_SIZE(wrong_in_connection));
	tcase_add_test(tc, answers_that_nobody_waits_for_change_nothing);
	tcase_add_test(tc, a_packet_shorter_than_its_header_is_dropped);
	tcase_add_test(tc, a_receive_buffer_without_room_breaks_the_device);
	tcase_add_test(tc, a_program_that_says_nothing_is_let_go);
	tcase_add_test(tc, a_guest_that_does_not_answer_is_not_waited_for);
	tcase_add_test(tc, a_listener_that_is_busy_is_called_again);
	tcase_add_test(tc, bytes_that_nobody_takes_are_kept_for_some_time_only);
	tcase_add_test(tc, a_guest_that_takes_no_answers_is_not_listened_to);
	tcase_add_test(tc, a_flood_of_packets_leaves_others_their_turn);
	tcase_add_test(tc, as_many_connections_as_it_may_have);
	tcase_add_test(tc, without_descriptors_connections_fail_and_the_device_goes_on);
	tcase_add_test(tc, descriptors_that_others_have_open_count_too);
	tcase_add_test(tc, many_connections_share_the_memory);
	suite_add_tcase(s, tc);
	tcase_add_unchecked_fixture(name, make_folder, remove_folder);
	tcase_add_checked_fixture(name, setup_world, teardown_world);
	tcase_add_test(name, the_socket_is_the_users_own_and_goes_with_the_device);
	tcase_add_test(name, a_name_that_is_in_use_is_refused_and_a_leftover_replaced);
	suite_add_tcase(s, name);
	return s;
}
