/* SPDX-License-Identifier: MIT */
/*
 * The contents of a kernel file, whether or not it is compressed as a whole. Offsets are those of
 * the contents. The first bytes are kept, for headers; everything behind them goes straight to
 * where it belongs. A compressed file can only be read forwards, in ascending order of offsets, and
 * never gives more than IMAGE_MAX bytes, however little was compressed into however much.
 */
#ifndef BOOT_IMAGE_H
#define BOOT_IMAGE_H

#include "boot/codec.h"
#include "mem/file.h"

#define IMAGE_HEAD 4096u
#define IMAGE_MAX \
	UINT64_C(0x80000000) /* 2 GiB, a vmlinux with all its debug data is half of that */
#define IMAGE_CHUNK 0x20000u /* bytes read from a compressed file at a time */

struct expander;

struct boot_image {
	struct mem_file file;
	const struct codec *codec; /* NULL: not compressed */
	struct expander *expander; /* if compressed */
	/* NULL, or the memory that is being loaded: its stop ends expanding, too */
	const struct guest_mem *mem;
	uint8_t head[IMAGE_HEAD]; /* the first bytes of the contents, read once */
	size_t head_len;
};

/* `path` must outlive the image. An empty file is refused. On failure nothing stays open. */
int image_open(struct boot_image *image, const struct sys *sys, const char *path,
	       struct vmm_error *err);

/* From now on the image is this part of the file, whose bytes have to be there. The image was not
 * compressed; the part may be. On failure it is to be closed. */
int image_enter(struct boot_image *image, uint64_t offset, uint64_t len, struct vmm_error *err);
void image_close(struct boot_image *image);

/* Are these bytes part of the contents? Not known, and true, of what is compressed. */
bool image_has(const struct boot_image *image, uint64_t offset, uint64_t len);

/* Exactly `len` bytes at `offset`. -ENODATA if the contents end before, -ESPIPE if they are
 * compressed and a later byte has been read before. */
int image_read(struct boot_image *image, uint64_t offset, void *to, uint64_t len,
	       struct vmm_error *err);

/* The same into guest memory; -EFAULT when [gpa, gpa + len) is not all inside one region. */
int image_load(struct boot_image *image, uint64_t offset, const struct guest_mem *mem, uint64_t gpa,
	       uint64_t len, struct vmm_error *err);

/* To be called when everything has been read: expands the rest of a compressed file, so that its
 * checksums are known to be right. */
int image_finish(struct boot_image *image, struct vmm_error *err);

#endif
