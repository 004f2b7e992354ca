// SPDX-License-Identifier: MIT
/*
 * mem/ on a real KVM, without a guest: the mode that is asked for, conversions at random against an
 * array, pages that somebody holds, and devices at work meanwhile.
 *
 *	memory-check TYPE MODE		TYPE as KVM counts VM types, MODE as in the configuration
 *
 * Prints what it found out; ends with 1 and a sentence at the first thing that is wrong, and with 3
 * when the mode cannot be had.
 */
#include "mem/convert.h"
#include "mem/mode.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGES  192 /* in three regions, the last of them after a hole */
#define REGION 64
#define STEPS  1000
#define ROUNDS 200 /* of a guest against devices that never rest */
#define RACERS 2

static struct guest_mem mem;
static struct vmm_error err;
static bool oracle[PAGES];

#define CHECK(condition, ...)                                        \
	do {                                                         \
		if (!(condition)) {                                  \
			printf("line %d: ", __LINE__);               \
			printf(__VA_ARGS__);                         \
			printf(": %s (%s)\n", #condition, err.text); \
			exit(1);                                     \
		}                                                    \
	} while (0)

static uint64_t gpa_of(unsigned int page)
{
	return MIB(1) + page * PAGE_SIZE + (page >= 2 * REGION ? MIB(4) : 0);
}

/* Could a thread touch it without a signal? */
static bool can_touch(const uint8_t *p)
{
	int fds[2];
	bool ok;

	CHECK(pipe(fds) == 0, "pipe");
	ok = write(fds[1], p, 1) == 1;
	CHECK(ok || errno == EFAULT, "write from guest memory");
	close(fds[0]);
	close(fds[1]);
	return ok;
}

static const uint8_t *hva_of(unsigned int page)
{
	const struct mem_region *r = mem_find(&mem, gpa_of(page), 1);

	return r->hva + (gpa_of(page) - r->gpa);
}

/* The record is what the array says, and the kernel agrees where it can be asked: in place. (In the
 * other modes a look at a private page would bring its shared copy into being.) */
static void check_page(unsigned int page)
{
	char c;

	CHECK(mem_is_private(&mem, gpa_of(page)) == oracle[page], "page %u", page);
	CHECK(mem_read(&mem, gpa_of(page), &c, 1) == (oracle[page] ? -EACCES : 0), "page %u", page);
	if (mem.mode == MEM_MODE_IN_PLACE)
		CHECK(can_touch(hva_of(page)) == !oracle[page], "page %u", page);
}

static void check_all(void)
{
	for (unsigned int page = 0; page < PAGES; page++)
		check_page(page);
}

static void convert_all(bool private)
{
	for (unsigned int i = 0; i < PAGES; i += REGION)
		CHECK(mem_convert(&mem, gpa_of(i), REGION * PAGE_SIZE, private, &err) == 0,
		      "region %u", i / REGION);
	memset(oracle, private, sizeof(oracle));
}

/* Before the end of the launch contents stay, in both directions: no page belongs to an image. */
static void check_contents(void)
{
	for (unsigned int page = 0; page < PAGES; page++)
		CHECK(mem_write(&mem, gpa_of(page), &page, sizeof(page)) == 0, "page %u", page);
	convert_all(true);
	check_all();
	convert_all(false);
	for (unsigned int page = 0; page < PAGES; page++) {
		unsigned int there = ~0U;

		CHECK(mem_read(&mem, gpa_of(page), &there, sizeof(there)) == 0, "page %u", page);
		CHECK(there == page, "page %u has %u", page, there);
	}
}

static void check_random(void)
{
	srand(99);
	for (unsigned int step = 0; step < STEPS; step++) {
		unsigned int page = (unsigned int)rand() % PAGES;
		unsigned int n = 1 + (unsigned int)rand() % 16;
		bool private = rand() & 1;
		uint64_t end = page < 2 * REGION ? 2 * REGION : PAGES;

		if (page + n > end)
			n = (unsigned int)(end - page);
		CHECK(mem_map_gpa_range(&mem, gpa_of(page), n, private ? 16 : 0, UINT64_MAX,
					&err) == 0,
		      "step %u", step);
		memset(oracle + page, private, n);
		check_page(page);
		check_page(page + n - 1);
	}
	check_all();
	CHECK(mem_map_gpa_range(&mem, gpa_of(2 * REGION - 1), 2, 16, UINT64_MAX, &err) == -EINVAL,
	      "hole");
	CHECK(mem_map_gpa_range(&mem, gpa_of(2 * REGION - 1), 2, 0, UINT64_MAX, &err) == 0, "hole");
	oracle[2 * REGION - 1] = false;
	check_all();
}

/* A pipe that refers to a page, as vmsplice() makes it, is in the way in place. */
static void check_held_page(void)
{
	unsigned int page = 10;
	struct iovec iov;
	char text[64];
	int fds[2];

	if (mem.mode != MEM_MODE_IN_PLACE)
		return;
	convert_all(false);
	CHECK(mem_write(&mem, gpa_of(page), "held", 4) == 0, "page %u", page);
	CHECK(pipe(fds) == 0, "pipe");
	iov = (struct iovec){(void *)(uintptr_t)hva_of(page), 4};
	CHECK(vmsplice(fds[1], &iov, 1, 0) == 4, "vmsplice");
	CHECK(mem_convert(&mem, gpa_of(0), REGION * PAGE_SIZE, true, &err) == -EAGAIN, "held");
	snprintf(text, sizeof(text), "the page at guest address %#llx is in use",
		 (unsigned long long)gpa_of(page));
	CHECK(strstr(err.text, text) != NULL, "%s", text);
	printf("refused as it should be: %s\n", err.text);
	check_all();
	close(fds[0]);
	close(fds[1]);
	convert_all(true);
	check_all();
}

static _Atomic bool over;

static void *device(void *arg)
{
	unsigned int seed = *(unsigned int *)arg, number = seed;
	unsigned long allowed = 0, refused = 0;
	struct mem_pin pin;

	/* each has its turn, even on one busy CPU: in the end there are pages of both kinds */
	while (!over || !allowed || !refused) {
		uint64_t gpa = gpa_of((unsigned int)rand_r(&seed) % PAGES);
		uint32_t value = (uint32_t)rand_r(&seed);
		volatile uint32_t *word;

		if (mem_pin(&mem, gpa, PAGE_SIZE, MEM_FOR_WRITING, "racer", &pin) < 0) {
			refused++;
			continue;
		}
		word = (volatile uint32_t *)pin.ptr + number;
		*word = value;
		for (int i = 0; i < 10; i++)
			CHECK(*word == value, "pinned memory at %#llx", (unsigned long long)gpa);
		allowed++;
		mem_unpin(&pin);
	}
	printf("device %u: %lu requests done, %lu refused\n", number, allowed, refused);
	return NULL;
}

static void *guest(void *arg)
{
	unsigned int seed = *(unsigned int *)arg;

	for (int i = 0; i < ROUNDS; i++) {
		unsigned int page = (unsigned int)rand_r(&seed) % (2 * REGION);
		uint64_t n = 1 + (uint64_t)rand_r(&seed) % (2 * REGION - page);
		uint64_t attributes = rand_r(&seed) & 1 ? 16 : 0;
		struct vmm_error mine;
		int ret = mem_map_gpa_range(&mem, gpa_of(page), n, attributes, UINT64_MAX, &mine);

		CHECK(ret == 0 || ret == -EAGAIN, "conversion: %s", mine.text);
	}
	return NULL;
}

/* Devices let go of a page sooner or later. */
static void convert_while_in_use(unsigned int page, unsigned int n, bool private)
{
	int ret;

	do
		ret = mem_map_gpa_range(&mem, gpa_of(page), n, private ? 16 : 0, UINT64_MAX, &err);
	while (ret == -EAGAIN);
	CHECK(ret == 0, "page %u", page);
}

static void check_race(void)
{
	unsigned int number[2 * RACERS] = {0, 1, 2, 3};
	pthread_t thread[2 * RACERS];

	convert_all(false);
	for (unsigned int i = 0; i < 2 * RACERS; i++)
		CHECK(pthread_create(&thread[i], NULL, i < RACERS ? guest : device, &number[i]) ==
			      0,
		      "thread %u", i);
	for (unsigned int i = 0; i < RACERS; i++)
		pthread_join(thread[i], NULL);
	convert_while_in_use(0, REGION, true);
	convert_while_in_use(REGION, REGION, false);
	over = true;
	for (unsigned int i = RACERS; i < 2 * RACERS; i++)
		pthread_join(thread[i], NULL);
	for (unsigned int page = 0; page < PAGES; page++)
		oracle[page] = mem_is_private(&mem, gpa_of(page)) == 1;
	check_all();
}

/* When everything is private, no shared copy is left. */
static void check_no_second_copy(void)
{
	struct stat st;

	convert_all(true);
	for (size_t i = 0; i < mem.nregions && mem.mode == MEM_MODE_SPLIT; i++) {
		CHECK(fstat(mem.region[i].fd, &st) == 0, "fstat");
		CHECK(st.st_blocks == 0, "%llu blocks are left", (unsigned long long)st.st_blocks);
	}
}

int main(int argc, char **argv)
{
	struct mem_offer offer;
	struct kvm_system kvm;
	struct kvm_vm vm;
	unsigned long type;
	enum mem_mode mode = MEM_MODE_AUTO;

	setvbuf(stdout, NULL, _IOLBF, 0);
	CHECK(argc == 3, "usage: memory-check TYPE MODE");
	type = strtoul(argv[1], NULL, 10);
	while (mode < MEM_MODES && strcmp(mem_mode_name(mode), argv[2]) != 0)
		mode++;
	CHECK(mode < MEM_MODES, "mode %s", argv[2]);

	CHECK(kvm_system_open(&kvm, sys_host(), &err) == 0, "KVM");
	CHECK(kvm_vm_create(&vm, &kvm, type, &err) == 0, "VM");
	mem_init(&mem, sys_host(), &vm, MEM_PAGES_SMALL);
	CHECK(mem_probe(&vm, type, &offer, &err) == 0, "probe");
	if (mem_set_mode(&mem, &offer, mode, &err) < 0) {
		printf("%s\n", err.text);
		return 3;
	}
	printf("%s%s\n", mem_backing_name(&mem), mem.preserve ? ", PRESERVE" : "");
	for (unsigned int i = 0; i < PAGES; i += REGION)
		CHECK(mem_add_region(&mem, "RAM", gpa_of(i), REGION * PAGE_SIZE, &err) == 0, "RAM");

	check_contents();
	mem_seal(&mem);
	check_random();
	check_held_page();
	check_race();
	check_no_second_copy();
	printf("%llu conversions, %llu retries, %llu discards\n",
	       (unsigned long long)mem.stats.conversions, (unsigned long long)mem.stats.retries,
	       (unsigned long long)mem.stats.discards);
	mem_destroy(&mem);
	kvm_vm_close(&vm);
	kvm_system_close(&kvm);
	return 0;
}
