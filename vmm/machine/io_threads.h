/* SPDX-License-Identifier: MIT */
/*
 * The I/O threads: [machine] io-threads of them, each with a loop. The first is the machine's own
 * (vm->loop), which also serves console and stop requests; virtio devices take turns among all.
 */
#ifndef VMM_MACHINE_IO_THREADS_H
#define VMM_MACHINE_IO_THREADS_H

#include "vmm/base/loop.h"

#include <stddef.h>

#define IO_THREADS_MAX 16

struct minivmm;
struct io_thread;

struct io_threads {
	struct io_thread *extra; /* all but the first */
	size_t nextra;
	int stop_fd;			    /* eventfd: readable when they are to leave */
	struct loop *loops[IO_THREADS_MAX]; /* the first is vm->loop */
	size_t nloops;
};

/* Makes the loops of `n` threads; vm->loop exists. Undone by io_threads_destroy(), also after a
 * failure. `io` of zeros with stop_fd -1 may be destroyed. */
int io_threads_init(struct io_threads *io, struct minivmm *vm, size_t n, struct vmm_error *err);
void io_threads_destroy(struct io_threads *io, struct minivmm *vm);

/* Starts the extra threads. After a failure some may run: io_threads_stop(), io_threads_join(). */
int io_threads_start(struct io_threads *io, struct minivmm *vm, struct vmm_error *err);

/* Any thread, any number of times: makes the extra threads leave their loops. */
void io_threads_stop(struct io_threads *io);
void io_threads_join(struct io_threads *io, struct minivmm *vm);

#endif
