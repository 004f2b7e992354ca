// SPDX-License-Identifier: MIT
/*
 * `run --timings`: microseconds from the start of the process to each mark, a line each, in a form
 * that programs can read:
 *
 *	timing: vm_created 812 us
 *	timing: exits 40711
 */
#include "vmm/cli/cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t) < 0)
		return 0;
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t timings_now(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/*
 * A process does not know when it began: the kernel tells its start only in steps of 10 ms. What it
 * does know is how much CPU time it has used before main(): exec, loading of shared libraries,
 * start of libc. It did little else, so that time ago it began.
 */
uint64_t timings_start(void)
{
	return timings_now() - clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static void print(const char *name, uint64_t start_ns, uint64_t ns)
{
	if (ns)
		tell("timing: %s %" PRIu64 " us", name, (ns - start_ns) / 1000);
}

void timings_print(const struct minivmm *vm, uint64_t start_ns, uint64_t config_ns,
		   uint64_t over_ns)
{
	static const char *const names[MINIVMM_MARKS] = {
		[MINIVMM_MARK_VM_CREATED] = "vm_created",
		[MINIVMM_MARK_MEMORY_READY] = "memory_ready",
		[MINIVMM_MARK_IMAGE_LOADED] = "image_loaded",
		[MINIVMM_MARK_LAUNCHED] = "launched",
		[MINIVMM_MARK_FIRST_RUN] = "first_run",
		[MINIVMM_MARK_BOOT_DONE] = "boot_done",
	};

	print("config_read", start_ns, config_ns);
	for (int i = 0; i < MINIVMM_MARKS; i++)
		print(names[i], start_ns, minivmm_mark_ns(vm, (enum minivmm_mark)i));
	print("over", start_ns, over_ns);
	tell("timing: exits %" PRIu64, minivmm_exits(vm));
}
