/* SPDX-License-Identifier: MIT */
/*
 * KVM's three kinds of descriptor as three C types, and one typed function for each ioctl that
 * minivmm uses. A wrong structure or a vCPU ioctl on a VM does not compile. A failing call is
 * reported by the ioctl's name, its object, the errno and, where one is known, the remedy.
 */
#ifndef VMM_KVM_KVM_H
#define VMM_KVM_KVM_H

#include "vmm/base/error.h"
#include "vmm/base/sys.h"
#include "vmm/kvm/uapi.h"

struct kvm_fd {
	const struct sys *sys;
	int fd;	       /* -1: closed */
	char name[16]; /* for messages: "/dev/kvm", "VM", "vCPU 3" */
};

struct kvm_system {
	struct kvm_fd h;
	size_t run_size; /* bytes of a vCPU's struct kvm_run mapping */
};

struct kvm_vm {
	struct kvm_fd h;
};

struct kvm_vcpu {
	struct kvm_fd h;
	struct kvm_run *run; /* shared with the kernel: read every field once */
	size_t run_size;
};

/* Opens /dev/kvm and checks its API version. On failure *kvm needs no closing. */
int kvm_system_open(struct kvm_system *kvm, const struct sys *sys, struct vmm_error *err);
void kvm_system_close(struct kvm_system *kvm);

/* `type` is one of KVM_X86_*_VM. */
int kvm_vm_create(struct kvm_vm *vm, const struct kvm_system *kvm, unsigned long type,
		  struct vmm_error *err);
void kvm_vm_close(struct kvm_vm *vm);

int kvm_vcpu_create(struct kvm_vcpu *vcpu, const struct kvm_vm *vm, const struct kvm_system *kvm,
		    uint32_t id, struct vmm_error *err);
void kvm_vcpu_close(struct kvm_vcpu *vcpu);

/* KVM_CHECK_EXTENSION: 0 if not there, else what the capability returns. Failures count as 0. */
int kvm_system_cap(const struct kvm_system *kvm, unsigned long cap);
int kvm_vm_cap(const struct kvm_vm *vm, unsigned long cap);

/* How many vCPUs this VM may have: what KVM says, at most KVM_IOAPIC_MAX_VCPUS. */
uint32_t kvm_max_vcpus(const struct kvm_vm *vm);

/* KVM's own I/O APIC addresses local APICs by 8 bits, and 255 is the broadcast. */
#define KVM_IOAPIC_MAX_VCPUS 255

/* The raw call. `name` is the request's; 0 or positive: the ioctl's result. */
int kvm_ioctl(const struct kvm_fd *h, unsigned long request, const char *name, void *arg,
	      struct vmm_error *err);

/* The same, for calls whose success says nothing: 0 or -errno. */
static inline int kvm_ioctl0(const struct kvm_fd *h, unsigned long request, const char *name,
			     void *arg, struct vmm_error *err)
{
	int ret = kvm_ioctl(h, request, name, arg, err);

	return ret < 0 ? ret : 0;
}

/* KVM_RUN; no message, since most failures are routine: 0 or -errno. */
int kvm_vcpu_run(const struct kvm_vcpu *vcpu);

/* descriptor of a guest_memfd, close-on-exec; flags are GUEST_MEMFD_FLAG_* */
int kvm_vm_create_guest_memfd(const struct kvm_vm *vm, uint64_t size, uint64_t flags,
			      struct vmm_error *err);

/* KVM_SET_MEMORY_ATTRIBUTES2, an ioctl of the guest_memfd `fd` */
int kvm_gmem_set_attributes(const struct sys *sys, int fd, struct gmem_attributes *arg,
			    struct vmm_error *err);

int kvm_vm_enable_cap(const struct kvm_vm *vm, uint32_t cap, uint64_t arg0, struct vmm_error *err);

/* An ioctl whose argument is a structure of exactly the size in the request number. */
#define KVM_IOCTL_STRUCT(function, object, request, type)                                         \
	static inline int function(const struct object *o, type *arg, struct vmm_error *err)      \
	{                                                                                         \
		_Static_assert(sizeof(type) == _IOC_SIZE(request), #request ": wrong structure"); \
		return kvm_ioctl0(&o->h, request, #request, arg, err);                            \
	}
/* An ioctl whose argument is a number. */
#define KVM_IOCTL_NUMBER(function, object, request)                            \
	static inline int function(const struct object *o, unsigned long arg,  \
				   struct vmm_error *err)                      \
	{                                                                      \
		return kvm_ioctl0(&o->h, request, #request, (void *)arg, err); \
	}

KVM_IOCTL_STRUCT(kvm_get_supported_cpuid, kvm_system, KVM_GET_SUPPORTED_CPUID, struct kvm_cpuid2)

KVM_IOCTL_NUMBER(kvm_vm_set_tss_addr, kvm_vm, KVM_SET_TSS_ADDR)
KVM_IOCTL_NUMBER(kvm_vm_create_irqchip, kvm_vm, KVM_CREATE_IRQCHIP)
KVM_IOCTL_STRUCT(kvm_vm_set_identity_map, kvm_vm, KVM_SET_IDENTITY_MAP_ADDR, __u64)
KVM_IOCTL_STRUCT(kvm_vm_create_pit2, kvm_vm, KVM_CREATE_PIT2, struct kvm_pit_config)
KVM_IOCTL_STRUCT(kvm_vm_irq_line, kvm_vm, KVM_IRQ_LINE, struct kvm_irq_level)
KVM_IOCTL_STRUCT(kvm_vm_irqfd, kvm_vm, KVM_IRQFD, struct kvm_irqfd)
KVM_IOCTL_STRUCT(kvm_vm_ioeventfd, kvm_vm, KVM_IOEVENTFD, struct kvm_ioeventfd)
KVM_IOCTL_STRUCT(kvm_vm_signal_msi, kvm_vm, KVM_SIGNAL_MSI, struct kvm_msi)
KVM_IOCTL_STRUCT(kvm_vm_set_gsi_routing, kvm_vm, KVM_SET_GSI_ROUTING, struct kvm_irq_routing)
KVM_IOCTL_STRUCT(kvm_vm_set_region, kvm_vm, KVM_SET_USER_MEMORY_REGION,
		 struct kvm_userspace_memory_region)
KVM_IOCTL_STRUCT(kvm_vm_set_region2, kvm_vm, KVM_SET_USER_MEMORY_REGION2,
		 struct kvm_userspace_memory_region2)
KVM_IOCTL_STRUCT(kvm_vm_set_attributes, kvm_vm, KVM_SET_MEMORY_ATTRIBUTES,
		 struct kvm_memory_attributes)

KVM_IOCTL_STRUCT(kvm_vcpu_set_cpuid, kvm_vcpu, KVM_SET_CPUID2, struct kvm_cpuid2)
KVM_IOCTL_STRUCT(kvm_vcpu_get_regs, kvm_vcpu, KVM_GET_REGS, struct kvm_regs)
KVM_IOCTL_STRUCT(kvm_vcpu_set_regs, kvm_vcpu, KVM_SET_REGS, struct kvm_regs)
KVM_IOCTL_STRUCT(kvm_vcpu_get_sregs, kvm_vcpu, KVM_GET_SREGS, struct kvm_sregs)
KVM_IOCTL_STRUCT(kvm_vcpu_set_sregs, kvm_vcpu, KVM_SET_SREGS, struct kvm_sregs)
KVM_IOCTL_STRUCT(kvm_vcpu_get_lapic, kvm_vcpu, KVM_GET_LAPIC, struct kvm_lapic_state)
KVM_IOCTL_STRUCT(kvm_vcpu_set_lapic, kvm_vcpu, KVM_SET_LAPIC, struct kvm_lapic_state)
KVM_IOCTL_STRUCT(kvm_vcpu_set_mp_state, kvm_vcpu, KVM_SET_MP_STATE, struct kvm_mp_state)
KVM_IOCTL_STRUCT(kvm_vcpu_pre_fault, kvm_vcpu, KVM_PRE_FAULT_MEMORY, struct kvm_pre_fault_memory)
KVM_IOCTL_STRUCT(kvm_vcpu_set_signal_mask, kvm_vcpu, KVM_SET_SIGNAL_MASK, struct kvm_signal_mask)

/* Returns how many were set: fewer than there are when KVM refuses one. */
static inline int kvm_vcpu_set_msrs(const struct kvm_vcpu *vcpu, struct kvm_msrs *msrs,
				    struct vmm_error *err)
{
	_Static_assert(sizeof(*msrs) == _IOC_SIZE(KVM_SET_MSRS), "size");
	return kvm_ioctl(&vcpu->h, KVM_SET_MSRS, "KVM_SET_MSRS", msrs, err);
}

#endif
