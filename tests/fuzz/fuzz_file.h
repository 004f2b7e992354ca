/* SPDX-License-Identifier: MIT */
/* A file that is a buffer, for loaders that are run many times: no descriptor, no system call. */
#ifndef TESTS_FUZZ_FUZZ_FILE_H
#define TESTS_FUZZ_FUZZ_FILE_H

#include "vmm/base/sys.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct fuzz_file {
	const uint8_t *bytes;
	size_t len;
};

static int fuzz_open(void *ctx, const char *path, int flags)
{
	(void)ctx, (void)path, (void)flags;
	return 3;
}

static int fuzz_close(void *ctx, int fd)
{
	(void)ctx, (void)fd;
	return 0;
}

static int fuzz_size(void *ctx, int fd, uint64_t *size)
{
	(void)fd;
	*size = ((struct fuzz_file *)ctx)->len;
	return 0;
}

static ssize_t fuzz_pread(void *ctx, int fd, void *buf, size_t len, uint64_t offset)
{
	const struct fuzz_file *f = ctx;

	(void)fd;
	if (offset >= f->len)
		return 0;
	if (len > f->len - offset)
		len = f->len - offset;
	memcpy(buf, f->bytes + offset, len);
	return (ssize_t)len;
}

static const struct sys_ops fuzz_ops = {
	.open = fuzz_open, .close = fuzz_close, .file_size = fuzz_size, .pread = fuzz_pread};

static inline void fuzz_require(bool holds)
{
	if (!holds)
		abort();
}

#endif
