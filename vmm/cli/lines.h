/* SPDX-License-Identifier: MIT */
/*
 * Lines for people, which a thread of their own writes: whoever has something to say does not wait
 * until it is read. The reader may be a pipe that nobody empties, a terminal that was stopped with
 * ^S, a socket, or a disk that hangs. Lines that find no room are counted, and that is told in
 * their place as soon as something is written again.
 */
#ifndef VMM_CLI_LINES_H
#define VMM_CLI_LINES_H

#include <stddef.h>

#define LINES_CHUNK 4096 /* written at a time, so that a pipe takes it in one piece */

struct lines;

/* Starts writing to `fd`, and closes it in the end unless it is that of stderr. NULL with errno. */
struct lines *lines_start(int fd);

/*
 * One line with its newline, LINES_CHUNK bytes at most. Any thread. Threads of a VM have no
 * patience; with some, room for the line is waited for, so many milliseconds.
 */
void lines_put(struct lines *lines, const char *line, size_t len, unsigned int patience_ms);

/*
 * Waits until everything is written, as long as somebody reads, and ends the thread. When nobody
 * does, the thread is left behind, to end with the process. NULL is fine.
 */
void lines_end(struct lines *lines);

#endif
