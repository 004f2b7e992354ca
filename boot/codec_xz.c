// SPDX-License-Identifier: MIT
/* xz (the .xz File Format 1.1.0), by liblzma. */
#include "boot/codec.h"
#include "boot/codec_lib.h"

#if HAVE_LZMA

#include "vmm/base/bytes.h"

#include <errno.h>
#include <lzma.h>
#include <stdlib.h>

/* A file may ask for a dictionary of up to 4 GiB; xz -9 takes 64 MiB. */
#define MEMORY_LIMIT MIB(256)

#define FUNCTIONS(X) X(lzma_stream_decoder) X(lzma_code) X(lzma_end)

struct xz {
	struct {
		FUNCTIONS(CODEC_POINTER)
	} lib;
	lzma_stream stream; /* all zero is LZMA_STREAM_INIT */
};

static int xz_start(void *library, void **out)
{
	struct xz *state = calloc(1, sizeof(*state));
	bool complete = true;

	(void)library;
	if (!state)
		return -ENOMEM;
	FUNCTIONS(CODEC_BIND)
	if (!complete ||
	    state->lib.lzma_stream_decoder(&state->stream, MEMORY_LIMIT, 0) != LZMA_OK) {
		free(state);
		return complete ? -ENOMEM : -ELIBBAD;
	}
	*out = state;
	return 0;
}

static const char *xz_reason(lzma_ret ret)
{
	switch (ret) {
	case LZMA_MEMLIMIT_ERROR:
		return "its dictionary needs more than 256 MiB";
	case LZMA_FORMAT_ERROR:
		return "not the .xz format";
	case LZMA_OPTIONS_ERROR:
		return "compressed with options that liblzma does not know";
	default:
		return "the data are corrupt";
	}
}

static int xz_step(void *state, struct codec_buf *buf, const char **why)
{
	struct xz *xz = state;
	lzma_stream *s = &xz->stream;
	lzma_ret ret;

	s->next_in = buf->in;
	s->avail_in = buf->in_len;
	s->next_out = buf->out;
	s->avail_out = buf->out_len;
	ret = xz->lib.lzma_code(s, LZMA_RUN);
	buf->in = s->next_in;
	buf->in_len = s->avail_in;
	buf->out = s->next_out;
	buf->out_len = s->avail_out;

	switch (ret) {
	case LZMA_OK:
	case LZMA_BUF_ERROR: /* no progress this time */
		return CODEC_MORE;
	case LZMA_STREAM_END:
		return CODEC_END;
	case LZMA_MEM_ERROR:
		*why = "out of memory";
		return -ENOMEM;
	default:
		*why = xz_reason(ret);
		return -EBADMSG;
	}
}

static void xz_stop(void *state)
{
	struct xz *xz = state;

	xz->lib.lzma_end(&xz->stream);
	free(xz);
}

#endif

const struct codec codec_xz = {
	.name = "xz",
	.library = "liblzma",
	.soname = "liblzma.so.5",
	.magic = {0xfd, '7', 'z', 'X', 'Z', 0}, /* .xz File Format section 2.1.1.1 */
	.magic_len = 6,
#if HAVE_LZMA
	.start = xz_start,
	.step = xz_step,
	.stop = xz_stop,
#endif
};
