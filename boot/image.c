// SPDX-License-Identifier: MIT
#include "boot/image.h"

#include <errno.h>
#include <string.h>

/* Replaces the head, which holds compressed bytes, by the head of the contents. */
static int open_compressed(struct boot_image *image, struct vmm_error *err)
{
	int ret = stream_open(&image->stream, &image->file, image->codec, err);

	if (ret < 0)
		return ret;
	ret = stream_read(&image->stream, image->head, sizeof(image->head), &image->head_len, err);
	if (ret == 0 && image->head_len == 0)
		ret = vmm_error_set(err, -ENODATA, "%s: expands to nothing", image->path);
	return ret;
}

static int read_head(struct boot_image *image, struct vmm_error *err)
{
	int ret;

	image->head_len = image->file.size < IMAGE_HEAD ? (size_t)image->file.size : IMAGE_HEAD;
	if (image->head_len == 0)
		return vmm_error_set(err, -ENODATA, "%s: the file is empty", image->path);
	ret = mem_file_read(&image->file, 0, image->head, image->head_len, err);
	if (ret < 0)
		return ret;
	image->codec = codec_find(image->head, image->head_len);
	return image->codec ? open_compressed(image, err) : 0;
}

int image_open(struct boot_image *image, const struct sys *sys, const char *path,
	       struct vmm_error *err)
{
	int ret;

	memset(image, 0, sizeof(*image));
	image->path = path;
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
	stream_close(&image->stream);
	mem_file_close(&image->file);
}

static int read_stream(struct boot_image *image, uint64_t offset, void *to, size_t len,
		       struct vmm_error *err)
{
	struct stream *s = &image->stream;
	size_t done;
	int ret;

	if (offset < s->pos)
		return vmm_error_set(err, -ESPIPE,
				     "%s: the byte at offset %llu is needed after the one at %llu, "
				     "but %s data can only be read forwards: expand the file first",
				     image->path, (unsigned long long)offset,
				     (unsigned long long)s->pos, image->codec->name);
	ret = stream_skip(s, offset - s->pos, err);
	if (ret < 0)
		return ret;
	ret = stream_read(s, to, len, &done, err);
	if (ret < 0)
		return ret;
	if (done < len)
		return vmm_error_set(err, -ENODATA,
				     "%s: the expanded contents end at %llu bytes, "
				     "%llu more expected",
				     image->path, (unsigned long long)s->pos,
				     (unsigned long long)(len - done));
	return 0;
}

int image_read(struct boot_image *image, uint64_t offset, void *to, size_t len,
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
	return read_stream(image, offset, to, len, err);
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
				     "%s: %llu bytes at guest address %#llx are not all in RAM",
				     image->path, (unsigned long long)len, (unsigned long long)gpa);
	return image_read(image, offset, to, len, err);
}

int image_finish(struct boot_image *image, struct vmm_error *err)
{
	return image->codec ? stream_skip(&image->stream, UINT64_MAX, err) : 0;
}
