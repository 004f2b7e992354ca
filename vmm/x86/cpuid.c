// SPDX-License-Identifier: MIT
/*
 * What CPUID shows the guest: exactly what KVM supports on this host (KVM_GET_SUPPORTED_CPUID),
 * with the topology of this VM in place of the host's: one package with one die, each vCPU a core
 * with one thread. References: AMD64 APM volume 3 appendix E, Intel SDM volume 2A CPUID, Linux
 * Documentation/virt/kvm/x86/cpuid.rst.
 */
#include "vmm/x86/cpuid.h"

#include "cc/dispatch.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ENTRIES 256

#define LEAF_TOPOLOGY	  0xb
#define LEAF_TOPOLOGY_V2  0x1f
#define LEAF_AMD_TOPOLOGY 0x80000026

#define LEAF1_ECX_TSC_DEADLINE (1u << 24)
#define LEAF1_ECX_HYPERVISOR   (1u << 31)
#define LEAF1_EDX_HTT	       (1u << 28)

/* ECX[15:8] of the topology leaves: what a level counts */
enum { LEVEL_NONE, LEVEL_SMT, LEVEL_CORE };

static struct kvm_cpuid_entry2 *find(struct kvm_cpuid2 *cpuid, uint32_t function, uint32_t index)
{
	for (uint32_t i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		if (e->function == function && e->index == index)
			return e;
	}
	return NULL;
}

/* Bits of the APIC id that number the cores of the package. */
static uint32_t core_bits(uint32_t vcpus)
{
	return vcpus > 1 ? 32 - (uint32_t)__builtin_clz(vcpus - 1) : 0;
}

static void remove_leaf(struct kvm_cpuid2 *cpuid, uint32_t function)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function != function)
			cpuid->entries[kept++] = cpuid->entries[i];
	cpuid->nent = kept;
}

/* Leaf 0xb or 0x1f: one thread per core, `vcpus` cores. EDX, the x2APIC id, is set per vCPU. */
static void add_topology(struct kvm_cpuid2 *cpuid, uint32_t function, uint32_t vcpus)
{
	const struct kvm_cpuid_entry2 levels[] = {
		{.index = 0, .eax = 0, .ebx = 1, .ecx = 0 | LEVEL_SMT << 8},
		{.index = 1, .eax = core_bits(vcpus), .ebx = vcpus, .ecx = 1 | LEVEL_CORE << 8},
		{.index = 2, .ecx = 2 | LEVEL_NONE << 8},
	};

	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[cpuid->nent++];

		*e = levels[i];
		e->function = function;
		e->flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
	}
}

static void set_topology_leaves(struct kvm_cpuid2 *cpuid, const struct cc_config *config)
{
	uint32_t least = config->tech->least_leaf;
	struct kvm_cpuid_entry2 *max;

	remove_leaf(cpuid, LEAF_TOPOLOGY);
	remove_leaf(cpuid, LEAF_TOPOLOGY_V2);
	remove_leaf(cpuid, LEAF_AMD_TOPOLOGY);
	max = find(cpuid, 0, 0);
	if (least < LEAF_TOPOLOGY)
		least = LEAF_TOPOLOGY;
	if (max && max->eax < least)
		max->eax = least;
	add_topology(cpuid, LEAF_TOPOLOGY, config->vcpus);
	if (max && max->eax >= LEAF_TOPOLOGY_V2)
		add_topology(cpuid, LEAF_TOPOLOGY_V2, config->vcpus);
}

/* Cache subleaves (Intel leaf 4, AMD leaf 0x8000001d): L3 is shared by all, the others by none. */
static void set_cache_sharing(struct kvm_cpuid_entry2 *e, uint32_t vcpus)
{
	uint32_t level = e->eax >> 5 & 7;
	uint32_t sharing = level >= 3 ? (1u << core_bits(vcpus)) - 1 : 0;

	if ((e->eax & 0x1f) == 0)
		return;
	e->eax = (e->eax & ~(0xfffu << 14)) | (sharing & 0xfff) << 14;
	if (e->function == 4) {
		uint32_t cores = (1u << core_bits(vcpus)) - 1;

		e->eax = (e->eax & ~(0x3fu << 26)) | (cores < 0x3f ? cores : 0x3f) << 26;
	}
}

static void set_common(struct kvm_cpuid_entry2 *e, uint32_t vcpus, bool tsc_deadline)
{
	uint32_t count = vcpus < 255 ? vcpus : 255;

	switch (e->function) {
	case 1:
		e->ebx = (e->ebx & 0xff00ffff) | count << 16;
		e->ecx |= LEAF1_ECX_HYPERVISOR;
		if (tsc_deadline)
			e->ecx |= LEAF1_ECX_TSC_DEADLINE; /* KVM's local APIC has it on any host */
		e->edx &= ~LEAF1_EDX_HTT;
		if (vcpus > 1)
			e->edx |= LEAF1_EDX_HTT;
		break;
	case 4:
	case 0x8000001d:
		set_cache_sharing(e, vcpus);
		break;
	case 0x80000008:
		/* bits of the APIC id that are cores, number of cores - 1 */
		e->ecx = core_bits(vcpus) << 12 | (count - 1);
		break;
	}
}

void cpuid_set_vcpu(struct kvm_cpuid2 *cpuid, uint32_t id)
{
	for (uint32_t i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		switch (e->function) {
		case 1:
			e->ebx = (e->ebx & 0x00ffffff) | id << 24;
			break;
		case LEAF_TOPOLOGY:
		case LEAF_TOPOLOGY_V2:
			e->edx = id;
			break;
		case 0x8000001e:
			e->eax = id;
			e->ebx = id & 0xff; /* core id; one thread per core */
			e->ecx = 0;	    /* node 0 of 1 */
			break;
		}
	}
}

unsigned int cpuid_phys_bits(const struct kvm_cpuid2 *cpuid)
{
	for (uint32_t i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == 0x80000008)
			return cpuid->entries[i].eax & 0xff;
	return 36;
}

void cpuid_limit_phys_bits(struct kvm_cpuid2 *cpuid, unsigned int bits)
{
	for (uint32_t i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		if (e->function != 0x80000008 || (e->eax & 0xff) <= bits)
			continue;
		/* bits 16 to 23: how many the guest may use, 0: all of these */
		e->eax = (e->eax & 0xff00ff00) | bits;
	}
}

int cpuid_create(const struct kvm_system *kvm, const struct kvm_vm *vm,
		 const struct cc_config *config, struct kvm_cpuid2 **out, struct vmm_error *err)
{
	/* room for the leaves that are added: two of topology, one of memory encryption */
	size_t size = sizeof(struct kvm_cpuid2) + (MAX_ENTRIES + 7) * sizeof((*out)->entries[0]);
	bool tsc_deadline = kvm_vm_cap(vm, KVM_CAP_TSC_DEADLINE_TIMER) != 0;
	struct kvm_cpuid2 *cpuid = calloc(1, size);
	int ret;

	if (!cpuid)
		return vmm_error_errno(err, -ENOMEM, "unable to allocate the CPUID table");
	cpuid->nent = MAX_ENTRIES;
	ret = kvm_get_supported_cpuid(kvm, cpuid, err);
	if (ret < 0) {
		free(cpuid);
		return ret;
	}
	if (cpuid->nent > MAX_ENTRIES) {
		free(cpuid);
		return vmm_error_set(err, -E2BIG, "KVM reports more than %u CPUID entries",
				     MAX_ENTRIES);
	}
	set_topology_leaves(cpuid, config);
	for (uint32_t i = 0; i < cpuid->nent; i++)
		set_common(&cpuid->entries[i], config->vcpus, tsc_deadline);
	ret = cc_cpuid(config, cpuid, err);
	if (ret < 0) {
		free(cpuid);
		return ret;
	}
	*out = cpuid;
	return 0;
}
