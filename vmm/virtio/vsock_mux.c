// SPDX-License-Identifier: MIT
/*
 * Which connections there are, and what happens to them after some time. How they begin: programs of
 * the host listen at PATH_PORT and are called, or come to PATH and say CONNECT.
 */
#include "vmm/virtio/vsock_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG	  128
#define TICK_MS	  100
#define CALLS	  64 /* attempts in a tick to reach listeners that are busy */
#define MAX_CONNS 16384
#define LAST_PORT ((uint32_t)INT32_MAX)
#define SPARE_FDS 128 /* descriptors that a guest cannot use up: half of a limit below twice that */

/* --- which there are -------------------------------------------------------------------------- */

static struct vsock_bucket *bucket(struct vsock *v, uint32_t host_port, uint32_t guest_port)
{
	/* one of the two is counted up by whoever connects */
	return &v->bucket[(host_port * 31 + guest_port) % VSOCK_BUCKETS];
}

struct vsock_conn *vsock_find(struct vsock *v, uint32_t host_port, uint32_t guest_port)
{
	struct vsock_conn *c;

	LIST_FOREACH(c, bucket(v, host_port, guest_port), in_hash)
	if (c->host_port == host_port && c->guest_port == guest_port)
		return c;
	return NULL;
}

static void hash(struct vsock_conn *c)
{
	LIST_INSERT_HEAD(bucket(c->v, c->host_port, c->guest_port), c, in_hash);
	c->hashed = true;
}

void vsock_unhash(struct vsock_conn *c)
{
	if (c->hashed)
		LIST_REMOVE(c, in_hash);
	c->hashed = false;
}

static void conn_ready(struct loop_source *source, uint32_t events);

struct vsock_conn *vsock_new(struct vsock *v, int fd, enum vsock_state state)
{
	struct vsock_conn *c = v->nconns < v->max_conns ? calloc(1, sizeof(*c)) : NULL;
	uint64_t share;

	if (!c)
		return NULL;
	/* of what is left, so that early ones get much, and late ones something */
	share = v->promised < VSOCK_BUFFERS ? (VSOCK_BUFFERS - v->promised) / 16 : 0;
	share = share > VSOCK_ALLOC ? VSOCK_ALLOC : share;
	share = share < VSOCK_ALLOC_MIN ? VSOCK_ALLOC_MIN : share;
	c->v = v;
	c->alloc = (uint32_t)share;
	c->source = (struct loop_source){.ready = conn_ready, .fd = fd};
	c->state = state;
	v->promised += share;
	v->nconns++;
	TAILQ_INSERT_TAIL(&v->all, c, in_all);
	return c;
}

void vsock_free(struct vsock_conn *c)
{
	struct vsock *v = c->v;

	vsock_close_host(c);
	vsock_clear_deadline(c);
	vsock_unhash(c);
	if (c->pending)
		TAILQ_REMOVE(&v->pending, c, in_pending);
	TAILQ_REMOVE(&v->all, c, in_all);
	v->promised -= c->alloc;
	v->nconns--;
	free(c);
}

/* --- time ------------------------------------------------------------------------------------- */

static void start_ticking(struct vsock *v)
{
	if (!v->ticking)
		timer_set(&v->tick, TICK_MS * UINT64_C(1000000));
	v->ticking = true;
}

void vsock_set_deadline(struct vsock_conn *c, unsigned int ms)
{
	c->deadline_ms = timer_now_ms() + ms;
	if (!c->timed)
		TAILQ_INSERT_TAIL(&c->v->timed, c, in_timed);
	c->timed = true;
	start_ticking(c->v);
}

void vsock_clear_deadline(struct vsock_conn *c)
{
	if (c->timed)
		TAILQ_REMOVE(&c->v->timed, c, in_timed);
	c->timed = false;
}

/*
 * The lowest number that is free becomes the next descriptor's, so that number tells how many are in
 * use, whoever has opened them. The last ones before the limit are for all else that the process
 * opens: certificates, quotes, the socket of a network.
 */
static bool may_open(const struct vsock *v)
{
	int next = fcntl(v->tick.source.fd, F_DUPFD_CLOEXEC, 0);
	struct rlimit limit;
	rlim_t spare;

	if (next < 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		limit.rlim_cur = 0;
	if (next >= 0)
		close(next);
	spare = limit.rlim_cur / 2 < SPARE_FDS ? limit.rlim_cur / 2 : SPARE_FDS;
	return next >= 0 && (rlim_t)next < limit.rlim_cur - spare;
}

/* --- guest to host ---------------------------------------------------------------------------- */

/* Tries to reach whoever listens for a connection in VSOCK_CONNECTING. -EAGAIN when too many calls
 * wait there already. */
static int call(struct vsock_conn *c)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int ret;

	/* vsock_mux_open() sees to it that this fits */
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%.*s_%u",
		 (int)(sizeof(addr.sun_path) - 1 - VSOCK_SUFFIX), c->v->path, c->host_port);
	errno = EMFILE;
	if (c->source.fd < 0 && may_open(c->v))
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

void vsock_connect(struct vsock *v, const struct virtio_vsock_hdr *p)
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
	hash(c);
	ret = call(c);
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

/* "CONNECT PORT", and nothing else but a carriage return; `line` ends with a newline. */
static bool parse_line(char *line, unsigned int len, uint32_t *port)
{
	static const char word[] = "CONNECT ";
	const char *digits = line + sizeof(word) - 1;
	unsigned long n;

	line[--len] = '\0';
	if (len > 0 && line[len - 1] == '\r')
		line[--len] = '\0';
	if (strncmp(line, word, sizeof(word) - 1) != 0 ||
	    strspn(digits, "0123456789") != strlen(digits) || !*digits ||
	    digits + strlen(digits) != line + len)
		return false;
	n = strtoul(digits, NULL, 10); /* ULONG_MAX for what is more */
	*port = (uint32_t)n;
	return n <= UINT32_MAX;
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

/* The program of a connection in VSOCK_GREETING has sent something. May free it. */
static void greet(struct vsock_conn *c)
{
	int ret = read_line(c);

	if (ret == 0)
		return;
	if (ret < 0 || !parse_line(c->line, c->line_len, &c->guest_port) || !choose_port(c)) {
		if (c->line_len > 0)
			virtio_complain(&c->v->virtio,
					"a program at %s sent something else than "
					"CONNECT PORT",
					c->v->path);
		vsock_free(c);
		return;
	}
	hash(c);
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

/* --- in the loop ------------------------------------------------------------------------------ */

static void conn_ready(struct loop_source *source, uint32_t events)
{
	struct vsock_conn *c = container_of(source, struct vsock_conn, source);
	struct vsock *v = c->v;

	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		c->ending = true;
	if (c->state == VSOCK_GREETING)
		greet(c);
	else
		vsock_host_ready(c, events);
	vsock_pump(v);
}

void vsock_accept(struct vsock *v, bool on)
{
	if (v->accepting != on)
		loop_modify(v->virtio.loop, &v->accept, on ? EPOLLIN : 0);
	v->accepting = on;
}

static void accept_ready(struct loop_source *source, uint32_t events)
{
	struct vsock *v = container_of(source, struct vsock, accept);
	bool full = v->nconns >= v->max_conns || !may_open(v);
	struct vsock_conn *c;
	int fd = full ? -1 : accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (!full && fd < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED))
		return;
	c = fd < 0 ? NULL : vsock_new(v, fd, VSOCK_GREETING);
	if (!c) {
		if (fd >= 0)
			close(fd);
		/* programs wait; another look with each tick */
		vsock_accept(v, false);
		start_ticking(v);
		return;
	}
	vsock_set_deadline(c, v->greeting_ms);
	if (vsock_watch(c) < 0)
		vsock_free(c);
}

/* Another attempt to reach listeners that were busy: those that waited longest come first, and go
 * to the end of the row. */
static void call_again(struct vsock *v)
{
	struct vsock_conn *c = TAILQ_FIRST(&v->timed), *last = TAILQ_LAST(&v->timed, vsock_list);
	unsigned int calls = 0;

	while (c && calls < CALLS) {
		struct vsock_conn *next = c == last ? NULL : TAILQ_NEXT(c, in_timed);

		if (c->state == VSOCK_CONNECTING) {
			int ret = call(c);

			if (ret == -EAGAIN) {
				TAILQ_REMOVE(&v->timed, c, in_timed);
				TAILQ_INSERT_TAIL(&v->timed, c, in_timed);
			} else if (ret < 0) {
				vsock_reset(c);
			}
			calls++;
		}
		c = next;
	}
}

static void ticked(struct timer *timer)
{
	struct vsock *v = container_of(timer, struct vsock, tick);
	uint64_t now = timer_now_ms();
	struct vsock_conn *c, *next;

	v->ticking = false;
	call_again(v);
	for (c = TAILQ_FIRST(&v->timed); c; c = next) {
		next = TAILQ_NEXT(c, in_timed);
		if (now < c->deadline_ms)
			continue;
		if (c->state == VSOCK_OPEN)
			vsock_ask(c);
		else
			vsock_reset(c);
	}
	if (v->virtio.active)
		vsock_accept(v, true);
	if (!TAILQ_EMPTY(&v->timed))
		start_ticking(v);
	vsock_pump(v);
}

/* --- opening and closing ---------------------------------------------------------------------- */

int vsock_mux_open(struct vsock *v, struct vmm_error *err)
{
	const size_t max = sizeof(v->listener.addr.sun_path) - 1 - VSOCK_SUFFIX;
	int ret;

	TAILQ_INIT(&v->all);
	TAILQ_INIT(&v->timed);
	TAILQ_INIT(&v->pending);
	v->listener.fd = v->accept.fd = v->tick.source.fd = -1;
	v->max_conns = MAX_CONNS;
	v->next_port = VSOCK_FIRST_PORT;
	v->greeting_ms = 10000;
	v->answer_ms = 10000;
	v->busy_ms = 5000;
	v->drain_ms = 30000;
	v->ask_ms = 200;
	if (strlen(v->path) > max)
		return vmm_error_set(err, -ENAMETOOLONG,
				     "vsock.path: %s has more than %zu bytes, with no room for "
				     "\"_PORT\" in the path of a unix socket",
				     v->path, max);
	ret = timer_init(&v->tick, v->virtio.loop, ticked, err);
	if (ret == 0)
		ret = unix_listen(&v->listener, "vsock socket", v->path, BACKLOG, err);
	if (ret < 0)
		return ret;
	v->accept = (struct loop_source){.ready = accept_ready, .fd = v->listener.fd};
	return loop_add(v->virtio.loop, &v->accept, 0, err);
}

void vsock_mux_close(struct vsock *v)
{
	if (v->accept.fd >= 0)
		loop_remove(v->virtio.loop, &v->accept);
	unix_unlisten(&v->listener);
	timer_destroy(&v->tick);
}
