/* SPDX-License-Identifier: MIT */
/* An I/O APIC of ours in a VM to which KVM gives none: its pins are KVM's routes (KVM_SET_GSI_ROUTING)
 * for those who interrupt by irqfd, and messages (KVM_SIGNAL_MSI) for those who set levels. */
#ifndef VMM_X86_PLATFORM_IOAPIC_H
#define VMM_X86_PLATFORM_IOAPIC_H

#include "vmm/base/error.h"

#include <stdbool.h>

struct minivmm;
struct platform_ioapic;

/* Creates it, and puts it on the VM's MMIO bus; ends with platform_ioapic_destroy(). */
int platform_ioapic_create(struct platform_ioapic **out, struct minivmm *vm, struct vmm_error *err);

/* The level of the line `gsi` from now on; called from any thread. */
void platform_ioapic_set(struct platform_ioapic *ioapic, unsigned int gsi, bool high);

void platform_ioapic_destroy(struct platform_ioapic *ioapic);

#endif
