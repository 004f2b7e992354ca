/* SPDX-License-Identifier: MIT */
/*
 * How many exits each I/O port has caused. A guest that polls a port costs its VM more than
 * everything else in a boot, and nothing else shows it: kernels without tracing do not tell. Counted,
 * and told at the end, where the log is at level debug.
 */
#ifndef VMM_MACHINE_EXIT_PORTS_H
#define VMM_MACHINE_EXIT_PORTS_H

#include "vmm/base/log.h"

#include <stdatomic.h>
#include <stdint.h>

struct exit_ports;

/* NULL if nobody would be told. The other functions accept that. */
struct exit_ports *exit_ports_create(const struct vmm_log *log);
void exit_ports_free(struct exit_ports *ports);

/* One exit, however many accesses it stands for; any thread. */
void exit_ports_count(struct exit_ports *ports, uint16_t port);

/* One line: the sum, and the ports with most exits, "0x3f8:1200 0x3fd:600", at most eight. */
void exit_ports_tell(const struct exit_ports *ports, const struct vmm_log *log);

#endif
