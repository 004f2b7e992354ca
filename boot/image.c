// SPDX-License-Identifier: MIT
#include "boot/image.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- expanding -------------------------------------------------------------------------------- */

/* A stop is looked for between two of these. */
#define EXPAND_PIECE (UINT64_C(16) << 20)

struct expander {
	void *library; /* NULL: linked in */
	void *state;
	struct codec_buf buf; /* in: what is left of the chunk */
	uint64_t file_pos;    /* of the next chunk */
	uint64_t pos;	      /* bytes given so far */
	bool ended;
	uint8_t chunk[IMAGE_CHUNK];
	uint8_t skipped[IMAGE_CHUNK];
};

static void expander_close(struct boot_image *image)
{
	struct expander *x = image->expander;

	if (!x)
		return;
	if (x->state)
		image->codec->stop(x->state);
	codec_close(x->library);
	free(x);
	image->expander = NULL;
}

static int expander_open(struct boot_image *image, struct vmm_error *err)
{
	const struct codec *codec = image->codec;
	struct expander *x = malloc(sizeof(*x));
	int ret;

	if (!x)
		return vmm_error_errno(err, -ENOMEM, "unable to expand %s", image->file.path);
	memset(x, 0, offsetof(struct expander, chunk));
	image->expander = x;
	if (!codec_open(codec, &x->library))
		return vmm_error_set(err, -ELIBACC,
				     "%s is compressed with %s, and %s cannot be opened: install "
				     "it, or expand the file",
				     image->file.path, codec->name, codec->soname);
	ret = codec->start(x->library, &x->state);
	return ret < 0 ? vmm_error_errno(err, ret, "%s: unable to expand %s data", image->file.path,
					 codec->name)
		       : 0;
}

/* Reads the next chunk of the file; at its end there is none. */
static int refill(struct boot_image *image, struct vmm_error *err)
{
	struct expander *x = image->expander;
	uint64_t left = image->file.size - x->file_pos;
	size_t len = left < IMAGE_CHUNK ? (size_t)left : IMAGE_CHUNK;
	int ret = mem_file_read(&image->file, x->file_pos, x->chunk, len, err);

	x->file_pos += len;
	x->buf.in = x->chunk;
	x->buf.in_len = len;
	return ret;
}

static int damaged(const struct boot_image *image, int code, const char *why, struct vmm_error *err)
{
	return vmm_error_set(err, code, "%s: unable to expand %s data after %" PRIu64 " bytes: %s",
			     image->file.path, image->codec->name, image->expander->pos, why);
}

/*
 * One member has ended. Files may be several of them, one after the other (RFC 1952 section 2.2,
 * RFC 8878 section 3): if another one begins here, the codec starts over. What else follows, such
 * as the size that the kernel's build appends, is left alone.
 */
static int next_member(struct boot_image *image, struct vmm_error *err)
{
	const struct codec *codec = image->codec;
	struct expander *x = image->expander;
	int ret;

	if (x->buf.in_len < codec->magic_len && x->file_pos < image->file.size) {
		x->file_pos -= x->buf.in_len; /* again, from the first byte behind the member */
		ret = refill(image, err);
		if (ret < 0)
			return ret;
	}
	x->ended = codec_find(x->buf.in, x->buf.in_len) != codec;
	if (x->ended)
		return 0;
	codec->stop(x->state);
	x->state = NULL;
	ret = codec->start(x->library, &x->state);
	return ret < 0 ? vmm_error_errno(err, ret, "%s: unable to go on expanding %s data",
					 image->file.path, codec->name)
		       : 0;
}

/* Makes progress into buf.out, by as little as the codec likes. */
static int step(struct boot_image *image, struct vmm_error *err)
{
	struct expander *x = image->expander;
	struct codec_buf before;
	const char *why = "unknown reason";
	int ret = 0;

	if (x->buf.in_len == 0 && x->file_pos < image->file.size)
		ret = refill(image, err);
	if (ret < 0)
		return ret;
	before = x->buf;
	ret = image->codec->step(x->state, &x->buf, &why);
	x->pos += before.out_len - x->buf.out_len;
	if (ret < 0)
		return damaged(image, ret, why, err);
	if (ret == CODEC_END)
		return next_member(image, err);
	if (x->buf.out_len == before.out_len && x->buf.in_len == before.in_len)
		return damaged(image, -EBADMSG, "the file ends too early", err);
	return 0;
}

/* The next `len` bytes, to nowhere if `to` is NULL; *done < len only when the contents have ended. */
static int expand(struct boot_image *image, uint8_t *to, uint64_t len, uint64_t *done,
		  struct vmm_error *err)
{
	struct expander *x = image->expander;
	uint64_t most = to ? EXPAND_PIECE : sizeof(x->skipped);
	int ret = 0;

	for (*done = 0; *done < len && !x->ended && ret == 0;) {
		size_t piece = len - *done < most ? len - *done : most;

		if (piece > IMAGE_MAX - x->pos)
			return vmm_error_set(err, -EFBIG,
					     "%s: expands to more than %" PRIu64 " MiB",
					     image->file.path, IMAGE_MAX >> 20);
		if (image->mem)
			ret = mem_check_stop(image->mem, err);
		x->buf.out = to ? to + *done : x->skipped;
		x->buf.out_len = piece;
		while (ret == 0 && x->buf.out_len > 0 && !x->ended)
			ret = step(image, err);
		*done += piece - x->buf.out_len;
	}
	return ret;
}

static int read_expanded(struct boot_image *image, uint64_t offset, void *to, uint64_t len,
			 struct vmm_error *err)
{
	uint64_t pos = image->expander->pos, done;
	int ret;

	if (offset < pos)
		return vmm_error_set(err, -ESPIPE,
				     "%s: the byte at offset %" PRIu64 " is needed after the one "
				     "at %" PRIu64 ", but %s data can only be read forwards: "
				     "expand the file first",
				     image->file.path, offset, pos, image->codec->name);
	ret = expand(image, NULL, offset - pos, &done, err);
	if (ret == 0)
		ret = expand(image, to, len, &done, err);
	if (ret == 0 && done < len)
		ret = vmm_error_set(err, -ENODATA,
				    "%s: the expanded contents end at %" PRIu64 " bytes, %" PRIu64
				    " more expected",
				    image->file.path, image->expander->pos, len - done);
	return ret;
}

/* --- opening ---------------------------------------------------------------------------------- */

/* Replaces the head, which holds compressed bytes, by the head of the contents. */
static int expand_head(struct boot_image *image, struct vmm_error *err)
{
	uint64_t len = 0;
	int ret = expander_open(image, err);

	if (ret == 0)
		ret = expand(image, image->head, sizeof(image->head), &len, err);
	image->head_len = (size_t)len;
	if (ret == 0 && len == 0)
		ret = vmm_error_set(err, -ENODATA, "%s: expands to nothing", image->file.path);
	return ret;
}

static int read_head(struct boot_image *image, struct vmm_error *err)
{
	uint64_t size = image->file.size;
	int ret;

	image->head_len = size < IMAGE_HEAD ? (size_t)size : IMAGE_HEAD;
	if (size == 0)
		return vmm_error_set(err, -ENODATA, "%s: the file is empty", image->file.path);
	ret = mem_file_read(&image->file, 0, image->head, image->head_len, err);
	if (ret < 0)
		return ret;
	image->codec = codec_find(image->head, image->head_len);
	return image->codec ? expand_head(image, err) : 0;
}

int image_open(struct boot_image *image, const struct sys *sys, const char *path,
	       struct vmm_error *err)
{
	int ret;

	memset(image, 0, sizeof(*image));
	ret = mem_file_open(&image->file, sys, path, err);
	if (ret < 0)
		return ret;
	ret = read_head(image, err);
	if (ret < 0)
		image_close(image);
	return ret;
}

int image_enter(struct boot_image *image, uint64_t offset, uint64_t len, struct vmm_error *err)
{
	image->file = mem_file_part(&image->file, offset, len);
	return read_head(image, err);
}

void image_close(struct boot_image *image)
{
	expander_close(image);
	mem_file_close(&image->file);
}

/* --- reading ---------------------------------------------------------------------------------- */

bool image_has(const struct boot_image *image, uint64_t offset, uint64_t len)
{
	uint64_t end;

	return !__builtin_add_overflow(offset, len, &end) &&
	       (image->codec || end <= image->file.size);
}

int image_read(struct boot_image *image, uint64_t offset, void *to, uint64_t len,
	       struct vmm_error *err)
{
	if (offset < image->head_len && len > 0) {
		size_t n = image->head_len - (size_t)offset;

		if (n > len)
			n = len;
		memcpy(to, image->head + offset, n);
		to = (char *)to + n;
		offset += n;
		len -= n;
	}
	if (len == 0)
		return 0;
	if (!image->codec)
		return mem_file_read(&image->file, offset, to, len, err);
	return read_expanded(image, offset, to, len, err);
}

int image_load(struct boot_image *image, uint64_t offset, const struct guest_mem *mem, uint64_t gpa,
	       uint64_t len, struct vmm_error *err)
{
	void *to;

	/* the fast way, for all but the first bytes, which count as they were read at first */
	if (!image->codec && offset >= image->head_len)
		return mem_file_load(&image->file, offset, mem, gpa, len, err);
	to = mem_ptr(mem, gpa, len);
	if (!to)
		return vmm_error_set(err, -EFAULT,
				     "%s: %" PRIu64 " bytes at guest address %#" PRIx64
				     " are not all in RAM",
				     image->file.path, len, gpa);
	return image_read(image, offset, to, len, err);
}

int image_finish(struct boot_image *image, struct vmm_error *err)
{
	uint64_t done;

	return image->codec ? expand(image, NULL, UINT64_MAX, &done, err) : 0;
}
