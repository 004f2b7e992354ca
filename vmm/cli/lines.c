// SPDX-License-Identifier: MIT
/* The lines wait in a pipe of our own, whose end for writing does not block; each is taken whole or
 * not at all (pipe(7), PIPE_BUF). */
#include "vmm/cli/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* How long lines_end() waits: seconds without any progress, and in all. */
#define STALL_SECONDS 1
#define END_SECONDS   5

#define LOSS_LINE 128 /* bytes, or fewer */

struct lines {
	int fd;
	int pipe[2]; /* the thread reads from [0] */
	pthread_t thread;
	_Atomic uint64_t written; /* chunks, so far, whether or not that worked */
	_Atomic uint64_t stalled; /* 1 + written, when somebody has last waited in vain */
	pthread_mutex_t lock;	  /* of `lost`: those missing are told in their place */
	uint64_t lost;		  /* lines that were not written, and not told */
};

/* Says how many lines are missing at a place; returns its length. */
static size_t loss_line(char line[LOSS_LINE], uint64_t lost)
{
	int len = snprintf(line, LOSS_LINE,
			   "minivmm: warning: %" PRIu64
			   " lines are missing here: they could not be written\n",
			   lost);

	return len > 0 ? (size_t)len : 0;
}

/* --- the thread ------------------------------------------------------------------------------- */

/* Waits for the reader. Lines that cannot be written are lost; returns false then. */
static bool write_chunk(struct lines *l, const char *at, size_t len)
{
	const char *end = at + len;
	uint64_t lost = 0;

	while (at < end) {
		struct pollfd p = {.fd = l->fd, .events = POLLOUT};
		ssize_t n = write(l->fd, at, (size_t)(end - at));

		if (n >= 0)
			at += n;
		else if (errno == EAGAIN) /* who gave us the descriptor made it non-blocking */
			poll(&p, 1, -1);
		else if (errno != EINTR)
			break;
	}
	for (; at < end; at++)
		lost += *at == '\n';
	pthread_mutex_lock(&l->lock);
	l->lost += lost;
	pthread_mutex_unlock(&l->lock);
	l->written++;
	return lost == 0;
}

/* Nothing waits behind what was lost: that would be told later. */
static void write_loss(struct lines *l)
{
	struct pollfd more = {.fd = l->pipe[0], .events = POLLIN};
	char line[LOSS_LINE];
	uint64_t lost = 0;

	pthread_mutex_lock(&l->lock);
	if (poll(&more, 1, 0) == 0 || !(more.revents & POLLIN)) {
		lost = l->lost;
		l->lost = 0;
	}
	pthread_mutex_unlock(&l->lock);
	if (lost > 0)
		write_chunk(l, line, loss_line(line, lost));
}

static void *lines_main(void *arg)
{
	struct lines *l = arg;
	char buf[LINES_CHUNK];
	size_t len = 0;
	ssize_t n;

	pthread_setname_np(pthread_self(), "log");
	while ((n = read(l->pipe[0], buf + len, sizeof(buf) - len)) > 0) {
		const char *last = memrchr(buf, '\n', len += (size_t)n);
		size_t whole = last ? (size_t)(last - buf) + 1 : 0;
		bool works = write_chunk(l, buf, whole);

		len -= whole;
		memmove(buf, buf + whole, len);
		if (works && len == 0)
			write_loss(l);
	}
	return NULL;
}

/* --- from outside ----------------------------------------------------------------------------- */

static void lines_free(struct lines *l)
{
	if (l->fd != STDERR_FILENO)
		close(l->fd);
	close(l->pipe[0]);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

struct lines *lines_start(int fd)
{
	struct lines *l = calloc(1, sizeof(*l));
	sigset_t all, old;
	int ret;

	if (!l || pipe2(l->pipe, O_CLOEXEC) < 0) {
		free(l);
		return NULL;
	}
	l->fd = fd;
	pthread_mutex_init(&l->lock, NULL);
	fcntl(l->pipe[1], F_SETFL, O_NONBLOCK);
	/* signals are for others, and one that writing itself causes (SIGPIPE, SIGTTOU) is an error
	 * of the write, or none */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = pthread_create(&l->thread, NULL, lines_main, l);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (ret == 0)
		return l;
	close(l->pipe[1]);
	lines_free(l);
	errno = ret;
	return NULL;
}

/* Takes the line, and before it how many are missing, if there is room for both. */
static bool take(struct lines *l, const char *line, size_t len)
{
	char loss[LOSS_LINE];

	if (l->lost > 0 && write(l->pipe[1], loss, loss_line(loss, l->lost)) < 0)
		return false;
	l->lost = 0;
	return write(l->pipe[1], line, len) >= 0;
}

void lines_put(struct lines *l, const char *line, size_t len, unsigned int patience_ms)
{
	struct pollfd p = {.fd = l->pipe[1], .events = POLLOUT};
	bool taken, wait;

	do {
		pthread_mutex_lock(&l->lock);
		taken = take(l, line, len);
		wait = !taken && patience_ms && l->stalled != l->written + 1;
		if (!taken && !wait)
			l->lost++;
		pthread_mutex_unlock(&l->lock);
		if (wait && poll(&p, 1, (int)patience_ms) == 0)
			l->stalled = l->written + 1;
	} while (wait);
}

void lines_end(struct lines *l)
{
	if (!l)
		return;
	close(l->pipe[1]); /* the thread reads what is left, and ends */
	for (int i = 0; i < END_SECONDS; i += STALL_SECONDS) {
		const uint64_t written = l->written;
		struct timespec at;

		clock_gettime(CLOCK_MONOTONIC, &at);
		at.tv_sec += STALL_SECONDS;
		if (pthread_clockjoin_np(l->thread, NULL, CLOCK_MONOTONIC, &at) == 0) {
			lines_free(l);
			return;
		}
		if (l->written == written)
			return; /* it still uses *l, and will until the process ends */
	}
}
