/* SPDX-License-Identifier: MIT */
/* Run, stop, wait: the threads of a VM and its end. */
#ifndef VMM_MACHINE_LIFECYCLE_H
#define VMM_MACHINE_LIFECYCLE_H

#include "vmm/base/error.h"

struct minivmm;

/* The first thing of a VM, and cannot fail. */
void lifecycle_locks(struct minivmm *vm);

/* The descriptors and the loop source of the life cycle; undone by lifecycle_destroy(). */
int lifecycle_init(struct minivmm *vm, struct vmm_error *err);
void lifecycle_destroy(struct minivmm *vm);

/* Ends the VM if it runs, and joins its threads. */
void lifecycle_finish(struct minivmm *vm);

#endif
