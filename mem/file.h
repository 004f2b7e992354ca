/* SPDX-License-Identifier: MIT */
/*
 * A file that is loaded into the guest, read through the seam. Its bytes go straight into guest
 * memory; only headers are read into buffers of ours.
 */
#ifndef MEM_FILE_H
#define MEM_FILE_H

#include "mem/mem.h"

struct mem_file {
	const struct sys *sys;
	int fd;
	uint64_t size;	  /* bytes, as it was when the file was opened */
	uint64_t start;	  /* where it begins in the file: not 0 of a part of another */
	const char *path; /* the caller's string, for messages */
};

/* `path` must outlive *file. Directories and pipes are refused. On failure nothing stays open. */
int mem_file_open(struct mem_file *file, const struct sys *sys, const char *path,
		  struct vmm_error *err);
void mem_file_close(struct mem_file *file);

/* The `len` bytes at `offset` of `file`, which have to be there, as a file: it is read through the
 * same descriptor, which stays the file's to close. */
struct mem_file mem_file_part(const struct mem_file *file, uint64_t offset, uint64_t len);

/* Exactly `len` bytes at `offset`; -ENODATA when the file has fewer. */
int mem_file_read(const struct mem_file *file, uint64_t offset, void *buf, size_t len,
		  struct vmm_error *err);

/* The digest of all of it. */
struct nettle_hash;
int mem_file_hash(const struct mem_file *file, const struct nettle_hash *hash, uint8_t *digest,
		  struct vmm_error *err);

/* Reads into guest memory; -EFAULT when [gpa, gpa + len) is not all inside one region, -ECANCELED
 * when the VM is stopped meanwhile. Where nobody looks at the contents (mem->unseen) only the first and
 * the last byte are read, of however much. */
int mem_file_load(const struct mem_file *file, uint64_t offset, const struct guest_mem *mem,
		  uint64_t gpa, uint64_t len, struct vmm_error *err);

#endif
