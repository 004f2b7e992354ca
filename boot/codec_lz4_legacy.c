// SPDX-License-Identifier: MIT
/*
 * The legacy LZ4 frame (LZ4 Frame Format Description 1.6, "Legacy frame"), which `lz4 -l` writes
 * and Linux uses for itself: a magic number, then blocks of a 32-bit length and that many
 * compressed bytes; each expands to 8 MiB but the last, which may be shorter. No checksum and no
 * end mark: it ends with the file. A block can only be expanded as a whole, so it goes through a
 * buffer of one block.
 */
#include "boot/codec.h"
#include "boot/codec_lib.h"

#if HAVE_LZ4

#include "vmm/base/bytes.h"

#include <errno.h>
#include <lz4.h>
#include <stdlib.h>
#include <string.h>

#define LEGACY_MAGIC 0x184c2102u
#define LEGACY_BLOCK (8u << 20)
#define LEGACY_BOUND ((uint32_t)LZ4_COMPRESSBOUND(LEGACY_BLOCK))

#define FUNCTIONS(X) X(LZ4_decompress_safe)

struct legacy {
	struct {
		FUNCTIONS(CODEC_POINTER)
	} lib;
	uint8_t word[4]; /* the magic number, then each block's length */
	size_t word_len;
	bool in_block;	 /* word[] is complete and is a block's length */
	uint32_t in_len; /* bytes of in[] there so far */
	uint32_t out_len, out_pos;
	uint8_t in[LEGACY_BOUND];
	uint8_t out[LEGACY_BLOCK];
};

static int legacy_start(void *library, void **out)
{
	struct legacy *state = malloc(sizeof(*state));
	bool complete = true;

	(void)library;
	if (!state)
		return -ENOMEM;
	/* not calloc(): the buffers are large, and only their used part is to become resident */
	memset(state, 0, offsetof(struct legacy, in));
	FUNCTIONS(CODEC_BIND)
	if (!complete) {
		free(state);
		return -ELIBBAD;
	}
	*out = state;
	return 0;
}

/* Moves up to `want` bytes from the input; returns how many. */
static size_t take(struct codec_buf *buf, void *to, size_t want)
{
	size_t n = buf->in_len < want ? buf->in_len : want;

	if (n > 0)
		memcpy(to, buf->in, n);
	buf->in += n;
	buf->in_len -= n;
	return n;
}

/* Hands out what is left of the expanded block. */
static void give(struct legacy *l, struct codec_buf *buf)
{
	size_t left = l->out_len - l->out_pos;
	size_t n = left < buf->out_len ? left : buf->out_len;

	if (n > 0)
		memcpy(buf->out, l->out + l->out_pos, n);
	buf->out += n;
	buf->out_len -= n;
	l->out_pos += (uint32_t)n;
}

/* Reads a magic number, which may also stand between two blocks, or a block's length. */
static int read_word(struct legacy *l, struct codec_buf *buf, const char **why)
{
	uint32_t word;

	l->word_len += take(buf, l->word + l->word_len, sizeof(l->word) - l->word_len);
	if (l->word_len < sizeof(l->word))
		return CODEC_MORE;
	l->word_len = 0;
	word = get_le32(l->word);
	if (word == LEGACY_MAGIC)
		return CODEC_MORE;
	/* the kernel's build appends the expanded size (scripts/Makefile.lib, size_append): the
	 * last four bytes, after a complete block, are no block's length */
	if (l->out_len > 0 && buf->in_last && buf->in_len == 0)
		return CODEC_END;
	if (word == 0 || word > LEGACY_BOUND) {
		*why = "a block's length is out of range";
		return -EBADMSG;
	}
	l->in_block = true;
	l->in_len = 0;
	return CODEC_MORE;
}

static int read_block(struct legacy *l, struct codec_buf *buf, const char **why)
{
	uint32_t len = get_le32(l->word);
	int n;

	l->in_len += (uint32_t)take(buf, l->in + l->in_len, len - l->in_len);
	if (l->in_len < len)
		return CODEC_MORE;
	n = l->lib.LZ4_decompress_safe((const char *)l->in, (char *)l->out, (int)len, LEGACY_BLOCK);
	if (n < 0) {
		*why = "a block is damaged";
		return -EBADMSG;
	}
	l->in_block = false;
	l->out_pos = 0;
	l->out_len = (uint32_t)n;
	return CODEC_MORE;
}

static int legacy_step(void *state, struct codec_buf *buf, const char **why)
{
	struct legacy *l = state;

	while (buf->out_len > 0) {
		int ret;

		give(l, buf);
		if (l->out_pos < l->out_len)
			break;
		if (buf->in_len == 0) {
			bool between = !l->in_block && l->word_len == 0;

			return buf->in_last && between ? CODEC_END : CODEC_MORE;
		}
		ret = l->in_block ? read_block(l, buf, why) : read_word(l, buf, why);
		if (ret < 0)
			return ret;
	}
	return CODEC_MORE;
}

static void legacy_stop(void *state)
{
	free(state);
}

#endif

const struct codec codec_lz4_legacy = {
	.name = "lz4 (legacy frame)",
	.library = "liblz4",
	.soname = "liblz4.so.1",
	.magic = {0x02, 0x21, 0x4c, 0x18}, /* 0x184c2102, little-endian */
	.magic_len = 4,
#if HAVE_LZ4
	.start = legacy_start,
	.step = legacy_step,
	.stop = legacy_stop,
#endif
};
