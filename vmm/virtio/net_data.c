// SPDX-License-Identifier: MIT
/* The network device's frames: from guest to host and back. */
#include "vmm/virtio/net_internal.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/epoll.h>

/* What is moved until the other devices of the loop have their turn. */
#define TURN_FRAMES 256
#define TURN_BYTES  MIB(1)
/* What a pair moves until it is the turn of another one, and the driver is told, so that it works
 * while we do. */
#define PAIR_FRAMES 32
#define PAIR_BYTES  (TURN_BYTES / 4)
/* Without a limit the pairs share time, and a frame takes as much as so many bytes of it do. */
#define FRAME_COST 4096
/* Reads in a row that fail until we wait for the host to say that there is something again. */
#define MAX_LOST 16

struct turn {
	unsigned int frames;
	size_t bytes;
};

static bool before(const struct turn *turn, const struct turn *end)
{
	return turn->frames < end->frames && turn->bytes < end->bytes;
}

/* Where the turn of a pair ends that begins here. */
static struct turn pair_end(const struct turn *turn)
{
	return (struct turn){turn->frames + PAIR_FRAMES, turn->bytes + PAIR_BYTES};
}

/* False when nothing may pass now; the timer is set then. */
static bool may_pass(struct net_limit *limit)
{
	uint64_t wait = limit->rate.per_second ? rate_wait(&limit->rate, timer_now()) : 0;

	if (wait == 0)
		return true;
	timer_set(&limit->timer, wait);
	return false;
}

static void has_passed(struct turn *turn, struct net_limit *limit, size_t bytes)
{
	turn->frames++;
	turn->bytes += bytes;
	if (limit->rate.per_second)
		rate_spend(&limit->rate, (uint32_t)bytes, timer_now());
}

/* What a pair has had since then, in the pairs' turns. */
static uint64_t cost(const struct net_limit *limit, const struct turn *turn,
		     const struct turn *since)
{
	uint64_t bytes = turn->bytes - since->bytes;

	return limit->rate.per_second
		       ? bytes
		       : bytes + (uint64_t)(turn->frames - since->frames) * FRAME_COST;
}

/* A direction: `queue` is 0 or 1 of each pair, `some` the turn of one pair, which returns false when
 * it has no more. */
static void serve(struct net *net, struct net_limit *limit, const struct net_port *port,
		  unsigned int queue, bool (*some)(struct net_port *port, struct turn *turn))
{
	static const struct turn end = {TURN_FRAMES, TURN_BYTES};
	struct turn turn = {0};
	int next;

	if (port)
		fair_wait(&limit->turns, port->index);
	while ((next = fair_next(&limit->turns)) >= 0 && may_pass(limit)) {
		const struct turn began = turn;
		unsigned int pair = (unsigned int)next;

		if (!before(&turn, &end)) {
			virtq_kick(&net->virtio.queue[2 * pair + queue]);
			return;
		}
		if (!some(&net->port[pair], &turn))
			fair_leave(&limit->turns, pair);
		fair_charge(&limit->turns, pair, cost(limit, &turn, &began));
		if (turn.frames == began.frames)
			turn.frames++; /* a look takes time, too */
	}
}

void net_quiet(struct net_port *port)
{
	fair_leave(&port->net->rx_limit.turns, port->index);
	fair_leave(&port->net->tx_limit.turns, port->index);
}

/* --- host to guest ---------------------------------------------------------------------------- */

static struct virtq_chain *taken(struct net *net, unsigned int i)
{
	return &net->rx_chain[(net->first + i) % NET_MAX_MERGE];
}

/* Takes one more chain; false when there is none, or no place for it. */
static bool take(struct net *net, struct virtq *q)
{
	struct virtq_chain *chain = taken(net, net->nchains);

	if (net->nchains == NET_MAX_MERGE || virtq_pop(q, chain) <= 0)
		return false;
	net->nchains++;
	/* section 5.1.6.3.1; and a chain without room would be no progress */
	if (chain->write_len < NET_HDR) {
		virtio_broken(&net->virtio, "queue %u: a buffer of %zu bytes to receive into",
			      q->index, chain->write_len);
		return false;
	}
	return true;
}

/* Chains for a frame of the size that is expected; without mergeable buffers it has to fit into
 * one. False when there is none. */
static bool gather(struct net_port *port, struct virtq *q)
{
	struct net *net = port->net;
	bool merge = virtio_has(&net->virtio, VIRTIO_NET_F_MRG_RXBUF);
	size_t room = 0;

	for (unsigned int i = 0; i < net->nchains; i++)
		room += taken(net, i)->write_len;
	while (room == 0 || (merge && room < port->expected)) {
		if (!take(net, q))
			break;
		room += taken(net, net->nchains - 1)->write_len;
	}
	return net->nchains > 0 && virtio_runs(&net->virtio);
}

static void give_back(struct net *net, struct virtq *q)
{
	for (; net->nchains > 0; net->nchains--)
		virtq_unpop(q, taken(net, net->nchains - 1));
}

/* The chains' buffers, and behind them room for whatever is longer. *room is that of the chains,
 * whose number is returned. */
static unsigned int make_iov(struct net *net, unsigned int *niov, size_t *room)
{
	bool merge = virtio_has(&net->virtio, VIRTIO_NET_F_MRG_RXBUF);
	unsigned int used = 0, n = 0;

	*room = 0;
	for (; used < (merge ? net->nchains : 1u); used++) {
		const struct virtq_chain *chain = taken(net, used);

		if (n + chain->nwrite > VIRTQ_MAX_CHAIN)
			break;
		memcpy(&net->iov[n], chain->write, chain->nwrite * sizeof(net->iov[0]));
		n += chain->nwrite;
		*room += chain->write_len;
	}
	net->iov[n++] = (struct iovec){net->spill, NET_HDR + NET_FRAME_MAX};
	*niov = n;
	return used;
}

/* Spreads what went into net->spill over further chains; returns how many chains the frame has
 * then, 0 when the driver has not made enough available. */
static unsigned int unspill(struct net *net, struct virtq *q, unsigned int nchains, size_t len)
{
	size_t done = 0;

	if (!virtio_has(&net->virtio, VIRTIO_NET_F_MRG_RXBUF))
		return 0;
	while (done < len) {
		if (nchains == net->nchains && !take(net, q))
			return 0;
		done += chain_write(taken(net, nchains++), 0, net->spill + done, len - done);
	}
	return nchains;
}

/* Gives the driver a frame of `len` bytes with header that is in the first `nchains` chains. A
 * chain that is not needed is used for the next one. */
static void deliver(struct net *net, struct virtq *q, unsigned int nchains, size_t room, size_t len)
{
	uint16_t count;
	size_t left = len;

	if (len > room) {
		nchains = unspill(net, q, nchains, len - room);
		if (nchains == 0)
			return; /* lost, as on a wire */
	}
	for (unsigned int i = 0; i < nchains; i++) {
		if (left == 0)
			nchains = i;
		else
			left -= left < taken(net, i)->write_len ? left : taken(net, i)->write_len;
	}
	count = (uint16_t)nchains;
	chain_write(taken(net, 0), offsetof(struct virtio_net_hdr_v1, num_buffers), &count,
		    sizeof(count));
	for (left = len; nchains > 0; nchains--) {
		struct virtq_chain *chain = taken(net, 0);
		size_t part = left < chain->write_len ? left : chain->write_len;

		virtq_push(q, chain, (uint32_t)part);
		left -= part;
		net->first = (net->first + 1) % NET_MAX_MERGE;
		net->nchains--;
	}
}

/* A read gave no frame. One that was lost is no reason not to read the next, but an error that stays
 * must not keep us busy for ever. */
static bool may_read_on(struct net_port *port, ssize_t ret)
{
	if (++port->lost < MAX_LOST)
		return true;
	virtio_complain(&port->net->virtio, "its tap gives no frames (%s)",
			ret < 0 ? strerrorname_np((int)-ret) : "but less");
	port->lost = 0;
	port->readable = false;
	return false;
}

/* One frame; false when there is none, or no buffer for it. */
static bool receive_one(struct net_port *port, struct virtq *q, struct turn *turn)
{
	struct net *net = port->net;
	unsigned int niov, nchains;
	size_t room;
	ssize_t len;

	if (!gather(port, q)) {
		turn->frames++;
		return virtio_done(q);
	}
	nchains = make_iov(net, &niov, &room);
	len = net->backend->receive(port, net->iov, niov);
	if (len == -EAGAIN) {
		port->readable = false;
		return false;
	}
	has_passed(turn, &net->rx_limit, len > NET_HDR ? (size_t)len - NET_HDR : 0);
	if (len <= NET_HDR)
		return may_read_on(port, len);
	port->lost = 0;
	port->expected -= port->expected / 8;
	if ((size_t)len > port->expected)
		port->expected = (size_t)len;
	deliver(net, q, nchains, room, (size_t)len);
	return true;
}

/* The pair's turn; false when it has no more, or no place for it. */
static bool receive_some(struct net_port *port, struct turn *turn)
{
	struct net *net = port->net;
	struct virtq *q = &net->virtio.queue[(size_t)2 * port->index];
	const struct turn end = pair_end(turn);
	bool more = port->readable;

	while (more && before(turn, &end) && may_pass(&net->rx_limit))
		more = receive_one(port, q, turn) && port->readable;
	give_back(net, q);
	virtio_notify(q);
	return more;
}

void net_receive(struct net *net, struct net_port *port)
{
	serve(net, &net->rx_limit, port, 0, receive_some);
}

/* --- guest to host ---------------------------------------------------------------------------- */

static void wait_writable(struct net_port *port, bool wait)
{
	port->blocked = wait;
	loop_modify(port->net->virtio.loop, &port->source,
		    EPOLLIN | EPOLLET | (wait ? (uint32_t)EPOLLOUT : 0));
}

/* One chain; false when there is none, or the host does not take it. */
static bool transmit_one(struct net_port *port, struct virtq *q, struct turn *turn)
{
	struct net *net = port->net;
	struct virtq_chain *chain = net->virtio.chain;
	size_t len;
	bool good;
	int ret = 0;

	if (virtq_pop(q, chain) <= 0)
		return false;
	len = chain->read_len;
	/* what is no frame is dropped, as by a switch */
	good = len >= NET_HDR + NET_FRAME_MIN && len <= NET_HDR + NET_FRAME_MAX;
	if (good)
		ret = net->backend->send(port, chain->iov, chain->nread, len);
	if (ret != 0)
		wait_writable(port, true);
	if (ret == -EAGAIN) {
		virtq_unpop(q, chain);
		return false;
	}
	has_passed(turn, &net->tx_limit, good ? len - NET_HDR : 0);
	virtq_push(q, chain, 0);
	return true;
}

/* The pair's turn; false when it has no more, or the host does not take it. */
static bool transmit_some(struct net_port *port, struct turn *turn)
{
	struct net *net = port->net;
	struct virtq *q = &net->virtio.queue[2 * port->index + 1];
	const struct turn end = pair_end(turn);
	bool more = true;

	while (more && before(turn, &end) && may_pass(&net->tx_limit))
		more = !port->blocked && transmit_one(port, q, turn);
	if (!more && !port->blocked)
		return virtio_done(q);
	virtio_notify(q);
	return more;
}

void net_transmit(struct net *net, struct net_port *port)
{
	serve(net, &net->tx_limit, port, 1, transmit_some);
}

/* --- the port's descriptor -------------------------------------------------------------------- */

static bool runs(const struct net_port *port)
{
	const struct net *net = port->net;

	return virtio_runs(&net->virtio) && port->index < net->pairs;
}

void net_ready(struct loop_source *source, uint32_t events)
{
	struct net_port *port = container_of(source, struct net_port, source);
	const struct net_backend *backend = port->net->backend;

	if (events & EPOLLOUT && port->blocked && (!backend->writable || backend->writable(port))) {
		if (port->source.fd >= 0)
			wait_writable(port, false);
		if (runs(port))
			net_transmit(port->net, port);
	}
	if (events & EPOLLIN) {
		port->readable = true;
		if (runs(port))
			net_receive(port->net, port);
	}
	if (events & (EPOLLHUP | EPOLLERR) && port->source.fd >= 0)
		backend->gone(port);
}

int net_watch(struct net_port *port, struct vmm_error *err)
{
	port->readable = true; /* until proved wrong */
	port->blocked = false;
	return loop_add(port->net->virtio.loop, &port->source, EPOLLIN | EPOLLET, err);
}

void net_unwatch(struct net_port *port)
{
	if (port->source.fd >= 0)
		loop_remove(port->net->virtio.loop, &port->source);
	port->readable = port->blocked = false;
}
