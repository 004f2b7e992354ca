// SPDX-License-Identifier: MIT
#include "vmm/base/bytes.h"
#include "vmm/virtio/vsock_internal.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <stdlib.h>

#define QUEUES	   3 /* the third is for events, of which there are none without migration */
#define QUEUE_SIZE 256

/* --- packets of the guest (section 5.10.6) ---------------------------------------------------- */

static void decode(const uint8_t raw[VSOCK_HEADER], struct vsock_packet *p)
{
	*p = (struct vsock_packet){
		.src_cid = get_le64(raw),
		.dst_cid = get_le64(raw + 8),
		.src_port = get_le32(raw + 16),
		.dst_port = get_le32(raw + 20),
		.len = get_le32(raw + 24),
		.type = get_le16(raw + 28),
		.op = get_le16(raw + 30),
		.flags = get_le32(raw + 32),
		.buf_alloc = get_le32(raw + 36),
		.fwd_cnt = get_le32(raw + 40),
	};
}

/* Is it from the guest, to the host, and of the only type on offer? */
static bool is_for_us(const struct vsock *v, const struct vsock_packet *p)
{
	return p->src_cid == v->cid && p->dst_cid == VMADDR_CID_HOST &&
	       p->type == VIRTIO_VSOCK_TYPE_STREAM;
}

/* A packet of an existing connection. */
static void take(struct vsock_conn *c, const struct vsock_packet *p,
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

static void take_chain(struct vsock *v, const struct virtq_chain *chain, struct vsock_packet *p)
{
	uint8_t raw[VSOCK_HEADER];
	struct vsock_conn *c;

	*p = (struct vsock_packet){0};
	if (chain_read(chain, 0, raw, sizeof(raw)) < sizeof(raw)) {
		virtio_complain(&v->virtio, "a packet is shorter than its header");
		return;
	}
	decode(raw, p);
	c = is_for_us(v, p) ? vsock_find(v, p->dst_port, p->src_port) : NULL;
	if (p->len > chain->read_len - sizeof(raw)) {
		virtio_complain(&v->virtio, "a packet has less than the %u bytes it claims",
				p->len);
		p->len = 0;
		p->op = VIRTIO_VSOCK_OP_INVALID;
	}
	if (c)
		take(c, p, chain);
	else if (is_for_us(v, p) && p->op == VIRTIO_VSOCK_OP_REQUEST)
		vsock_connect(v, p);
	else if (p->op != VIRTIO_VSOCK_OP_RST)
		vsock_reply_reset(v, p);
}

/* Work off what the guest sends, and leave when others have waited for long enough. */
static void serve_tx(struct vsock *v)
{
	struct virtq *q = &v->virtio.queue[VSOCK_TX];
	struct virtq_chain *chain = v->virtio.chain;
	uint64_t work = 0;

	do {
		while (work < VSOCK_TURN && vsock_can_reply(v) && virtq_pop(q, chain) > 0) {
			struct vsock_packet p;

			take_chain(v, chain, &p);
			work += 1 + p.len / KIB(4);
			virtq_put(q, chain, 0);
		}
		virtq_publish(q);
		if (!vsock_can_reply(v)) {
			v->tx_waits = true; /* vsock_pump() goes on with it */
			return;
		}
		if (work >= VSOCK_TURN) {
			virtq_again(q);
			return;
		}
	} while (virtq_rearm(q));
}

/* --- the device ------------------------------------------------------------------------------- */

static struct vsock *self(struct virtio_device *dev)
{
	return (struct vsock *)((char *)dev - offsetof(struct vsock, virtio));
}

static void notify(struct virtio_device *dev, unsigned int queue)
{
	struct vsock *v = self(dev);

	if (queue == VSOCK_TX)
		serve_tx(v);
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

static void destroy(struct virtio_device *dev)
{
	struct vsock *v = self(dev);

	vsock_mux_close(v);
	virtio_destroy(dev);
	free(v);
}

static const struct virtio_ops ops = {
	.name = "vsock",
	.id = VIRTIO_ID_VSOCK,
	.activate = activate,
	.notify = notify,
	.reset = reset,
	.destroy = destroy,
};

int virtio_vsock_create(struct virtio_device **dev, struct virtio_host *host, uint32_t cid,
			const char *path, struct vmm_error *err)
{
	struct vsock *v = calloc(1, sizeof(*v));
	int ret;

	*dev = NULL;
	if (!v)
		return vmm_error_errno(err, -ENOMEM, "unable to allocate a device");
	v->cid = cid;
	v->path = path;
	put_le64(v->config, cid);
	vsock_mux_init(v);
	ret = virtio_init(&v->virtio, &ops, host, "vsock", QUEUES, QUEUE_SIZE, err);
	if (ret == 0) {
		v->virtio.config = v->config;
		v->virtio.config_len = sizeof(v->config);
		ret = vsock_mux_open(v, err);
	}
	if (ret < 0) {
		destroy(&v->virtio);
		return ret;
	}
	*dev = &v->virtio;
	return 0;
}
