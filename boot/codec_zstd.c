// SPDX-License-Identifier: MIT
/* Zstandard (RFC 8878), by libzstd. */
#include "boot/codec.h"
#include "boot/codec_lib.h"

#if HAVE_ZSTD

#include <errno.h>
#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

/* A frame may ask for any window; kernels are compressed with 128 MiB at most (zstd -22 --ultra).
 */
#define WINDOW_LOG_MAX 27

#define FUNCTIONS(X)              \
	X(ZSTD_createDCtx)        \
	X(ZSTD_freeDCtx)          \
	X(ZSTD_DCtx_setParameter) \
	X(ZSTD_decompressStream) X(ZSTD_isError) X(ZSTD_getErrorName) X(ZSTD_getErrorCode)

struct zstd {
	struct {
		FUNCTIONS(CODEC_POINTER)
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
	FUNCTIONS(CODEC_BIND)
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
	if (z->lib.ZSTD_isError(ret)) {
		*why = z->lib.ZSTD_getErrorName(ret);
		return z->lib.ZSTD_getErrorCode(ret) == ZSTD_error_memory_allocation ? -ENOMEM
										     : -EBADMSG;
	}
	return ret == 0 ? CODEC_END : CODEC_MORE;
}

static void zstd_stop(void *state)
{
	struct zstd *z = state;

	z->lib.ZSTD_freeDCtx(z->ctx);
	free(z);
}

#endif

const struct codec codec_zstd = {
	.name = "zstd",
	.library = "libzstd",
	.soname = "libzstd.so.1",
	.magic = {0x28, 0xb5, 0x2f, 0xfd}, /* RFC 8878 section 3.1.1 */
	.magic_len = 4,
#if HAVE_ZSTD
	.start = zstd_start,
	.step = zstd_step,
	.stop = zstd_stop,
#endif
};
