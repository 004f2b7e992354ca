/* SPDX-License-Identifier: MIT */
/*
 * Where a console's descriptors come from. All of them are close-on-exec and owned by the caller.
 */
#ifndef VMM_DEV_CONSOLE_BACKEND_H
#define VMM_DEV_CONSOLE_BACKEND_H

#include "vmm/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct console_output {
	int fd;		/* -1: none */
	bool is_socket; /* written with send() */
	bool may_block; /* the descriptor could not be made non-blocking: ask poll() before */
};

/*
 * Descriptors of our own for the process's standard input and output. Whether a descriptor blocks
 * is a property that it shares with the programs that gave it to us, the shell for one, so it is
 * not changed: terminals and pipes are opened once more through /proc/self/fd. -1 for one that is
 * closed.
 */
struct console_output console_open_stdout(void);
int console_open_stdin(void);

/* Appends to `path`, created with mode 0600 if need be. A FIFO has to have a reader. */
int console_open_file(const char *path, int *fd, struct vmm_error *err);

/* As write(), but never blocks: bytes written, -EAGAIN, or another negative errno. */
ssize_t console_try_write(const struct console_output *out, const uint8_t *buf, size_t len);

/* As read(), but never blocks: bytes read, 0 at the end, -EAGAIN, or another negative errno. */
ssize_t console_try_read(int fd, uint8_t *buf, size_t len);

#endif
