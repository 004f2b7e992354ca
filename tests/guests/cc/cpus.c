// SPDX-License-Identifier: MIT
#include "tests/guests/cc/guest.h"

uint8_t stacks[MAX_CPUS * STACK_SIZE] __attribute__((aligned(16)));

static _Atomic unsigned int arrived, stopped;
static void (*volatile job)(unsigned int cpu);
static volatile bool stop;

/* CPUs arrive and stop within a minute, even in emulation. */
#define PATIENCE (60u * 3579545u) /* ticks of the power management timer */

static void wait_for(const _Atomic unsigned int *count, unsigned int wanted, const char *what)
{
	uint32_t start = pm_timer();

	while (*count < wanted) {
		if (pm_timer() - start > PATIENCE)
			fail("%u of %u other CPUs %s", (uint64_t)*count, (uint64_t)wanted, what);
	}
}

void cpus_run(unsigned int cpus, void (*what)(unsigned int cpu))
{
	job = what;
	if (cpus <= 1)
		return;
	wake_other_cpus();
	wait_for(&arrived, cpus - 1, "started");
}

bool stopping(void)
{
	return stop;
}

void cpus_stop(void)
{
	stop = true;
	wait_for(&stopped, arrived, "stopped");
}

void ap_main(unsigned int cpu)
{
	while (!job) /* a TD's CPUs start all at once */
		__asm__ volatile("pause");
	traps_load();
	arrived++;
	job(cpu);
	stopped++;
	for (;;)
		__asm__ volatile("hlt");
}
