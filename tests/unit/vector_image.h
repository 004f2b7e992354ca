/* SPDX-License-Identifier: MIT */
/*
 * Firmware images of the vectors: in tests/vectors, or installed with Debian's package ovmf. Those
 * that are not the exact file of the vector are left out, and said to be.
 */
#ifndef TESTS_UNIT_VECTOR_IMAGE_H
#define TESTS_UNIT_VECTOR_IMAGE_H

#include "mem/file.h"
#include "tests/vectors/vector.h"

#include <nettle/sha2.h>
#include <stdbool.h>
#include <stdio.h>

#define VECTOR_FOLDER SOURCE_DIR "/tests/vectors/"
#define VECTOR_PATH   256

/* Is the file there, and the one that the vector was made with? */
static inline bool image_is(const char *path, const char *sha256)
{
	uint8_t digest[SHA256_DIGEST_SIZE], expected[SHA256_DIGEST_SIZE], buf[4096];
	struct sha256_ctx sha;
	struct mem_file file;

	if (mem_file_open(&file, sys_host(), path, NULL) < 0)
		return false;
	sha256_init(&sha);
	for (uint64_t at = 0; at < file.size; at += sizeof(buf)) {
		size_t len = file.size - at < sizeof(buf) ? file.size - at : sizeof(buf);

		vector_require(mem_file_read(&file, at, buf, len, NULL) == 0, "cannot read %s",
			       path);
		sha256_update(&sha, len, buf);
	}
	mem_file_close(&file);
	sha256_digest(&sha, sizeof(digest), digest);
	vector_bytes(sha256, expected, sizeof(expected));
	return memcmp(digest, expected, sizeof(digest)) == 0;
}

/* The path of an image; false, with a word about it, when it cannot be had. `name` is relative to
 * the folder of the vectors, or absolute. */
static inline bool image_path(const char *name, const char *sha256, char path[VECTOR_PATH])
{
	snprintf(path, VECTOR_PATH, "%s%s", name[0] == '/' ? "" : VECTOR_FOLDER, name);
	if (image_is(path, sha256))
		return true;
	vector_require(name[0] == '/', "%s is not the file that it was", path);
	printf("SKIP: %s is missing or not the one of the vectors: install ovmf 2022.11\n", path);
	return false;
}

#endif
