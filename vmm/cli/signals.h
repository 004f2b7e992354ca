/* SPDX-License-Identifier: MIT */
/*
 * The signals that ask the program to end: SIGTERM, SIGINT, SIGHUP, SIGQUIT; SIGCONT and SIGWINCH
 * beside them. While a VM is made and launched they are caught, so that a launch that takes long can
 * be ended and leaves no socket behind; while it runs they are held back and read from a descriptor.
 */
#ifndef VMM_CLI_SIGNALS_H
#define VMM_CLI_SIGNALS_H

#include <stdbool.h>

/*
 * Returns a descriptor that tells those that are held back, or -1. A signal that was ignored when
 * the program started (nohup) stays ignored. SIGPIPE is blocked for good: a broken pipe is an error
 * of the write. SIGUSR1 is ignored.
 */
int signals_open(void);

/* Holds the signals back for the descriptor, or lets them through. */
void signals_hold(bool hold);

/*
 * While a VM is made and launched: what asks the program to end calls `stop`, in the signal's handler,
 * and is remembered, so that the program can clean up before signals_die(). A signal that comes more
 * than a second after the first ends the program as it always does: the first was not heard. (Within
 * a second it counts as the same, since timeout(1) sends SIGTERM twice.) NULL: no more.
 */
void signals_catch(void (*stop)(void));

/* The first of those signals, or 0. */
int signals_caught(void);

/* Ends the program by that signal, as if it had never been caught. */
_Noreturn void signals_die(int sig);

/* The next signal's number, 0 if there is none. */
int signals_next(int fd);

#endif
