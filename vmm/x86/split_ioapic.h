/* SPDX-License-Identifier: MIT */
/* An I/O APIC of ours in a VM to which KVM gives none: its pins are KVM's routes (KVM_SET_GSI_ROUTING)
 * for those who interrupt by irqfd, and messages (KVM_SIGNAL_MSI) for those who set levels. */
#ifndef VMM_X86_SPLIT_IOAPIC_H
#define VMM_X86_SPLIT_IOAPIC_H

#include "vmm/base/log.h"
#include "vmm/dev/bus.h"
#include "vmm/kvm/kvm.h"

#include <stdbool.h>

struct split_ioapic;

/* Creates it, and puts it on the bus; ends with split_ioapic_destroy(). What it is given stays the
 * caller's. */
int split_ioapic_create(struct split_ioapic **out, const struct kvm_vm *kvm, struct bus *mmio,
			const struct vmm_log *log, struct vmm_error *err);

/* The level of the line `gsi` from now on; called from any thread. */
void split_ioapic_set(struct split_ioapic *ioapic, unsigned int gsi, bool high);

void split_ioapic_destroy(struct split_ioapic *ioapic);

#endif
