// SPDX-License-Identifier: MIT
#include "vmm/virtio/rng_source.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Character devices of the kernel itself: random, urandom, zero, ... (devices.txt of Linux) */
#define MEM_MAJOR 1

/* Shared with the thread. Whoever of the two is the last to need it frees it. */
struct rng_reader {
	const struct sys *sys;
	pthread_mutex_t lock;
	pthread_cond_t asked;
	int fd;	      /* the source */
	int ready_fd; /* eventfd */
	bool runs;    /* the thread exists */
	bool gone;    /* nobody wants its bytes any more */
	enum { IDLE, ASKED, DONE } state;
	uint64_t offset;
	size_t want;
	ssize_t got; /* bytes, or a negative errno */
	uint8_t bytes[RNG_SOURCE_MAX];
};

static void reader_free(struct rng_reader *r)
{
	sys_close(r->sys, &r->fd);
	sys_close(r->sys, &r->ready_fd);
	pthread_cond_destroy(&r->asked);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static void raise_eventfd(int fd)
{
	const uint64_t one = 1;
	ssize_t n = write(fd, &one, sizeof(one));

	(void)n; /* only fails when it is readable already */
}

static void *reader_main(void *arg)
{
	struct rng_reader *r = arg;

	pthread_mutex_lock(&r->lock);
	while (!r->gone) {
		ssize_t n;

		if (r->state != ASKED) {
			pthread_cond_wait(&r->asked, &r->lock);
			continue;
		}
		pthread_mutex_unlock(&r->lock);
		n = r->sys->ops->pread(r->sys->ctx, r->fd, r->bytes, r->want, r->offset);
		pthread_mutex_lock(&r->lock);
		r->got = n;
		r->state = DONE;
		raise_eventfd(r->ready_fd);
	}
	pthread_mutex_unlock(&r->lock);
	reader_free(r);
	return NULL;
}

static int reader_start(struct rng_reader *r)
{
	pthread_t thread;
	int ret;

	if (r->runs)
		return 0;
	ret = r->sys->ops->thread_start(r->sys->ctx, &thread, reader_main, r);
	if (ret < 0)
		return ret;
	pthread_detach(thread);
	r->runs = true;
	return 0;
}

static ssize_t reader_take(struct rng_reader *r, uint64_t offset, void *buf, size_t len)
{
	uint64_t count;
	ssize_t n = read(r->ready_fd, &count, sizeof(count));

	(void)n;
	pthread_mutex_lock(&r->lock);
	n = -EAGAIN;
	if (r->state == DONE) {
		n = r->got;
		if (n > (ssize_t)len)
			n = (ssize_t)len;
		if (n > 0)
			memcpy(buf, r->bytes, (size_t)n);
		r->state = IDLE;
	} else if (r->state == IDLE) {
		int ret = reader_start(r);

		if (ret < 0)
			n = ret;
		else
			r->state = ASKED;
		r->want = len;
		r->offset = offset;
		pthread_cond_signal(&r->asked);
	}
	pthread_mutex_unlock(&r->lock);
	return n;
}

static int reader_new(struct rng_source *source, struct vmm_error *err)
{
	const struct sys *sys = source->sys;
	struct rng_reader *r = calloc(1, sizeof(*r));
	int off = 0, ret;

	if (!r)
		return vmm_error_errno(err, -ENOMEM, "unable to read random bytes");
	r->sys = sys;
	r->fd = -1;
	r->ready_fd = -1;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->asked, NULL);
	/* the thread may wait: asking again and again is what it is there to spare */
	ret = sys->ops->ioctl(sys->ctx, source->fd, FIONBIO, &off);
	if (ret >= 0)
		ret = r->ready_fd = sys->ops->eventfd(sys->ctx);
	if (ret < 0) {
		reader_free(r);
		return vmm_error_errno(err, ret, "unable to prepare random bytes");
	}
	r->fd = source->fd;
	source->reader = r;
	return 0;
}

static int look_at(struct rng_source *source, const char *path, struct vmm_error *err)
{
	struct sys_identity id;
	int ret = source->sys->ops->identify(source->sys->ctx, source->fd, &id);

	if (ret < 0)
		return vmm_error_errno(err, ret, "unable to look at %s", path);
	if (id.kind != SYS_REGULAR && id.kind != SYS_CHAR)
		return vmm_error_set(err, -EINVAL, "%s is neither a file nor a character device",
				     path);
	if (id.kind == SYS_CHAR && major(id.dev) != MEM_MAJOR)
		return reader_new(source, err);
	return 0;
}

int rng_source_open(struct rng_source *source, const struct sys *sys, const char *path,
		    struct vmm_error *err)
{
	int ret;

	*source = (struct rng_source){.sys = sys, .fd = -1};
	/* O_NONBLOCK: a named pipe in the place of a file must not hang us */
	ret = sys->ops->open(sys->ctx, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (ret < 0) {
		vmm_error_errno(err, ret, "unable to open %s", path);
	} else {
		source->fd = ret;
		ret = look_at(source, path, err);
	}
	if (ret < 0) {
		vmm_error_prefix(err, "rng.source");
		rng_source_close(source);
	}
	return ret;
}

ssize_t rng_source_read(struct rng_source *source, void *buf, size_t len)
{
	const struct sys *sys = source->sys;
	ssize_t n;

	if (len > RNG_SOURCE_MAX)
		len = RNG_SOURCE_MAX;
	if (source->reader)
		n = reader_take(source->reader, source->offset, buf, len);
	else
		n = sys->ops->pread(sys->ctx, source->fd, buf, len, source->offset);
	if (n > 0)
		source->offset += (uint64_t)n;
	return n;
}

int rng_source_ready_fd(const struct rng_source *source)
{
	return source->reader ? source->reader->ready_fd : -1;
}

void rng_source_close(struct rng_source *source)
{
	struct rng_reader *r = source->reader;
	bool runs;

	source->reader = NULL;
	if (!r) {
		if (source->sys)
			sys_close(source->sys, &source->fd);
		return;
	}
	source->fd = -1; /* the reader's */
	pthread_mutex_lock(&r->lock);
	runs = r->runs;
	r->gone = true;
	pthread_cond_signal(&r->asked);
	pthread_mutex_unlock(&r->lock);
	if (!runs)
		reader_free(r);
}
