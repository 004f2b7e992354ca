// SPDX-License-Identifier: MIT
/* vCPUs: creation, and the state that the program reads and writes between runs. */
#include "tests/mock/model_cc_state.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LAPIC_PAGE   0xfee00000ULL
#define APIC_BSP     (1ULL << 8)
#define APIC_ENABLE  (1ULL << 11)
#define APIC_REG(at) (at) /* byte offset of a register in struct kvm_lapic_state */

#define CR0_PE	 (1ULL << 0)
#define CR0_NW	 (1ULL << 29)
#define CR0_CD	 (1ULL << 30)
#define CR0_PG	 (1ULL << 31)
#define CR4_PAE	 (1ULL << 5)
#define EFER_LME (1ULL << 8)
#define EFER_LMA (1ULL << 10)

/* The state after reset: Intel SDM volume 3A, table 10-1, as KVM sets it. */
static void reset(struct model_vcpu *v)
{
	const struct kvm_segment data = {.limit = 0xffff, .type = 3, .present = 1, .s = 1};
	struct kvm_sregs *s = &v->sregs;

	v->regs = (struct kvm_regs){.rip = 0xfff0, .rflags = 2, .rdx = 0x600};
	*s = (struct kvm_sregs){
		.cs = {.base = 0xffff0000,
		       .selector = 0xf000,
		       .limit = 0xffff,
		       .type = 11,
		       .present = 1,
		       .s = 1},
		.ds = data,
		.es = data,
		.fs = data,
		.gs = data,
		.ss = data,
		.tr = {.limit = 0xffff, .type = 11, .present = 1},
		.ldt = {.limit = 0xffff, .type = 2, .present = 1},
		.gdt = {.limit = 0xffff},
		.idt = {.limit = 0xffff},
		.cr0 = 0x60000010,
		.apic_base = LAPIC_PAGE | APIC_ENABLE | (v->id == 0 ? APIC_BSP : 0),
	};
	v->mp_state.mp_state = v->id == 0 ? KVM_MP_STATE_RUNNABLE : KVM_MP_STATE_UNINITIALIZED;
	put_le32(v->lapic.regs + APIC_REG(0x20), v->id << 24);
	put_le32(v->lapic.regs + APIC_REG(0x30), 0x50014);
	put_le32(v->lapic.regs + APIC_REG(0xe0), 0xffffffff);
	put_le32(v->lapic.regs + APIC_REG(0xf0), 0xff);
	for (unsigned int lvt = 0x320; lvt <= 0x370; lvt += 0x10)
		put_le32(v->lapic.regs + lvt, 0x10000);
}

/* With its first vCPU KVM on Intel takes two places for itself: arch/x86/kvm/vmx/vmx.c. */
static int own_slots(struct model_vm *vm)
{
	int ret = model_own_slot(vm, vm->identity, 4096);

	if (ret == 0 && vm->irqchip)
		ret = model_own_slot(vm, LAPIC_PAGE, 4096);
	return ret;
}

static int may_create(const struct model_vm *vm, uint32_t id)
{
	if (id >= (uint32_t)model_get_cap(vm->model, KVM_CAP_MAX_VCPU_ID) ||
	    vm->nvcpus >= (size_t)model_get_cap(vm->model, KVM_CAP_MAX_VCPUS))
		return -EINVAL;
	for (size_t i = 0; i < vm->nvcpus; i++)
		if (vm->vcpu[i]->id == id)
			return -EEXIST;
	return 0;
}

int model_vcpu_create(struct model_vm *vm, uint32_t id)
{
	struct model_vcpu *v;
	char name[64];
	int ret = may_create(vm, id);
	void *run;

	if (ret == 0)
		ret = model_cc_may_create_vcpu(vm);
	/* nor does KVM need these for confidential VMs */
	if (ret == 0 && vm->nvcpus == 0 && !vm->snp && !vm->tdx)
		ret = own_slots(vm);
	if (ret < 0)
		return ret;
	v = calloc(1, sizeof(*v));
	if (!v)
		model_foul("out of memory");
	v->vm = vm;
	v->id = id;
	v->wake_fd = -1;
	reset(v);
	vm->vcpu = model_grow(vm->vcpu, vm->nvcpus, sizeof(struct model_vcpu *));
	vm->vcpu[vm->nvcpus++] = v;

	snprintf(name, sizeof(name), "vCPU %u of VM %u", id, vm->index);
	v->fd = model_object_fd(vm->model, MODEL_VCPU, v, MODEL_RUN_SIZE, name);
	run = mmap(NULL, MODEL_RUN_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (run == MAP_FAILED)
		model_foul("no memory for struct kvm_run");
	v->run = run;
	return v->fd;
}

void model_vcpu_closed(struct model_vcpu *v)
{
	if (v->running)
		model_foul("vCPU %u of VM %u is closed while it runs", v->id, v->vm->index);
	munmap(v->run, MODEL_RUN_SIZE);
	v->run = NULL;
}

static int set_cpuid(void *object, void *arg)
{
	const struct kvm_cpuid2 *cpuid = arg;
	struct model_vcpu *v = object;

	if (cpuid->nent > MODEL_CPUID_ENTRIES)
		return -E2BIG;
	/* arch/x86/kvm/cpuid.c, kvm_check_cpuid(): width of virtual addresses */
	for (uint32_t i = 0; i < cpuid->nent; i++) {
		uint32_t bits = cpuid->entries[i].eax >> 8 & 0xff;

		if (cpuid->entries[i].function == 0x80000008 && bits != 0 && bits != 48 &&
		    bits != 57)
			return -EINVAL;
	}
	if (v->runs > 0)
		return -EINVAL;
	memcpy(v->cpuid, cpuid->entries, cpuid->nent * sizeof(v->cpuid[0]));
	v->ncpuid = cpuid->nent;
	return 0;
}

static int get_regs(void *object, void *arg)
{
	const struct model_vcpu *v = object;
	int ret = model_cc_registers(v);

	if (ret < 0)
		return ret;
	*(struct kvm_regs *)arg = v->regs;
	return 0;
}

static int set_regs(void *object, void *arg)
{
	struct model_vcpu *v = object;
	int ret = model_cc_registers(v);

	if (ret < 0)
		return ret;
	v->regs = *(const struct kvm_regs *)arg;
	v->regs.rflags |= 2;
	return 0;
}

static int get_sregs(void *object, void *arg)
{
	const struct model_vcpu *v = object;
	int ret = model_cc_registers(v);

	if (ret < 0)
		return ret;
	*(struct kvm_sregs *)arg = v->sregs;
	return 0;
}

/* arch/x86/kvm/x86.c, kvm_is_valid_sregs() */
static bool valid_sregs(const struct model_vcpu *v, const struct kvm_sregs *s)
{
	uint64_t cr3 = s->cr3 & ~model_cc_cr3_bits(v);

	if (s->cr0 & CR0_PG && !(s->cr0 & CR0_PE))
		return false;
	if (s->cr0 & CR0_NW && !(s->cr0 & CR0_CD))
		return false;
	if (s->efer & EFER_LME && s->cr0 & CR0_PG)
		return s->cr4 & CR4_PAE && s->efer & EFER_LMA && cr3 >> MODEL_PHYS_BITS == 0;
	return !(s->efer & EFER_LMA) && !s->cs.l;
}

static int set_sregs(void *object, void *arg)
{
	struct model_vcpu *v = object;

	if (model_cc_registers(v) < 0 || !valid_sregs(v, arg))
		return -EINVAL;
	v->sregs = *(const struct kvm_sregs *)arg;
	return 0;
}

static bool refused(const struct model *m, uint32_t index)
{
	for (size_t i = 0; i < m->nrefused_msrs; i++)
		if (m->refused_msr[i] == index)
			return true;
	return false;
}

static int set_msrs(void *object, void *arg)
{
	const struct kvm_msrs *msrs = arg;
	struct model_vcpu *v = object;

	if (msrs->nmsrs >= 256) /* MAX_IO_MSRS */
		return -E2BIG;
	for (uint32_t i = 0; i < msrs->nmsrs; i++) {
		uint32_t at = 0;

		if (refused(v->vm->model, msrs->entries[i].index))
			return (int)i;
		while (at < v->nmsrs && v->msr[at].index != msrs->entries[i].index)
			at++;
		if (at == MODEL_MSRS)
			model_foul("too many MSRs");
		if (at == v->nmsrs)
			v->nmsrs++;
		v->msr[at] = msrs->entries[i];
	}
	return (int)msrs->nmsrs;
}

/* A local APIC in the kernel, whose registers can be reached. */
static bool has_lapic(const struct model_vm *vm)
{
	return (vm->irqchip || vm->split_irqchip) && !vm->tdx;
}

static int get_lapic(void *object, void *arg)
{
	const struct model_vcpu *v = object;

	if (!has_lapic(v->vm))
		return -EINVAL;
	*(struct kvm_lapic_state *)arg = v->lapic;
	return 0;
}

static int set_lapic(void *object, void *arg)
{
	struct model_vcpu *v = object;

	if (!has_lapic(v->vm))
		return -EINVAL;
	v->lapic = *(const struct kvm_lapic_state *)arg;
	return 0;
}

static int set_mp_state(void *object, void *arg)
{
	const struct kvm_mp_state *state = arg;
	struct model_vcpu *v = object;

	if (state->mp_state > KVM_MP_STATE_SIPI_RECEIVED)
		return -EINVAL;
	if (!v->vm->irqchip && !v->vm->split_irqchip && state->mp_state != KVM_MP_STATE_RUNNABLE)
		return -EINVAL;
	v->mp_state = *state;
	return 0;
}

static int set_signal_mask(void *object, void *arg)
{
	const struct kvm_signal_mask *mask = arg;
	struct model_vcpu *v = object;

	v->sigset_active = mask != NULL;
	if (!mask)
		return 0;
	if (mask->len != sizeof(v->sigset))
		return -EINVAL;
	memcpy(&v->sigset, mask->sigset, sizeof(v->sigset));
	return 0;
}

/* Of a VM that is not sealed yet it would make pages that nobody measured. */
static int pre_fault(void *object, void *arg)
{
	const struct model_vcpu *v = object;
	const struct kvm_pre_fault_memory *range = arg;

	if (v->vm->type != KVM_X86_DEFAULT_VM)
		model_foul("KVM_PRE_FAULT_MEMORY of a confidential VM");
	if (range->flags || !range->size || (range->gpa | range->size) % 4096)
		return -EINVAL;
	return 0;
}

const struct model_request model_vcpu_requests[] = {
	{KVM_RUN, "KVM_RUN", model_run},
	{KVM_SET_CPUID2, "KVM_SET_CPUID2", set_cpuid},
	{KVM_GET_REGS, "KVM_GET_REGS", get_regs},
	{KVM_SET_REGS, "KVM_SET_REGS", set_regs},
	{KVM_GET_SREGS, "KVM_GET_SREGS", get_sregs},
	{KVM_SET_SREGS, "KVM_SET_SREGS", set_sregs},
	{KVM_SET_MSRS, "KVM_SET_MSRS", set_msrs},
	{KVM_GET_LAPIC, "KVM_GET_LAPIC", get_lapic},
	{KVM_SET_LAPIC, "KVM_SET_LAPIC", set_lapic},
	{KVM_SET_MP_STATE, "KVM_SET_MP_STATE", set_mp_state},
	{KVM_PRE_FAULT_MEMORY, "KVM_PRE_FAULT_MEMORY", pre_fault},
	{KVM_SET_SIGNAL_MASK, "KVM_SET_SIGNAL_MASK", set_signal_mask},
	{KVM_MEMORY_ENCRYPT_OP, "KVM_MEMORY_ENCRYPT_OP", model_vcpu_encrypt_op},
	{0},
};
