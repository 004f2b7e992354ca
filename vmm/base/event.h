/* SPDX-License-Identifier: MIT */
/* An eventfd (eventfd(2)) as a flag that wakes who waits for it; sys->ops->eventfd() makes one. */
#ifndef VMM_BASE_EVENT_H
#define VMM_BASE_EVENT_H

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

/* Any thread, and signal handlers: errno stays. Cannot fail: the descriptor does not block, and a
 * full count is readable, too. */
static inline void event_raise(int fd)
{
	const uint64_t one = 1;
	int saved = errno;
	ssize_t n = write(fd, &one, sizeof(one));

	(void)n;
	errno = saved;
}

/* Makes it wait again. */
static inline void event_drain(int fd)
{
	uint64_t count;
	ssize_t n = read(fd, &count, sizeof(count));

	(void)n;
}

#endif
