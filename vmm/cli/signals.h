/* SPDX-License-Identifier: MIT */
/*
 * The signals that ask the program to end, read from a descriptor instead of being handled. They
 * have to be blocked before the first thread exists: threads inherit the mask.
 */
#ifndef VMM_CLI_SIGNALS_H
#define VMM_CLI_SIGNALS_H

/*
 * Blocks SIGTERM, SIGINT, SIGHUP, SIGQUIT and SIGCONT and returns a descriptor that tells them, or
 * -1. A signal that was ignored when the program started (nohup) stays ignored. SIGPIPE is blocked
 * too: a broken pipe is an error of the write.
 */
int signals_open(void);

/* The next signal's number, 0 if there is none. */
int signals_next(int fd);

#endif
