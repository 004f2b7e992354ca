// SPDX-License-Identifier: MIT
/* KVM_CREATE_VM and the requests of a VM that are not memory or interrupts. */
#include "tests/mock/model_cc_state.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <linux/kvm_para.h>
#include <stdio.h>
#include <stdlib.h>

#define KVM_CAP_APIC_BUS_CYCLES_NS 237 /* KVM_CAP_X86_APIC_BUS_CYCLES_NS */

int model_vm_create(struct model *m, unsigned long type)
{
	unsigned long types = (unsigned long)model_get_cap(m, KVM_CAP_VM_TYPES);
	struct model_vm *vm;
	char name[64];

	/* hosts before Linux 6.8 do not report types, and have one */
	if (!types)
		types = 1UL << KVM_X86_DEFAULT_VM;
	if (type >= 64 || !(types & 1UL << type))
		return -EINVAL;
	vm = calloc(1, sizeof(*vm));
	if (!vm)
		model_foul("out of memory");
	vm->model = m;
	vm->type = type;
	vm->index = (unsigned int)m->nvms;
	vm->identity = 0xfffbc000; /* VMX_EPT_IDENTITY_PAGETABLE_ADDR */
	model_cc_create_vm(vm);
	m->vm = model_grow(m->vm, m->nvms, sizeof(struct model_vm *));
	m->vm[m->nvms++] = vm;
	snprintf(name, sizeof(name), "VM %u", vm->index);
	return model_object_fd(m, MODEL_VM, vm, 0, name);
}

void model_vm_free(struct model_vm *vm)
{
	for (size_t i = 0; i < vm->nvcpus; i++)
		free(vm->vcpu[i]);
	free(vm->vcpu);
	free(vm->slot);
	free(vm->irqfd);
	free(vm->ioeventfd);
	model_vm_free_attributes(vm);
	model_cc_free_vm(vm);
	free(vm);
}

static int check_extension(void *object, void *arg)
{
	const struct model_vm *vm = object;

	return model_cc_cap(vm, (uintptr_t)arg, model_vm_cap(vm, (uintptr_t)arg));
}

/* arch/x86/kvm/x86.c, kvm_vm_ioctl_enable_cap() */
static int split_irqchip(struct model_vm *vm, uint64_t pins)
{
	if (pins > 24) /* MAX_NR_RESERVED_IOAPIC_PINS */
		return -EINVAL;
	if (vm->irqchip || vm->split_irqchip || vm->nvcpus > 0)
		return -EEXIST;
	vm->split_irqchip = true;
	return 0;
}

static int set_bus_cycles(struct model_vm *vm, uint64_t ns)
{
	if (ns == 0 || ns > 1000000000)
		return -EINVAL;
	if (!vm->irqchip && !vm->split_irqchip)
		return -ENXIO;
	if (vm->nvcpus > 0)
		return -EINVAL;
	vm->bus_cycle_ns = ns;
	return 0;
}

static int enable_cap(void *object, void *arg)
{
	const struct kvm_enable_cap *cap = arg;
	struct model_vm *vm = object;

	if (cap->flags || !model_get_cap(vm->model, cap->cap))
		return -EINVAL;
	switch (cap->cap) {
	case KVM_CAP_SPLIT_IRQCHIP:
		return split_irqchip(vm, cap->args[0]);
	case KVM_CAP_APIC_BUS_CYCLES_NS:
		return set_bus_cycles(vm, cap->args[0]);
	case KVM_CAP_EXIT_HYPERCALL:
		if (cap->args[0] & ~(1ULL << KVM_HC_MAP_GPA_RANGE))
			return -EINVAL;
		vm->hypercall_exits = cap->args[0];
		return 0;
	default:
		return 0;
	}
}

/* On Intel KVM puts three pages there: arch/x86/kvm/vmx/vmx.c, vmx_set_tss_addr(). */
static int set_tss_addr(void *object, void *arg)
{
	if ((uintptr_t)arg > UINT32_MAX - 3 * 4096)
		return -EINVAL;
	return model_own_slot(object, (uintptr_t)arg, 3ULL * 4096);
}

static int set_identity_map_addr(void *object, void *arg)
{
	struct model_vm *vm = object;

	if (vm->nvcpus > 0)
		return -EINVAL;
	vm->identity = *(const __u64 *)arg;
	return 0;
}

static int set_region(void *object, void *arg)
{
	const struct kvm_userspace_memory_region *r = arg;
	struct kvm_userspace_memory_region2 r2 = {
		.slot = r->slot,
		.flags = r->flags,
		.guest_phys_addr = r->guest_phys_addr,
		.memory_size = r->memory_size,
		.userspace_addr = r->userspace_addr,
	};

	if (r->flags & KVM_MEM_GUEST_MEMFD)
		return -EINVAL;
	return model_set_slot(object, &r2);
}

static int set_region2(void *object, void *arg)
{
	const struct model_vm *vm = object;

	if (!model_get_cap(vm->model, KVM_CAP_USER_MEMORY2))
		return -ENOTTY;
	return model_set_slot(object, arg);
}

static int create_guest_memfd(void *object, void *arg)
{
	return model_create_gmem(object, arg);
}

static int create_vcpu(void *object, void *arg)
{
	/* KVM takes 32 bits of it */
	return model_vcpu_create(object, (uint32_t)(uintptr_t)arg);
}

const struct model_request model_vm_requests[] = {
	{KVM_CHECK_EXTENSION, "KVM_CHECK_EXTENSION", check_extension},
	{KVM_ENABLE_CAP, "KVM_ENABLE_CAP", enable_cap},
	{KVM_SET_TSS_ADDR, "KVM_SET_TSS_ADDR", set_tss_addr},
	{KVM_SET_IDENTITY_MAP_ADDR, "KVM_SET_IDENTITY_MAP_ADDR", set_identity_map_addr},
	{KVM_SET_USER_MEMORY_REGION, "KVM_SET_USER_MEMORY_REGION", set_region},
	{KVM_SET_USER_MEMORY_REGION2, "KVM_SET_USER_MEMORY_REGION2", set_region2},
	{KVM_CREATE_GUEST_MEMFD, "KVM_CREATE_GUEST_MEMFD", create_guest_memfd},
	{KVM_SET_MEMORY_ATTRIBUTES, "KVM_SET_MEMORY_ATTRIBUTES", model_set_attributes},
	{KVM_CREATE_VCPU, "KVM_CREATE_VCPU", create_vcpu},
	{KVM_CREATE_IRQCHIP, "KVM_CREATE_IRQCHIP", model_create_irqchip},
	{KVM_CREATE_PIT2, "KVM_CREATE_PIT2", model_create_pit2},
	{KVM_IRQ_LINE, "KVM_IRQ_LINE", model_irq_line},
	{KVM_SIGNAL_MSI, "KVM_SIGNAL_MSI", model_signal_msi},
	{KVM_SET_GSI_ROUTING, "KVM_SET_GSI_ROUTING", model_set_gsi_routing},
	{KVM_IRQFD, "KVM_IRQFD", model_irqfd},
	{KVM_IOEVENTFD, "KVM_IOEVENTFD", model_ioeventfd},
	{KVM_MEMORY_ENCRYPT_OP, "KVM_MEMORY_ENCRYPT_OP", model_vm_encrypt_op},
	{0},
};
