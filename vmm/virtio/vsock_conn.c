// SPDX-License-Identifier: MIT
/*
 * A connection that exists: bytes from the guest to the host's socket, the state of the stream from
 * the host to the guest, the credit of both (section 5.10.6.3), and how it ends
 * (5.10.6.5, 5.10.6.6).
 */
#include "vmm/virtio/vsock_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define WATCHED (EPOLLIN | EPOLLRDHUP | EPOLLET)

/* --- what there is to send -------------------------------------------------------------------- */

uint32_t vsock_credit(const struct vsock_conn *c)
{
	uint32_t in_flight = c->sent - c->guest_forwarded;

	/* a guest that has forwarded more than it was sent, or lowers its buf_alloc, gets nothing
	 */
	return in_flight < c->guest_alloc ? c->guest_alloc - in_flight : 0;
}

bool vsock_has_data(const struct vsock_conn *c)
{
	return c->state == VSOCK_OPEN && c->source.fd >= 0 && c->readable &&
	       !(c->host_shut & VIRTIO_VSOCK_SHUTDOWN_SEND) &&
	       !(c->guest_shut & VIRTIO_VSOCK_SHUTDOWN_RCV);
}

void vsock_schedule(struct vsock_conn *c)
{
	bool data = vsock_has_data(c), ready;

	/* guests tell by themselves when there is room again; one that does not is asked, but not
	 * at once: the answer would be a little room, and the stream go on in small pieces */
	if (data && vsock_credit(c) == 0 && !c->asked) {
		c->asked = true;
		vsock_set_deadline(c, c->v->ask_ms);
	}
	ready = c->wants != 0 || (data && vsock_credit(c) > 0);
	if (ready && !c->pending)
		TAILQ_INSERT_TAIL(&c->v->pending, c, in_pending);
	if (!ready && c->pending)
		TAILQ_REMOVE(&c->v->pending, c, in_pending);
	c->pending = ready;
}

/* --- the host's socket ------------------------------------------------------------------------ */

int vsock_watch(struct vsock_conn *c)
{
	return loop_add(c->v->virtio.loop, &c->source, WATCHED, NULL);
}

/* ... and wait for room in it */
static void watch_room(struct vsock_conn *c, bool on)
{
	if (c->source.fd >= 0)
		loop_modify(c->v->virtio.loop, &c->source, WATCHED | (on ? EPOLLOUT : 0));
}

static void free_buffer(struct vsock_conn *c)
{
	free(c->buf);
	c->buf = NULL;
	c->buf_at = c->buf_len = 0;
}

void vsock_close_host(struct vsock_conn *c)
{
	c->forwarded += c->buf_len;
	free_buffer(c);
	if (c->source.fd < 0)
		return;
	loop_remove(c->v->virtio.loop, &c->source);
	close(c->source.fd);
	c->source.fd = -1;
}

/* --- the end ---------------------------------------------------------------------------------- */

void vsock_reset(struct vsock_conn *c)
{
	/* a connection that the guest has not heard of ends without it */
	if (!c->hashed || c->wants & VSOCK_WANT_REQUEST) {
		vsock_free(c);
		return;
	}
	vsock_close_host(c);
	vsock_clear_deadline(c);
	c->state = VSOCK_DEAD;
	c->wants = VSOCK_WANT_RST;
	vsock_schedule(c);
}

void vsock_forget(struct vsock_conn *c)
{
	if (c->state != VSOCK_DRAINING) {
		vsock_free(c);
		return;
	}
	vsock_unhash(c);
	c->wants = 0;
	vsock_schedule(c);
}

/* Nothing is left of what the guest has sent: do what had to wait for that. May free it. */
static void drained(struct vsock_conn *c)
{
	if (c->state == VSOCK_DRAINING)
		vsock_reset(c); /* which sends the RST if it is not sent yet */
	else if (c->guest_shut & VIRTIO_VSOCK_SHUTDOWN_SEND && c->source.fd >= 0)
		shutdown(c->source.fd, SHUT_WR);
}

/* The program takes no more: what the guest has sent and sends is dropped, and it is told. */
static void host_takes_no_more(struct vsock_conn *c)
{
	c->forwarded += c->buf_len;
	c->buf_len = 0;
	if (c->state == VSOCK_OPEN && !(c->host_shut & VIRTIO_VSOCK_SHUTDOWN_RCV))
		c->wants |= VSOCK_WANT_SHUTDOWN;
	c->host_shut |= VIRTIO_VSOCK_SHUTDOWN_RCV;
	if (c->host_shut == VSOCK_BOTH)
		vsock_close_host(c);
}

void vsock_take_shutdown(struct vsock_conn *c, uint32_t flags)
{
	if (c->state != VSOCK_OPEN) {
		vsock_reset(c);
		return;
	}
	c->guest_shut |= flags & VSOCK_BOTH;
	if (c->guest_shut & VIRTIO_VSOCK_SHUTDOWN_RCV && c->source.fd >= 0)
		shutdown(c->source.fd, SHUT_RD); /* the program's writes fail */
	if (c->guest_shut != VSOCK_BOTH) {
		if (c->buf_len == 0)
			drained(c);
		vsock_schedule(c);
		return;
	}
	/* the clean end: an RST in return, and the host gets what the guest has sent before */
	if (c->buf_len == 0) {
		vsock_reset(c);
		return;
	}
	c->state = VSOCK_DRAINING;
	c->wants = VSOCK_WANT_RST;
	vsock_set_deadline(c, c->v->drain_ms);
	vsock_schedule(c);
}

/* --- from guest to host ----------------------------------------------------------------------- */

/* Bytes written; 0 when the socket has no room, or will take nothing any more. */
static size_t write_host(struct vsock_conn *c, struct iovec *iov, unsigned int n)
{
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = n};
	ssize_t ret = sendmsg(c->source.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (ret >= 0) {
		c->forwarded += (uint32_t)ret;
		return (size_t)ret;
	}
	if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS && errno != ENOMEM)
		host_takes_no_more(c);
	return 0;
}

/* The socket has room again. May free the connection. */
static void flush(struct vsock_conn *c)
{
	uint32_t first = c->alloc - c->buf_at < c->buf_len ? c->alloc - c->buf_at : c->buf_len;
	struct iovec iov[2] = {
		{.iov_base = c->buf + c->buf_at, .iov_len = first},
		{.iov_base = c->buf, .iov_len = c->buf_len - first},
	};
	uint32_t n;

	if (c->buf_len > 0) {
		n = (uint32_t)write_host(c, iov, 2);
		if (n > 0 && c->state == VSOCK_DRAINING)
			vsock_set_deadline(c, c->v->drain_ms);
		c->buf_at = (c->buf_at + n) % c->alloc;
		if (c->buf_len > 0) /* else the program has gone */
			c->buf_len -= n;
	}
	if (c->forwarded - c->told >= c->alloc / 2 && c->state == VSOCK_OPEN)
		c->wants |= VSOCK_WANT_CREDIT;
	vsock_schedule(c);
	if (c->buf_len > 0)
		return;
	free_buffer(c);
	watch_room(c, false);
	drained(c);
}

/* Keeps the bytes of a chain from `offset` on; its credit has kept the guest within the room. */
static int keep(struct vsock_conn *c, const struct virtq_chain *chain, size_t offset, uint32_t len)
{
	uint32_t at = (c->buf_at + c->buf_len) % c->alloc;
	uint32_t first = c->alloc - at < len ? c->alloc - at : len;

	if (!c->buf) {
		c->buf = malloc(c->alloc);
		if (!c->buf)
			return -ENOMEM;
		watch_room(c, true);
	}
	chain_read(chain, offset, c->buf + at, first);
	chain_read(chain, offset + first, c->buf, len - first);
	c->buf_len += len;
	return 0;
}

/* As much as the host takes at once, without a copy. */
static uint32_t pass_on(struct vsock_conn *c, const struct virtq_chain *chain, uint32_t len)
{
	struct iovec iov[VIRTQ_MAX_CHAIN];
	unsigned int n = iov_slice(chain->iov, chain->nread, VSOCK_HEADER, len, iov);

	if (c->buf_len > 0 || n == 0)
		return 0;
	return (uint32_t)write_host(c, iov, n);
}

void vsock_take_data(struct vsock_conn *c, const struct virtq_chain *chain, uint32_t len)
{
	uint32_t done = 0;

	if (c->state != VSOCK_OPEN || c->guest_shut & VIRTIO_VSOCK_SHUTDOWN_SEND ||
	    len > c->alloc - (c->received - c->forwarded)) {
		vsock_reset(c);
		return;
	}
	c->received += len;
	if (!(c->host_shut & VIRTIO_VSOCK_SHUTDOWN_RCV))
		done = pass_on(c, chain, len);
	if (c->host_shut & VIRTIO_VSOCK_SHUTDOWN_RCV) {
		c->forwarded = c->received; /* dropped */
	} else if (done < len && keep(c, chain, VSOCK_HEADER + done, len - done) < 0) {
		vsock_reset(c);
		return;
	}
	/* early enough for a guest that goes on sending */
	if (c->forwarded - c->told >= c->alloc / 2)
		c->wants |= VSOCK_WANT_CREDIT;
	vsock_schedule(c);
}

/* --- from host to guest ----------------------------------------------------------------------- */

void vsock_take_credit(struct vsock_conn *c, const struct virtio_vsock_hdr *p)
{
	c->guest_alloc = p->buf_alloc;
	c->guest_forwarded = p->fwd_cnt;
	/* an answer that there is none is not to be followed by the same question, for ever */
	if (!c->asked || vsock_credit(c) == 0)
		return;
	c->asked = false;
	vsock_clear_deadline(c);
}

void vsock_ask(struct vsock_conn *c)
{
	vsock_clear_deadline(c);
	c->wants |= VSOCK_WANT_ASK;
	vsock_schedule(c);
}

size_t vsock_read(struct vsock_conn *c, struct iovec *iov, unsigned int n, size_t room)
{
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = n};
	ssize_t ret = recvmsg(c->source.fd, &msg, MSG_DONTWAIT);

	if (ret > 0) {
		/* that was all there is, and the loop tells when there is more */
		if ((size_t)ret < room && !c->ending)
			c->readable = false;
		return (size_t)ret;
	}
	if (ret == 0) {
		c->host_shut |= VIRTIO_VSOCK_SHUTDOWN_SEND;
		c->wants |= VSOCK_WANT_SHUTDOWN;
		if (c->host_shut == VSOCK_BOTH)
			vsock_close_host(c);
	} else if (errno == EAGAIN) {
		c->readable = false; /* the loop tells when there is more */
	} else if (errno != EINTR) {
		vsock_reset(c);
	}
	return 0;
}

/* --- what the host's socket tells ------------------------------------------------------------- */

/* Events come when something changes (EPOLLET): a guest that takes nothing is no reason to be woken
 * again and again. */
void vsock_host_ready(struct vsock_conn *c, uint32_t events)
{
	bool hung_up = events & EPOLLHUP; /* both streams are over, whoever ended them */

	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		c->readable = true;
	if (hung_up && c->state == VSOCK_REQUESTED) {
		vsock_reset(c);
		return;
	}
	if (hung_up) {
		/* nobody waits for the end of a stream that the guest does not want */
		if (c->guest_shut & VIRTIO_VSOCK_SHUTDOWN_RCV)
			c->host_shut |= VIRTIO_VSOCK_SHUTDOWN_SEND;
		host_takes_no_more(c);
	}
	vsock_schedule(c);
	if (c->buf)
		flush(c);
	else if (c->state == VSOCK_DRAINING)
		drained(c);
}
