/* SPDX-License-Identifier: MIT */
/*
 * The I/O threads: [machine] io-threads of them, each with a loop, which it leaves when the VM ends.
 * The first also serves console and stop requests; virtio devices take turns among all.
 */
#ifndef VMM_MACHINE_IO_THREADS_H
#define VMM_MACHINE_IO_THREADS_H

#include "vmm/base/error.h"

struct minivmm;

/* Makes the loops, after vm->end_fd. Undone by io_threads_destroy(), also after a failure. */
int io_threads_init(struct minivmm *vm, struct vmm_error *err);
void io_threads_destroy(struct minivmm *vm);

/* Starts the threads. After a failure some may run: machine_end(), io_threads_join(). */
int io_threads_start(struct minivmm *vm, struct vmm_error *err);
void io_threads_join(struct minivmm *vm);

#endif
