// SPDX-License-Identifier: MIT
/*
 * A Unix stream socket to a program that has the network: each frame goes with its length before
 * it, four bytes, big-endian, and without virtio's header. So do passt (passt(1), --socket) and
 * QEMU's stream sockets. When that program goes away the link is down, and we try to reach it
 * again.
 */
#include "vmm/virtio/net_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LENGTH	 4
#define IN_BYTES (256 << 10) /* what one system call takes at most; no less than one frame */
#define RETRY_NS UINT64_C(1000000000)

struct net_stream {
	struct net *net;
	struct timer retry;
	/* what was received and not given to the guest yet: in_len bytes at in[in_at] */
	size_t in_at, in_len;
	/* the rest of a frame that the socket took only a part of: out_len bytes at out[out_at]; no
	 * other frame is sent before */
	size_t out_at, out_len;
	struct vmm_log_limit reconnections, disconnections;
	uint8_t out[LENGTH + NET_FRAME_MAX];
	uint8_t in[IN_BYTES];
};

/* --- the connection --------------------------------------------------------------------------- */

static int open_socket(const struct config_net *config)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int ret;

	if (fd < 0)
		return -errno;
	memcpy(address.sun_path, config->socket, strlen(config->socket)); /* checked: it fits */
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		ret = -errno;
		close(fd);
		return ret;
	}
	return fd;
}

static void close_socket(struct net_port *port)
{
	net_unwatch(port);
	if (port->source.fd >= 0)
		close(port->source.fd);
	port->source.fd = -1;
}

static void disconnect(struct net_port *port, const char *why)
{
	struct net *net = port->net;

	close_socket(port);
	net->stream->in_len = net->stream->out_len = 0;
	net_set_link(net, false);
	vmm_log_limited(net->virtio.host->log, &net->stream->disconnections, VMM_LOG_WARN,
			"%s: the connection to %s has ended: %s", net->virtio.name,
			net->config->socket, why);
	timer_set(&net->stream->retry, RETRY_NS);
	/* what the driver has made available while the socket was full is lost like the rest */
	virtq_kick(&net->virtio.queue[2 * port->index + 1]);
}

static void try_again(struct timer *timer)
{
	struct net_stream *stream = container_of(timer, struct net_stream, retry);
	struct net *net = stream->net;
	struct net_port *port = &net->port[0];

	port->source.fd = open_socket(net->config);
	if (port->source.fd < 0 || net_watch(port, NULL) < 0) {
		close_socket(port);
		timer_set(timer, RETRY_NS);
		return;
	}
	vmm_log_limited(net->virtio.host->log, &stream->reconnections, VMM_LOG_INFO,
			"%s: connected to %s again", net->virtio.name, net->config->socket);
	net_set_link(net, true);
}

/* --- host to guest ---------------------------------------------------------------------------- */

/* Fetches what the socket has, behind what is there. 0, or -EAGAIN. */
static int fetch(struct net_port *port)
{
	struct net_stream *s = port->net->stream;
	ssize_t n;

	memmove(s->in, s->in + s->in_at, s->in_len);
	s->in_at = 0;
	do
		n = recv(port->source.fd, s->in + s->in_len, sizeof(s->in) - s->in_len, 0);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		s->in_len += (size_t)n;
		return 0;
	}
	if (n == 0)
		disconnect(port, "the other side has closed it");
	else if (errno != EAGAIN)
		disconnect(port, strerrorname_np(errno));
	return -EAGAIN;
}

static ssize_t receive(struct net_port *port, const struct iovec *iov, unsigned int n)
{
	static const uint8_t header[NET_HDR];
	struct net_stream *s = port->net->stream;
	uint32_t len;
	int ret;

	for (;;) {
		if (port->source.fd < 0)
			return -EAGAIN;
		if (s->in_len >= LENGTH) {
			memcpy(&len, s->in + s->in_at, LENGTH);
			len = ntohl(len);
			if (len < NET_FRAME_MIN || len > NET_FRAME_MAX) {
				disconnect(port, "what comes is not frames behind their lengths");
				return -EAGAIN;
			}
			if (s->in_len >= LENGTH + len)
				break;
		}
		ret = fetch(port);
		if (ret < 0)
			return ret;
	}
	iov_write(iov, n, 0, header, NET_HDR);
	iov_write(iov, n, NET_HDR, s->in + s->in_at + LENGTH, len);
	s->in_at += LENGTH + len;
	s->in_len -= LENGTH + len;
	return NET_HDR + (ssize_t)len;
}

/* --- guest to host ---------------------------------------------------------------------------- */

/* What the socket takes, 0 when it is full; < 0: the connection has ended. */
static ssize_t put(struct net_port *port, struct iovec *iov, unsigned int n)
{
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = n};
	ssize_t ret;

	do
		ret = sendmsg(port->source.fd, &message, MSG_NOSIGNAL);
	while (ret < 0 && errno == EINTR);
	if (ret >= 0)
		return ret;
	if (errno == EAGAIN)
		return 0;
	disconnect(port, strerrorname_np(errno));
	return -ECONNRESET;
}

static int transmit(struct net_port *port, const struct iovec *iov, unsigned int n, size_t len)
{
	struct net_stream *s = port->net->stream;
	uint32_t length = htonl((uint32_t)(len - NET_HDR));
	struct iovec out[1 + VIRTQ_MAX_CHAIN];
	ssize_t done;

	if (port->source.fd < 0)
		return 0; /* the link is down */
	if (s->out_len > 0)
		return -EAGAIN;
	out[0] = (struct iovec){&length, LENGTH};
	n = 1 + iov_slice(iov, n, NET_HDR, len - NET_HDR, out + 1);
	done = put(port, out, n);
	if (done == 0)
		return -EAGAIN;
	if (done < 0 || (size_t)done == LENGTH + len - NET_HDR)
		return 0;
	/* the chain must not be held (queue.h) */
	s->out_at = 0;
	s->out_len = iov_read(out, n, (size_t)done, s->out, sizeof(s->out));
	return NET_FULL;
}

static bool writable(struct net_port *port)
{
	struct net_stream *s = port->net->stream;

	while (s->out_len > 0) {
		struct iovec rest = {s->out + s->out_at, s->out_len};
		ssize_t done = put(port, &rest, 1);

		if (done == 0)
			return false;
		if (done < 0)
			return true;
		s->out_at += (size_t)done;
		s->out_len -= (size_t)done;
	}
	return true;
}

static void gone(struct net_port *port)
{
	disconnect(port, "the other side has closed it");
}

/* --- life ------------------------------------------------------------------------------------- */

static void destroy(struct net *net)
{
	close_socket(&net->port[0]);
	if (net->stream)
		timer_destroy(&net->stream->retry);
	free(net->stream);
}

static const struct net_backend backend = {
	.receive = receive,
	.send = transmit,
	.writable = writable,
	.gone = gone,
	.destroy = destroy,
};

static int refused(const struct config_net *config, const char *key, int ret, struct vmm_error *err)
{
	vmm_error_errno(err, ret, "%s.socket: unable to connect to %s", key, config->socket);
	if (ret == -ENOENT || ret == -ECONNREFUSED)
		vmm_error_hint(err, "passt or another program that has the network is to listen "
				    "there before the VM starts");
	return ret;
}

int net_stream_open(struct net *net, struct vmm_error *err)
{
	int ret;

	net->stream = calloc(1, sizeof(*net->stream));
	if (!net->stream)
		return vmm_error_errno(err, -ENOMEM, "unable to allocate a network device");
	net->stream->net = net;
	net->stream->retry.source.fd = -1;
	net->backend = &backend;
	ret = timer_init(&net->stream->retry, net->virtio.loop, try_again, err);
	if (ret < 0)
		return ret;
	ret = open_socket(net->config);
	if (ret < 0)
		return refused(net->config, net->key, ret, err);
	net->port[0].source.fd = ret;
	return 0;
}

int net_stream_check(const struct config_net *config, const char *key, struct vmm_error *err)
{
	int ret = open_socket(config);

	if (ret < 0)
		return refused(config, key, ret, err);
	close(ret);
	return 0;
}
