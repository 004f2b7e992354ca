// SPDX-License-Identifier: MIT
#include "cc/page_hash.h"

#include <errno.h>
#include <nettle/sha2.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#define PAGE_SIZE   4096
#define DIGEST	    48
#define CHUNK_PAGES 64 /* one unit of work: 256 KiB */

struct chunk {
	_Atomic bool done;
	uint8_t digest[CHUNK_PAGES][DIGEST];
};

struct job {
	const uint8_t *bytes;
	uint64_t npages;
	uint64_t nchunks;
	_Atomic uint64_t taken; /* chunks that some thread works on or has finished */
	struct chunk *chunk;
};

static uint64_t chunk_pages(const struct job *job, uint64_t i)
{
	uint64_t left = job->npages - i * CHUNK_PAGES;

	return left < CHUNK_PAGES ? left : CHUNK_PAGES;
}

/* Takes the next chunk and hashes its pages; false when none is left. */
static bool hash_chunk(struct job *job)
{
	uint64_t i = atomic_fetch_add(&job->taken, 1);
	struct sha384_ctx sha;

	if (i >= job->nchunks)
		return false;
	for (uint64_t p = 0; p < chunk_pages(job, i); p++) {
		sha384_init(&sha);
		sha384_update(&sha, PAGE_SIZE, job->bytes + (i * CHUNK_PAGES + p) * PAGE_SIZE);
		sha384_digest(&sha, DIGEST, job->chunk[i].digest[p]);
	}
	atomic_store(&job->chunk[i].done, true);
	return true;
}

static void *worker(void *arg)
{
	while (hash_chunk(arg))
		;
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
		while (!atomic_load(&job->chunk[i].done))
			if (!hash_chunk(job))
				sched_yield();
		for (uint64_t p = 0; p < chunk_pages(job, i); p++)
			next(ctx, job->chunk[i].digest[p]);
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
	job.chunk = calloc(job.nchunks, sizeof(*job.chunk));
	if (!job.chunk)
		return vmm_error_errno(err, -ENOMEM, "unable to hash %llu pages",
				       (unsigned long long)npages);
	while (nhelpers < helpers_wanted(&job) &&
	       pthread_create(&helper[nhelpers], NULL, worker, &job) == 0)
		nhelpers++;
	collect(&job, next, ctx);
	while (nhelpers > 0)
		pthread_join(helper[--nhelpers], NULL);
	free(job.chunk);
	return 0;
}
