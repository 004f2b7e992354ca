// SPDX-License-Identifier: MIT
/* A guest that loads its disk (tests/guests/init, test=disk-bench) says on its console when a kind
 * of load begins and ends: the CPU time of its VMM in between is what the load costs the host. */
#include "tests/bench/watch.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What the guest goes through. A guest that leaves one out, or says one twice, is not believed. */
static const char *const loads[] = {"seq-read", "seq-write", "rand-read", "rand-write"};
#define LOADS (sizeof(loads) / sizeof(loads[0]))

struct meter {
	const struct vmm *vmm;
	char name[32];
	uint64_t start_us; /* CPU time */
	unsigned int done;
};

/* A line of the guest's. */
static void heard(struct meter *m, const char *line)
{
	uint64_t bytes, us, cpu = vmm_cpu_us(m->vmm);
	const char *text = strstr(line, "GUEST bench ");
	char name[32], word[8] = "";

	if (!text)
		return;
	if (sscanf(text, "GUEST bench %31s bytes=%" SCNu64 " us=%" SCNu64, name, &bytes, &us) ==
		    3 &&
	    strcmp(name, m->name) == 0 && strcmp(name, loads[m->done]) == 0)
		printf("%s\"%s\": {\"bytes\": %" PRIu64 ", \"us\": %" PRIu64
		       ", \"cpu_us\": %" PRIu64 "}",
		       m->done++ ? ", " : "{", name, bytes, us, cpu - m->start_us);
	else if (sscanf(text, "GUEST bench %31s %7s", m->name, word) == 2)
		m->start_us = cpu;
}

bool disk_report(const struct vmm *vmm, int ms)
{
	uint64_t deadline = now_ns() + (uint64_t)ms * 1000000;
	struct meter meter = {.vmm = vmm};
	char line[512];
	size_t len = 0;

	while (meter.done < LOADS) {
		struct pollfd fd = {.fd = vmm->output, .events = POLLIN};
		uint64_t now = now_ns();

		if (now >= deadline || poll(&fd, 1, (int)((deadline - now) / 1000000) + 1) < 1 ||
		    read(vmm->output, &line[len], 1) != 1)
			return false;
		if (line[len] != '\n' && len < sizeof(line) - 2) {
			len++;
			continue;
		}
		line[len] = '\0';
		heard(&meter, line);
		len = 0;
	}
	printf("}\n");
	return true;
}
