// SPDX-License-Identifier: MIT
#include "vmm/machine/exit_ports.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define PORTS	   65536
#define PORTS_TOLD 8

struct exit_ports {
	_Atomic uint32_t exits[PORTS];
};

struct exit_ports *exit_ports_create(const struct vmm_log *log)
{
	/* who does not read such lines does not pay for them; neither does a host without memory */
	return log->write && log->level >= VMM_LOG_DEBUG ? calloc(1, sizeof(struct exit_ports))
							 : NULL;
}

void exit_ports_count(struct exit_ports *ports, uint16_t port)
{
	if (ports)
		atomic_fetch_add_explicit(&ports->exits[port], 1, memory_order_relaxed);
}

/* The port with most exits among those that have fewer than `below`, or as many and come later. */
static int next_port(const struct exit_ports *ports, uint32_t below, int after)
{
	uint32_t most = 0;
	int port = -1;

	for (int i = 0; i < PORTS; i++) {
		uint32_t n = atomic_load_explicit(&ports->exits[i], memory_order_relaxed);

		if (n > most && (n < below || (n == below && i > after))) {
			most = n;
			port = i;
		}
	}
	return port;
}

void exit_ports_tell(const struct exit_ports *ports, const struct vmm_log *log)
{
	char text[PORTS_TOLD * 24] = "";
	uint32_t below = UINT32_MAX;
	uint64_t sum = 0;
	size_t used = 0;
	int port = -1;

	if (!ports)
		return;
	for (int i = 0; i < PORTS; i++)
		sum += atomic_load_explicit(&ports->exits[i], memory_order_relaxed);
	for (int i = 0; i < PORTS_TOLD; i++) {
		port = next_port(ports, below, port);
		if (port < 0)
			break;
		below = atomic_load_explicit(&ports->exits[port], memory_order_relaxed);
		used += (size_t)snprintf(text + used, sizeof(text) - used, " %#x:%u",
					 (unsigned)port, below);
	}
	vmm_log(log, VMM_LOG_DEBUG, "exits for I/O ports: %" PRIu64 "%s%s", sum,
		used ? ", most of them" : "", text);
}

void exit_ports_free(struct exit_ports *ports)
{
	free(ports);
}
