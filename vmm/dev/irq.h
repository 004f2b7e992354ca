/* SPDX-License-Identifier: MIT */
/*
 * An interrupt line from a device to the guest's interrupt controller. Devices see only this; who
 * carries it (KVM_IRQ_LINE, an irqfd, a test) is set up by the machine.
 */
#ifndef VMM_DEV_IRQ_H
#define VMM_DEV_IRQ_H

struct irq_line {
	/* level 1 raises, 0 lowers; may be called from any thread; NULL: not connected */
	void (*set)(void *ctx, unsigned int gsi, int level);
	void *ctx;
	unsigned int gsi;
};

static inline void irq_set(const struct irq_line *irq, int level)
{
	if (irq->set)
		irq->set(irq->ctx, irq->gsi, level);
}

#endif
