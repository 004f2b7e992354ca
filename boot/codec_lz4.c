// SPDX-License-Identifier: MIT
/* The LZ4 frame format (LZ4 Frame Format Description 1.6), by liblz4. */
#include "boot/codec.h"
#include "boot/codec_lib.h"

#if HAVE_LZ4

#include <errno.h>
#include <lz4frame.h>
#include <stdlib.h>

#define FUNCTIONS(X)                       \
	X(LZ4F_createDecompressionContext) \
	X(LZ4F_freeDecompressionContext) X(LZ4F_decompress) X(LZ4F_isError) X(LZ4F_getErrorName)

struct lz4 {
	struct {
		FUNCTIONS(CODEC_POINTER)
	} lib;
	LZ4F_dctx *ctx;
};

static int lz4_start(void *library, void **out)
{
	struct lz4 *state = calloc(1, sizeof(*state));
	bool complete = true;

	(void)library;
	if (!state)
		return -ENOMEM;
	FUNCTIONS(CODEC_BIND)
	if (!complete || state->lib.LZ4F_isError(state->lib.LZ4F_createDecompressionContext(
				 &state->ctx, LZ4F_VERSION))) {
		free(state);
		return complete ? -ENOMEM : -ELIBBAD;
	}
	*out = state;
	return 0;
}

static int lz4_step(void *state, struct codec_buf *buf, const char **why)
{
	struct lz4 *l = state;
	size_t in = buf->in_len, out = buf->out_len;
	size_t ret = l->lib.LZ4F_decompress(l->ctx, buf->out, &out, buf->in, &in, NULL);

	if (l->lib.LZ4F_isError(ret)) {
		*why = l->lib.LZ4F_getErrorName(ret);
		return -EBADMSG;
	}
	buf->in += in;
	buf->in_len -= in;
	buf->out += out;
	buf->out_len -= out;
	return ret == 0 ? CODEC_END : CODEC_MORE;
}

static void lz4_stop(void *state)
{
	struct lz4 *l = state;

	l->lib.LZ4F_freeDecompressionContext(l->ctx);
	free(l);
}

#endif

const struct codec codec_lz4 = {
	.name = "lz4",
	.library = "liblz4",
	.soname = "liblz4.so.1",
	.magic = {0x04, 0x22, 0x4d, 0x18}, /* 0x184d2204, little-endian */
	.magic_len = 4,
#if HAVE_LZ4
	.start = lz4_start,
	.step = lz4_step,
	.stop = lz4_stop,
#endif
};
