// SPDX-License-Identifier: MIT
/*
 * Packets to the guest. Connections that have something to send wait in a row; each in its turn
 * sends one packet without data, or as many with data as one read from its socket fills. The bytes
 * go from the socket straight into the guest's buffers, with room left for the headers.
 */
#include "vmm/base/bytes.h"
#include "vmm/virtio/vsock_internal.h"

#include <errno.h>
#include <linux/vm_sockets.h>

static void encode(const struct vsock_packet *p, uint8_t raw[VSOCK_HEADER])
{
	put_le64(raw, p->src_cid);
	put_le64(raw + 8, p->dst_cid);
	put_le32(raw + 16, p->src_port);
	put_le32(raw + 20, p->dst_port);
	put_le32(raw + 24, p->len);
	put_le16(raw + 28, p->type);
	put_le16(raw + 30, p->op);
	put_le32(raw + 32, p->flags);
	put_le32(raw + 36, p->buf_alloc);
	put_le32(raw + 40, p->fwd_cnt);
}

static struct virtq *queue(struct vsock *v)
{
	return &v->virtio.queue[VSOCK_RX];
}

/* --- receive buffers -------------------------------------------------------------------------- */

/* 1, 0 when the guest has no buffer for us, or a negative errno when the device is broken */
static int pop(struct vsock *v, struct virtq_chain *chain)
{
	int ret = virtq_pop(queue(v), chain);

	if (ret <= 0 || chain->write_len > VSOCK_HEADER)
		return ret;
	virtio_broken(&v->virtio, "a receive buffer of %zu bytes has no room for a packet",
		      chain->write_len);
	virtq_drop(chain);
	return -EPROTO;
}

static void unpop(struct vsock *v, struct virtq_chain *chain)
{
	virtq_drop(chain);
	virtq_unpop(queue(v));
}

/* Sends a packet whose data is in its place already. */
static void put(struct vsock *v, struct virtq_chain *chain, const struct vsock_packet *p)
{
	uint8_t raw[VSOCK_HEADER];

	encode(p, raw);
	chain_write(chain, 0, raw, sizeof(raw));
	virtq_put(queue(v), chain, VSOCK_HEADER + p->len);
}

/* --- replies ---------------------------------------------------------------------------------- */

bool vsock_can_reply(const struct vsock *v)
{
	return v->nreplies < VSOCK_REPLIES;
}

void vsock_reply_reset(struct vsock *v, const struct vsock_packet *to)
{
	v->reply[(v->reply_at + v->nreplies++) % VSOCK_REPLIES] = (struct vsock_packet){
		.src_cid = to->dst_cid,
		.dst_cid = to->src_cid,
		.src_port = to->dst_port,
		.dst_port = to->src_port,
		.type = to->type,
		.op = VIRTIO_VSOCK_OP_RST,
	};
}

static void send_reply(struct vsock *v, struct virtq_chain *chain)
{
	put(v, chain, &v->reply[v->reply_at]);
	v->reply_at = (v->reply_at + 1) % VSOCK_REPLIES;
	v->nreplies--;
	if (v->tx_waits) {
		v->tx_waits = false;
		virtq_again(&v->virtio.queue[VSOCK_TX]);
	}
}

/* --- what connections send -------------------------------------------------------------------- */

/* Each packet tells how much the guest may send. */
static void start_packet(struct vsock_conn *c, uint16_t op, struct vsock_packet *p)
{
	*p = (struct vsock_packet){
		.src_cid = VMADDR_CID_HOST,
		.dst_cid = c->v->cid,
		.src_port = c->host_port,
		.dst_port = c->guest_port,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
		.op = op,
		.buf_alloc = c->alloc,
		.fwd_cnt = c->forwarded,
	};
	c->told = c->forwarded;
	c->wants &= ~(uint32_t)VSOCK_WANT_CREDIT;
}

static uint16_t op_of(uint32_t want)
{
	switch (want) {
	case VSOCK_WANT_RST:
		return VIRTIO_VSOCK_OP_RST;
	case VSOCK_WANT_REQUEST:
		return VIRTIO_VSOCK_OP_REQUEST;
	case VSOCK_WANT_RESPONSE:
		return VIRTIO_VSOCK_OP_RESPONSE;
	case VSOCK_WANT_SHUTDOWN:
		return VIRTIO_VSOCK_OP_SHUTDOWN;
	case VSOCK_WANT_ASK:
		return VIRTIO_VSOCK_OP_CREDIT_REQUEST;
	default:
		return VIRTIO_VSOCK_OP_CREDIT_UPDATE;
	}
}

/* The first packet without data of those that the connection wants to send. */
static void send_control(struct vsock_conn *c, struct virtq_chain *chain)
{
	uint32_t want = c->wants & -c->wants;
	struct vsock_packet p;

	start_packet(c, op_of(want), &p);
	if (want == VSOCK_WANT_SHUTDOWN)
		p.flags = c->host_shut;
	put(c->v, chain, &p);
	c->wants &= ~want;
	if (want == VSOCK_WANT_RST)
		vsock_forget(c);
	else
		vsock_schedule(c);
}

/* The places for data in one more buffer, `limit` bytes at most. */
static size_t add_room(struct vsock *v, const struct virtq_chain *chain, size_t limit,
		       unsigned int *niov)
{
	size_t room = chain->write_len - VSOCK_HEADER;

	if (room > limit)
		room = limit;
	*niov += iov_slice(chain->write, chain->nwrite, VSOCK_HEADER, room, v->iov + *niov);
	return room;
}

/* Sends n bytes that were read into `chain[0]` and those behind it; gives back the rest of the
 * `nchains`. Returns how many have bytes. */
static unsigned int put_data(struct vsock_conn *c, unsigned int nchains, size_t n)
{
	struct vsock *v = c->v;
	unsigned int used;

	for (used = 0; used < nchains && n > 0; used++) {
		size_t len = v->chains[used].write_len - VSOCK_HEADER;
		struct vsock_packet p;

		if (len > n)
			len = n;
		n -= len;
		start_packet(c, VIRTIO_VSOCK_OP_RW, &p);
		p.len = (uint32_t)len;
		c->sent += p.len;
		put(v, &v->chains[used], &p);
	}
	while (nchains > used)
		unpop(v, &v->chains[--nchains]);
	return used;
}

/* How many buffers to prepare for the next read after one that filled `used` of them, all that there
 * were if it was `full`: more for a connection that sends much. What is left of a large piece is no
 * sign of the next one being small, so the number goes down by steps. */
static unsigned int next_batch(unsigned int batch, unsigned int used, bool full)
{
	if (full)
		return used * 2 < VSOCK_BATCH ? used * 2 : VSOCK_BATCH;
	return used > 0 && batch > used * 2 ? batch - batch / 4 : batch;
}

/* The first chain is taken already. Returns the units of work, or a negative errno. */
static int send_data(struct vsock_conn *c)
{
	struct vsock *v = c->v;
	size_t limit = vsock_credit(c), room, n;
	unsigned int nchains = 1, niov = 0;
	int ret = 1;

	if (limit > VSOCK_READ)
		limit = VSOCK_READ;
	room = add_room(v, &v->chains[0], limit, &niov);
	/* a connection that sends little does not pay for the search of many buffers */
	while (nchains < c->batch && room < limit && niov <= VIRTQ_MAX_CHAIN) {
		ret = pop(v, &v->chains[nchains]);
		if (ret <= 0)
			break;
		room += add_room(v, &v->chains[nchains++], limit - room, &niov);
	}
	if (ret < 0) {
		while (nchains > 0)
			unpop(v, &v->chains[--nchains]);
		return ret;
	}
	n = vsock_read(c, v->iov, niov, room);
	c->batch = next_batch(c->batch, put_data(c, nchains, n), n == room);
	virtq_show(queue(v)); /* a guest that is at work goes on with it */
	vsock_schedule(c);
	return (int)(1 + n / KIB(4));
}

/* --- all of it -------------------------------------------------------------------------------- */

/* The next in the row sends something: units of work, 0 when the guest has no buffers. */
static int turn(struct vsock *v)
{
	struct virtq_chain *chain = &v->chains[0];
	struct vsock_conn *c;
	int ret = pop(v, chain);

	if (ret <= 0)
		return ret;
	if (v->nreplies > 0) {
		send_reply(v, chain);
		return 1;
	}
	c = TAILQ_FIRST(&v->pending);
	TAILQ_REMOVE(&v->pending, c, in_pending);
	TAILQ_INSERT_TAIL(&v->pending, c, in_pending);
	if (!(c->wants & ~(uint32_t)VSOCK_WANT_CREDIT) && vsock_has_data(c) && vsock_credit(c) > 0)
		return send_data(c);
	send_control(c, chain);
	return 1;
}

static bool has_work(const struct vsock *v)
{
	return v->nreplies > 0 || !TAILQ_EMPTY(&v->pending);
}

void vsock_pump(struct vsock *v)
{
	int work = 0;

	if (!virtio_runs(&v->virtio))
		return;
	while (has_work(v)) {
		int ret = turn(v);

		if (ret < 0)
			return;
		work += ret;
		if (work >= VSOCK_TURN) {
			virtq_again(queue(v));
			break;
		}
		/* without buffers: on with it when the guest has made some available */
		if (ret == 0 && !virtq_rearm(queue(v)))
			break;
	}
	virtq_publish(queue(v));
}
