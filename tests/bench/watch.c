// SPDX-License-Identifier: MIT
/*
 *	bench-watch WHAT RAM_MIB SECONDS COMMAND...
 *
 * Starts the VMM `COMMAND...`, whose guest has RAM_MIB of memory, watches it, kills it, and writes
 * a line of JSON. WHAT is
 *
 *	boot     until the guest's first program has written BENCH_MARK to its serial port, which
 *	         is the VMM's standard output
 *	entry    until the first KVM_RUN
 *	launch   until the first KVM_RUN, with an account of ioctls, bytes and memory
 *	disk     what the guest does with its disk, and its VMM's CPU time meanwhile
 *	end      until the VMM ends by itself: a guest of tests/guests/init that powers off
 *
 * Exit status: 0, 1 when it can't be done, 3 when the VMM did not come so far in SECONDS.
 */
#include "tests/bench/watch.h"

#include <err.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define HUNG 3

/* Reads until the mark has come: when, or 0 if it did not come in time. */
static uint64_t wait_for_mark(const struct vmm *vmm, uint64_t deadline_ns)
{
	char text[512];
	size_t len = 0;

	for (;;) {
		struct pollfd fd = {.fd = vmm->output, .events = POLLIN};
		uint64_t now = now_ns();
		ssize_t n;

		if (now >= deadline_ns ||
		    poll(&fd, 1, (int)((deadline_ns - now) / 1000000) + 1) < 1)
			return 0;
		n = read(vmm->output, text + len, sizeof(text) - 1 - len);
		now = now_ns();
		if (n <= 0)
			return 0;
		len += (size_t)n;
		text[len] = '\0';
		if (memmem(text, len, BENCH_MARK, strlen(BENCH_MARK)))
			return now;
		/* the kernel said something; keep what may be the beginning of the mark */
		if (len > sizeof(text) / 2) {
			memmove(text, text + len - strlen(BENCH_MARK), strlen(BENCH_MARK));
			len = strlen(BENCH_MARK);
		}
	}
}

static bool boot(struct vmm *vmm, uint64_t ram, unsigned int seconds)
{
	uint64_t mark_ns = wait_for_mark(vmm, now_ns() + seconds * 1000000000ULL);
	struct resident resident;

	if (!mark_ns)
		return false;
	/* while it stands still, so that nothing is counted that comes after the mark */
	kill(vmm->pid, SIGSTOP);
	waitpid(vmm->pid, NULL, WUNTRACED);
	vmm_resident(vmm, ram, &resident);
	printf("{\"us\": %" PRIu64 ", \"cpu_us\": %" PRIu64 ", \"exits\": %" PRId64
	       ", \"guest_kib\": %" PRIu64 ", \"over_kib\": %" PRIu64
	       ", \"over_private_kib\": %" PRIu64 "}\n",
	       (mark_ns - vmm->start_ns) / 1000, vmm_cpu_us(vmm), vmm_kvm_count(vmm, "exits"),
	       resident.guest, resident.other, resident.other_private);
	return true;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		enum trap trap;
	} modes[] = {{"boot", TRAP_NOTHING},
		     {"entry", TRAP_KVM_RUN},
		     {"launch", TRAP_LAUNCH},
		     {"disk", TRAP_NOTHING},
		     {"end", TRAP_NOTHING}};
	unsigned int seconds;
	struct vmm vmm;
	uint64_t ram;

	if (argc < 5)
		errx(1, "usage: bench-watch boot|entry|launch|disk|end RAM_MIB SECONDS COMMAND...");
	ram = strtoull(argv[2], NULL, 10) << 20;
	seconds = (unsigned int)strtoul(argv[3], NULL, 10);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		bool done;

		if (strcmp(argv[1], modes[i].name) != 0)
			continue;
		vmm_start(&vmm, modes[i].trap, argv + 4);
		if (strcmp(argv[1], "disk") == 0)
			done = disk_report(&vmm, (int)seconds * 1000);
		else if (strcmp(argv[1], "end") == 0)
			done = end_report(&vmm, (int)seconds * 1000);
		else if (modes[i].trap == TRAP_NOTHING)
			done = boot(&vmm, ram, seconds);
		else
			done = trap_report(&vmm, modes[i].trap, ram, (int)seconds * 1000);
		vmm_kill(&vmm);
		return done ? 0 : HUNG;
	}
	errx(1, "%s: expected boot, entry, launch, disk or end", argv[1]);
}
