/* SPDX-License-Identifier: MIT */
/*
 * The event loop of an I/O thread: calls a function when a descriptor is ready. Sources are added
 * and removed only from the loop's own thread, or while it does not run. Other threads have
 * loop_call().
 */
#ifndef VMM_BASE_LOOP_H
#define VMM_BASE_LOOP_H

#include "vmm/base/error.h"
#include "vmm/base/sys.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct loop_source {
	/* `events` are EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR as epoll reported them */
	void (*ready)(struct loop_source *source, uint32_t events);
	int fd;
};

/* What loop_call() does. */
enum loop_phase {
	LOOP_ALONE, /* no thread runs the loop: it calls the function itself */
	LOOP_LIVE,  /* it has the loop's thread call it */
	LOOP_OVER,  /* the thread has left: it calls nothing */
};

struct loop_call;

struct loop {
	int epoll_fd;
	bool stop; /* set by a source's function: loop_run() returns after it */

	const struct sys *sys;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t done;
	enum loop_phase phase;
	pthread_t thread;
	bool have_thread;
	struct loop_call *first, **last; /* calls that wait for the thread */
	struct loop_source calls;
};

int loop_init(struct loop *loop, const struct sys *sys, struct vmm_error *err);
void loop_destroy(struct loop *loop);

/* `source` stays the caller's and must live until it is removed. `events` as for epoll_ctl(). */
int loop_add(struct loop *loop, struct loop_source *source, uint32_t events, struct vmm_error *err);
int loop_modify(struct loop *loop, struct loop_source *source, uint32_t events);
void loop_remove(struct loop *loop, struct loop_source *source);

/* A thread is about to be started that calls loop_run(): from now on calls wait for it. */
void loop_expect_thread(struct loop *loop);

/* That thread could not be started, or nobody will call any more: calls are dropped. */
void loop_give_up(struct loop *loop);

/* Runs until loop->stop is set. Returns 0 or -errno of epoll_wait(). */
int loop_run(struct loop *loop, struct vmm_error *err);

/* Without a thread: calls the functions of everything that is ready now, `rounds` at most. */
void loop_poll(struct loop *loop, unsigned int rounds);

/*
 * Any thread: has fn(arg) called in the loop's thread, between two of its sources, and waits for
 * it; calls it directly from that thread itself. This is what makes a device single-threaded that
 * is asked for something by a vCPU. The caller holds no lock that a source's function may want.
 * Returns false, without a call, when the thread has left its loop: the VM is at its end.
 */
bool loop_call(struct loop *loop, void (*fn)(void *arg), void *arg);

#endif
