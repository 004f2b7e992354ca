// SPDX-License-Identifier: MIT
/* Input of the console, on the loop's thread: from standard input or from the socket's client. */
#include "vmm/dev/console.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static const char HELP[] = "\r\nCtrl-A x  stop the VM and quit"
			   "\r\nCtrl-A h  this help"
			   "\r\nCtrl-A Ctrl-A  send Ctrl-A\r\n";

static void wake(struct console *c)
{
	static const uint64_t one = 1;

	/* fails only when it is already readable beyond measure */
	(void)!write(c->wake.fd, &one, sizeof(one));
}

void console_input_room(void *ctx)
{
	struct console *c = ctx;

	/* the guest reads often, and seldom does anybody wait for that */
	if (atomic_exchange(&c->starved, false))
		wake(c);
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
	if (room > CONSOLE_MOUTHFUL)
		room = CONSOLE_MOUTHFUL;
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
	if (!on) {
		loop_remove(c->loop, &c->in);
		c->in_watched = false;
	} else if (loop_add(c->loop, &c->in, EPOLLIN, NULL) == 0) {
		c->in_watched = true;
	} else {
		wake(c); /* -EPERM: a regular file or /dev/null, which are always ready */
	}
}

/* --- the client of a socket ------------------------------------------------------------------- */

static bool hung_up(int fd)
{
	struct pollfd p = {.fd = fd};

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR));
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
	struct console *c = (struct console *)((char *)source - offsetof(struct console, accept));
	int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0) {
		/* without a descriptor to spare the event would come again at once, for ever: the
		 * timer looks again */
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
			loop_remove(c->loop, source);
			c->accept_paused = true;
			console_retry_later(c);
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
	if (!c->out_is_client) {
		close(c->in.fd);
		c->in.fd = -1;
	} else if (hung_up(c->in.fd)) {
		drop_client(c);
	} else {
		c->in.fd = -1; /* the client has no more to say but may still listen */
	}
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

static void keep_keys(struct console *c, const uint8_t *keys, size_t len)
{
	size_t room = sizeof(c->keys) - c->nkeys;
	size_t n = len < room ? len : room;

	memcpy(c->keys + c->nkeys, keys, n);
	c->nkeys += n;
	if (n < len)
		console_say(c, "\a");
}

/* Keys, of which some may be for us, whether the guest reads or not. */
static void take_keys(struct console *c, const uint8_t *raw, size_t len)
{
	uint8_t keys[CONSOLE_MOUTHFUL + 1];
	unsigned int asked;

	len = escape_filter(&c->escape, raw, len, keys, &asked);
	keep_keys(c, keys, len);
	give_keys(c);
	if (asked & ESCAPE_HELP)
		console_say(c, HELP);
	if ((asked & ESCAPE_QUIT) && c->quit)
		c->quit(c->ctx);
}

/* Takes one mouthful; when there is more, the loop calls again. */
static void pump(struct console *c)
{
	uint8_t buf[CONSOLE_MOUTHFUL];
	size_t room;
	ssize_t n;

	give_keys(c);
	room = c->in_is_terminal ? sizeof(buf) : input_room(c);
	if (room == 0) {
		watch_input(c, false);
		return;
	}
	n = console_try_read(c->in.fd, buf, room);
	if (n == -EIO && in_background(c)) {
		watch_input(c, false);
		c->in_paused = true;
		console_retry_later(c);
		return;
	}
	if (n == 0 || (n < 0 && n != -EAGAIN && n != -EINTR)) {
		input_ended(c);
		return;
	}
	if (n > 0 && c->in_is_terminal)
		take_keys(c, buf, (size_t)n);
	else if (n > 0)
		c->port.receive(c->port.ctx, buf, (size_t)n);
	watch_input(c, true);
}

static void input_ready(struct loop_source *source, uint32_t events)
{
	(void)events;
	pump((struct console *)((char *)source - offsetof(struct console, in)));
}

static void wake_ready(struct loop_source *source, uint32_t events)
{
	struct console *c = (struct console *)((char *)source - offsetof(struct console, wake));
	uint64_t count;

	(void)events;
	if (read(source->fd, &count, sizeof(count)) != sizeof(count))
		return;
	if (c->in.fd >= 0)
		pump(c);
	else
		give_keys(c); /* the terminal has gone */
}

void console_input_retry(struct console *c)
{
	if (c->accept_paused && loop_add(c->loop, &c->accept, EPOLLIN, NULL) == 0)
		c->accept_paused = false;
	if (c->in_paused) {
		c->in_paused = false;
		pump(c);
	}
	if (c->accept_paused || c->in_paused)
		console_retry_later(c);
}

int console_input_start(struct console *c, struct vmm_error *err)
{
	int ret;

	c->in.ready = input_ready;
	c->wake.ready = wake_ready;
	c->accept.ready = accept_ready;
	c->accept.fd = c->listener.fd;
	ret = loop_add(c->loop, &c->wake, EPOLLIN, err);
	if (ret == 0 && c->accept.fd >= 0)
		ret = loop_add(c->loop, &c->accept, EPOLLIN, err);
	if (ret == 0 && c->in.fd >= 0)
		watch_input(c, true);
	return ret;
}
