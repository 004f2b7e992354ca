/* SPDX-License-Identifier: MIT */
/*
 * Which pages of a region are private: one bit per page, and one lock. This is what minivmm itself
 * knows about its memory, and it is never ahead of the kernel: a bit changes after the ioctl that
 * changed the page, under the lock, and only if the ioctl succeeded.
 *
 * The lock is held for reading by whoever touches shared pages, and for writing by a conversion.
 * Only conversions that this process asks for make a page private (the guest asks for them by
 * exits, and no other process is given the guest_memfd), so a page that was found shared under the
 * read lock stays shared until the lock is let go: touching it does not raise SIGBUS because the
 * guest has converted it, and there is nothing to recover from. What can raise it still is a host
 * that has no memory for the page, or a broken one; see "Architecture" in README.md. Readers go first, so a
 * thread may take the read lock again while it holds it, and may hold those of several regions. A
 * writer holds one lock at a time. A guest that keeps its devices busy all the time can delay its
 * own conversions by that, and nobody else's.
 */
#ifndef MEM_STATE_H
#define MEM_STATE_H

#include "vmm/base/error.h"
#include "vmm/base/sys.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct mem_state {
	pthread_rwlock_t lock;
	uint64_t npages;
	size_t mapped; /* bytes of this mapping */
	/* a device that holds pages right now, for messages; NULL: none, or not known */
	const char *_Atomic holder;
	uint64_t private[]; /* bit n % 64 of word n / 64: page n is private */
};

/* All pages are shared. The bits cost host memory only where they are ever set. */
int mem_state_create(struct mem_state **state, const struct sys *sys, uint64_t npages,
		     struct vmm_error *err);
void mem_state_destroy(struct mem_state *state, const struct sys *sys); /* NULL is allowed */

/* The caller of these holds the lock. Pages are counted from the start of the region, and
 * page <= end <= npages. */

/* The first run of pages in [page, end) that are private (or shared); false if there is none. */
bool mem_state_find(const struct mem_state *state, uint64_t page, uint64_t end, bool private,
		    uint64_t *first, uint64_t *npages);

void mem_state_set(struct mem_state *state, uint64_t page, uint64_t npages, bool private);

#endif
