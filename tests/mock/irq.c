// SPDX-License-Identifier: MIT
/* The in-kernel interrupt controllers, as far as the program can see them. */
#include "tests/mock/internal.h"

#include <errno.h>
#include <string.h>

#define LAPIC_PAGE 0xfee00000ULL

int model_create_irqchip(void *object, void *arg)
{
	struct model_vm *vm = object;

	(void)arg;
	if (vm->tdx)
		return -ENOTTY;
	if (vm->irqchip || vm->split_irqchip)
		return -EEXIST;
	if (vm->nvcpus > 0)
		return -EINVAL;
	vm->irqchip = true;
	return 0;
}

int model_create_pit2(void *object, void *arg)
{
	const struct kvm_pit_config *config = arg;
	struct model_vm *vm = object;

	if (vm->pit)
		return -EEXIST;
	if (!vm->irqchip)
		return -ENOENT;
	if (config->flags & ~(uint32_t)KVM_PIT_SPEAKER_DUMMY)
		return -EINVAL;
	vm->pit = true;
	return 0;
}

int model_irq_line(void *object, void *arg)
{
	const struct kvm_irq_level *irq = arg;
	struct model_vm *vm = object;

	if (!vm->irqchip && !vm->split_irqchip)
		return -ENXIO;
	/* there is no I/O APIC in the kernel that the line could lead to */
	if (vm->split_irqchip)
		return 0;
	if (irq->irq >= MODEL_GSIS)
		return -EINVAL;
	if (irq->level && !vm->level[irq->irq]) {
		vm->raised[irq->irq]++;
		model_wake(vm);
	}
	vm->level[irq->irq] = irq->level != 0;
	return 0;
}

int model_signal_msi(void *object, void *arg)
{
	const struct kvm_msi *msi = arg;
	struct model_vm *vm = object;

	if ((!vm->irqchip && !vm->split_irqchip) || msi->flags)
		return -EINVAL;
	vm->messages++;
	vm->last_message = *msi;
	/* 1: delivered, 0: no vCPU is addressed */
	return (msi->address_lo & 0xfff00000) == LAPIC_PAGE;
}

/* All routes are replaced. A VM whose I/O APIC is not KVM's routes messages only, one per GSI. */
int model_set_gsi_routing(void *object, void *arg)
{
	const struct kvm_irq_routing *routing = arg;
	struct kvm_irq_routing_entry route[MODEL_GSIS] = {0};
	struct model_vm *vm = object;

	if ((!vm->irqchip && !vm->split_irqchip) || routing->flags || routing->nr > MODEL_GSIS)
		return -EINVAL;
	for (uint32_t i = 0; i < routing->nr; i++) {
		const struct kvm_irq_routing_entry *entry = &routing->entries[i];

		if (entry->gsi >= MODEL_GSIS || entry->flags || route[entry->gsi].type)
			return -EINVAL;
		if (entry->type != KVM_IRQ_ROUTING_MSI)
			return -EINVAL;
		route[entry->gsi] = *entry;
	}
	memcpy(vm->route, route, sizeof(route));
	return 0;
}

static bool is_eventfd(const struct model_vm *vm, int fd, int *ret)
{
	const struct model_fd *f = model_find_fd(vm->model, fd);

	*ret = f ? -EINVAL : -EBADF;
	return f && f->kind == MODEL_EVENTFD;
}

int model_irqfd(void *object, void *arg)
{
	const struct kvm_irqfd *irqfd = arg;
	struct model_vm *vm = object;
	int ret;

	if (irqfd->flags & ~(uint32_t)(KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_RESAMPLE))
		return -EINVAL;
	if (!vm->irqchip && !vm->split_irqchip)
		return -EAGAIN;
	if (!is_eventfd(vm, (int)irqfd->fd, &ret))
		return ret;
	for (size_t i = 0; i < vm->nirqfds; i++) {
		if (vm->irqfd[i].fd != irqfd->fd)
			continue;
		if (!(irqfd->flags & KVM_IRQFD_FLAG_DEASSIGN))
			return -EBUSY;
		vm->irqfd[i] = vm->irqfd[--vm->nirqfds];
		return 0;
	}
	if (irqfd->flags & KVM_IRQFD_FLAG_DEASSIGN)
		return 0;
	vm->irqfd = model_grow(vm->irqfd, vm->nirqfds, sizeof(*vm->irqfd));
	vm->irqfd[vm->nirqfds++] = *irqfd;
	return 0;
}

static bool same_ioeventfd(const struct kvm_ioeventfd *a, const struct kvm_ioeventfd *b)
{
	uint32_t bus = KVM_IOEVENTFD_FLAG_PIO;

	if (a->addr != b->addr || (a->flags & bus) != (b->flags & bus))
		return false;
	if (a->len != b->len && a->len != 0 && b->len != 0)
		return false;
	return !(a->flags & b->flags & KVM_IOEVENTFD_FLAG_DATAMATCH) ||
	       a->datamatch == b->datamatch;
}

int model_ioeventfd(void *object, void *arg)
{
	const struct kvm_ioeventfd *e = arg;
	struct model_vm *vm = object;
	uint64_t end;
	int ret;

	if (e->len > 8 || (e->len & (e->len - 1)) != 0 ||
	    __builtin_add_overflow(e->addr, e->len, &end))
		return -EINVAL;
	if (e->flags & ~(uint32_t)(KVM_IOEVENTFD_FLAG_DATAMATCH | KVM_IOEVENTFD_FLAG_PIO |
				   KVM_IOEVENTFD_FLAG_DEASSIGN))
		return -EINVAL;
	if (e->len == 0 && e->flags & KVM_IOEVENTFD_FLAG_DATAMATCH)
		return -EINVAL;
	if (!is_eventfd(vm, e->fd, &ret))
		return ret;
	for (size_t i = 0; i < vm->nioeventfds; i++) {
		if (!same_ioeventfd(&vm->ioeventfd[i], e))
			continue;
		if (!(e->flags & KVM_IOEVENTFD_FLAG_DEASSIGN))
			return -EEXIST;
		vm->ioeventfd[i] = vm->ioeventfd[--vm->nioeventfds];
		return 0;
	}
	if (e->flags & KVM_IOEVENTFD_FLAG_DEASSIGN)
		return -ENOENT;
	vm->ioeventfd = model_grow(vm->ioeventfd, vm->nioeventfds, sizeof(*vm->ioeventfd));
	vm->ioeventfd[vm->nioeventfds++] = *e;
	return 0;
}
