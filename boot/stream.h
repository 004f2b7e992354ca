/* SPDX-License-Identifier: MIT */
/*
 * The expanded contents of a compressed file, from front to back: what is read goes straight to
 * where the caller wants it, what is skipped goes nowhere. A stream never gives more than
 * STREAM_MAX bytes, however little was compressed into however much.
 */
#ifndef BOOT_STREAM_H
#define BOOT_STREAM_H

#include "boot/codec.h"
#include "mem/file.h"

#define STREAM_MAX   0x80000000ULL /* 2 GiB, a vmlinux with all its debug data is half of that */
#define STREAM_CHUNK 0x20000u	   /* bytes read from the file at a time */

struct stream {
	const struct mem_file *file;
	const struct codec *codec;
	void *library; /* NULL: linked in */
	void *state;
	uint8_t *chunk;	      /* STREAM_CHUNK bytes of the file, then as many for what is skipped */
	struct codec_buf buf; /* in: what is left of the chunk */
	uint64_t file_pos;    /* of the next chunk */
	uint64_t pos;	      /* bytes given so far */
	bool ended;
};

/* `file` stays the caller's and must outlive the stream. -ENOTSUP when minivmm was built without
 * the codec's library, -ELIBACC or -ELIBBAD when that is not usable on this machine. On failure
 * nothing needs to be closed. */
int stream_open(struct stream *s, const struct mem_file *file, const struct codec *codec,
		struct vmm_error *err);
void stream_close(struct stream *s);

/* The next `len` bytes; *done < len only when the stream has ended. */
int stream_read(struct stream *s, void *to, size_t len, size_t *done, struct vmm_error *err);

/* Passes over the next `len` bytes, or all that is left. */
int stream_skip(struct stream *s, uint64_t len, struct vmm_error *err);

#endif
