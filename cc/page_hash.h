/* SPDX-License-Identifier: MIT */
/*
 * SHA-384 of many pages on all CPUs, handed over in order.
 */
#ifndef CC_PAGE_HASH_H
#define CC_PAGE_HASH_H

#include "vmm/base/error.h"

#include <stdint.h>

/*
 * Hashes each of the `npages` pages at `bytes` and calls `next` with every digest (48 bytes) in
 * ascending order, from the calling thread. Uses at most PAGE_HASH_THREADS threads; fewer when they
 * cannot be had, so that only memory can be short (-ENOMEM).
 */
#define PAGE_HASH_THREADS 8
int page_hash(const uint8_t *bytes, uint64_t npages,
	      void (*next)(void *ctx, const uint8_t digest[48]), void *ctx, struct vmm_error *err);

#endif
