/* SPDX-License-Identifier: MIT */
/*
 * Decompressors, one file each, behind one interface: bytes in, bytes out, as many as there is room
 * for. A codec whose library was not there when minivmm was built is in the list nevertheless, so
 * that a file that needs it can be refused by name.
 */
#ifndef BOOT_CODEC_H
#define BOOT_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* step() moves the pointers over what it has read and written. */
struct codec_buf {
	const uint8_t *in;
	size_t in_len;
	bool in_last; /* nothing follows these in_len bytes */
	uint8_t *out;
	size_t out_len;
};

#define CODEC_MORE 0 /* needs more input or more room */
#define CODEC_END  1 /* the compressed data are complete and their checksums right */

struct codec {
	const char *name;    /* "gzip" */
	const char *library; /* "zlib" */
	const char *soname;  /* "libz.so.1" */
	uint8_t magic[6];
	size_t magic_len;
	/*
	 * All three NULL without the library's header. start() gets the library as dlopen()
	 * returned it (NULL if it is linked in) and gives -ENOMEM, or -ELIBBAD when a function is
	 * missing.
	 */
	int (*start)(void *library, void **state);
	/*
	 * CODEC_MORE, CODEC_END, or a negative errno: -EBADMSG for damaged data, -ENOMEM. On
	 * failure *why is a string that lives as long as the state.
	 */
	int (*step)(void *state, struct codec_buf *buf, const char **why);
	void (*stop)(void *state);
};

extern const struct codec codec_gzip;
extern const struct codec codec_zstd;
extern const struct codec codec_lz4;	    /* the LZ4 frame format */
extern const struct codec codec_lz4_legacy; /* what kernels are compressed with */
extern const struct codec codec_xz;

/* The codec whose magic number `head` begins with, or NULL. */
const struct codec *codec_find(const uint8_t *head, size_t len);

#endif
