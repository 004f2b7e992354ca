// SPDX-License-Identifier: MIT
#include "boot/stream.h"

#include "boot/codec_lib.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int open_library(struct stream *s, struct vmm_error *err)
{
#if !CODECS_LINKED
	s->library = dlopen(s->codec->soname, RTLD_NOW | RTLD_LOCAL);
	if (!s->library)
		return vmm_error_set(err, -ELIBACC,
				     "%s is compressed with %s, and %s cannot be opened: install "
				     "it, or expand the file",
				     s->file->path, s->codec->name, s->codec->soname);
#else
	(void)s;
	(void)err;
#endif
	return 0;
}

static void close_library(struct stream *s)
{
#if !CODECS_LINKED
	if (s->library)
		dlclose(s->library);
#endif
	s->library = NULL;
}

int stream_open(struct stream *s, const struct mem_file *file, const struct codec *codec,
		struct vmm_error *err)
{
	int ret;

	*s = (struct stream){.file = file, .codec = codec};
	if (!codec->start)
		return vmm_error_set(err, -ENOTSUP,
				     "%s is compressed with %s, and this minivmm was built without "
				     "%s: expand the file, or build with the library",
				     file->path, codec->name, codec->library);
	ret = open_library(s, err);
	if (ret < 0)
		return ret;
	s->chunk = malloc((size_t)2 * STREAM_CHUNK);
	ret = s->chunk ? codec->start(s->library, &s->state) : -ENOMEM;
	if (ret < 0) {
		stream_close(s);
		return vmm_error_errno(err, ret, "%s: unable to expand %s data with %s", file->path,
				       codec->name, codec->library);
	}
	return 0;
}

void stream_close(struct stream *s)
{
	if (s->state)
		s->codec->stop(s->state);
	close_library(s);
	free(s->chunk);
	s->state = NULL;
	s->chunk = NULL;
}

/* Reads the next chunk of the file; at its end there is none. */
static int refill(struct stream *s, struct vmm_error *err)
{
	uint64_t left = s->file->size - s->file_pos;
	size_t len = left < STREAM_CHUNK ? (size_t)left : STREAM_CHUNK;
	int ret;

	ret = mem_file_read(s->file, s->file_pos, s->chunk, len, err);
	if (ret < 0)
		return ret;
	s->file_pos += len;
	s->buf.in = s->chunk;
	s->buf.in_len = len;
	s->buf.in_last = s->file_pos == s->file->size;
	return 0;
}

static int damaged(const struct stream *s, int code, const char *why, struct vmm_error *err)
{
	return vmm_error_set(err, code, "%s: unable to expand %s data after %llu bytes: %s",
			     s->file->path, s->codec->name, (unsigned long long)s->pos, why);
}

/*
 * One member has ended. Files may be several of them, one after the other (RFC 1952 section 2.2,
 * RFC 8878 section 3, the xz format section 2): if another one begins here, the codec starts over.
 * What else follows, such as the size that the kernel's build appends, is left alone.
 */
static int next_member(struct stream *s, struct vmm_error *err)
{
	const struct codec *codec = s->codec;
	int ret;

	if (s->buf.in_len < codec->magic_len && !s->buf.in_last) {
		uint64_t pos = s->file_pos - s->buf.in_len;

		s->file_pos = pos; /* again, from the first byte behind the member */
		ret = refill(s, err);
		if (ret < 0)
			return ret;
	}
	s->ended = s->buf.in_len < codec->magic_len ||
		   memcmp(s->buf.in, codec->magic, codec->magic_len) != 0;
	if (s->ended)
		return 0;
	codec->stop(s->state);
	s->state = NULL;
	ret = codec->start(s->library, &s->state);
	if (ret < 0)
		return vmm_error_errno(err, ret, "%s: unable to go on expanding %s data",
				       s->file->path, codec->name);
	return 0;
}

int stream_read(struct stream *s, void *to, size_t len, size_t *done, struct vmm_error *err)
{
	const char *why = "unknown reason";

	*done = 0;
	if (len > STREAM_MAX - s->pos)
		return vmm_error_set(err, -EFBIG, "%s: expands to more than %llu MiB",
				     s->file->path, STREAM_MAX >> 20);
	s->buf.out = to;
	s->buf.out_len = len;
	while (s->buf.out_len > 0 && !s->ended) {
		size_t out_before = s->buf.out_len, in_before;
		int ret;

		if (s->buf.in_len == 0 && !s->buf.in_last) {
			ret = refill(s, err);
			if (ret < 0)
				return ret;
		}
		in_before = s->buf.in_len;
		ret = s->codec->step(s->state, &s->buf, &why);
		s->pos += out_before - s->buf.out_len;
		if (ret < 0)
			return damaged(s, ret, why, err);
		if (ret == CODEC_END) {
			ret = next_member(s, err);
			if (ret < 0)
				return ret;
			continue;
		}
		if (s->buf.out_len == out_before && s->buf.in_len == in_before)
			return damaged(s, -EBADMSG, "the file ends too early", err);
	}
	*done = len - s->buf.out_len;
	return 0;
}

int stream_skip(struct stream *s, uint64_t len, struct vmm_error *err)
{
	while (len > 0 && !s->ended) {
		size_t step = len < STREAM_CHUNK ? (size_t)len : STREAM_CHUNK;
		size_t done;
		int ret = stream_read(s, s->chunk + STREAM_CHUNK, step, &done, err);

		if (ret < 0)
			return ret;
		len -= done;
	}
	return 0;
}
