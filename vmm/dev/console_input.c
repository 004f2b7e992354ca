// SPDX-License-Identifier: MIT
/* Input of the console, on the loop's thread: from standard input or from the socket's client. */
#include "vmm/dev/console.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CTRL_A 0x01

static const char HELP[] = "\r\nCtrl-A x  stop the VM and quit"
			   "\r\nCtrl-A h  this help"
			   "\r\nCtrl-A Ctrl-A  send Ctrl-A\r\n";

static void wake_in(struct console *c, unsigned int ms)
{
	pthread_mutex_lock(&c->lock);
	console_wake_in(c, ms);
	pthread_mutex_unlock(&c->lock);
}

void console_room(void *ctx)
{
	struct console *c = ctx;

	/* the guest reads often, and seldom does anybody wait for that */
	if (atomic_exchange(&c->starved, false))
		wake_in(c, 0);
}

/*
 * Bytes to read now; 0: none before the device wakes us. `starved` is set first, so that room
 * made while we look is not missed.
 */
static size_t input_room(struct console *c)
{
	size_t room;

	atomic_store(&c->starved, true);
	room = c->port.room(c->port.ctx);
	if (room > CONSOLE_CHUNK)
		room = CONSOLE_CHUNK;
	if (c->in_waits && !c->port.listening(c->port.ctx))
		room = 0;
	if (room)
		atomic_store(&c->starved, false);
	return room;
}

/*
 * While nothing can be read the descriptor is not in the loop at all: with no events asked for,
 * epoll would still report the other end's hanging up, again and again.
 */
static void watch_input(struct console *c, bool on)
{
	if (on == c->in_watched)
		return;
	c->in_watched = on && loop_add(c->loop, &c->in, EPOLLIN, NULL) == 0;
	if (!on)
		loop_remove(c->loop, &c->in);
	else if (!c->in_watched)
		wake_in(c, 0); /* -EPERM: a regular file or /dev/null, which are always ready */
}

/* --- the client of a socket ------------------------------------------------------------------- */

static bool is_ready(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	return poll(&p, 1, 0) > 0;
}

/* Has its other end hung up, or is it broken? (poll() reports that unasked.) */
static bool hung_up(int fd)
{
	return is_ready(fd, 0);
}

static void drop_client(struct console *c)
{
	int fd;

	if (c->in.fd >= 0)
		watch_input(c, false);
	c->in.fd = -1;
	fd = console_set_client(c, -1);
	if (fd >= 0)
		close(fd);
}

/*
 * One client at a time: another one is sent away, unless the first has left. (We may not have
 * noticed: a client whose input we do not read at the moment is not watched.)
 */
static void accept_ready(struct loop_source *source, uint32_t events)
{
	struct console *c = container_of(source, struct console, accept);
	int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0) {
		/* without a descriptor to spare the event would come again at once, for ever */
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
			loop_remove(c->loop, source);
			c->accept_paused = true;
			wake_in(c, CONSOLE_RETRY_MS);
		}
		return;
	}
	if (c->out.fd >= 0 && !hung_up(c->out.fd)) {
		close(fd);
		return;
	}
	drop_client(c);
	console_set_client(c, fd);
	c->in.fd = fd;
	watch_input(c, true);
}

/* --- from descriptor to device ----------------------------------------------------------- */

static void input_ended(struct console *c)
{
	watch_input(c, false);
	if (!c->out_is_client)
		close(c->in.fd);
	else if (hung_up(c->in.fd))
		drop_client(c);
	c->in.fd = -1; /* a client may have no more to say but still listen */
}

/* Reading the terminal in the background gives EIO, since this thread blocks SIGTTIN (POSIX.1-2017,
 * section 11.1.4); in the foreground again it will not. */
static bool in_background(const struct console *c)
{
	return c->in_is_terminal && tcgetpgrp(c->in.fd) != getpgrp();
}

/* Passes on what was kept for the device. */
static void give_keys(struct console *c)
{
	size_t n;

	while (c->nkeys > 0 && (n = input_room(c)) > 0) {
		if (n > c->nkeys)
			n = c->nkeys;
		c->port.receive(c->port.ctx, c->keys, n);
		c->nkeys -= n;
		memmove(c->keys, c->keys + n, c->nkeys);
	}
}

static void keep_key(struct console *c, uint8_t key)
{
	if (c->nkeys < sizeof(c->keys))
		c->keys[c->nkeys++] = key;
	else
		console_say(c, "\a");
}

/* A key may be for us, whether the guest reads or not: Ctrl-A x quits, Ctrl-A h explains, Ctrl-A
 * Ctrl-A is Ctrl-A for the guest. Ctrl-A and any other key are the guest's, both. */
static void take_key(struct console *c, uint8_t key)
{
	bool escaped = c->escaped;

	c->escaped = !escaped && key == CTRL_A;
	if (c->escaped)
		return;
	if (escaped && key == 'h') {
		console_say(c, HELP);
	} else if (escaped && key == 'x') {
		if (c->quit)
			c->quit(c->ctx);
	} else {
		if (escaped && key != CTRL_A)
			keep_key(c, CTRL_A);
		keep_key(c, key);
	}
}

/* Takes one piece; when there is more, the loop calls again. */
static void pump(struct console *c)
{
	uint8_t buf[CONSOLE_CHUNK];
	size_t room = c->in_is_terminal ? sizeof(buf) : input_room(c);
	ssize_t n = -EAGAIN;

	if (room == 0) {
		watch_input(c, false);
		return;
	}
	if (is_ready(c->in.fd, POLLIN)) {
		n = read(c->in.fd, buf, room);
		n = n < 0 ? -errno : n;
	}
	if (n == -EIO && in_background(c)) {
		watch_input(c, false);
		wake_in(c, CONSOLE_RETRY_MS);
		return;
	}
	if (n == 0 || (n < 0 && n != -EAGAIN && n != -EINTR)) {
		input_ended(c);
		return;
	}
	for (ssize_t i = 0; i < n && c->in_is_terminal; i++)
		take_key(c, buf[i]);
	if (n > 0 && !c->in_is_terminal)
		c->port.receive(c->port.ctx, buf, (size_t)n);
	watch_input(c, true);
	give_keys(c);
}

static void input_ready(struct loop_source *source, uint32_t events)
{
	(void)events;
	pump(container_of(source, struct console, in));
}

void console_input(struct console *c)
{
	if (c->accept_paused && loop_add(c->loop, &c->accept, EPOLLIN, NULL) == 0)
		c->accept_paused = false;
	give_keys(c);
	if (c->in.fd >= 0)
		pump(c);
	if (c->accept_paused)
		wake_in(c, CONSOLE_RETRY_MS);
}

int console_input_start(struct console *c, struct vmm_error *err)
{
	int ret = 0;

	c->in.ready = input_ready;
	c->accept = (struct loop_source){accept_ready, c->listener.fd};
	if (c->accept.fd >= 0)
		ret = loop_add(c->loop, &c->accept, EPOLLIN, err);
	if (ret == 0 && c->in.fd >= 0)
		watch_input(c, true);
	return ret;
}
