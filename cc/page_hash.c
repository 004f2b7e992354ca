// SPDX-License-Identifier: MIT
#include "cc/page_hash.h"

#include "cc/sha384.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#define PAGE_SIZE   4096UL
#define DIGEST	    48
#define CHUNK_PAGES 64UL		      /* one unit of work: 256 KiB */
#define RING	    (4UL * PAGE_HASH_THREADS) /* digests of so many chunks are kept: 96 KiB */

struct chunk {
	_Atomic uint64_t done; /* 1 + number of the chunk whose digests these are; 0: none */
	uint8_t digest[CHUNK_PAGES][DIGEST];
};

struct job {
	const uint8_t *bytes;
	uint64_t npages;
	uint64_t nchunks;
	_Atomic uint64_t taken; /* chunks that some thread works on or has finished */
	_Atomic uint64_t given; /* of those, chunks whose digests were handed over */
	struct chunk *ring;	/* chunk n is at n % RING */
};

static uint64_t chunk_pages(const struct job *job, uint64_t i)
{
	uint64_t left = job->npages - i * CHUNK_PAGES;

	return left < CHUNK_PAGES ? left : CHUNK_PAGES;
}

/* The next chunk; false when none is left, or there is no room for its digests yet. */
static bool take(struct job *job, uint64_t *i)
{
	*i = atomic_load(&job->taken);
	do
		if (*i >= job->nchunks || *i >= atomic_load(&job->given) + RING)
			return false;
	while (!atomic_compare_exchange_weak(&job->taken, i, *i + 1));
	return true;
}

/* Takes a chunk and hashes its pages; false when there is none to take. */
static bool hash_chunk(struct job *job)
{
	struct sha384_ctx sha;
	struct chunk *chunk;
	uint64_t i;

	if (!take(job, &i))
		return false;
	chunk = &job->ring[i % RING];
	for (uint64_t p = 0; p < chunk_pages(job, i); p++) {
		sha384_init(&sha);
		sha384_take(&sha, job->bytes + (i * CHUNK_PAGES + p) * PAGE_SIZE, PAGE_SIZE);
		sha384_digest(&sha, DIGEST, chunk->digest[p]);
	}
	atomic_store(&chunk->done, i + 1);
	return true;
}

static void *worker(void *arg)
{
	struct job *job = arg;

	while (atomic_load(&job->taken) < job->nchunks)
		if (!hash_chunk(job))
			sched_yield();
	return NULL;
}

static unsigned int helpers_wanted(const struct job *job)
{
	cpu_set_t cpus;
	unsigned int n = 1;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
		n = (unsigned int)CPU_COUNT(&cpus);
	if (n > PAGE_HASH_THREADS)
		n = PAGE_HASH_THREADS;
	if (n > job->nchunks)
		n = (unsigned int)job->nchunks;
	return n > 0 ? n - 1 : 0;
}

/* Hands over all digests in order, and hashes chunks itself rather than wait for one. */
static void collect(struct job *job, void (*next)(void *ctx, const uint8_t digest[48]), void *ctx)
{
	for (uint64_t i = 0; i < job->nchunks; i++) {
		const struct chunk *chunk = &job->ring[i % RING];

		while (atomic_load(&chunk->done) != i + 1)
			if (!hash_chunk(job))
				sched_yield();
		for (uint64_t p = 0; p < chunk_pages(job, i); p++)
			next(ctx, chunk->digest[p]);
		atomic_store(&job->given, i + 1);
	}
}

int page_hash(const uint8_t *bytes, uint64_t npages,
	      void (*next)(void *ctx, const uint8_t digest[48]), void *ctx, struct vmm_error *err)
{
	struct job job = {
		.bytes = bytes,
		.npages = npages,
		.nchunks = (npages + CHUNK_PAGES - 1) / CHUNK_PAGES,
	};
	pthread_t helper[PAGE_HASH_THREADS];
	unsigned int nhelpers = 0;

	if (npages == 0)
		return 0;
	job.ring = calloc(job.nchunks < RING ? job.nchunks : RING, sizeof(*job.ring));
	if (!job.ring)
		return vmm_error_errno(err, -ENOMEM, "unable to hash %" PRIu64 " pages", npages);
	while (nhelpers < helpers_wanted(&job) &&
	       pthread_create(&helper[nhelpers], NULL, worker, &job) == 0)
		nhelpers++;
	collect(&job, next, ctx);
	while (nhelpers > 0)
		pthread_join(helper[--nhelpers], NULL);
	free(job.ring);
	return 0;
}
