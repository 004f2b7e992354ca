// SPDX-License-Identifier: MIT
/* The guest as a TD's firmware: it is handed a list of blocks ("HOBs") that tell about memory. */
#include "tests/guests/cc/guest.h"

/* UEFI PI specification, volume 3, chapter 5 */
#define HOB_HANDOFF  1
#define HOB_RESOURCE 3
#define HOB_END	     0xffff

#define RESOURCE_START	4 /* in words of 8 bytes */
#define RESOURCE_LENGTH 5

struct hob {
	uint16_t type;
	uint16_t len;
	uint32_t reserved;
	uint64_t body[];
};

_Noreturn void td_main(uint64_t hob_gpa);

void wake_other_cpus(void)
{
}

/* Is the arena in memory that the list tells of? */
static void check_hobs(uint64_t gpa)
{
	const struct hob *hob = (const struct hob *)gpa;
	bool found = false;

	if (gpa != TD_HOB_BASE)
		fail("RCX is %x instead of %x", gpa, (uint64_t)TD_HOB_BASE);
	if (hob->type != HOB_HANDOFF || hob->len != 56)
		fail("no list of HOBs at %x", gpa);
	for (; hob->type != HOB_END; gpa += (hob->len + 7u) & ~7u, hob = (const struct hob *)gpa) {
		const uint64_t *words = (const uint64_t *)gpa;

		if (hob->len < 8 || gpa >= TD_HOB_BASE + TD_HOB_SIZE)
			fail("broken list of HOBs at %x", gpa);
		if (hob->type == HOB_RESOURCE && words[RESOURCE_START] <= ARENA &&
		    words[RESOURCE_START] + words[RESOURCE_LENGTH] >=
			    ARENA + ARENA_PAGES * GUEST_PAGE_SIZE)
			found = true;
	}
	if (!found)
		fail("no HOB tells of the memory at %x", (uint64_t)ARENA);
}

void td_main(uint64_t hob_gpa)
{
	io_init();
	traps_init();
	if (hob_gpa == 0)
		run(igvm_cmdline());
	check_hobs(hob_gpa);
	run(NULL);
}
