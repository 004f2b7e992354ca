/* SPDX-License-Identifier: MIT */
/* Decompressors behind one interface: bytes in, bytes out, as many as there is room for. */
#ifndef BOOT_CODEC_H
#define BOOT_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* step() moves the pointers over what it has read and written. */
struct codec_buf {
	const uint8_t *in;
	size_t in_len;
	uint8_t *out;
	size_t out_len;
};

#define CODEC_MORE 0 /* needs more input or more room */
#define CODEC_END  1 /* the compressed data are complete and their checksums right */

struct codec {
	const char *name;   /* "gzip" */
	const char *soname; /* "libz.so.1" */
	uint8_t magic[4];
	size_t magic_len;
	/* The library as dlopen() returned it, NULL if it is linked in; -ENOMEM, or -ELIBBAD when a
	 * function is missing. */
	int (*start)(void *library, void **state);
	/* CODEC_MORE, CODEC_END, or -EBADMSG for damaged data; then *why is a string that lives as
	 * long as the state. */
	int (*step)(void *state, struct codec_buf *buf, const char **why);
	void (*stop)(void *state);
};

extern const struct codec codec_gzip, codec_zstd;

/* The codec whose magic number `head` begins with, or NULL. */
const struct codec *codec_find(const uint8_t *head, size_t len);

/*
 * The codec's library. A program that is linked dynamically opens it when a file needs it, and not
 * before: most kernels come uncompressed as far as the loader can see, and each library would cost
 * every VM start-up time and memory. A static program has them linked in, and *library is NULL.
 * false: it is not on this machine.
 */
bool codec_open(const struct codec *codec, void **library);
void codec_close(void *library); /* NULL is allowed */

#endif
