// SPDX-License-Identifier: MIT
/* Which connections there are; what happens to them after some time; programs that connect. */
#include "vmm/base/bytes.h"
#include "vmm/base/timer.h"
#include "vmm/virtio/vsock_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define BACKLOG	  128
#define TICK_MS	  100
#define CALLS	  64 /* attempts in a tick to reach listeners that are busy */
#define MAX_CONNS 16384
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

void vsock_hash(struct vsock_conn *c)
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

static void set_ticking(struct vsock *v, bool on)
{
	const struct timespec period = {.tv_nsec = on ? TICK_MS * 1000000L : 0};
	const struct itimerspec timer = {.it_interval = period, .it_value = period};

	if (v->ticking != on)
		timerfd_settime(v->tick.fd, 0, &timer, NULL);
	v->ticking = on;
}

void vsock_set_deadline(struct vsock_conn *c, unsigned int ms)
{
	c->deadline_ms = timer_now_ms() + ms;
	if (!c->timed)
		TAILQ_INSERT_TAIL(&c->v->timed, c, in_timed);
	c->timed = true;
	set_ticking(c->v, true);
}

void vsock_clear_deadline(struct vsock_conn *c)
{
	if (c->timed)
		TAILQ_REMOVE(&c->v->timed, c, in_timed);
	c->timed = false;
}

/* --- in the loop ------------------------------------------------------------------------------ */

static void conn_ready(struct loop_source *source, uint32_t events)
{
	struct vsock_conn *c =
		(struct vsock_conn *)((char *)source - offsetof(struct vsock_conn, source));
	struct vsock *v = c->v;

	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		c->ending = true;
	if (c->state == VSOCK_GREETING)
		vsock_greet(c);
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

/*
 * The lowest number that is free becomes the next descriptor's, so that number tells how many are in
 * use, whoever has opened them. The last ones before the limit are for all else that the process
 * opens: certificates, quotes, the socket of a network.
 */
bool vsock_may_open(const struct vsock *v)
{
	int next = fcntl(v->tick.fd, F_DUPFD_CLOEXEC, 0);
	struct rlimit limit;
	rlim_t spare;

	if (next < 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		limit.rlim_cur = 0;
	if (next >= 0)
		close(next);
	spare = limit.rlim_cur / 2 < SPARE_FDS ? limit.rlim_cur / 2 : SPARE_FDS;
	return next >= 0 && (rlim_t)next < limit.rlim_cur - spare;
}

static void accept_ready(struct loop_source *source, uint32_t events)
{
	struct vsock *v = (struct vsock *)((char *)source - offsetof(struct vsock, accept));
	bool full = v->nconns >= v->max_conns || !vsock_may_open(v);
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
		set_ticking(v, true);
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
			int ret = vsock_call(c);

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

static void tick_ready(struct loop_source *source, uint32_t events)
{
	struct vsock *v = (struct vsock *)((char *)source - offsetof(struct vsock, tick));
	uint64_t now = timer_now_ms(), count;
	struct vsock_conn *c, *next;
	ssize_t n = read(source->fd, &count, sizeof(count));

	(void)n;
	(void)events;
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
	set_ticking(v, !TAILQ_EMPTY(&v->timed));
	vsock_pump(v);
}

/* --- opening and closing ---------------------------------------------------------------------- */

void vsock_mux_init(struct vsock *v)
{
	TAILQ_INIT(&v->all);
	TAILQ_INIT(&v->timed);
	TAILQ_INIT(&v->pending);
	v->listener.fd = v->accept.fd = v->tick.fd = -1;
	v->next_port = VSOCK_FIRST_PORT;
	v->greeting_ms = 10000;
	v->answer_ms = 10000;
	v->busy_ms = 5000;
	v->drain_ms = 30000;
	v->ask_ms = 200;
}

int vsock_mux_open(struct vsock *v, struct vmm_error *err)
{
	size_t max = sizeof(v->listener.addr.sun_path) - 1 - VSOCK_SUFFIX;
	int ret;

	if (strlen(v->path) > max)
		return vmm_error_set(err, -ENAMETOOLONG,
				     "vsock.path: %s has more than %zu bytes, with no room for "
				     "\"_PORT\" in the path of a unix socket",
				     v->path, max);
	v->max_conns = MAX_CONNS;
	v->tick.ready = tick_ready;
	v->tick.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (v->tick.fd < 0)
		return vmm_error_errno(err, -errno, "unable to create a timer for vsock");
	ret = loop_add(v->virtio.loop, &v->tick, EPOLLIN, err);
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
	if (v->tick.fd >= 0) {
		loop_remove(v->virtio.loop, &v->tick);
		close(v->tick.fd);
	}
}
