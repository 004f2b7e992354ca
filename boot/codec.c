// SPDX-License-Identifier: MIT
/* gzip (RFC 1952) by zlib, and Zstandard (RFC 8878) by libzstd. */
#include "boot/codec.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST /* what inflate() reads is const */
#include <zlib.h>
#include <zstd.h>

/*
 * A codec lists the functions that it calls, FUNCTIONS(X), and keeps a pointer to each in its
 * state. BIND sets them, in a function that has `library`, `state` and a bool `complete`, which
 * becomes false when the library lacks one.
 */
#define POINTER(function) __typeof__ (&function)(function);

#if CODECS_LINKED
#define BIND(function) state->lib.function = function;
#else
#include <dlfcn.h>
/* POSIX dlsym(): a function's address comes as a pointer to void */
#define BIND(function)                                              \
	*(void **)&state->lib.function = dlsym(library, #function); \
	complete = complete && state->lib.function;
#endif

bool codec_open(const struct codec *codec, void **library)
{
	*library = NULL;
#if !CODECS_LINKED
	*library = dlopen(codec->soname, RTLD_NOW | RTLD_LOCAL);
	return *library != NULL;
#else
	(void)codec;
	return true;
#endif
}

void codec_close(void *library)
{
#if !CODECS_LINKED
	if (library)
		dlclose(library);
#else
	(void)library;
#endif
}

const struct codec *codec_find(const uint8_t *head, size_t len)
{
	static const struct codec *const codecs[] = {&codec_gzip, &codec_zstd};

	for (size_t i = 0; i < ARRAY_SIZE(codecs); i++)
		if (len >= codecs[i]->magic_len &&
		    memcmp(head, codecs[i]->magic, codecs[i]->magic_len) == 0)
			return codecs[i];
	return NULL;
}

/* --- gzip ------------------------------------------------------------------------------------- */

#define FUNCTIONS(X) X(inflateInit2_) X(inflate) X(inflateEnd) X(zError)

struct gzip {
	struct {
		FUNCTIONS(POINTER)
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
	FUNCTIONS(BIND)
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
	if (ret == Z_OK || ret == Z_BUF_ERROR) /* the latter: no progress this time */
		return CODEC_MORE;
	if (ret == Z_STREAM_END)
		return CODEC_END;
	*why = z->msg ? z->msg : gzip->lib.zError(ret);
	return -EBADMSG;
}

static void gzip_stop(void *state)
{
	struct gzip *gzip = state;

	gzip->lib.inflateEnd(&gzip->z);
	free(gzip);
}

const struct codec codec_gzip = {
	.name = "gzip",
	.soname = "libz.so.1",
	.magic = {0x1f, 0x8b, 8}, /* RFC 1952 section 2.3.1: ID1, ID2, CM = deflate */
	.magic_len = 3,
	.start = gzip_start,
	.step = gzip_step,
	.stop = gzip_stop,
};

/* --- zstd ------------------------------------------------------------------------------------- */

/* A frame may ask for any window; kernels are compressed with 128 MiB at most (zstd -22 --ultra). */
#define WINDOW_LOG_MAX 27

#undef FUNCTIONS
#define FUNCTIONS(X)       \
	X(ZSTD_createDCtx) \
	X(ZSTD_freeDCtx)   \
	X(ZSTD_DCtx_setParameter) X(ZSTD_decompressStream) X(ZSTD_isError) X(ZSTD_getErrorName)

struct zstd {
	struct {
		FUNCTIONS(POINTER)
	} lib;
	ZSTD_DCtx *ctx;
};

static int zstd_start(void *library, void **out)
{
	struct zstd *state = calloc(1, sizeof(*state));
	bool complete = true;

	(void)library;
	if (!state)
		return -ENOMEM;
	FUNCTIONS(BIND)
	if (complete)
		state->ctx = state->lib.ZSTD_createDCtx();
	if (!state->ctx) {
		free(state);
		return complete ? -ENOMEM : -ELIBBAD;
	}
	state->lib.ZSTD_DCtx_setParameter(state->ctx, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
	*out = state;
	return 0;
}

static int zstd_step(void *state, struct codec_buf *buf, const char **why)
{
	struct zstd *z = state;
	ZSTD_inBuffer in = {.src = buf->in, .size = buf->in_len};
	ZSTD_outBuffer out = {.dst = buf->out, .size = buf->out_len};
	size_t ret = z->lib.ZSTD_decompressStream(z->ctx, &out, &in);

	buf->in += in.pos;
	buf->in_len -= in.pos;
	buf->out += out.pos;
	buf->out_len -= out.pos;
	if (!z->lib.ZSTD_isError(ret))
		return ret == 0 ? CODEC_END : CODEC_MORE;
	*why = z->lib.ZSTD_getErrorName(ret);
	return -EBADMSG;
}

static void zstd_stop(void *state)
{
	struct zstd *z = state;

	z->lib.ZSTD_freeDCtx(z->ctx);
	free(z);
}

const struct codec codec_zstd = {
	.name = "zstd",
	.soname = "libzstd.so.1",
	.magic = {0x28, 0xb5, 0x2f, 0xfd}, /* RFC 8878 section 3.1.1 */
	.magic_len = 4,
	.start = zstd_start,
	.step = zstd_step,
	.stop = zstd_stop,
};
