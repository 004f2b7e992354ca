// SPDX-License-Identifier: MIT
/*
 * The socket device (virtio 1.2, section 5.10): a connection to port 1234 of the host, where a
 * program gives a stream back inverted, byte for byte, once it has ended.
 */
#include "tests/guests/cc/virtio.h"

#include <linux/virtio_vsock.h>

#define RX	  0
#define TX	  1
#define HOST	  2 /* CID */
#define HOST_PORT 1234
#define HDR	  sizeof(struct virtio_vsock_hdr)
#define PIECE	  1000	       /* bytes of data in a packet of ours */
#define ROOM	  (256 * 1024) /* what the host may send us unasked */
#define BOTH	  (VIRTIO_VSOCK_SHUTDOWN_RCV | VIRTIO_VSOCK_SHUTDOWN_SEND)

static volatile struct virtio_vsock_hdr *const out = (volatile void *)BUFFER_PAGE;
static const volatile struct virtio_vsock_hdr *const in = (const volatile void *)RECEIVE_PAGE;
static uint32_t our_port;
static uint32_t taken; /* bytes */
static uint32_t shut;  /* VIRTIO_VSOCK_SHUTDOWN_* of the host */

static int64_t send(uint16_t op, uint32_t len, uint32_t flags)
{
	out->src_cid = virtio_read(VIRTIO_MMIO_CONFIG);
	out->dst_cid = HOST;
	out->src_port = our_port;
	out->dst_port = HOST_PORT;
	out->len = len;
	out->type = VIRTIO_VSOCK_TYPE_STREAM;
	out->op = op;
	out->flags = flags;
	out->buf_alloc = ROOM;
	out->fwd_cnt = taken;
	virtio_describe(TX, 0, BUFFER_PAGE, (uint32_t)HDR + len, 0);
	virtio_offer(TX);
	return virtio_wait(TX);
}

/* The next packet that is about more than credit. */
static void receive(void)
{
	do {
		int64_t len;

		virtio_describe(RX, 0, RECEIVE_PAGE, GUEST_PAGE_SIZE, VRING_DESC_F_WRITE);
		virtio_offer(RX);
		len = virtio_wait(RX);
		if (len < (int64_t)HDR || len != (int64_t)(HDR + in->len))
			fail("a packet of %u bytes claims %u", (uint64_t)len, (uint64_t)in->len);
		if (in->src_cid != HOST || in->src_port != HOST_PORT || in->dst_port != our_port)
			fail("a packet from %u:%u for port %u", (uint64_t)in->src_cid,
			     (uint64_t)in->src_port, (uint64_t)in->dst_port);
	} while (in->op == VIRTIO_VSOCK_OP_CREDIT_UPDATE);
}

static void send_piece(uint64_t *random)
{
	volatile uint8_t *data = (volatile uint8_t *)BUFFER_PAGE + HDR;

	for (size_t i = 0; i < PIECE; i++)
		data[i] = (uint8_t)random_next(random);
	send(VIRTIO_VSOCK_OP_RW, PIECE, 0);
}

/* A packet with data, or about what the program does no more. */
static void take(uint64_t *random)
{
	const volatile uint8_t *data = (const volatile uint8_t *)RECEIVE_PAGE + HDR;

	receive();
	if (in->op == VIRTIO_VSOCK_OP_SHUTDOWN)
		shut |= in->flags;
	else if (in->op != VIRTIO_VSOCK_OP_RW)
		fail("operation %u comes", (uint64_t)in->op);
	for (uint32_t i = 0; i < in->len; i++)
		if (data[i] != (uint8_t)~random_next(random))
			fail("byte %u of the answer is %x", (uint64_t)(taken + i),
			     (uint64_t)data[i]);
	taken += in->len;
}

/* A connection with n packets. */
static void works(uint64_t n)
{
	uint64_t sent = 1, answered = 1; /* states of the same sequence */

	our_port++;
	taken = shut = 0;
	send(VIRTIO_VSOCK_OP_REQUEST, 0, 0);
	receive();
	if (in->op != VIRTIO_VSOCK_OP_RESPONSE)
		fail("the call is answered with operation %u", (uint64_t)in->op);
	if (n * PIECE > in->buf_alloc)
		fail("there is room for %u bytes only", (uint64_t)in->buf_alloc);
	for (uint64_t i = 0; i < n; i++)
		send_piece(&sent);
	send(VIRTIO_VSOCK_OP_SHUTDOWN, 0, VIRTIO_VSOCK_SHUTDOWN_SEND);
	while ((shut & BOTH) != BOTH)
		take(&answered);
	if (taken != n * PIECE)
		fail("%u bytes of %u came back", (uint64_t)taken, n * PIECE);
	send(VIRTIO_VSOCK_OP_RST, 0, 0);
}

/* An RST is never answered. */
static int64_t once(void)
{
	return send(VIRTIO_VSOCK_OP_RST, 0, 0);
}

const struct virtio_case virtio_vsock = {VIRTIO_ID_VSOCK, 2, works, once};
