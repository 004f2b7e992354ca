// SPDX-License-Identifier: MIT
#include "mem/state.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/mman.h>

#define WORD_BITS 64

int mem_state_create(struct mem_state **state, const struct sys *sys, uint64_t npages,
		     struct vmm_error *err)
{
	uint64_t words = npages / WORD_BITS + 1;
	size_t bytes = sizeof(**state) + words * sizeof(uint64_t);
	struct mem_state *s;
	void *p;
	int ret;

	ret = sys->ops->mmap(sys->ctx, &p, bytes, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (ret < 0)
		return vmm_error_errno(err, ret, "unable to map the record of %" PRIu64 " pages",
				       npages);
	s = p;
	s->npages = npages;
	s->mapped = bytes;
	/* glibc's default lets readers go first, see the header */
	ret = pthread_rwlock_init(&s->lock, NULL);
	if (ret) {
		sys->ops->munmap(sys->ctx, s, bytes);
		return vmm_error_errno(err, -ret, "unable to make a lock");
	}
	*state = s;
	return 0;
}

void mem_state_destroy(struct mem_state *state, const struct sys *sys)
{
	if (!state)
		return;
	pthread_rwlock_destroy(&state->lock);
	sys->ops->munmap(sys->ctx, state, state->mapped);
}

/* The first page in [page, end) whose bit is `set`, or `end`. */
static uint64_t next(const uint64_t *bits, uint64_t page, uint64_t end, bool set)
{
	while (page < end) {
		uint64_t word = bits[page / WORD_BITS];

		if (!set)
			word = ~word;
		word >>= page % WORD_BITS;
		if (word) {
			page += (uint64_t)__builtin_ctzll(word);
			return page < end ? page : end;
		}
		page = (page / WORD_BITS + 1) * WORD_BITS;
	}
	return end;
}

bool mem_state_find(const struct mem_state *state, uint64_t page, uint64_t end, bool private,
		    uint64_t *first, uint64_t *npages)
{
	*first = next(state->private, page, end, private);
	*npages = next(state->private, *first, end, !private) - *first;
	return *npages > 0;
}

void mem_state_set(struct mem_state *state, uint64_t page, uint64_t npages, bool private)
{
	uint64_t end = page + npages;

	while (page < end) {
		uint64_t bit = page % WORD_BITS;
		uint64_t n = WORD_BITS - bit < end - page ? WORD_BITS - bit : end - page;
		uint64_t mask = (n == WORD_BITS ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1) << bit;

		if (private)
			state->private[page / WORD_BITS] |= mask;
		else
			state->private[page / WORD_BITS] &= ~mask;
		page += n;
	}
}
