// SPDX-License-Identifier: MIT
/*
 * A disk is written at random places, in pieces of random size, by several processes at once, each
 * in a part of its own; what was just written is read back now and then. A later run with the same
 * seed knows what every sector must hold: each is filled from the seed, its number, and how often
 * that process had written before. No cache of this kernel is in between (O_DIRECT).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/guests/init/init.h"

#define SECTOR	  512u
#define MOST	  64u /* sectors of one request */
#define PROCESSES 4u
#define WRITES	  100u /* of each process */

struct part {
	int fd;
	uint64_t seed;
	uint64_t first, n;    /* sectors */
	uint32_t *last;	      /* for each: the number of the last write, 0: none */
	unsigned char *bytes; /* MOST sectors */
	uint64_t random;
};

static uint64_t mix(uint64_t x)
{
	x ^= x >> 31;
	x *= 0x9e3779b97f4a7c15;
	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9;
	return x ^ x >> 32;
}

static uint64_t next(struct part *p)
{
	return p->random = mix(p->random + 0x632be59bd9b4e019);
}

/* Where the next write goes, and how long it is. */
static void choose(struct part *p, uint64_t *at, uint64_t *n)
{
	*at = next(p) % p->n;
	*n = 1 + next(p) % MOST;
	if (*n > p->n - *at)
		*n = p->n - *at;
}

static uint64_t word(const struct part *p, uint64_t sector, size_t i)
{
	uint32_t write = p->last[sector];

	return write == 0 ? 0 : mix(p->seed + mix((p->first + sector) << 32 | write) + i);
}

static int wrong_sectors(const struct part *p, uint64_t at, uint64_t n)
{
	int wrong = 0;

	for (uint64_t s = 0; s < n; s++) {
		uint64_t is[SECTOR / 8];
		size_t i = 0;

		memcpy(is, p->bytes + s * SECTOR, SECTOR);
		while (i < SECTOR / 8 && is[i] == word(p, at + s, i))
			i++;
		wrong += i < SECTOR / 8;
	}
	return wrong;
}

/* Reads and compares; returns how many sectors are not as they should be, or -errno. */
static int check(const struct part *p, uint64_t at, uint64_t n)
{
	ssize_t got = pread(p->fd, p->bytes, n * SECTOR, (off_t)((p->first + at) * SECTOR));

	if (got != (ssize_t)(n * SECTOR))
		return got < 0 ? -errno : -EIO;
	return wrong_sectors(p, at, n);
}

static int write_sectors(struct part *p, uint64_t at, uint64_t n)
{
	for (uint64_t s = 0; s < n; s++) {
		uint64_t words[SECTOR / 8];

		for (size_t i = 0; i < SECTOR / 8; i++)
			words[i] = word(p, at + s, i);
		memcpy(p->bytes + s * SECTOR, words, SECTOR);
	}
	if (pwrite(p->fd, p->bytes, n * SECTOR, (off_t)((p->first + at) * SECTOR)) !=
	    (ssize_t)(n * SECTOR))
		return errno ? -errno : -EIO;
	return 0;
}

static int run(struct part *p, int write)
{
	int bad = 0;

	for (uint32_t i = 1; i <= WRITES; i++) {
		uint64_t at, n;

		choose(p, &at, &n);
		for (uint64_t s = 0; s < n; s++)
			p->last[at + s] = i;
		if (!write)
			continue;
		bad = write_sectors(p, at, n);
		if (bad == 0 && i % 8 == 0) {
			at = mix(p->random) % (p->n - MOST);
			bad = check(p, at, MOST);
		}
		if (bad)
			return bad;
	}
	if (write)
		return fsync(p->fd) < 0 ? -errno : 0;
	for (uint64_t at = 0; at < p->n && bad == 0; at += MOST)
		bad = check(p, at, MOST < p->n - at ? MOST : p->n - at);
	return bad;
}

static int process(int fd, uint64_t seed, uint64_t sectors, unsigned int number, int write)
{
	struct part p = {.fd = fd, .seed = seed, .n = sectors / PROCESSES};
	int bad = -ENOMEM;

	p.first = number * p.n;
	p.random = mix(seed + number);
	p.last = calloc(p.n, sizeof(*p.last));
	p.bytes = aligned_alloc(4096, MOST * SECTOR);
	if (p.last && p.bytes)
		bad = run(&p, write);
	if (bad)
		printf("GUEST disk process %u: %d sectors wrong, or %s\n", number, bad,
		       bad < 0 ? strerror(-bad) : "no error");
	return bad != 0;
}

static int open_disk(uint64_t *sectors)
{
	char serial[32] = "";
	uint64_t bytes = 0;
	FILE *file;
	int fd = -1;

	load_modules("/modules", "virtio-");
	for (int i = 0; i < 100 && fd < 0; i++) {
		fd = open("/dev/vda", O_RDWR | O_DIRECT | O_CLOEXEC);
		if (fd < 0)
			usleep(50000);
	}
	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &bytes) < 0) {
		printf("GUEST /dev/vda: %s\n", strerror(errno));
		return -1;
	}
	*sectors = bytes / SECTOR;
	file = fopen("/sys/block/vda/serial", "re");
	if (file && !fgets(serial, sizeof(serial), file))
		serial[0] = '\0';
	if (file)
		fclose(file);
	serial[strcspn(serial, "\n")] = '\0';
	printf("GUEST disk serial=%s sectors=%llu\n", serial, (unsigned long long)*sectors);
	return fd;
}

void disk_test(int write)
{
	const char *seed = getenv("seed");
	uint64_t sectors = 0;
	int fd = open_disk(&sectors), bad = 0, status;

	if (fd < 0)
		return;
	for (unsigned int i = 0; i < PROCESSES; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(process(fd, seed ? strtoull(seed, NULL, 0) : 0, sectors, i, write));
		bad += pid < 0;
	}
	while (wait(&status) > 0)
		bad += status != 0;
	close(fd);
	printf("GUEST disk %s bad=%d\n", write ? "written" : "verified", bad);
}

static int range(int fd, unsigned long request, uint64_t start, uint64_t len)
{
	uint64_t args[2] = {start, len};

	return ioctl(fd, request, args) < 0 ? errno : 0;
}

/* Discards the second MiB and has the third made zero, which it then has to be. */
void disk_discard_test(void)
{
	uint64_t sectors = 0;
	unsigned char *bytes = aligned_alloc(4096, 1 << 20);
	int fd = open_disk(&sectors), discard, zero, bad = 0;

	if (fd < 0 || !bytes)
		return;
	discard = range(fd, BLKDISCARD, 1 << 20, 1 << 20);
	zero = range(fd, BLKZEROOUT, 2 << 20, 1 << 20);
	if (pread(fd, bytes, 1 << 20, 2 << 20) != 1 << 20)
		bad++;
	for (size_t i = 0; i < 1 << 20; i++)
		bad += bytes[i] != 0;
	printf("GUEST disk discard=%d zero=%d bad=%d\n", discard, zero, bad);
	close(fd);
}
