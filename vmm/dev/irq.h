/* SPDX-License-Identifier: MIT */
/*
 * An interrupt line from a device to the guest's interrupt controller. Devices see only this; who
 * carries it (KVM_IRQ_LINE, an irqfd, a test) is set up by the machine.
 */
#ifndef VMM_DEV_IRQ_H
#define VMM_DEV_IRQ_H

#include <stdbool.h>

struct irq_line {
	/* 1 raises, 0 lowers; may be called from any thread; NULL: not connected */
	void (*set)(void *ctx, unsigned int gsi, int level);
	void *ctx;
	unsigned int gsi;
	bool level;
};

/* With the device's lock held. Each change costs a system call, so only changes are passed on. */
static inline void irq_set(struct irq_line *irq, bool level)
{
	if (level == irq->level)
		return;
	irq->level = level;
	if (irq->set)
		irq->set(irq->ctx, irq->gsi, level);
}

#endif
