/* SPDX-License-Identifier: MIT */
/*
 * For the tests of the vsock device: a guest's driver that sends and receives packets, and programs
 * of the host at the device's Unix sockets.
 */
#ifndef TESTS_UNIT_VSOCK_GUEST_H
#define TESTS_UNIT_VSOCK_GUEST_H

#include "tests/unit/virtio_driver.h"
#include "vmm/virtio/vsock_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define CID	   42
#define HOST	   2
#define QUEUE_LEN  64
#define RX_BUFFERS 48
#define RX_LEN	   4096
#define TX_LEN	   KIB(128)
#define GUEST_PORT 5000
#define GUEST_ROOM KIB(64) /* the guest's buf_alloc unless a test says otherwise */

static struct world world;
static struct driver d;
static struct vmm_error err;
static char dir[32];
static char path[64];
static struct vsock *vsock;
static uint64_t tx_gpa;
static bool refill; /* give receive buffers back at once */

/* --- the guest -------------------------------------------------------------------------------- */

static inline void give_buffer(uint64_t gpa, uint32_t len)
{
	struct driver_buf buf = {gpa, len, true};

	driver_add(&d, VSOCK_RX, &buf, 1);
}

static inline void give_buffers(unsigned int n)
{
	while (n-- > 0)
		give_buffer(driver_alloc(&d, RX_LEN), RX_LEN);
	driver_kick(&d, VSOCK_RX);
}

/* A packet as it is; `len` bytes of data behind the header are there, whatever p->len says. */
static inline void send_raw(const struct virtio_vsock_hdr *p, const void *data, uint32_t len)
{
	struct driver_buf buf[2] = {{tx_gpa, VSOCK_HEADER, false},
				    {tx_gpa + VSOCK_HEADER, len, false}};

	driver_store(&d, tx_gpa, p, sizeof(*p));
	if (len > 0)
		driver_store(&d, tx_gpa + VSOCK_HEADER, data, len);
	driver_add(&d, VSOCK_TX, buf, len > 0 ? 2 : 1);
	driver_kick(&d, VSOCK_TX);
}

/* What a proper guest fills in. */
static inline struct virtio_vsock_hdr packet(uint16_t op, uint32_t host_port, uint32_t guest_port)
{
	return (struct virtio_vsock_hdr){
		.src_cid = CID,
		.dst_cid = HOST,
		.src_port = guest_port,
		.dst_port = host_port,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
		.op = op,
		.buf_alloc = GUEST_ROOM,
	};
}

static inline void send_op(uint16_t op, uint32_t host_port, uint32_t guest_port)
{
	struct virtio_vsock_hdr p = packet(op, host_port, guest_port);

	send_raw(&p, NULL, 0);
}

static inline void send_shutdown(uint32_t host_port, uint32_t guest_port, uint32_t flags)
{
	struct virtio_vsock_hdr p = packet(VIRTIO_VSOCK_OP_SHUTDOWN, host_port, guest_port);

	p.flags = flags;
	send_raw(&p, NULL, 0);
}

static inline void send_data(uint32_t host_port, uint32_t guest_port, const void *data,
			     uint32_t len)
{
	struct virtio_vsock_hdr p = packet(VIRTIO_VSOCK_OP_RW, host_port, guest_port);

	p.len = len;
	send_raw(&p, data, len);
}

/* The guest's room, and how much of what it has received is read. */
static inline void send_credit(uint32_t host_port, uint32_t guest_port, uint32_t room,
			       uint32_t read)
{
	struct virtio_vsock_hdr p = packet(VIRTIO_VSOCK_OP_CREDIT_UPDATE, host_port, guest_port);

	p.buf_alloc = room;
	p.fwd_cnt = read;
	send_raw(&p, NULL, 0);
}

/* The next packet to the guest; false when there is none. */
static inline bool receive(struct virtio_vsock_hdr *p, uint8_t data[RX_LEN])
{
	uint8_t desc[16];
	uint32_t head, len;
	uint64_t gpa;

	loop_poll(&world.loop, 1000);
	if (!driver_used(&d, VSOCK_RX, &head, &len))
		return false;
	driver_load(&d, d.queue[VSOCK_RX].desc + 16 * head, desc, sizeof(desc));
	gpa = get_le64(desc);
	driver_load(&d, gpa, p, sizeof(*p));
	ck_assert_uint_eq(len, VSOCK_HEADER + p->len);
	ck_assert_uint_le(len, RX_LEN);
	if (data)
		driver_load(&d, gpa + VSOCK_HEADER, data, p->len);
	if (refill) {
		give_buffer(gpa, RX_LEN);
		driver_kick(&d, VSOCK_RX);
	}
	return true;
}

static inline void nothing_comes(void)
{
	struct virtio_vsock_hdr p;

	ck_assert_msg(!receive(&p, NULL), "a packet came: op %u", p.op);
}

/* The next packet is this one. */
static inline struct virtio_vsock_hdr expect_op(uint16_t op, uint32_t host_port,
						uint32_t guest_port)
{
	struct virtio_vsock_hdr p;

	ck_assert_msg(receive(&p, NULL), "no packet came, expected op %u", op);
	ck_assert_uint_eq(p.op, op);
	ck_assert_uint_eq(p.src_cid, HOST);
	ck_assert_uint_eq(p.dst_cid, CID);
	ck_assert_uint_eq(p.src_port, host_port);
	ck_assert_uint_eq(p.dst_port, guest_port);
	ck_assert_uint_eq(p.type, VIRTIO_VSOCK_TYPE_STREAM);
	return p;
}

/* The next packets carry exactly these bytes. */
static inline void expect_data(const uint8_t *want, uint32_t len)
{
	uint8_t data[RX_LEN];
	struct virtio_vsock_hdr p;

	while (len > 0) {
		ck_assert_msg(receive(&p, data), "%u bytes did not come", len);
		ck_assert_uint_eq(p.op, VIRTIO_VSOCK_OP_RW);
		ck_assert_uint_le(p.len, len);
		ck_assert_mem_eq(data, want, p.len);
		want += p.len;
		len -= p.len;
	}
}

/* --- the host --------------------------------------------------------------------------------- */

static inline struct sockaddr_un address(int port)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	if (port < 0)
		snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	else
		snprintf(addr.sun_path, sizeof(addr.sun_path), "%s_%d", path, port);
	return addr;
}

static inline int host_listen(int port, int backlog)
{
	struct sockaddr_un addr = address(port);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	unlink(addr.sun_path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	ck_assert_int_eq(listen(fd, backlog), 0);
	return fd;
}

static inline int host_accept(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);

	ck_assert_int_ge(fd, 0);
	return fd;
}

/* A program that comes to the device's socket and says `line`. */
static inline int host_connect(const char *line)
{
	struct sockaddr_un addr = address(-1);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	ck_assert_int_eq(send(fd, line, strlen(line), 0), (ssize_t)strlen(line));
	loop_poll(&world.loop, 1000);
	return fd;
}

static inline void host_send(int fd, const void *data, size_t len)
{
	ck_assert_int_eq(send(fd, data, len, MSG_NOSIGNAL), (ssize_t)len);
	loop_poll(&world.loop, 1000);
}

static inline void host_expect(int fd, const void *want, size_t len)
{
	uint8_t got[4096];

	while (len > 0) {
		ssize_t n;

		loop_poll(&world.loop, 1000);
		n = recv(fd, got, len < sizeof(got) ? len : sizeof(got), 0);
		ck_assert_msg(n > 0, "%zu bytes did not come: %zd", len, n);
		ck_assert_mem_eq(got, want, (size_t)n);
		want = (const uint8_t *)want + n;
		len -= (size_t)n;
	}
}

static inline void host_expect_end(int fd)
{
	char byte;

	loop_poll(&world.loop, 1000);
	ck_assert_int_eq(recv(fd, &byte, 1, 0), 0);
}

static inline void host_expect_nothing(int fd)
{
	char byte;

	loop_poll(&world.loop, 1000);
	ck_assert_int_eq(recv(fd, &byte, 1, 0), -1);
	ck_assert_int_eq(errno, EAGAIN);
}

/* --- connections ------------------------------------------------------------------------------ */

/* From GUEST_PORT + n to the host's port 1000, whose listener is given; the program's end. */
static inline int open_from_guest(int listener, uint32_t n)
{
	send_op(VIRTIO_VSOCK_OP_REQUEST, 1000, GUEST_PORT + n);
	expect_op(VIRTIO_VSOCK_OP_RESPONSE, 1000, GUEST_PORT + n);
	return host_accept(listener);
}

/* From a program to the guest's port 52. */
static inline int open_from_host(uint32_t *host_port)
{
	int fd = host_connect("CONNECT 52\n");
	struct virtio_vsock_hdr p;
	char ok[32];

	ck_assert(receive(&p, NULL));
	ck_assert_uint_eq(p.op, VIRTIO_VSOCK_OP_REQUEST);
	*host_port = p.src_port;
	send_op(VIRTIO_VSOCK_OP_RESPONSE, *host_port, 52);
	snprintf(ok, sizeof(ok), "OK %u\n", *host_port);
	host_expect(fd, ok, strlen(ok));
	return fd;
}

static inline void pattern(uint8_t *data, size_t len, uint32_t seed)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)((i + seed) * 2654435761u >> 13);
}

/* Lets the device's clock tick. */
static inline void wait_ms(unsigned int ms)
{
	usleep(ms * 1000);
	loop_poll(&world.loop, 1000);
}

static inline int vsock_create(struct virtio_device **dev, char *at)
{
	static struct vmm_config config;

	config.vsock = (struct config_vsock){.present = true, .cid = CID, .path = at};
	return virtio_create(dev, &virtio_vsock, &world.host, &config, 0, &err);
}

static inline void start(void)
{
	struct virtio_device *dev;

	ck_assert_msg(vsock_create(&dev, path) == 0, "%s", err.text);
	vsock = (struct vsock *)dev;
	driver_attach(&d, &world, dev);
	driver_start(&d, 1ULL << VIRTIO_RING_F_INDIRECT_DESC, QUEUE_LEN);
	tx_gpa = driver_alloc(&d, TX_LEN);
	refill = true;
}

/* The same with receive buffers. */
static inline void setup_started(void)
{
	world_setup(&world, false);
	start();
	give_buffers(RX_BUFFERS);
}

static inline void teardown_started(void)
{
	driver_detach(&d);
	world_teardown(&world);
}

/* A folder for the sockets, around all tests of a case: each of them is a process of its own. */
static inline void make_folder(void)
{
	strcpy(dir, "/tmp/vsock-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/v", dir);
}

static inline void remove_folder(void)
{
	static const char *const names[] = {"v", "v_1000", "v_1001"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char name[80];

		snprintf(name, sizeof(name), "%s/%s", dir, names[i]);
		unlink(name);
	}
	if (rmdir(dir) < 0) {
		perror(dir);
		exit(EXIT_FAILURE);
	}
}

#endif
