// SPDX-License-Identifier: MIT
#include "vmm/x86/split_ioapic.h"

#include "mem/layout.h"
#include "vmm/dev/ioapic.h"

#include <errno.h>
#include <stdlib.h>

struct split_ioapic {
	const struct kvm_vm *kvm;
	const struct vmm_log *log;
	struct vmm_log_limit faults;
	struct ioapic dev;
	struct kvm_irq_routing *routes; /* room for all pins; under the device's lock */
};

static void send(void *ctx, const struct ioapic_message *message)
{
	struct split_ioapic *ioapic = ctx;
	struct kvm_msi msi = {.address_lo = message->address, .data = message->data};

	/* fails, or says 0, when no CPU takes it: that is the guest's affair */
	kvm_vm_signal_msi(ioapic->kvm, &msi, NULL);
}

static void route(void *ctx, const struct ioapic_message pin[IOAPIC_PINS])
{
	struct split_ioapic *ioapic = ctx;
	struct kvm_irq_routing *routes = ioapic->routes;
	struct vmm_error err = {0};

	routes->nr = 0;
	for (uint32_t gsi = 0; gsi < IOAPIC_PINS; gsi++) {
		if (pin[gsi].masked)
			continue;
		routes->entries[routes->nr++] = (struct kvm_irq_routing_entry){
			.gsi = gsi,
			.type = KVM_IRQ_ROUTING_MSI,
			.u.msi = {.address_lo = pin[gsi].address, .data = pin[gsi].data},
		};
	}
	if (kvm_vm_set_gsi_routing(ioapic->kvm, routes, &err) < 0)
		vmm_log_limited(ioapic->log, &ioapic->faults, VMM_LOG_ERROR, "I/O APIC: %s",
				err.text);
}

int split_ioapic_create(struct split_ioapic **out, const struct kvm_vm *kvm, struct bus *mmio,
			const struct vmm_log *log, struct vmm_error *err)
{
	struct split_ioapic *ioapic = calloc(1, sizeof(*ioapic));
	const struct ioapic_wires wires = {send, route, ioapic};
	int ret;

	if (!ioapic)
		return vmm_error_errno(err, -ENOMEM, "unable to allocate the I/O APIC");
	ioapic->kvm = kvm;
	ioapic->log = log;
	ioapic->routes = calloc(1, sizeof(*ioapic->routes) +
					   IOAPIC_PINS * sizeof(ioapic->routes->entries[0]));
	ioapic_init(&ioapic->dev, &wires);
	ret = ioapic->routes
		      ? bus_add(mmio, LAYOUT_IOAPIC, IOAPIC_SIZE, &ioapic->dev.dev, err)
		      : vmm_error_errno(err, -ENOMEM, "unable to allocate the I/O APIC's routes");
	if (ret < 0) {
		split_ioapic_destroy(ioapic);
		return ret;
	}
	*out = ioapic;
	return 0;
}

void split_ioapic_set(struct split_ioapic *ioapic, unsigned int gsi, bool high)
{
	ioapic_set(&ioapic->dev, gsi, high);
}

void split_ioapic_destroy(struct split_ioapic *ioapic)
{
	if (!ioapic)
		return;
	ioapic_destroy(&ioapic->dev);
	free(ioapic->routes);
	free(ioapic);
}
