// SPDX-License-Identifier: MIT
/*
 * How connections begin: programs of the host listen at PATH_PORT and are called, or come to PATH
 * and say CONNECT.
 */
#include "vmm/base/bytes.h"
#include "vmm/virtio/vsock_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define LAST_PORT ((uint32_t)INT32_MAX)

/* --- guest to host ---------------------------------------------------------------------------- */

int vsock_call(struct vsock_conn *c)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int ret;

	/* vsock_mux_open() has seen to it that this fits */
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%.*s_%u",
		 (int)(sizeof(addr.sun_path) - 1 - VSOCK_SUFFIX), c->v->path, c->host_port);
	errno = EMFILE;
	if (c->source.fd < 0 && vsock_may_open(c->v))
		c->source.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->source.fd < 0) {
		ret = -errno;
		virtio_complain(&c->v->virtio, "no socket for a connection (%s)",
				strerrorname_np(-ret));
		return ret;
	}
	if (connect(c->source.fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	ret = vsock_watch(c);
	if (ret < 0)
		return ret;
	vsock_clear_deadline(c);
	c->state = VSOCK_OPEN;
	c->wants = VSOCK_WANT_RESPONSE;
	vsock_schedule(c);
	return 0;
}

void vsock_connect(struct vsock *v, const struct vsock_packet *p)
{
	struct vsock_conn *c = vsock_new(v, -1, VSOCK_CONNECTING);
	int ret;

	if (!c) {
		virtio_complain(&v->virtio, "%u connections are all it can have", v->nconns);
		vsock_reply_reset(v, p);
		return;
	}
	c->host_port = p->dst_port;
	c->guest_port = p->src_port;
	vsock_take_credit(c, p);
	vsock_hash(c);
	ret = vsock_call(c);
	if (ret == -EAGAIN) {
		vsock_set_deadline(c, v->busy_ms);
	} else if (ret < 0) {
		vsock_free(c);
		vsock_reply_reset(v, p);
	}
}

/* --- host to guest ---------------------------------------------------------------------------- */

static bool choose_port(struct vsock_conn *c)
{
	struct vsock *v = c->v;

	for (unsigned int i = 0; i <= v->max_conns; i++) {
		c->host_port = v->next_port;
		v->next_port = v->next_port == LAST_PORT ? VSOCK_FIRST_PORT : v->next_port + 1;
		if (!vsock_find(v, c->host_port, c->guest_port))
			return true;
	}
	return false;
}

/* "CONNECT PORT", and nothing else but a carriage return */
static bool parse_line(const char *line, unsigned int len, uint32_t *port)
{
	static const char word[] = "CONNECT ";
	unsigned int i = sizeof(word) - 1;
	uint64_t n = 0;

	if (len > 0 && line[len - 1] == '\r')
		len--;
	if (len <= i || memcmp(line, word, i) != 0)
		return false;
	for (; i < len; i++) {
		if (line[i] < '0' || line[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(line[i] - '0');
		if (n > UINT32_MAX)
			return false;
	}
	*port = (uint32_t)n;
	return true;
}

/* Takes no more than the line from the socket: the stream begins behind it. 1 when it is complete,
 * 0 when more is to come, -EPROTO when it is not going to be a line. */
static int read_line(struct vsock_conn *c)
{
	for (;;) {
		char *at = c->line + c->line_len, *end;
		size_t room = sizeof(c->line) - c->line_len, take;
		ssize_t n = recv(c->source.fd, at, room, MSG_PEEK | MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n <= 0)
			return -EPROTO;
		end = memchr(at, '\n', (size_t)n);
		take = end ? (size_t)(end - at) + 1 : (size_t)n;
		n = recv(c->source.fd, at, take, MSG_DONTWAIT);
		if (n < 0 || (size_t)n != take)
			return -EPROTO;
		c->line_len += (unsigned int)take;
		if (end)
			return 1;
		if (c->line_len == sizeof(c->line))
			return -EPROTO;
	}
}

void vsock_greet(struct vsock_conn *c)
{
	int ret = read_line(c);

	if (ret == 0)
		return;
	if (ret < 0 || !parse_line(c->line, c->line_len - 1, &c->guest_port) || !choose_port(c)) {
		if (c->line_len > 0)
			virtio_complain(&c->v->virtio,
					"a program at %s sent something else than "
					"CONNECT PORT",
					c->v->path);
		vsock_free(c);
		return;
	}
	vsock_hash(c);
	c->state = VSOCK_REQUESTED;
	c->readable = true; /* for all we know */
	c->wants = VSOCK_WANT_REQUEST;
	vsock_set_deadline(c, c->v->answer_ms);
	vsock_schedule(c);
}

void vsock_accepted(struct vsock_conn *c)
{
	char line[VSOCK_LINE];
	int n = snprintf(line, sizeof(line), "OK %u\n", c->host_port);

	if (c->state != VSOCK_REQUESTED || c->wants & VSOCK_WANT_REQUEST ||
	    send(c->source.fd, line, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) != n) {
		vsock_reset(c);
		return;
	}
	vsock_clear_deadline(c);
	c->state = VSOCK_OPEN;
	vsock_schedule(c);
}
