// SPDX-License-Identifier: MIT
#include "vmm/cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* O_NONBLOCK: a named pipe that nobody reads must not hang us. */
int log_file_open(const char *path)
{
	int fd =
		open(path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0600);

	if (fd < 0 && errno == ENXIO)
		complain(
			"unable to open the log file %s: it is a FIFO that nobody reads, or a socket",
			path);
	else if (fd < 0)
		complain("unable to open the log file %s: %s", path, strerror(errno));
	return fd;
}
