// SPDX-License-Identifier: MIT
/* gzip (RFC 1952), by zlib. */
#include "boot/codec.h"
#include "boot/codec_lib.h"

#if HAVE_ZLIB

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#define ZLIB_CONST /* what inflate() reads is const */
#include <zlib.h>

#define FUNCTIONS(X) X(inflateInit2_) X(inflate) X(inflateEnd) X(zError)

struct gzip {
	struct {
		FUNCTIONS(CODEC_POINTER)
	} lib;
	z_stream z;
};

static int gzip_start(void *library, void **out)
{
	struct gzip *state = calloc(1, sizeof(*state));
	bool complete = true;

	(void)library;
	if (!state)
		return -ENOMEM;
	FUNCTIONS(CODEC_BIND)
	/* 15: the largest window; 16 more: a gzip header and trailer, not zlib's */
	if (!complete ||
	    state->lib.inflateInit2_(&state->z, 15 + 16, ZLIB_VERSION, sizeof(state->z)) != Z_OK) {
		free(state);
		return complete ? -ENOMEM : -ELIBBAD;
	}
	*out = state;
	return 0;
}

static unsigned int clamp(size_t len)
{
	return len < UINT_MAX ? (unsigned int)len : UINT_MAX;
}

static int gzip_step(void *state, struct codec_buf *buf, const char **why)
{
	struct gzip *gzip = state;
	z_stream *z = &gzip->z;
	int ret;

	z->next_in = buf->in;
	z->avail_in = clamp(buf->in_len);
	z->next_out = buf->out;
	z->avail_out = clamp(buf->out_len);
	ret = gzip->lib.inflate(z, Z_NO_FLUSH);
	buf->in_len -= (size_t)(z->next_in - buf->in);
	buf->in = z->next_in;
	buf->out_len -= (size_t)(z->next_out - buf->out);
	buf->out = z->next_out;

	switch (ret) {
	case Z_OK:
	case Z_BUF_ERROR: /* no progress this time */
		return CODEC_MORE;
	case Z_STREAM_END:
		return CODEC_END;
	case Z_MEM_ERROR:
		*why = "out of memory";
		return -ENOMEM;
	default:
		*why = z->msg ? z->msg : gzip->lib.zError(ret);
		return -EBADMSG;
	}
}

static void gzip_stop(void *state)
{
	struct gzip *gzip = state;

	gzip->lib.inflateEnd(&gzip->z);
	free(gzip);
}

#endif

const struct codec codec_gzip = {
	.name = "gzip",
	.library = "zlib",
	.soname = "libz.so.1",
	.magic = {0x1f, 0x8b, 8}, /* RFC 1952 section 2.3.1: ID1, ID2, CM = deflate */
	.magic_len = 3,
#if HAVE_ZLIB
	.start = gzip_start,
	.step = gzip_step,
	.stop = gzip_stop,
#endif
};
