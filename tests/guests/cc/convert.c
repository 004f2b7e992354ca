// SPDX-License-Identifier: MIT
/*
 * Conversions at random, while other CPUs touch the same pages. The guest knows of each page what
 * it is and what it wrote there, and expects:
 *
 *	- a page that did not change its kind still has its contents, whatever was converted around
 * it
 *	- a page that did change holds what is written afterwards, for accesses of its new kind
 */
#include "tests/guests/cc/guest.h"

#define WORDS	   (GUEST_PAGE_SIZE / 8)
#define TOUCH_WORD (WORDS / 2) /* the other CPUs' */
#define BLOCK	   64	       /* pages under one lock */
#define BREAK	   5000	       /* turns of an empty loop */

static uint8_t kind_of[ARENA_PAGES]; /* enum kind */
static uint64_t tag_of[ARENA_PAGES]; /* what the first and the last word are */
static bool locks[ARENA_PAGES / BLOCK];
static _Atomic uint64_t touches;
static uint64_t tags;

static uint64_t gpa_of(uint64_t page)
{
	return ARENA + page * GUEST_PAGE_SIZE;
}

/*
 * With the kind in the address, an access while the page changes would be one of the wrong kind,
 * so other CPUs keep off. Otherwise accesses and conversions may meet: the model takes an access
 * for one of the kind that the page has.
 */
static void lock(uint64_t page, uint64_t npages)
{
	if (!kinds_in_address())
		return;
	for (uint64_t block = page / BLOCK; block <= (page + npages - 1) / BLOCK; block++)
		while (__atomic_exchange_n(&locks[block], true, __ATOMIC_ACQUIRE))
			__asm__ volatile("pause");
}

static void unlock(uint64_t page, uint64_t npages)
{
	if (!kinds_in_address())
		return;
	for (uint64_t block = page / BLOCK; block <= (page + npages - 1) / BLOCK; block++)
		__atomic_store_n(&locks[block], false, __ATOMIC_RELEASE);
}

/* The job of the other CPUs. They take breaks: in the rig they share a processor with the first. */
static void touch_pages(unsigned int cpu)
{
	uint64_t random = cpu;

	while (!stopping()) {
		uint64_t page = random_next(&random) % ARENA_PAGES;

		lock(page, 1);
		__atomic_fetch_add(&at(gpa_of(page), kind_of[page])[TOUCH_WORD], 1,
				   __ATOMIC_RELAXED);
		unlock(page, 1);
		touches++;
		for (unsigned int i = 0; i < BREAK; i++)
			__asm__ volatile("");
	}
}

static void write_tag(uint64_t page)
{
	volatile uint64_t *words = at(gpa_of(page), kind_of[page]);

	tag_of[page] = ++tags << 16 | page;
	words[0] = words[WORDS - 1] = tag_of[page];
}

static void check_tags(uint64_t page, uint64_t npages, const char *when)
{
	for (uint64_t end = page + npages; page < end; page++) {
		const volatile uint64_t *words = at(gpa_of(page), kind_of[page]);

		if (words[0] != tag_of[page] || words[WORDS - 1] != tag_of[page])
			fail("%s: page at %x (%s) has %x and %x instead of %x", when, gpa_of(page),
			     kind_of[page] == PRIVATE ? "private" : "shared", words[0],
			     words[WORDS - 1], tag_of[page]);
	}
}

/* The record follows a conversion. */
static void record(uint64_t page, uint64_t npages, enum kind kind)
{
	for (uint64_t end = page + npages; page < end; page++) {
		if (kind_of[page] != kind) {
			kind_of[page] = (uint8_t)kind;
			write_tag(page);
		}
	}
}

static void start(const struct options *options)
{
	cpus_run((unsigned int)options->cpus, touch_pages);
	for (uint64_t page = 0; page < ARENA_PAGES; page++) {
		kind_of[page] = PRIVATE;
		write_tag(page);
	}
}

static void finish(const struct options *options)
{
	check_tags(0, ARENA_PAGES, "at the end");
	cpus_stop();
	if (options->cpus > 1 && touches == 0)
		fail("no other CPU touched a page");
}

/* A range: mostly small, sometimes large; returns its length. */
static uint64_t random_range(uint64_t *random, uint64_t *page)
{
	uint64_t max = random_next(random) % 8 == 0 ? 64 : 4;
	uint64_t npages = random_next(random) % max + 1;

	*page = random_next(random) % ARENA_PAGES;
	return npages < ARENA_PAGES - *page ? npages : ARENA_PAGES - *page;
}

/* Had the VMM only pretended to convert, these accesses would be of the wrong kind, and would cost
 * the pages their contents. */
static void check_as_declared(uint64_t page, uint64_t npages, enum kind kind)
{
	declare(gpa_of(page), npages, kind);
	check_tags(page, npages, "as declared");
	declare(gpa_of(page), npages, UNKNOWN);
}

/* By hypercall. */
void test_convert(const struct options *options)
{
	uint64_t random = options->seed, pages = 0;

	start(options);
	for (uint64_t i = 0; i < options->n; i++) {
		enum kind kind = random_next(&random) % 2 ? SHARED : PRIVATE;
		uint64_t page, npages = random_range(&random, &page);

		lock(page, npages);
		convert(gpa_of(page), npages, kind);
		record(page, npages, kind);
		check_tags(page, npages, "after the conversion");
		if (i % 4 == 0)
			check_as_declared(page, npages, kind);
		unlock(page, npages);
		pages += npages;

		page = random_next(&random) % (ARENA_PAGES - 8);
		check_tags(page, 8, "elsewhere");
	}
	finish(options);
	say("GUEST ok convert conversions=%u pages=%u touches=%u", options->n, pages,
	    (uint64_t)touches);
}

/* By access alone: pages that are touched as what they are not become that. */
void test_implicit(const struct options *options)
{
	uint64_t random = options->seed;

	start(options);
	for (uint64_t i = 0; i < options->n; i++) {
		uint64_t page = random_next(&random) % ARENA_PAGES;
		enum kind kind = kind_of[page] == PRIVATE ? SHARED : PRIVATE;

		lock(page, 1);
		declare(gpa_of(page), 1, kind);
		record(page, 1, kind);
		check_tags(page, 1, "after the access");
		declare(gpa_of(page), 1, UNKNOWN);
		unlock(page, 1);

		page = random_next(&random) % (ARENA_PAGES - 8);
		check_tags(page, 8, "elsewhere");
	}
	finish(options);
	say("GUEST ok implicit conversions=%u touches=%u", options->n, (uint64_t)touches);
}
