// SPDX-License-Identifier: MIT
/* Sockets between host and guest: how connections begin, what they carry, and how they end. */
#include "tests/unit/suite.h"
#include "tests/unit/vsock_guest.h"

/* --- how they begin --------------------------------------------------------------------------- */

START_TEST(the_guest_learns_its_cid)
{
	ck_assert_uint_eq(driver_read(&d, VIRTIO_MMIO_DEVICE_ID), 19);
	ck_assert_uint_eq(driver_read(&d, VIRTIO_MMIO_CONFIG), CID);
	ck_assert_uint_eq(driver_read(&d, VIRTIO_MMIO_CONFIG + 4), 0);
}
END_TEST

START_TEST(the_guest_reaches_who_listens)
{
	int listener = host_listen(1000, 5), fd;
	struct virtio_vsock_hdr p;

	send_op(VIRTIO_VSOCK_OP_REQUEST, 1000, GUEST_PORT);
	p = expect_op(VIRTIO_VSOCK_OP_RESPONSE, 1000, GUEST_PORT);
	ck_assert_uint_eq(p.buf_alloc, VSOCK_ALLOC);
	fd = host_accept(listener);
	send_data(1000, GUEST_PORT, "from the guest", 14);
	host_expect(fd, "from the guest", 14);
	host_send(fd, "from the host", 13);
	expect_data((const uint8_t *)"from the host", 13);
	close(fd);
	close(listener);
}
END_TEST

START_TEST(a_program_reaches_the_guest)
{
	uint32_t port, second;
	int fd = open_from_host(&port), other;

	ck_assert_uint_ge(port, VSOCK_FIRST_PORT);
	host_send(fd, "from the host", 13);
	expect_data((const uint8_t *)"from the host", 13);
	send_data(port, 52, "from the guest", 14);
	host_expect(fd, "from the guest", 14);
	other = open_from_host(&second);
	ck_assert_uint_ne(port, second);
	close(other);
	close(fd);
}
END_TEST

START_TEST(the_stream_begins_behind_the_line)
{
	int fd = host_connect("CONNECT 52\nat once");
	struct virtio_vsock_hdr p;

	ck_assert(receive(&p, NULL));
	ck_assert_uint_eq(p.op, VIRTIO_VSOCK_OP_REQUEST);
	nothing_comes();
	send_op(VIRTIO_VSOCK_OP_RESPONSE, p.src_port, 52);
	expect_data((const uint8_t *)"at once", 7);
	close(fd);
}
END_TEST

START_TEST(the_line_may_come_in_pieces)
{
	int fd = host_connect("CON");

	nothing_comes();
	host_send(fd, "NECT 4294967295", 15);
	nothing_comes();
	host_send(fd, "\r\n", 2);
	expect_op(VIRTIO_VSOCK_OP_REQUEST, VSOCK_FIRST_PORT, UINT32_MAX);
	close(fd);
}
END_TEST

static const char *const bad_lines[] = {
	"\n",
	"HELLO\n",
	"CONNECT\n",
	"CONNECT \n",
	"CONNECT 1x\n",
	"CONNECT -1\n",
	"CONNECT 4294967296\n",
	"connect 52\n",
	"CONNECT 00000000000000000000000000000052\n",
	"no line of this length is the beginning of one that is right",
};

START_TEST(a_wrong_line_closes_the_connection)
{
	int fd = host_connect(bad_lines[_i]);
	char byte;

	nothing_comes();
	/* ECONNRESET tells that not everything was read */
	ck_assert_int_le(recv(fd, &byte, 1, 0), 0);
	ck_assert_int_ne(errno, EAGAIN);
	ck_assert_uint_eq(vsock->nconns, 0);
	ck_assert_ptr_nonnull(strstr(world.log_text, "CONNECT PORT"));
	close(fd);
}
END_TEST

START_TEST(a_guest_that_refuses_closes_the_connection)
{
	int fd = host_connect("CONNECT 52\n");
	struct virtio_vsock_hdr p;

	ck_assert(receive(&p, NULL));
	send_op(VIRTIO_VSOCK_OP_RST, p.src_port, 52);
	host_expect_end(fd);
	ck_assert_uint_eq(vsock->nconns, 0);
	nothing_comes();
	close(fd);
}
END_TEST

START_TEST(nobody_listens)
{
	send_op(VIRTIO_VSOCK_OP_REQUEST, 1001, GUEST_PORT);
	expect_op(VIRTIO_VSOCK_OP_RST, 1001, GUEST_PORT);
	close(host_listen(1001, 1)); /* nor at a socket that was left behind */
	send_op(VIRTIO_VSOCK_OP_REQUEST, 1001, GUEST_PORT);
	expect_op(VIRTIO_VSOCK_OP_RST, 1001, GUEST_PORT);
	ck_assert_uint_eq(vsock->nconns, 0);
}
END_TEST

/* --- credit ----------------------------------------------------------------------------------- */

START_TEST(a_program_that_does_not_read_costs_its_buffer_and_no_more)
{
	int listener = host_listen(1000, 5), slow = open_from_guest(listener, 0), fast;
	static uint8_t sent[MIB(1)];
	uint32_t n = 0, told = 0;
	struct virtio_vsock_hdr p;

	pattern(sent, sizeof(sent), 1);
	fast = open_from_guest(listener, 1);
	/* as much as its credit allows */
	while (n - told + KIB(64) <= VSOCK_ALLOC) {
		send_data(1000, GUEST_PORT, sent + n, KIB(64));
		n += KIB(64);
		while (receive(&p, NULL)) {
			ck_assert_uint_eq(p.op, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
			told = p.fwd_cnt;
		}
	}
	ck_assert_uint_gt(n, VSOCK_ALLOC);
	/* others are not held up */
	send_data(1000, GUEST_PORT + 1, "fast", 4);
	host_expect(fast, "fast", 4);
	/* and all of it arrives */
	host_expect(slow, sent, n);
	p = expect_op(VIRTIO_VSOCK_OP_CREDIT_UPDATE, 1000, GUEST_PORT);
	ck_assert_uint_ge(p.fwd_cnt, n - VSOCK_ALLOC / 2);
	send_op(VIRTIO_VSOCK_OP_CREDIT_REQUEST, 1000, GUEST_PORT);
	do
		p = expect_op(VIRTIO_VSOCK_OP_CREDIT_UPDATE, 1000, GUEST_PORT);
	while (p.fwd_cnt != n);
	ck_assert_ptr_null(TAILQ_FIRST(&vsock->all)->buf);
}
END_TEST

START_TEST(a_guest_that_ignores_its_credit_is_cut_off)
{
	int listener = host_listen(1000, 5), fd = open_from_guest(listener, 0);
	static uint8_t bytes[KIB(64)];
	struct virtio_vsock_hdr p = {0};

	for (int i = 0; i < 32 && p.op != VIRTIO_VSOCK_OP_RST; i++) {
		send_data(1000, GUEST_PORT, bytes, sizeof(bytes));
		while (receive(&p, NULL) && p.op != VIRTIO_VSOCK_OP_RST)
			ck_assert_uint_eq(p.op, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	}
	ck_assert_uint_eq(p.op, VIRTIO_VSOCK_OP_RST);
	ck_assert_uint_eq(vsock->nconns, 0);
	ck_assert_uint_eq(vsock->promised, 0);
	close(fd);
}
END_TEST

START_TEST(the_guest_gets_what_it_has_room_for)
{
	int listener = host_listen(1000, 5), fd = open_from_guest(listener, 0);
	uint8_t sent[20000];

	pattern(sent, sizeof(sent), 2);
	send_credit(1000, GUEST_PORT, 5000, 0);
	host_send(fd, sent, sizeof(sent));
	expect_data(sent, 5000);
	nothing_comes();
	send_credit(1000, GUEST_PORT, 5000, 1000);
	expect_data(sent + 5000, 1000);
	/* nonsense gives nothing: more read than was sent, less room than is in use */
	send_credit(1000, GUEST_PORT, 5000, 7000);
	nothing_comes();
	send_credit(1000, GUEST_PORT, 10, 5000);
	nothing_comes();
	send_credit(1000, GUEST_PORT, 100000, 6000);
	expect_data(sent + 6000, 14000);
	close(fd);
}
END_TEST

/* ... once, however often it says that it has no room. */
START_TEST(a_guest_that_does_not_tell_of_its_room_is_asked)
{
	int listener = host_listen(1000, 5), fd = open_from_guest(listener, 0);
	uint8_t sent[10];

	pattern(sent, sizeof(sent), 2);
	send_credit(1000, GUEST_PORT, 4, 0);
	host_send(fd, sent, sizeof(sent));
	expect_data(sent, 4);
	nothing_comes();
	wait_ms(400);
	expect_op(VIRTIO_VSOCK_OP_CREDIT_REQUEST, 1000, GUEST_PORT);
	send_credit(1000, GUEST_PORT, 4, 0);
	wait_ms(400);
	nothing_comes();
	send_credit(1000, GUEST_PORT, 100, 4);
	expect_data(sent + 4, 6);
	wait_ms(400);
	nothing_comes();
	close(fd);
}
END_TEST

/* --- how they end ----------------------------------------------------------------------------- */

START_TEST(each_side_ends_its_stream_by_itself)
{
	int listener = host_listen(1000, 5), fd = open_from_guest(listener, 0);
	struct virtio_vsock_hdr p;

	send_data(1000, GUEST_PORT, "last", 4);
	send_shutdown(1000, GUEST_PORT, VIRTIO_VSOCK_SHUTDOWN_SEND);
	host_expect(fd, "last", 4);
	host_expect_end(fd);
	host_send(fd, "answer", 6);
	expect_data((const uint8_t *)"answer", 6);
	shutdown(fd, SHUT_WR);
	do
		p = expect_op(VIRTIO_VSOCK_OP_SHUTDOWN, 1000, GUEST_PORT);
	while (p.flags != VSOCK_BOTH);
	send_shutdown(1000, GUEST_PORT, VSOCK_BOTH);
	expect_op(VIRTIO_VSOCK_OP_RST, 1000, GUEST_PORT);
	ck_assert_uint_eq(vsock->nconns, 0);
	close(fd);
}
END_TEST

START_TEST(a_program_that_has_no_more_to_say_still_listens)
{
	int listener = host_listen(1000, 5), fd = open_from_guest(listener, 0);
	struct virtio_vsock_hdr p;

	host_send(fd, "question", 8);
	shutdown(fd, SHUT_WR);
	expect_data((const uint8_t *)"question", 8);
	p = expect_op(VIRTIO_VSOCK_OP_SHUTDOWN, 1000, GUEST_PORT);
	ck_assert_uint_eq(p.flags, VIRTIO_VSOCK_SHUTDOWN_SEND);
	send_data(1000, GUEST_PORT, "answer", 6);
	send_shutdown(1000, GUEST_PORT, VSOCK_BOTH);
	host_expect(fd, "answer", 6);
	host_expect_end(fd);
	expect_op(VIRTIO_VSOCK_OP_RST, 1000, GUEST_PORT);
	ck_assert_uint_eq(vsock->nconns, 0);
	close(fd);
}
END_TEST

/* One event for all of it, in every state that a stream's first bytes may come in. */
START_TEST(an_end_at_once_behind_the_last_bytes_is_told)
{
	int listener = host_listen(1000, 5), fd = open_from_guest(listener, 0);
	struct sockaddr_un addr = address(-1);
	struct virtio_vsock_hdr p;

	ck_assert_int_eq(send(fd, "last words", 10, 0), 10);
	shutdown(fd, SHUT_WR);
	loop_poll(&world.loop, 1000);
	expect_data((const uint8_t *)"last words", 10);
	expect_op(VIRTIO_VSOCK_OP_SHUTDOWN, 1000, GUEST_PORT);
	close(fd);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	ck_assert_int_eq(send(fd, "CONNECT 52\nlast words", 21, 0), 21);
	shutdown(fd, SHUT_WR);
	loop_poll(&world.loop, 1000);
	do
		ck_assert(receive(&p, NULL));
	while (p.op != VIRTIO_VSOCK_OP_REQUEST);
	send_op(VIRTIO_VSOCK_OP_RESPONSE, p.src_port, 52);
	expect_data((const uint8_t *)"last words", 10);
	expect_op(VIRTIO_VSOCK_OP_SHUTDOWN, p.src_port, 52);
	close(fd);
	close(listener);
}
END_TEST

START_TEST(a_guest_that_reads_no_more_fails_the_writes_of_the_host)
{
	int listener = host_listen(1000, 5), fd = open_from_guest(listener, 0);

	send_shutdown(1000, GUEST_PORT, VIRTIO_VSOCK_SHUTDOWN_RCV);
	ck_assert_int_eq(send(fd, "x", 1, MSG_NOSIGNAL), -1);
	ck_assert_int_eq(errno, EPIPE);
	send_data(1000, GUEST_PORT, "more", 4);
	host_expect(fd, "more", 4);
	/* the program has nothing to do there any more */
	close(fd);
	ck_assert_uint_eq(expect_op(VIRTIO_VSOCK_OP_SHUTDOWN, 1000, GUEST_PORT).flags, VSOCK_BOTH);
	send_op(VIRTIO_VSOCK_OP_RST, 1000, GUEST_PORT);
	ck_assert_uint_eq(vsock->nconns, 0);
}
END_TEST

START_TEST(a_program_that_goes_away_leaves_its_bytes)
{
	int listener = host_listen(1000, 5), fd = open_from_guest(listener, 0);
	struct virtio_vsock_hdr p;

	send_credit(1000, GUEST_PORT, 2, 0);
	host_send(fd, "rest", 4);
	close(fd);
	expect_data((const uint8_t *)"re", 2);
	/* it takes no more; that it sends no more is told after its last byte */
	while (receive(&p, NULL))
		if (p.op == VIRTIO_VSOCK_OP_SHUTDOWN)
			ck_assert_uint_eq(p.flags, VIRTIO_VSOCK_SHUTDOWN_RCV);
	send_data(1000, GUEST_PORT, "too late", 8);
	send_credit(1000, GUEST_PORT, 100, 2);
	expect_data((const uint8_t *)"st", 2);
	p = expect_op(VIRTIO_VSOCK_OP_SHUTDOWN, 1000, GUEST_PORT);
	ck_assert_uint_eq(p.flags, VSOCK_BOTH);
	ck_assert_int_eq(TAILQ_FIRST(&vsock->all)->source.fd, -1);
	/* the guest takes its time */
	send_data(1000, GUEST_PORT, "even later", 10);
	nothing_comes();
	send_op(VIRTIO_VSOCK_OP_RST, 1000, GUEST_PORT);
	ck_assert_uint_eq(vsock->nconns, 0);
}
END_TEST

START_TEST(a_program_that_drops_what_it_was_sent_resets_the_connection)
{
	int listener = host_listen(1000, 5), fd = open_from_guest(listener, 0);
	struct virtio_vsock_hdr p = {0};

	send_data(1000, GUEST_PORT, "not read", 8);
	close(fd);
	while (p.op != VIRTIO_VSOCK_OP_RST)
		ck_assert(receive(&p, NULL));
	ck_assert_uint_eq(vsock->nconns, 0);
}
END_TEST

START_TEST(what_the_guest_sent_before_it_closed_arrives)
{
	int listener = host_listen(1000, 5), fd = open_from_guest(listener, 0);
	static uint8_t sent[KIB(384)];

	pattern(sent, sizeof(sent), 3);
	for (uint32_t n = 0; n < sizeof(sent); n += KIB(128))
		send_data(1000, GUEST_PORT, sent + n, KIB(128));
	ck_assert_uint_gt(TAILQ_FIRST(&vsock->all)->buf_len, 0);
	send_shutdown(1000, GUEST_PORT, VSOCK_BOTH);
	expect_op(VIRTIO_VSOCK_OP_CREDIT_UPDATE, 1000, GUEST_PORT);
	expect_op(VIRTIO_VSOCK_OP_RST, 1000, GUEST_PORT);
	/* the guest may use its port again meanwhile */
	close(open_from_guest(listener, 0));
	host_expect(fd, sent, sizeof(sent));
	host_expect_end(fd);
	ck_assert_uint_eq(vsock->nconns, 1);
	close(fd);
}
END_TEST

START_TEST(a_reset_by_the_guest_ends_both_streams)
{
	int listener = host_listen(1000, 5), fd = open_from_guest(listener, 0);

	send_op(VIRTIO_VSOCK_OP_RST, 1000, GUEST_PORT);
	host_expect_end(fd);
	ck_assert_int_eq(send(fd, "x", 1, MSG_NOSIGNAL), -1);
	ck_assert_uint_eq(vsock->nconns, 0);
	nothing_comes();
	close(fd);
}
END_TEST

START_TEST(a_driver_that_starts_over_has_no_connections)
{
	int listener = host_listen(1000, 5), fd = open_from_guest(listener, 0);
	uint32_t port;

	driver_write(&d, VIRTIO_MMIO_STATUS, 0);
	host_expect_end(fd);
	close(fd);
	ck_assert_uint_eq(vsock->nconns, 0);
	/* programs wait for a driver */
	fd = host_connect("CONNECT 52\n");
	ck_assert_uint_eq(vsock->nconns, 0);
	driver_start(&d, 0, QUEUE_LEN);
	give_buffers(RX_BUFFERS);
	port = expect_op(VIRTIO_VSOCK_OP_REQUEST, VSOCK_FIRST_PORT, 52).src_port;
	send_op(VIRTIO_VSOCK_OP_RESPONSE, port, 52);
	host_expect(fd, "OK 1073741824\n", 14);
	close(fd);
}
END_TEST

SUITE(test_virtio_vsock)
{
	Suite *s = suite_create("virtio_vsock");
	TCase *tc = tcase_create("vsock");

	tcase_add_unchecked_fixture(tc, make_folder, remove_folder);
	tcase_add_checked_fixture(tc, setup_started, teardown_started);
	tcase_add_test(tc, the_guest_learns_its_cid);
	tcase_add_test(tc, the_guest_reaches_who_listens);
	tcase_add_test(tc, a_program_reaches_the_guest);
	tcase_add_test(tc, the_stream_begins_behind_the_line);
	tcase_add_test(tc, the_line_may_come_in_pieces);
	tcase_add_loop_test(tc, a_wrong_line_closes_the_connection, 0, ARRAY_SIZE(bad_lines));
	tcase_add_test(tc, a_guest_that_refuses_closes_the_connection);
	tcase_add_test(tc, nobody_listens);
	tcase_add_test(tc, a_program_that_does_not_read_costs_its_buffer_and_no_more);
	tcase_add_test(tc, a_guest_that_ignores_its_credit_is_cut_off);
	tcase_add_test(tc, the_guest_gets_what_it_has_room_for);
	tcase_add_test(tc, a_guest_that_does_not_tell_of_its_room_is_asked);
	tcase_add_test(tc, each_side_ends_its_stream_by_itself);
	tcase_add_test(tc, a_program_that_has_no_more_to_say_still_listens);
	tcase_add_test(tc, an_end_at_once_behind_the_last_bytes_is_told);
	tcase_add_test(tc, a_guest_that_reads_no_more_fails_the_writes_of_the_host);
	tcase_add_test(tc, a_program_that_goes_away_leaves_its_bytes);
	tcase_add_test(tc, a_program_that_drops_what_it_was_sent_resets_the_connection);
	tcase_add_test(tc, what_the_guest_sent_before_it_closed_arrives);
	tcase_add_test(tc, a_reset_by_the_guest_ends_both_streams);
	tcase_add_test(tc, a_driver_that_starts_over_has_no_connections);
	suite_add_tcase(s, tc);
	return s;
}
