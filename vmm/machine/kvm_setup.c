// SPDX-License-Identifier: MIT
/* What a VM needs from the kernel before memory and vCPUs: its type, interrupt controllers, timer.
 */
#include "vmm/machine/kvm_setup.h"

#include "vmm/dev/ioapic.h"
#include "vmm/machine/vm.h"

#include <errno.h>
#include <linux/kvm_para.h>

#define KVM_CAP_APIC_BUS_CYCLES_NS 237

static int check_type(struct minivmm *vm, const struct cc_tech *tech, struct vmm_error *err)
{
	unsigned int types = (unsigned int)kvm_system_cap(&vm->kvm, KVM_CAP_VM_TYPES);

	/* kernels that do not know the capability have plain VMs only */
	if (tech->vm_type == KVM_X86_DEFAULT_VM || types & 1u << tech->vm_type)
		return 0;
	return vmm_error_set(err, -ENOTSUP,
			     "machine.cc = \"%s\": KVM does not offer such VMs on this host, see "
			     "'minivmm probe'",
			     tech->name);
}

static int check_vcpus(struct minivmm *vm, struct vmm_error *err)
{
	uint32_t max = kvm_max_vcpus(&vm->kvm_vm);

	if (vm->config->machine.vcpus <= max)
		return 0;
	return vmm_error_set(err, -EINVAL, "machine.vcpus = %u: this host allows at most %u",
			     vm->config->machine.vcpus, max);
}

/* All interrupt controllers of a PC, and its timer, in the kernel. */
static int create_irqchip(struct minivmm *vm, struct vmm_error *err)
{
	struct kvm_pit_config pit = {.flags = KVM_PIT_SPEAKER_DUMMY};
	__u64 identity = LAYOUT_IDENTITY;
	int ret;

	/* only Intel hosts use these pages; they have to lie outside of RAM */
	ret = kvm_vm_set_identity_map(&vm->kvm_vm, &identity, err);
	if (ret == 0)
		ret = kvm_vm_set_tss_addr(&vm->kvm_vm, LAYOUT_TSS, err);
	if (ret == 0)
		ret = kvm_vm_create_irqchip(&vm->kvm_vm, 0, err);
	if (ret == 0)
		ret = kvm_vm_create_pit2(&vm->kvm_vm, &pit, err);
	return ret;
}

/* Local APICs only; the I/O APIC is ours (vmm/x86/split_ioapic.h). */
static int create_split_irqchip(struct minivmm *vm, struct vmm_error *err)
{
	int ret = kvm_vm_enable_cap(&vm->kvm_vm, KVM_CAP_SPLIT_IRQCHIP, IOAPIC_PINS, err);

	if (ret == 0 && vm->cc.tech->bus_cycle_ns)
		ret = kvm_vm_enable_cap(&vm->kvm_vm, KVM_CAP_APIC_BUS_CYCLES_NS,
					vm->cc.tech->bus_cycle_ns, err);
	return ret;
}

int kvm_setup(struct minivmm *vm, struct vmm_error *err)
{
	const struct cc_tech *tech = vm->cc.tech;
	int ret = check_type(vm, tech, err);

	if (ret == 0)
		ret = kvm_vm_create(&vm->kvm_vm, &vm->kvm, tech->vm_type, err);
	if (ret == 0)
		ret = check_vcpus(vm, err);
	if (ret == 0)
		ret = tech->split_irqchip ? create_split_irqchip(vm, err) : create_irqchip(vm, err);
	/* without it KVM answers each of the guest's requests for shared pages with an error */
	if (ret == 0 && tech->private_memory)
		ret = kvm_vm_enable_cap(&vm->kvm_vm, KVM_CAP_EXIT_HYPERCALL,
					1u << KVM_HC_MAP_GPA_RANGE, err);
	return ret;
}
