/* SPDX-License-Identifier: MIT */
/* Run, stop, wait: the threads of a VM and its end. */
#ifndef VMM_MACHINE_LIFECYCLE_H
#define VMM_MACHINE_LIFECYCLE_H

#include "vmm/minivmm.h"

#include <pthread.h>

/* What a request to end the VM was; the first one wins. And what is left of the VM's threads. */
struct vm_end {
	pthread_mutex_t lock;
	pthread_cond_t threads_over; /* of CLOCK_MONOTONIC: `live` is 0 */
	unsigned int running;	     /* threads that are in the VM */
	unsigned int live;	     /* those, and the last one while it writes out what is left */
	enum minivmm_end how;
	char text[VMM_ERROR_TEXT];
};

/*
 * Ends the VM: the first call decides how; later ones change nothing. `text` may be NULL. Any
 * thread, also vCPU threads; returns at once, the threads end on their own.
 */
void machine_end(struct minivmm *vm, enum minivmm_end how, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The first thing of a VM, and cannot fail. */
void lifecycle_locks(struct minivmm *vm);

/* The descriptors and the loop source of the life cycle; undone by lifecycle_destroy(). */
int lifecycle_init(struct minivmm *vm, struct vmm_error *err);
void lifecycle_destroy(struct minivmm *vm);

/* A thread of the VM begins: end.lock is held, and the thread will not come to its end before it is
 * free. As the last thing that thread calls thread_over(). */
void lifecycle_thread_begins(struct minivmm *vm);
void lifecycle_thread_over(struct minivmm *vm);

/* Ends the VM if it runs, and joins its threads. */
void lifecycle_finish(struct minivmm *vm);

#endif
