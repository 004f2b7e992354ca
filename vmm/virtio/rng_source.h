/* SPDX-License-Identifier: MIT */
/*
 * Where random bytes come from: a file, or a character device. The kernel's own sources answer at
 * once. Others, such as /dev/hwrng, take their time and may never answer, and a thread that waits in
 * a driver cannot be called back: a thread of their own reads them, that nobody waits for.
 */
#ifndef VMM_VIRTIO_RNG_SOURCE_H
#define VMM_VIRTIO_RNG_SOURCE_H

#include "vmm/base/error.h"
#include "vmm/base/sys.h"

#define RNG_SOURCE_MAX 4096 /* bytes at a time */

struct rng_reader;

struct rng_source {
	const struct sys *sys;
	int fd;			   /* -1: closed */
	uint64_t offset;	   /* matters for files only */
	struct rng_reader *reader; /* NULL: it answers at once */
};

/* Opens `path` without waiting for anything; pipes, sockets and folders are refused. On failure
 * nothing stays open. The text of an error begins with rng.source. */
int rng_source_open(struct rng_source *source, const struct sys *sys, const char *path,
		    struct vmm_error *err);

/*
 * Up to `len` bytes: how many there were, 0 at the end of a file, or a negative errno. -EAGAIN: they
 * are being read; rng_source_ready_fd() becomes readable when it is worth to ask again. The first call
 * starts the thread, which inherits the caller's signal mask. One thread at a time.
 */
ssize_t rng_source_read(struct rng_source *source, void *buf, size_t len);

/* An eventfd of the source's, -1 if it never says -EAGAIN. */
int rng_source_ready_fd(const struct rng_source *source);

/* Never waits: a thread that does is left to itself, and goes when the source answers. */
void rng_source_close(struct rng_source *source);

#endif
