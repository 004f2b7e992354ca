/* SPDX-License-Identifier: MIT */
/*
 * The keyboard controller of a PC with nothing plugged into it (IBM PC AT Technical Reference,
 * "Keyboard Controller"). Kernels use it to reset the machine, some of them before anything else
 * (Linux: reboot=k); the rest is here so that a driver that looks for keyboard and mouse gets its
 * answers at once and leaves, instead of waiting for half a second each time:
 *
 *  - the command byte, self-test and interface tests answer;
 *  - a byte for the keyboard is answered with 0xfe and the time-out bit in the status, by
 * interrupt, which is what the controller says when the cable hangs free;
 *  - the mouse loop-back command answers as a controller without mouse port does.
 *
 * Fastest is a guest that never asks: without PNP0303 in the DSDT and with the 8042 bit of the
 * FADT's boot flags clear, Linux does not touch these ports before it resets.
 */
#ifndef VMM_DEV_I8042_H
#define VMM_DEV_I8042_H

#include "vmm/dev/bus.h"
#include "vmm/dev/irq.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define I8042_PORT    0x60 /* data; 0x64: status and command; those between are not ours */
#define I8042_PORTS   5
#define I8042_KBD_IRQ 1

struct i8042 {
	struct device dev;
	struct irq_line irq;
	void (*reset)(void *ctx); /* the guest pulled the reset line; on a vCPU thread */
	void *ctx;

	pthread_mutex_t lock; /* of all below */
	uint8_t control;      /* the "command byte" */
	uint8_t status;
	uint8_t output;	   /* what port 0x60 gives */
	uint8_t parameter; /* the command that the next byte at 0x60 belongs to, or 0 */
	int irq_level;
};

/* `irq` is copied; one without a function makes a driver wait for its time-outs. */
void i8042_init(struct i8042 *i8042, const struct irq_line *irq, void (*reset)(void *ctx),
		void *ctx);
void i8042_destroy(struct i8042 *i8042);

#endif
