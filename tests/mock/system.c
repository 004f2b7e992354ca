// SPDX-License-Identifier: MIT
/* /dev/kvm itself, and what the host can do. */
#include "tests/mock/model_cc_state.h"

#include "vmm/base/bytes.h"

static const struct {
	unsigned long cap;
	int value;
} defaults[] = {
	{KVM_CAP_IRQCHIP, 1},
	{KVM_CAP_HLT, 1},
	{KVM_CAP_USER_MEMORY, 1},
	{KVM_CAP_SET_TSS_ADDR, 1},
	{KVM_CAP_EXT_CPUID, 1},
	{KVM_CAP_NR_VCPUS, 4},
	{KVM_CAP_NR_MEMSLOTS, 32764},
	{KVM_CAP_NOP_IO_DELAY, 1},
	{KVM_CAP_MP_STATE, 1},
	{KVM_CAP_SYNC_MMU, 1},
	{KVM_CAP_DESTROY_MEMORY_REGION_WORKS, 1},
	{KVM_CAP_IRQ_ROUTING, 4096},
	{KVM_CAP_IRQFD, 1},
	{KVM_CAP_PIT2, 1},
	{KVM_CAP_IOEVENTFD, 1},
	{KVM_CAP_SET_IDENTITY_MAP_ADDR, 1},
	{KVM_CAP_ADJUST_CLOCK, 14},
	{KVM_CAP_INTERNAL_ERROR_DATA, 1},
	{KVM_CAP_PIT_STATE2, 1},
	{KVM_CAP_XSAVE, 4096},
	{KVM_CAP_XCRS, 1},
	{KVM_CAP_MAX_VCPUS, 1024},
	{KVM_CAP_MAX_VCPU_ID, 4096},
	{KVM_CAP_TSC_CONTROL, 1},
	{KVM_CAP_GET_TSC_KHZ, 1},
	{KVM_CAP_TSC_DEADLINE_TIMER, 1},
	{KVM_CAP_SIGNAL_MSI, 1},
	{KVM_CAP_READONLY_MEM, 1},
	{KVM_CAP_CHECK_EXTENSION_VM, 1},
	{KVM_CAP_ENABLE_CAP_VM, 1},
	{KVM_CAP_IOEVENTFD_NO_LENGTH, 1},
	{KVM_CAP_IOEVENTFD_ANY_LENGTH, 1},
	{KVM_CAP_SPLIT_IRQCHIP, 1},
	{KVM_CAP_X2APIC_API, 3},
	{KVM_CAP_IMMEDIATE_EXIT, 1},
	{KVM_CAP_EXIT_HYPERCALL, 1 << 12},
	{KVM_CAP_USER_MEMORY2, 1},
	{237, 1}, /* KVM_CAP_X86_APIC_BUS_CYCLES_NS */
	{KVM_CAP_MEMORY_FAULT_INFO, 1},
	{KVM_CAP_GUEST_MEMFD, 1},
	{KVM_CAP_GUEST_MEMFD_FLAGS, GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED},
	{KVM_CAP_VM_TYPES, 1 << KVM_X86_DEFAULT_VM | 1 << KVM_X86_SW_PROTECTED_VM},
};

void model_default_caps(struct model *m)
{
	for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
		model_set_cap(m, defaults[i].cap, defaults[i].value);
}

void model_set_cap(struct model *m, unsigned long cap, int value)
{
	size_t i = 0;

	model_lock(m);
	while (i < m->ncaps && m->cap[i].cap != cap)
		i++;
	if (i == ARRAY_SIZE(m->cap))
		model_foul("too many capabilities");
	if (i == m->ncaps)
		m->ncaps++;
	m->cap[i].cap = cap;
	m->cap[i].value = value;
	model_unlock(m);
}

int model_get_cap(const struct model *m, unsigned long cap)
{
	for (size_t i = 0; i < m->ncaps; i++)
		if (m->cap[i].cap == cap)
			return m->cap[i].value;
	return 0;
}

static int get_api_version(void *object, void *arg)
{
	(void)object;
	(void)arg;
	return KVM_API_VERSION;
}

static int check_extension(void *object, void *arg)
{
	return model_get_cap(object, (uintptr_t)arg);
}

static int get_vcpu_mmap_size(void *object, void *arg)
{
	(void)object;
	(void)arg;
	return MODEL_RUN_SIZE;
}

static int create_vm(void *object, void *arg)
{
	return model_vm_create(object, (uintptr_t)arg);
}

static int get_supported_cpuid(void *object, void *arg)
{
	(void)object;
	return model_supported_cpuid(arg);
}

const struct model_request model_system_requests[] = {
	{KVM_GET_API_VERSION, "KVM_GET_API_VERSION", get_api_version},
	{KVM_CHECK_EXTENSION, "KVM_CHECK_EXTENSION", check_extension},
	{KVM_GET_VCPU_MMAP_SIZE, "KVM_GET_VCPU_MMAP_SIZE", get_vcpu_mmap_size},
	{KVM_CREATE_VM, "KVM_CREATE_VM", create_vm},
	{KVM_GET_SUPPORTED_CPUID, "KVM_GET_SUPPORTED_CPUID", get_supported_cpuid},
	{KVM_HAS_DEVICE_ATTR, "KVM_HAS_DEVICE_ATTR", model_has_device_attr},
	{KVM_GET_DEVICE_ATTR, "KVM_GET_DEVICE_ATTR", model_get_device_attr},
	{0},
};
