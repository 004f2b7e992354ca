/* SPDX-License-Identifier: MIT */
/*
 * Two I/O ports for people who look into a boot. They need no driver, so they work from the first
 * instruction on.
 *
 *   0xf4  boot-done mark: the first byte written says "I am up" (`run --timings` prints when)
 *   0xe9  debug console, as in Bochs and QEMU: what is written comes out as lines; reads give 0xe9,
 *         by which a guest knows that it is there
 */
#ifndef VMM_DEV_DEBUG_PORT_H
#define VMM_DEV_DEBUG_PORT_H

#include "vmm/dev/bus.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BOOT_MARK_PORT	   0xf4
#define DEBUG_CONSOLE_PORT 0xe9
#define DEBUG_PORTS	   1 /* each of them */

#define DEBUG_LINE 200 /* longer lines are broken */

struct boot_mark {
	struct device dev;
	void (*marked)(void *ctx, uint8_t value); /* once at most; on a vCPU thread */
	void *ctx;
	atomic_flag done;
};

void boot_mark_init(struct boot_mark *mark, void (*marked)(void *ctx, uint8_t value), void *ctx);

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
