/* SPDX-License-Identifier: MIT */
/*
 * The signals that ask the program to end: SIGTERM, SIGINT, SIGHUP, SIGQUIT; SIGCONT and SIGWINCH
 * beside them. While a VM is made and launched they do what they always do, so that a launch that
 * takes long can be ended; while it runs they are held back and read from a descriptor.
 */
#ifndef VMM_CLI_SIGNALS_H
#define VMM_CLI_SIGNALS_H

#include <stdbool.h>

/*
 * Returns a descriptor that tells those that are held back, or -1. A signal that was ignored when
 * the program started (nohup) stays ignored. SIGPIPE is blocked for good: a broken pipe is an error
 * of the write.
 */
int signals_open(void);

/* Holds the signals back for the descriptor, or lets them through. */
void signals_hold(bool hold);

/* The next signal's number, 0 if there is none. */
int signals_next(int fd);

#endif
