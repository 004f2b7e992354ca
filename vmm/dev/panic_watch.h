/* SPDX-License-Identifier: MIT */
/*
 * Reads the guest's console output for the line with which Linux announces a panic
 *(kernel/panic.c):
 *
 *	[    1.234567] Kernel panic - not syncing: VFS: Unable to mount root fs
 *
 * A kernel that panics and then resets looks like one that reboots. pvpanic tells them apart, but
 * distribution kernels have its driver in a module that is not there when booting fails. This is a
 * guess from text that the guest's programs can print as well, so it decides only what a reset is
 * called, never what is done with it.
 */
#ifndef VMM_DEV_PANIC_WATCH_H
#define VMM_DEV_PANIC_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PANIC_WATCH_LINE   256	       /* bytes looked at from each line */
#define PANIC_WATCH_RECENT (16u << 10) /* output after which a panic is not recent any more */

/* Zero-initialise. No lock: whoever owns the console's output owns this. */
struct panic_watch {
	char line[PANIC_WATCH_LINE]; /* the line being printed, control characters left out */
	size_t len;
	char text[PANIC_WATCH_LINE]; /* of the last panic, from "Kernel panic" on; "" if none */
	uint64_t after;		     /* bytes of output since that line */
};

/* Console output in pieces of any size. */
void panic_watch_feed(struct panic_watch *watch, const uint8_t *buf, size_t len);

/* Did the guest announce a panic within its last PANIC_WATCH_RECENT bytes of output? */
bool panic_watch_recent(const struct panic_watch *watch);

#endif
