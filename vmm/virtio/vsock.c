// SPDX-License-Identifier: MIT
/*
 * Sockets between host and guest (virtio 1.2, section 5.10). Programs of the host see Unix sockets:
 *
 *	guest to host	a connection to CID 2, port P, goes to whoever listens at PATH_P
 *	host to guest	a program connects to PATH and sends "CONNECT P\n"; when the guest has
 *			accepted it is told "OK Q\n", with Q the host's port, and the stream
 *			begins; when the guest refuses, the connection is closed
 *
 * Connections that have something to send wait in a row; each in its turn sends one packet without
 * data, or as many with data as one read from its socket fills. The bytes go from the socket straight
 * into the guest's buffers, with room left for the headers.
 */
#include "vmm/virtio/vsock_internal.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <stdlib.h>

#define QUEUES	   3 /* the third is for events, of which there are none without migration */
#define QUEUE_SIZE 256

static struct vsock *self(struct virtio_device *dev)
{
	return container_of(dev, struct vsock, virtio);
}

/* --- packets of the guest (section 5.10.6) ---------------------------------------------------- */

/* Is it from the guest, to the host, and of the only type on offer? */
static bool is_for_us(const struct vsock *v, const struct virtio_vsock_hdr *p)
{
	return p->src_cid == v->cid && p->dst_cid == VMADDR_CID_HOST &&
	       p->type == VIRTIO_VSOCK_TYPE_STREAM;
}

/* A packet of an existing connection. */
static void take(struct vsock_conn *c, const struct virtio_vsock_hdr *p,
		 const struct virtq_chain *chain)
{
	/* the guest may send what it likes until it has seen the RST */
	if (c->state == VSOCK_DEAD || c->state == VSOCK_DRAINING) {
		if (p->op == VIRTIO_VSOCK_OP_RST)
			vsock_forget(c);
		return;
	}
	vsock_take_credit(c, p);
	switch (p->op) {
	case VIRTIO_VSOCK_OP_RESPONSE:
		vsock_accepted(c);
		break;
	case VIRTIO_VSOCK_OP_RST:
		vsock_forget(c);
		break;
	case VIRTIO_VSOCK_OP_SHUTDOWN:
		vsock_take_shutdown(c, p->flags);
		break;
	case VIRTIO_VSOCK_OP_RW:
		vsock_take_data(c, chain, p->len);
		break;
	case VIRTIO_VSOCK_OP_CREDIT_UPDATE:
		vsock_schedule(c);
		break;
	case VIRTIO_VSOCK_OP_CREDIT_REQUEST:
		if (c->state == VSOCK_OPEN)
			c->wants |= VSOCK_WANT_CREDIT;
		vsock_schedule(c);
		break;
	default: /* REQUEST, too: there is a connection already */
		vsock_reset(c);
		break;
	}
}

/* A packet; < 0: not now, it is the others' turn, or there is no room for an answer. */
static int take_packet(struct virtio_device *dev, struct virtq *q, struct virtq_chain *chain)
{
	struct vsock *v = self(dev);
	struct virtio_vsock_hdr p;
	struct vsock_conn *c;

	v->tx_waits = v->nreplies == VSOCK_REPLIES; /* vsock_pump() goes on with it */
	if (v->work >= VSOCK_TURN)
		virtq_kick(q);
	if (v->tx_waits || v->work >= VSOCK_TURN)
		return -1;
	v->work++;
	if (chain_read(chain, 0, &p, sizeof(p)) < sizeof(p)) {
		virtio_complain(dev, "a packet is shorter than its header");
		return 0;
	}
	c = is_for_us(v, &p) ? vsock_find(v, p.dst_port, p.src_port) : NULL;
	if (p.len > chain->read_len - sizeof(p)) {
		virtio_complain(dev, "a packet has less than the %u bytes it claims", p.len);
		p.len = 0;
		p.op = VIRTIO_VSOCK_OP_INVALID;
	}
	v->work += p.len / (unsigned int)KIB(4);
	if (c)
		take(c, &p, chain);
	else if (is_for_us(v, &p) && p.op == VIRTIO_VSOCK_OP_REQUEST)
		vsock_connect(v, &p);
	else if (p.op != VIRTIO_VSOCK_OP_RST)
		vsock_reply_reset(v, &p);
	return 0;
}

static struct virtq *queue(struct vsock *v)
{
	return &v->virtio.queue[VSOCK_RX];
}

/* --- packets to the guest: receive buffers --------------------------------------------------- */

/* 1, 0 when the guest has no buffer for us, or a negative errno when the device is broken */
static int pop(struct vsock *v, struct virtq_chain *chain)
{
	int ret = virtq_pop(queue(v), chain);

	if (ret <= 0 || chain->write_len > VSOCK_HEADER)
		return ret;
	virtio_broken(&v->virtio, "a receive buffer of %zu bytes has no room for a packet",
		      chain->write_len);
	virtq_unpin(chain);
	return -EPROTO;
}

/* Sends a packet whose data is in its place already. */
static void put(struct vsock *v, struct virtq_chain *chain, const struct virtio_vsock_hdr *p)
{
	chain_write(chain, 0, p, sizeof(*p));
	virtq_push(queue(v), chain, (uint32_t)sizeof(*p) + p->len);
}

/* --- replies ---------------------------------------------------------------------------------- */

void vsock_reply_reset(struct vsock *v, const struct virtio_vsock_hdr *to)
{
	v->reply[(v->reply_at + v->nreplies++) % VSOCK_REPLIES] = (struct virtio_vsock_hdr){
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
		virtq_kick(&v->virtio.queue[VSOCK_TX]);
	}
}

/* --- what connections send -------------------------------------------------------------------- */

/* Each packet tells how much the guest may send. */
static void start_packet(struct vsock_conn *c, uint16_t op, struct virtio_vsock_hdr *p)
{
	*p = (struct virtio_vsock_hdr){
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

static const uint16_t op_of[] = {
	[VSOCK_WANT_RST] = VIRTIO_VSOCK_OP_RST,
	[VSOCK_WANT_REQUEST] = VIRTIO_VSOCK_OP_REQUEST,
	[VSOCK_WANT_RESPONSE] = VIRTIO_VSOCK_OP_RESPONSE,
	[VSOCK_WANT_SHUTDOWN] = VIRTIO_VSOCK_OP_SHUTDOWN,
	[VSOCK_WANT_ASK] = VIRTIO_VSOCK_OP_CREDIT_REQUEST,
	[VSOCK_WANT_CREDIT] = VIRTIO_VSOCK_OP_CREDIT_UPDATE,
};

/* The first packet without data of those that the connection wants to send. */
static void send_control(struct vsock_conn *c, struct virtq_chain *chain)
{
	uint32_t want = c->wants & -c->wants;
	struct virtio_vsock_hdr p;

	start_packet(c, op_of[want], &p);
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
		struct virtio_vsock_hdr p;

		if (len > n)
			len = n;
		n -= len;
		start_packet(c, VIRTIO_VSOCK_OP_RW, &p);
		p.len = (uint32_t)len;
		c->sent += p.len;
		put(v, &v->chains[used], &p);
	}
	while (nchains > used)
		virtq_unpop(queue(v), &v->chains[--nchains]);
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
			virtq_unpop(queue(v), &v->chains[--nchains]);
		return ret;
	}
	n = vsock_read(c, v->iov, niov, room);
	c->batch = next_batch(c->batch, put_data(c, nchains, n), n == room);
	virtq_flush(queue(v)); /* a guest that is at work goes on with it */
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
	struct virtq *q = queue(v);
	int work = 0, ret = 1;

	if (!virtio_runs(&v->virtio))
		return;
	while (has_work(v) && work < VSOCK_TURN && ret > 0) {
		ret = turn(v);
		work += ret;
		/* without buffers: on with it when the guest has made some available */
		if (ret == 0)
			ret = virtio_done(q);
	}
	virtio_notify(q);
	if (work >= VSOCK_TURN)
		virtq_kick(q);
}

/* --- the device ------------------------------------------------------------------------------- */

static void kick(struct virtio_device *dev, struct virtq *q)
{
	struct vsock *v = self(dev);

	v->work = 0;
	if (q->index == VSOCK_TX)
		virtio_serve(q, take_packet);
	vsock_pump(v);
}

static int activate(struct virtio_device *dev)
{
	struct vsock *v = self(dev);

	v->chains = malloc(VSOCK_BATCH * sizeof(*v->chains));
	if (!v->chains)
		return -ENOMEM;
	vsock_accept(v, true);
	return 0;
}

/* A driver that starts over knows of no connection: they end for the host only. */
static void reset(struct virtio_device *dev)
{
	struct vsock *v = self(dev);

	vsock_accept(v, false);
	while (!TAILQ_EMPTY(&v->all))
		vsock_free(TAILQ_FIRST(&v->all));
	v->nreplies = 0;
	v->tx_waits = false;
	free(v->chains);
	v->chains = NULL;
}

static size_t count(const struct vmm_config *config)
{
	return config->vsock.present;
}

static int open_vsock(struct virtio_device *dev, const struct vmm_config *config, size_t index,
		      struct vmm_error *err)
{
	struct vsock *v = self(dev);
	int ret;

	(void)index;
	v->cid = config->vsock.cid;
	v->path = config->vsock.path;
	v->config.guest_cid = v->cid;
	dev->config = &v->config;
	dev->config_len = sizeof(v->config);
	ret = vsock_mux_open(v, err);
	return ret < 0 ? ret : virtio_queues(dev, QUEUES, QUEUE_SIZE, err);
}

static void close_vsock(struct virtio_device *dev)
{
	vsock_mux_close(self(dev));
}

const struct virtio_ops virtio_vsock = {
	.name = "vsock",
	.id = VIRTIO_ID_VSOCK,
	.size = sizeof(struct vsock),
	.count = count,
	.open = open_vsock,
	.activate = activate,
	.kick = kick,
	.reset = reset,
	.close = close_vsock,
};
