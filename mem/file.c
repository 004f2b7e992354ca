// SPDX-License-Identifier: MIT
#include "mem/file.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <nettle/nettle-meta.h>
#include <nettle/sha2.h>
#include <sys/mman.h>

/* A stop is looked for between two of these. */
#define LOAD_PIECE (UINT64_C(16) << 20)

int mem_file_open(struct mem_file *file, const struct sys *sys, const char *path,
		  struct vmm_error *err)
{
	int ret;

	*file = (struct mem_file){.sys = sys, .fd = -1, .path = path};
	/* O_NONBLOCK: a named pipe in the place of a file must not hang us */
	ret = sys->ops->open(sys->ctx, path, O_RDONLY | O_NONBLOCK);
	if (ret < 0)
		return vmm_error_errno(err, ret, "unable to open %s", path);
	file->fd = ret;
	ret = sys->ops->file_size(sys->ctx, file->fd, &file->size);
	if (ret < 0) {
		mem_file_close(file);
		return vmm_error_errno(err, ret, "%s is not a file that can be loaded", path);
	}
	return 0;
}

void mem_file_close(struct mem_file *file)
{
	sys_close(file->sys, &file->fd);
}

struct mem_file mem_file_part(const struct mem_file *file, uint64_t offset, uint64_t len)
{
	struct mem_file part = *file;

	part.start += offset;
	part.size = len;
	return part;
}

int mem_file_read(const struct mem_file *file, uint64_t offset, void *buf, size_t len,
		  struct vmm_error *err)
{
	size_t done = 0;

	/* what follows a part is not the end of a file */
	if (file->start && !range_inside(offset, len, 0, file->size))
		return vmm_error_set(err, -ENODATA,
				     "%s: a part of %" PRIu64 " bytes, and %zu at %" PRIu64
				     " are wanted",
				     file->path, file->size, len, offset);
	offset += file->start;
	while (done < len) {
		ssize_t n = file->sys->ops->pread(file->sys->ctx, file->fd, (char *)buf + done,
						  len - done, offset + done);

		if (n < 0)
			return vmm_error_errno(err, (int)n, "unable to read %s at offset %" PRIu64,
					       file->path, offset + done);
		if (n == 0)
			return vmm_error_set(err, -ENODATA,
					     "%s: ends at %" PRIu64 " bytes, %" PRIu64
					     " more expected",
					     file->path, offset + done, len - done);
		done += (size_t)n;
	}
	return 0;
}

/*
 * The kernel fills a memfd from file to file. Reading through the mapping would first fault in and
 * clear each page, at many times the cost. Returns how many bytes it could do: the rest is read.
 */
static uint64_t copy_to_memfd(const struct mem_file *file, uint64_t offset,
			      const struct mem_region *r, uint64_t gpa, uint64_t len)
{
	const struct sys *sys = file->sys;
	uint64_t done = 0;

	while (done < len) {
		ssize_t n = sys->ops->copy(sys->ctx, file->fd, file->start + offset + done, r->fd,
					   gpa - r->gpa + done, len - done);

		if (n <= 0)
			break;
		done += (uint64_t)n;
	}
	return done;
}

/*
 * Other memory has no write(), so files are read into its mapping. This makes the pages that
 * [p, p + len) touches all at once, rather than in a fault for each. When it fails, they fault.
 */
static void make_pages(const struct sys *sys, uint8_t *p, uint64_t len)
{
	uint64_t before = (uintptr_t)p % PAGE_SIZE;

	if (len > 0)
		sys->ops->madvise(sys->ctx, p - before, len + before, MADV_POPULATE_WRITE);
}

static int load_piece(const struct mem_file *file, uint64_t offset, const struct guest_mem *mem,
		      uint64_t gpa, uint64_t len, struct vmm_error *err)
{
	const struct mem_region *r = mem_find(mem, gpa, len);
	uint8_t *p = mem_ptr(mem, gpa, len);
	uint64_t done = 0;

	if (mem->backing == MEM_MEMFD && mem->pages != MEM_PAGES_RESERVED &&
	    range_inside(offset, len, 0, file->size) && file->sys->ops->copy)
		done = copy_to_memfd(file, offset, r, gpa, len);
	else if (mem->vm && mem->backing != MEM_MEMFD)
		make_pages(file->sys, p, len);
	return mem_file_read(file, offset + done, p + done, len - done, err);
}

/* Are the bytes there? Those in the middle are believed to be. */
static int look_up(const struct mem_file *file, uint64_t offset, uint64_t len,
		   struct vmm_error *err)
{
	uint8_t byte;
	int ret;

	if (len == 0)
		return 0;
	ret = mem_file_read(file, offset, &byte, 1, err);
	return ret < 0 ? ret : mem_file_read(file, offset + len - 1, &byte, 1, err);
}

int mem_file_hash(const struct mem_file *file, const struct nettle_hash *hash, uint8_t *digest,
		  struct vmm_error *err)
{
	union {
		struct sha256_ctx sha256;
		struct sha512_ctx sha512; /* also that of SHA-384 */
	} ctx;
	uint8_t buf[16384];
	int ret = 0;

	hash->init(&ctx);
	for (uint64_t at = 0; ret == 0 && at < file->size; at += sizeof(buf)) {
		size_t len = file->size - at < sizeof(buf) ? file->size - at : sizeof(buf);

		ret = mem_file_read(file, at, buf, len, err);
		if (ret == 0)
			hash->update(&ctx, len, buf);
	}
	hash->digest(&ctx, hash->digest_size, digest);
	return ret;
}

int mem_file_load(const struct mem_file *file, uint64_t offset, const struct guest_mem *mem,
		  uint64_t gpa, uint64_t len, struct vmm_error *err)
{
	uint64_t step;
	int ret = 0;

	if (!mem_ptr(mem, gpa, len))
		return vmm_error_set(err, -EFAULT,
				     "%s: %" PRIu64 " bytes at guest address %#" PRIx64
				     " are not all in RAM",
				     file->path, len, gpa);
	if (mem->unseen)
		return look_up(file, offset, len, err);
	for (uint64_t at = 0; ret == 0 && at < len; at += step) {
		step = len - at < LOAD_PIECE ? len - at : LOAD_PIECE;
		ret = mem_check_stop(mem, err);
		if (ret == 0)
			ret = load_piece(file, offset + at, mem, gpa + at, step, err);
	}
	return ret;
}
