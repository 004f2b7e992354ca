/* SPDX-License-Identifier: MIT */
/*
 * Descriptors 0 to 2 of a program. One that is closed when the program starts would be the first
 * that it opens, a disk image for one, and what is meant for standard output or stderr would go
 * there. First thing in main().
 */
#ifndef VMM_CLI_STANDARD_FDS_H
#define VMM_CLI_STANDARD_FDS_H

#include <fcntl.h>
#include <unistd.h>

static inline void standard_fds_fill(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		/* the lowest that is free, so `fd`; without /dev, what can neither be read nor
		 * written */
		if (open("/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY) < 0 &&
		    open("/", O_PATH) < 0)
			_exit(1);
	}
}

#endif
