// SPDX-License-Identifier: MIT
#include "vmm/cli/lines.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* How long lines_end() waits: for any progress, and in all. */
#define STALL_MS 1000
#define END_MS	 5000

#define LOSS_LINE 128 /* bytes, or fewer */

struct lines {
	int fd;
	pthread_t thread;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t more;  /* there is something to write, or nothing more will come */
	pthread_cond_t taken; /* something was written, or failed; CLOCK_MONOTONIC */
	char buf[LINES_ROOM];
	size_t len;
	uint64_t written; /* chunks, so far, whether or not that worked */
	uint64_t lost;	  /* lines that were not written, and not told */
	uint64_t stalled; /* 1 + written, when somebody has last waited for room in vain */
	bool failing;	  /* the last write did not work */
	bool ending;
	bool over; /* the thread has written all, and ends */
};

/* --- with the lock held ----------------------------------------------------------------------- */

static bool append(struct lines *l, const char *line, size_t len)
{
	if (len > sizeof(l->buf) - l->len)
		return false;
	memcpy(l->buf + l->len, line, len);
	l->len += len;
	return true;
}

/* Says how many lines are missing at this place. False: there is no room even for that. */
static bool append_loss(struct lines *l)
{
	char line[LOSS_LINE];
	int len;

	if (l->lost == 0)
		return true;
	len = snprintf(line, sizeof(line),
		       "minivmm: warning: %llu lines are missing here: they could not be written\n",
		       (unsigned long long)l->lost);
	if (len < 0 || !append(l, line, (size_t)len))
		return false;
	l->lost = 0;
	return true;
}

/* The whole lines at the front that make up a chunk. */
static size_t chunk(const struct lines *l)
{
	size_t len = l->len < LINES_CHUNK ? l->len : LINES_CHUNK;

	while (len > 0 && l->buf[len - 1] != '\n')
		len--;
	return len > 0 ? len : l->len; /* the rest of a line that was written in part is short */
}

static void count_lost(struct lines *l, const char *text, size_t len)
{
	const char *end = text + len;

	while (text < end && (text = memchr(text, '\n', (size_t)(end - text)))) {
		l->lost++;
		text++;
	}
}

/* --- the thread ------------------------------------------------------------------------------- */

/* Waits for the reader. 0, or an errno; what was written is told in any case. */
static int write_all(int fd, const char *buf, size_t len, size_t *written)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	for (*written = 0; *written < len;) {
		ssize_t n = write(fd, buf + *written, len - *written);

		if (n >= 0)
			*written += (size_t)n;
		else if (errno == EAGAIN) /* who gave us the descriptor made it non-blocking */
			poll(&p, 1, -1);
		else if (errno != EINTR)
			return errno;
	}
	return 0;
}

static void write_chunk(struct lines *l)
{
	char buf[LINES_CHUNK];
	size_t len = chunk(l), written;
	int ret;

	memcpy(buf, l->buf, len);
	pthread_mutex_unlock(&l->lock);
	ret = write_all(l->fd, buf, len, &written);
	pthread_mutex_lock(&l->lock);
	l->failing = ret != 0;
	l->len -= len;
	memmove(l->buf, l->buf + len, l->len);
	if (l->failing)
		count_lost(l, buf + written, len - written);
	l->written++;
	pthread_cond_broadcast(&l->taken);
}

static void *lines_main(void *arg)
{
	struct lines *l = arg;

	pthread_setname_np(pthread_self(), "log");
	pthread_mutex_lock(&l->lock);
	for (;;) {
		if (l->len == 0 && !l->failing)
			append_loss(l);
		if (l->len > 0)
			write_chunk(l);
		else if (l->ending)
			break;
		else
			pthread_cond_wait(&l->more, &l->lock);
	}
	l->over = true;
	pthread_cond_broadcast(&l->taken);
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

/* --- from outside ----------------------------------------------------------------------------- */

struct lines *lines_start(int fd)
{
	struct lines *l = calloc(1, sizeof(*l));
	pthread_condattr_t monotonic;
	sigset_t all, old;
	int ret;

	if (!l)
		return NULL;
	l->fd = fd;
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->more, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&l->taken, &monotonic);
	pthread_condattr_destroy(&monotonic);

	/* signals are for others, and one that writing itself causes (SIGPIPE, SIGTTOU) is an error
	 * of the write, or none */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = pthread_create(&l->thread, NULL, lines_main, l);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (ret == 0)
		return l;
	free(l);
	errno = ret;
	return NULL;
}

static struct timespec in_ms(unsigned int ms)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += ms / 1000;
	at.tv_nsec += (long)(ms % 1000) * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	return at;
}

void lines_put(struct lines *l, const char *line, size_t len, unsigned int patience_ms)
{
	struct timespec end = in_ms(patience_ms);
	int ret = patience_ms ? 0 : ETIMEDOUT;

	pthread_mutex_lock(&l->lock);
	while (ret == 0 && sizeof(l->buf) - l->len < len + LOSS_LINE &&
	       l->stalled != l->written + 1)
		ret = pthread_cond_timedwait(&l->taken, &l->lock, &end);
	if (ret != 0 && patience_ms)
		l->stalled = l->written + 1;
	if (!append_loss(l) || !append(l, line, len))
		l->lost++;
	pthread_cond_signal(&l->more);
	pthread_mutex_unlock(&l->lock);
}

static bool before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

bool lines_end(struct lines *l)
{
	struct timespec end = in_ms(END_MS);
	bool over;

	if (!l)
		return true;
	pthread_mutex_lock(&l->lock);
	l->ending = true;
	pthread_cond_signal(&l->more);
	while (!l->over) {
		struct timespec stall = in_ms(STALL_MS);
		uint64_t written = l->written;
		int ret = 0;

		while (!l->over && l->written == written && ret == 0)
			ret = pthread_cond_timedwait(&l->taken, &l->lock,
						     before(&stall, &end) ? &stall : &end);
		if (ret != 0)
			break;
	}
	over = l->over;
	pthread_mutex_unlock(&l->lock);
	if (!over)
		return false; /* it still uses *l, and will until the process ends */
	pthread_join(l->thread, NULL);
	pthread_mutex_destroy(&l->lock);
	pthread_cond_destroy(&l->more);
	pthread_cond_destroy(&l->taken);
	free(l);
	return true;
}
