/* SPDX-License-Identifier: MIT */
/*
 * The event loop of the I/O thread: calls a function when a descriptor is ready. Sources are added
 * and removed only from the loop's own thread, or while it does not run.
 */
#ifndef VMM_LOOP_H
#define VMM_LOOP_H

#include "vmm/base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct loop_source {
	/* `events` are EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR as epoll reported them */
	void (*ready)(struct loop_source *source, uint32_t events);
	int fd;
};

struct loop {
	int epoll_fd;
	bool stop; /* set by a source's function: loop_run() returns after it */
};

int loop_init(struct loop *loop, struct vmm_error *err);
void loop_destroy(struct loop *loop);

/* `source` stays the caller's and must live until it is removed. `events` as for epoll_ctl(). */
int loop_add(struct loop *loop, struct loop_source *source, uint32_t events, struct vmm_error *err);
int loop_modify(struct loop *loop, struct loop_source *source, uint32_t events);
void loop_remove(struct loop *loop, struct loop_source *source);

/* Runs until loop->stop is set. Returns 0 or -errno of epoll_wait(). */
int loop_run(struct loop *loop, struct vmm_error *err);

#endif
