// SPDX-License-Identifier: MIT
/*
 * The vsock device between a hostile guest and programs of the host that do anything a program may.
 * Since chance makes no packets, one kind of event puts a well-formed one into the transmit queue,
 * and another gives receive buffers.
 */
#include "tests/fuzz/virtio_fuzz.h"
#include "vmm/virtio/vsock_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CID	 3
#define PROGRAMS 4
#define PORT	 1	/* of the host, where somebody listens */
#define PACKETS	 0x8000 /* gpa of packets, and of receive buffers behind them */

static struct {
	char dir[32];
	char path[40];
	int listener;
	int program[PROGRAMS];
	uint32_t packets, buffers; /* so far */
} host = {.dir = "/tmp/fuzz-vsock-XXXXXX", .listener = -1};

enum event {
	EVENT_PACKET,
	EVENT_BUFFERS,
	EVENT_COME,   /* a program connects and says something */
	EVENT_ACCEPT, /* the listener takes a call */
	EVENT_SEND,
	EVENT_RECEIVE,
	EVENT_SHUTDOWN,
	EVENT_CLOSE,
	EVENT_TIME, /* all deadlines are over */
	EVENTS,
};

static struct sockaddr_un address(const char *suffix)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s%s", host.path, suffix);
	return addr;
}

static void cleanup(void)
{
	unlink(address("_1").sun_path);
	rmdir(host.dir);
}

static int create(struct virtio_device **dev, struct virtio_host *vhost)
{
	static struct vmm_config config;

	if (host.listener < 0) {
		struct sockaddr_un addr;

		fuzz_require(mkdtemp(host.dir) != NULL);
		snprintf(host.path, sizeof(host.path), "%s/v", host.dir);
		addr = address("_1");
		host.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		fuzz_require(bind(host.listener, (struct sockaddr *)&addr, sizeof(addr)) == 0);
		fuzz_require(listen(host.listener, 2) == 0);
		atexit(cleanup);
	}
	for (int i = 0; i < PROGRAMS; i++)
		host.program[i] = -1;
	host.packets = host.buffers = 0;
	config.vsock = (struct config_vsock){.present = true, .cid = CID, .path = host.path};
	return virtio_create(dev, &virtio_vsock, vhost, &config, 0, NULL);
}

/* One descriptor more, as a driver would add it. */
static void offer(struct virtio_device *dev, unsigned int q, uint64_t gpa, uint32_t len, bool write)
{
	struct vfuzz *f =
		(struct vfuzz *)((char *)(uintptr_t)dev->host - offsetof(struct vfuzz, host));
	uint64_t base = (1 + q) * PAGE_SIZE;
	uint8_t raw[16] = {0};

	put_le64(raw, gpa);
	put_le32(raw + 8, len);
	put_le16(raw + 12, write ? VRING_DESC_F_WRITE : 0);
	vfuzz_store(f, base + 16u * f->next_desc[q], raw, sizeof(raw));
	vfuzz_store16(f, base + VFUZZ_AVAIL + 4 + 2u * (f->next_avail[q] % VFUZZ_QUEUE_LEN),
		      f->next_desc[q]);
	vfuzz_store16(f, base + VFUZZ_AVAIL + 2, ++f->next_avail[q]);
	f->next_desc[q] = (uint16_t)((f->next_desc[q] + 1) % VFUZZ_QUEUE_LEN);
}

/* Bytes: operation, flags, ports, credit, length. Ports are few, so that packets meet. */
static void send_packet(struct virtio_device *dev, const uint8_t *b, size_t len)
{
	struct vfuzz *f =
		(struct vfuzz *)((char *)(uintptr_t)dev->host - offsetof(struct vfuzz, host));
	uint64_t gpa = PACKETS + host.packets++ % 16 * 0x400;
	uint8_t raw[VSOCK_HEADER] = {0};
	uint32_t data;

	if (len < 8)
		return;
	data = (uint32_t)get_le16(b + 6) % 0x800;
	put_le64(raw, CID);
	put_le64(raw + 8, 2);
	put_le32(raw + 16, 50 + b[2] % 4);
	put_le32(raw + 20, b[3] & 4 ? PORT : VSOCK_FIRST_PORT + b[3] % 4);
	put_le32(raw + 24, (b[0] & 15) == VIRTIO_VSOCK_OP_RW ? data : 0);
	put_le16(raw + 28, VIRTIO_VSOCK_TYPE_STREAM);
	put_le16(raw + 30, b[0] & 15);
	put_le32(raw + 32, b[1]);
	put_le32(raw + 36, b[4] & 1 ? 0x10000 : b[4]);
	put_le32(raw + 40, b[5]);
	vfuzz_store(f, gpa, raw, sizeof(raw));
	offer(dev, VSOCK_TX, gpa, VSOCK_HEADER + data, false);
	vfuzz_write(f, VIRTIO_MMIO_QUEUE_NOTIFY, VSOCK_TX);
}

static void give_buffers(struct virtio_device *dev, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		offer(dev, VSOCK_RX, PACKETS + 0x4000 + host.buffers++ % 16 * 0x400, 0x400, true);
	vfuzz_write((struct vfuzz *)((char *)(uintptr_t)dev->host - offsetof(struct vfuzz, host)),
		    VIRTIO_MMIO_QUEUE_NOTIFY, VSOCK_RX);
}

static void close_program(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void come(int *fd, const uint8_t *b, size_t len)
{
	struct sockaddr_un addr = address("");
	char line[32];
	int n = snprintf(line, sizeof(line), "CONNECT %u\n", len > 0 ? 50 + b[0] % 4 : 0);

	close_program(fd);
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (connect(*fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return;
	if (len > 1 && b[1] & 1)
		send(*fd, b + 1, len - 1, MSG_NOSIGNAL);
	else
		send(*fd, line, (size_t)n, MSG_NOSIGNAL);
}

static void forget_time(struct vsock *v)
{
	struct vsock_conn *c;

	TAILQ_FOREACH(c, &v->timed, in_timed)
	c->deadline_ms = 0;
	if (v->ticking)
		v->tick.expired(&v->tick);
}

static void event(struct virtio_device *dev, const uint8_t *bytes, size_t len)
{
	static char page[KIB(64)];
	int *fd;

	if (len < 2)
		return;
	fd = &host.program[bytes[1] % PROGRAMS];
	switch (bytes[0] % EVENTS) {
	case EVENT_PACKET:
		send_packet(dev, bytes + 2, len - 2);
		break;
	case EVENT_BUFFERS:
		give_buffers(dev, bytes[1] % 16);
		break;
	case EVENT_COME:
		come(fd, bytes + 2, len - 2);
		break;
	case EVENT_ACCEPT:
		close_program(fd);
		*fd = accept4(host.listener, NULL, NULL, SOCK_NONBLOCK);
		break;
	case EVENT_SEND:
		send(*fd, page, len > 2 ? (size_t)bytes[2] * 64 : 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		break;
	case EVENT_RECEIVE:
		recv(*fd, page, sizeof(page), MSG_DONTWAIT);
		break;
	case EVENT_SHUTDOWN:
		shutdown(*fd, bytes[1] >> 4 & 1 ? SHUT_WR : SHUT_RD);
		break;
	case EVENT_CLOSE:
		close_program(fd);
		break;
	case EVENT_TIME:
		forget_time((struct vsock *)dev);
		break;
	}
	loop_poll(dev->loop, 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct vfuzz_kind kind = {.create = create, .event = event};
	int call;

	vfuzz_run(&kind, data, size);
	for (int i = 0; i < PROGRAMS; i++)
		close_program(&host.program[i]);
	while ((call = accept4(host.listener, NULL, NULL, SOCK_NONBLOCK)) >= 0)
		close(call);
	return 0;
}
