// SPDX-License-Identifier: MIT
#include "vmm/dev/console.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCKED_RETRY_MS 20

/* Written at once to a descriptor that may block: poll() promises at least a little room, and this
 * much is there on every terminal and pipe in practice. */
#define CAREFUL_WRITE 64

/* --- output, with the lock held --------------------------------------------------------------- */

void console_wake_in(struct console *c, unsigned int ms)
{
	uint64_t ns = ms * UINT64_C(1000000), at = timer_now() + ns;

	if (c->due_ns && c->due_ns <= at)
		return;
	c->due_ns = at;
	timer_set(&c->timer, ns ? ns : 1);
}

/* As write(), but never blocks: bytes written, -EAGAIN, or another negative errno. */
static ssize_t try_write(const struct console_output *out, const uint8_t *buf, size_t len)
{
	struct pollfd p = {.fd = out->fd, .events = POLLOUT};
	ssize_t n;

	if (out->is_socket) {
		n = send(out->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	} else {
		if (out->may_block && poll(&p, 1, 0) <= 0)
			return -EAGAIN;
		if (out->may_block && len > CAREFUL_WRITE)
			len = CAREFUL_WRITE;
		n = write(out->fd, buf, len);
	}
	return n < 0 ? -errno : n;
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
		ssize_t n = try_write(&c->out, c->buf, c->len);

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
static size_t put(struct console *c, const uint8_t *buf, size_t len)
{
	size_t room = sizeof(c->buf) - c->len;
	size_t n = len < room ? len : room;

	if (c->out.fd < 0)
		return len;
	memcpy(c->buf + c->len, buf, n);
	c->len += n;
	/* while the reader is behind, the timer tries again, not every byte */
	if (!c->blocked && (c->len >= CONSOLE_FLUSH_BYTES || memchr(buf, '\n', n)))
		write_out(c);
	if (c->len || n < len)
		console_wake_in(c, c->blocked ? BLOCKED_RETRY_MS : CONSOLE_FLUSH_MS);
	if (n < len && c->lossy) {
		c->dropped += len - n;
		n = len;
	}
	return n;
}

/* --- output, from outside --------------------------------------------------------------------- */

size_t console_write(void *ctx, const uint8_t *buf, size_t len)
{
	struct console *c = ctx;
	size_t n;

	pthread_mutex_lock(&c->lock);
	n = put(c, buf, len);
	c->refused = n < len;
	panic_watch_feed(&c->panic, buf, n);
	pthread_mutex_unlock(&c->lock);
	return n;
}

void console_say(struct console *c, const char *text)
{
	pthread_mutex_lock(&c->lock);
	put(c, (const uint8_t *)text, strlen(text));
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

/* Buffered output is old enough, a reader that was behind may have room again, or so may the guest. */
static void timer_expired(struct timer *timer)
{
	struct console *c = container_of(timer, struct console, timer);
	bool go_on;

	pthread_mutex_lock(&c->lock);
	c->due_ns = 0;
	write_out(c);
	if (c->blocked && timer_now_ms() - c->blocked_since >= CONSOLE_STALL_MS)
		c->lossy = true;
	if (c->len)
		console_wake_in(c, c->blocked ? BLOCKED_RETRY_MS : CONSOLE_FLUSH_MS);
	go_on = c->refused && (c->lossy || c->len < sizeof(c->buf));
	if (go_on)
		c->refused = false;
	pthread_mutex_unlock(&c->lock);
	if (go_on)
		c->port.sink_ready(c->port.ctx);
	console_input(c);
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

/*
 * A descriptor of our own for what the process's `fd` is open on; none if that is closed. Whether a
 * descriptor blocks is a property that it shares with the programs that gave it to us, the shell
 * for one, so it is not changed: terminals and pipes are opened once more. A file opened again
 * would be written from its start, and sockets cannot be opened.
 */
static struct console_output open_standard(int fd, int flags)
{
	struct console_output own = {.fd = -1};
	char path[32];
	struct stat st;

	if (fstat(fd, &st) < 0)
		return own;
	own.is_socket = S_ISSOCK(st.st_mode);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode))
		own.fd = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	own.may_block = own.fd < 0;
	if (own.fd < 0)
		own.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return own;
}

/* Appends to `path`, created with mode 0600 if need be. A FIFO has to have a reader. */
static int open_file(struct console *c, const char *path, struct vmm_error *err)
{
	c->out.fd =
		open(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	if (c->out.fd >= 0)
		return 0;
	if (errno == ENXIO)
		return vmm_error_set(err, -ENXIO,
				     "unable to open console file %s: it is a FIFO that nobody "
				     "reads, or a socket (use unix:PATH)",
				     path);
	return vmm_error_errno(err, -errno, "unable to open console file %s", path);
}

static int open_output(struct console *c, const struct endpoint *output, struct vmm_error *err)
{
	switch (output->kind) {
	case ENDPOINT_STDIO:
		c->out = open_standard(STDOUT_FILENO, O_WRONLY);
		c->in.fd = open_standard(STDIN_FILENO, O_RDONLY).fd;
		c->in_is_terminal = c->in.fd >= 0 && isatty(c->in.fd);
		c->in_waits = !c->in_is_terminal;
		break;
	case ENDPOINT_FILE:
		return open_file(c, output->path, err);
	case ENDPOINT_UNIX:
		c->out_is_client = true;
		return unix_listen(&c->listener, "console socket", output->path, 1, err);
	case ENDPOINT_NONE:
	case ENDPOINT_NULL:
	case ENDPOINT_VSOCK:
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
	c->in.fd = c->timer.source.fd = c->listener.fd = c->out.fd = -1;
	pthread_mutex_init(&c->lock, NULL);
	ret = open_output(c, output, err);
	c->lossy = never_waits(c);
	if (ret < 0)
		console_close(c);
	return ret;
}

int console_start(struct console *c, const struct console_port *port, struct loop *loop,
		  struct vmm_error *err)
{
	int ret;

	c->port = *port;
	if (c->out_is_client)
		c->in_waits = port->resets;
	c->loop = loop;
	ret = timer_init(&c->timer, loop, timer_expired, err);
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
	timer_destroy(&c->timer);
	unix_unlisten(&c->listener);
	pthread_mutex_destroy(&c->lock);
}
