// SPDX-License-Identifier: MIT
/* The load for the benchmark of guest memory: $mib MiB that nobody has touched are written once, a
 * word in each page, so that what is measured is where pages come from: from this kernel, and where
 * it has none yet, from the host. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "tests/guests/init/init.h"

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void memory_bench(void)
{
	const char *mib = getenv("mib");
	size_t size = (size_t)strtoul(mib ? mib : "0", NULL, 10) << 20;
	uint64_t start;
	volatile char *p;

	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) {
		printf("GUEST memory: %s\n", strerror(errno));
		return;
	}
	start = now_us();
	for (size_t i = 0; i < size; i += 4096)
		p[i] = 1;
	printf("GUEST memory us=%llu\n", (unsigned long long)(now_us() - start));
}
