/* SPDX-License-Identifier: MIT */
/*
 * The debug console of Bochs and QEMU, at port 0xe9 and, for OVMF, 0x402. It needs no driver, so it
 * works from the first instruction on. What is written comes out as lines; reads give 0xe9, by
 * which a guest knows that it is there.
 */
#ifndef VMM_DEV_DEBUG_CONSOLE_H
#define VMM_DEV_DEBUG_CONSOLE_H

#include "vmm/dev/bus.h"

#include <pthread.h>

#define DEBUG_LINE 200 /* longer lines are broken */

struct debug_console {
	struct device dev;
	/* without newline; as the guest wrote it, control characters and all, except for NUL and
	 * carriage return. On a vCPU thread, with the lock held. */
	void (*line)(void *ctx, const char *text);
	void *ctx;
	pthread_mutex_t lock;
	char buf[DEBUG_LINE + 1];
	size_t len;
};

void debug_console_init(struct debug_console *console, void (*line)(void *ctx, const char *text),
			void *ctx);

/* Hands over what is left of an unfinished line. */
void debug_console_destroy(struct debug_console *console);

#endif
