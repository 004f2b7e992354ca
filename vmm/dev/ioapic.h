/* SPDX-License-Identifier: MIT */
/*
 * An I/O APIC (Intel 82093AA datasheet, section 3) for VMs to which KVM gives none: TDs. Its pins
 * become messages to the local APICs, which are KVM's (Intel SDM volume 3, 11.11).
 *
 * Nobody tells of the end of an interrupt there, so the remote IRR of a level-triggered pin cannot
 * be kept: each pin sends when it rises, whatever it is programmed to. Linux takes that well, since
 * it finds the vector edge-triggered in its local APIC and then cares for the pin itself. A pin that
 * is masked while it rises loses its interrupt, as on hardware with edges.
 */
#ifndef VMM_DEV_IOAPIC_H
#define VMM_DEV_IOAPIC_H

#include "vmm/dev/bus.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define IOAPIC_PINS 24
#define IOAPIC_SIZE 0x1000 /* bytes of its window */

/* What a local APIC is written. */
struct ioapic_message {
	uint32_t address, data;
	bool masked; /* the pin sends nothing; address and data are 0 */
};

struct ioapic_wires {
	/* sends it now; called from any thread */
	void (*send)(void *ctx, const struct ioapic_message *message);
	/* what each pin sends from now on; called with the device locked */
	void (*route)(void *ctx, const struct ioapic_message pin[IOAPIC_PINS]);
	void *ctx;
};

struct ioapic {
	struct device dev;
	struct ioapic_wires wires;
	pthread_mutex_t lock; /* of all below */
	uint8_t index;	      /* of the register that the data window shows */
	uint8_t id;
	bool high[IOAPIC_PINS];
	uint64_t entry[IOAPIC_PINS]; /* redirection table */
};

/* All pins are masked, as after a reset. */
void ioapic_init(struct ioapic *ioapic, const struct ioapic_wires *wires);

/* The level of a pin (below IOAPIC_PINS) from now on; called from any thread. */
void ioapic_set(struct ioapic *ioapic, unsigned int pin, bool high);

void ioapic_destroy(struct ioapic *ioapic);

#endif
