// SPDX-License-Identifier: MIT
#include "vmm/dev/console.h"

#include "vmm/base/timer.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define BLOCKED_RETRY_MS 20

/* --- output, with the lock held --------------------------------------------------------------- */

static void arm_timer(struct console *c)
{
	long ms = c->blocked ? BLOCKED_RETRY_MS : CONSOLE_FLUSH_MS;
	struct itimerspec when = {.it_value.tv_nsec = ms * 1000000};

	if (c->timer_armed)
		return;
	timerfd_settime(c->timer.fd, 0, &when, NULL);
	c->timer_armed = true;
}

/* A socket's client may be anyone, so it never slows the guest down. */
static bool never_waits(const struct console *c)
{
	return c->out_is_client || c->out.fd < 0;
}

/* Writes as much of the buffer as the reader takes. */
static void write_out(struct console *c)
{
	while (c->len) {
		ssize_t n = console_try_write(&c->out, c->buf, c->len);

		if (n == -EINTR)
			continue;
		if (n == -EAGAIN || n == 0) {
			if (!c->blocked)
				c->blocked_since = timer_now_ms();
			c->blocked = true;
			return;
		}
		/* a broken reader or a full disk: what it did not take is lost */
		if (n < 0) {
			c->dropped += c->len;
			c->len = 0;
			return;
		}
		c->blocked = false;
		c->lossy = never_waits(c);
		c->len -= (size_t)n;
		memmove(c->buf, c->buf + n, c->len);
	}
}

/* Returns how many bytes were taken, which includes those that were dropped. */
static size_t buffer(struct console *c, const uint8_t *buf, size_t len)
{
	size_t room = sizeof(c->buf) - c->len;
	size_t n = len < room ? len : room;

	memcpy(c->buf + c->len, buf, n);
	c->len += n;
	if (n < len && c->lossy) {
		c->dropped += len - n;
		return len;
	}
	return n;
}

/* sink.write of the serial port */
static size_t console_write(void *ctx, const uint8_t *buf, size_t len)
{
	struct console *c = ctx;
	size_t n = len;

	pthread_mutex_lock(&c->lock);
	if (c->out.fd >= 0) {
		n = buffer(c, buf, len);
		c->refused = n < len;
		/* while the reader is behind, the timer tries again, not every byte */
		if (!c->blocked && (c->len >= CONSOLE_FLUSH_BYTES || memchr(buf, '\n', n)))
			write_out(c);
		if (c->len)
			arm_timer(c);
	}
	panic_watch_feed(&c->panic, buf, n);
	pthread_mutex_unlock(&c->lock);
	return n;
}

/* --- output, from outside --------------------------------------------------------------------- */

void console_say(struct console *c, const char *text)
{
	pthread_mutex_lock(&c->lock);
	if (c->out.fd >= 0) {
		buffer(c, (const uint8_t *)text, strlen(text));
		write_out(c);
		if (c->len)
			arm_timer(c);
	}
	pthread_mutex_unlock(&c->lock);
}

int console_set_client(struct console *c, int fd)
{
	int old;

	pthread_mutex_lock(&c->lock);
	old = c->out.fd;
	c->out = (struct console_output){.fd = fd, .is_socket = true};
	c->len = 0;
	c->blocked = false;
	pthread_mutex_unlock(&c->lock);
	return old;
}

void console_retry_later(struct console *c)
{
	struct itimerspec when = {.it_value.tv_nsec = CONSOLE_RETRY_MS * 1000000L};

	pthread_mutex_lock(&c->lock);
	if (!c->timer_armed) /* output sets it anew, for sooner */
		timerfd_settime(c->timer.fd, 0, &when, NULL);
	pthread_mutex_unlock(&c->lock);
}

/* The timer: buffered output is old enough, or a reader that was behind may have room again. */
static void timer_ready(struct loop_source *source, uint32_t events)
{
	struct console *c = (struct console *)((char *)source - offsetof(struct console, timer));
	uint64_t expirations;
	bool go_on;

	(void)events;
	if (read(source->fd, &expirations, sizeof(expirations)) < 0)
		return;
	pthread_mutex_lock(&c->lock);
	c->timer_armed = false;
	write_out(c);
	if (c->blocked && timer_now_ms() - c->blocked_since >= CONSOLE_STALL_MS)
		c->lossy = true;
	if (c->len)
		arm_timer(c);
	go_on = c->refused && (c->lossy || c->len < sizeof(c->buf));
	if (go_on)
		c->refused = false;
	pthread_mutex_unlock(&c->lock);
	if (go_on)
		c->port.sink_ready(c->port.ctx);
	if (c->in_paused || c->accept_paused)
		console_input_retry(c);
}

/* Writes out with a little patience. A reader that went away must not kill the process: the threads
 * of the VM block SIGPIPE, but this may run on any thread. */
static void drain(struct console *c)
{
	static const struct timespec at_once = {0};
	uint64_t now = timer_now_ms(), end = now + CONSOLE_END_MS;
	sigset_t sigpipe, old, pending;

	sigemptyset(&sigpipe);
	sigaddset(&sigpipe, SIGPIPE);
	sigpending(&pending);
	pthread_sigmask(SIG_BLOCK, &sigpipe, &old);

	pthread_mutex_lock(&c->lock);
	write_out(c);
	for (; c->len && now < end; now = timer_now_ms()) {
		struct pollfd p = {.fd = c->out.fd, .events = POLLOUT};

		poll(&p, 1, (int)(end - now));
		write_out(c);
	}
	pthread_mutex_unlock(&c->lock);

	if (!sigismember(&pending, SIGPIPE))
		sigtimedwait(&sigpipe, NULL, &at_once);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void console_flush(struct console *c)
{
	drain(c);
	if (c->refused) { /* a few bytes are still in the device */
		c->refused = false;
		c->port.sink_ready(c->port.ctx);
		drain(c);
	}
}

uint64_t console_dropped(struct console *c)
{
	uint64_t dropped;

	pthread_mutex_lock(&c->lock);
	dropped = c->dropped;
	pthread_mutex_unlock(&c->lock);
	return dropped;
}

bool console_recent_panic(struct console *c, char *text, size_t size)
{
	bool recent;

	pthread_mutex_lock(&c->lock);
	recent = panic_watch_recent(&c->panic);
	if (recent && text)
		snprintf(text, size, "%s", c->panic.text);
	pthread_mutex_unlock(&c->lock);
	return recent;
}

/* --- opening and closing ---------------------------------------------------------------------- */

static int open_backend(struct console *c, const struct endpoint *output, struct vmm_error *err)
{
	switch (output->kind) {
	case ENDPOINT_STDIO:
		c->out = console_open_stdout();
		c->in.fd = console_open_stdin();
		c->in_is_terminal = c->in.fd >= 0 && isatty(c->in.fd);
		c->in_waits = !c->in_is_terminal;
		break;
	case ENDPOINT_FILE:
		return console_open_file(output->path, &c->out.fd, err);
	case ENDPOINT_UNIX:
		c->out_is_client = true;
		return unix_listen(&c->listener, "console socket", output->path, 1, err);
	case ENDPOINT_NONE:
	case ENDPOINT_NULL:
		break;
	}
	return 0;
}

int console_open(struct console *c, const struct endpoint *output, void (*quit)(void *ctx),
		 void *ctx, struct vmm_error *err)
{
	int ret;

	memset(c, 0, offsetof(struct console, keys));
	c->quit = quit;
	c->ctx = ctx;
	c->in.fd = c->wake.fd = c->timer.fd = c->listener.fd = c->out.fd = -1;
	pthread_mutex_init(&c->lock, NULL);

	ret = open_backend(c, output, err);
	if (ret < 0)
		goto fail;
	c->lossy = never_waits(c);
	c->timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (c->timer.fd < 0) {
		ret = vmm_error_errno(err, -errno, "unable to create the console's timer");
		goto fail;
	}
	c->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->wake.fd < 0) {
		ret = vmm_error_errno(err, -errno, "unable to create an eventfd for the console");
		goto fail;
	}
	return 0;
fail:
	console_close(c);
	return ret;
}

struct serial_sink console_sink(struct console *c)
{
	return (struct serial_sink){.write = console_write, .room = console_input_room, .ctx = c};
}

static size_t port_room(void *ctx)
{
	return serial_room(ctx);
}

static bool port_listening(void *ctx)
{
	return serial_listening(ctx);
}

static void port_receive(void *ctx, const uint8_t *buf, size_t len)
{
	serial_receive(ctx, buf, len);
}

static void port_sink_ready(void *ctx)
{
	serial_sink_ready(ctx);
}

struct console_port console_serial_port(struct serial *serial)
{
	return (struct console_port){
		.room = port_room,
		.listening = port_listening,
		.receive = port_receive,
		.sink_ready = port_sink_ready,
		.resets = true,
		.ctx = serial,
	};
}

int console_start(struct console *c, const struct console_port *port, struct loop *loop,
		  struct vmm_error *err)
{
	int ret;

	c->port = *port;
	if (c->out_is_client)
		c->in_waits = port->resets;
	c->loop = loop;
	c->timer.ready = timer_ready;
	ret = loop_add(loop, &c->timer, EPOLLIN, err);
	return ret < 0 ? ret : console_input_start(c, err);
}

/* Descriptors that are closed leave the loop's epoll by themselves: nobody else has them. */
static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void console_close(struct console *c)
{
	console_flush(c);
	if (!c->out_is_client || c->in.fd != c->out.fd)
		close_fd(&c->in.fd);
	close_fd(&c->out.fd);
	close_fd(&c->timer.fd);
	close_fd(&c->wake.fd);
	unix_unlisten(&c->listener);
	pthread_mutex_destroy(&c->lock);
}
