// SPDX-License-Identifier: MIT
/* Guests that do what they should not. */
#include "tests/guests/cc/guest.h"

#define ENCRYPTED 0x10
#define HOLE	  0xc0000000ULL /* no RAM there, and no device either */
#define HOLE_END  0x100000000ULL

static void expect(const char *what, uint64_t gpa, uint64_t npages, uint64_t attributes,
		   long wanted)
{
	long ret = map_gpa_range(gpa, npages, attributes);

	if (ret != wanted)
		fail("%s: %x instead of %x", what, (uint64_t)ret, (uint64_t)wanted);
}

/* Requests that cannot be met are answered, and cost nothing. */
void test_calls(const struct options *options)
{
	volatile uint64_t *word = at(ARENA, PRIVATE);

	(void)options;
	*word = 42;
	/* these KVM answers itself */
	expect("not aligned", ARENA + 1, 1, 0, HC_KVM_EINVAL);
	expect("no pages", ARENA, 0, 0, HC_KVM_EINVAL);
	/* and these reach the VMM */
	expect("more bytes than there are", ARENA, 1ULL << 51, ENCRYPTED, HC_EINVAL);
	expect("private in a hole", HOLE, 1, ENCRYPTED, HC_EINVAL);
	expect("shared in a hole", HOLE, 1, 0, 0);
	expect("private from RAM into a hole", ARENA, (HOLE - ARENA) / GUEST_PAGE_SIZE, ENCRYPTED,
	       HC_EINVAL);
	expect("private beyond all memory", 1ULL << 46, 16, ENCRYPTED, HC_EINVAL);
	expect("private, as it is already", ARENA, 16, ENCRYPTED, 0);
	if (*word != 42)
		fail("a page that did not change lost its contents");

	convert(ARENA, 1, SHARED);
	declare(ARENA, 1, SHARED);
	*at(ARENA, SHARED) = 43;
	if (*at(ARENA, SHARED) != 43)
		fail("a page cannot be used after the calls");
	say("GUEST ok calls");
}

/* The host lets no page become private: the guest is told to try again. */
void test_eagain(const struct options *options)
{
	char line[16];

	(void)options;
	convert(ARENA, 2, SHARED);
	say("GUEST ready");
	read_line(line, sizeof(line));
	expect("page in use", ARENA, 1, ENCRYPTED, HC_EAGAIN);
	*at(ARENA, SHARED) = 44;
	if (*at(ARENA, SHARED) != 44)
		fail("a page that could not be converted cannot be used either");
	say("GUEST ok eagain");
}

/* A private access where there is no memory. */
void test_hole(const struct options *options)
{
	(void)options;
	declare(HOLE, 1, PRIVATE);
	say("GUEST reads a hole");
	say("GUEST FAIL the hole has %x", *at(HOLE, PRIVATE));
}

/* An access of the wrong kind that nobody can put right, for ever. */
void test_stuck(const struct options *options)
{
	char line[16];

	(void)options;
	convert(ARENA, 1, SHARED);
	say("GUEST ready");
	read_line(line, sizeof(line));
	declare(ARENA, 1, PRIVATE);
	say("GUEST FAIL the page has %x", *at(ARENA, PRIVATE));
}

void test_triple(const struct options *options)
{
	(void)options;
	say("GUEST triple fault");
	triple_fault();
}
