// SPDX-License-Identifier: MIT
/* The load for the benchmark of disks: four kinds of it, each for some seconds, past the caches of
 * this kernel. What it says on the console begins and ends the measurement on the host. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "tests/guests/init/init.h"

#define SECONDS	  3
#define PROCESSES 4 /* of random access, so that requests overlap */

struct load {
	const char *name;
	unsigned int size; /* bytes of one request */
	int random, write;
};

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Until `end`; returns how many bytes went, 0 after an error. */
static uint64_t run(const struct load *load, int fd, uint64_t disk, uint64_t seed, uint64_t end)
{
	unsigned char *bytes = aligned_alloc(4096, load->size);
	uint64_t done = 0, slots = disk / load->size, at = 0;

	if (!bytes)
		return 0;
	memset(bytes, 0x5a, load->size);
	while (now_us() < end) {
		off_t offset;
		ssize_t n;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		at = load->random ? (seed >> 33) % slots : at % slots;
		offset = (off_t)(at++ * load->size);
		n = load->write ? pwrite(fd, bytes, load->size, offset)
				: pread(fd, bytes, load->size, offset);
		if (n != (ssize_t)load->size) {
			printf("GUEST bench %s: %s\n", load->name, strerror(errno));
			return 0;
		}
		done += load->size;
	}
	return done;
}

static void measure(const struct load *load, int fd, uint64_t disk, uint64_t *done)
{
	int n = load->random ? PROCESSES : 1;
	uint64_t start, sum = 0;

	printf("GUEST bench %s start\n", load->name);
	tcdrain(STDOUT_FILENO);
	start = now_us();
	for (int i = 0; i < n; i++) {
		if (fork() == 0) {
			done[i] = run(load, fd, disk, (uint64_t)i, start + SECONDS * 1000000);
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		;
	for (int i = 0; i < n; i++)
		sum += done[i];
	printf("GUEST bench %s bytes=%llu us=%llu\n", load->name, (unsigned long long)sum,
	       (unsigned long long)(now_us() - start));
	tcdrain(STDOUT_FILENO);
}

void disk_bench(void)
{
	static const struct load loads[] = {
		{"seq-read", 131072, 0, 0},
		{"seq-write", 131072, 0, 1},
		{"rand-read", 4096, 1, 0},
		{"rand-write", 4096, 1, 1},
	};
	uint64_t *done =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int fd = open("/dev/vda", O_RDWR | O_DIRECT | O_CLOEXEC);
	uint64_t disk = 0;

	if (fd < 0 || done == MAP_FAILED || ioctl(fd, BLKGETSIZE64, &disk) < 0) {
		printf("GUEST /dev/vda: %s\n", strerror(errno));
		return;
	}
	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++)
		measure(&loads[i], fd, disk, done);
}
