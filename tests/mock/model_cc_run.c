// SPDX-License-Identifier: MIT
/* Exits of guests with private memory: Linux Documentation/virt/kvm/api.rst, KVM_EXIT_HYPERCALL and
 * KVM_EXIT_MEMORY_FAULT. */
#include "tests/mock/model_cc_state.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <linux/kvm_para.h>
#include <string.h>

#define UNWRITTEN 0x5a5a5a5a5a5a5a5aULL

/* arch/x86/kvm/vmx/tdx.c, tdx_map_gpa(): an address with the shared bit has to be one that CPUID
 * allows, or the guest is told "invalid operand". */
static void check_address_bits(const struct model_vcpu *v)
{
	for (uint32_t i = 0; v->vm->tdx && i < v->ncpuid; i++)
		if (v->cpuid[i].function == 0x80000008 &&
		    (v->cpuid[i].eax & 0xff) < v->vm->tdx->gpa_bits)
			model_foul("VM %u: MapGPA is refused, CPUID has %u address bits and the "
				   "TD %u",
				   v->vm->index, v->cpuid[i].eax & 0xff, v->vm->tdx->gpa_bits);
}

void model_cc_hypercall(const struct model_vcpu *v, const struct model_step *s)
{
	struct kvm_run *run = v->run;

	if (!(v->vm->hypercall_exits & 1ULL << KVM_HC_MAP_GPA_RANGE))
		model_foul("VM %u: hypercalls do not exit, the guest would be refused and give up",
			   v->vm->index);
	check_address_bits(v);
	run->exit_reason = KVM_EXIT_HYPERCALL;
	run->hypercall.nr = KVM_HC_MAP_GPA_RANGE;
	run->hypercall.args[0] = s->addr;
	run->hypercall.args[1] = s->value;
	run->hypercall.args[2] = s->arg;
	run->hypercall.args[3] = run->hypercall.args[4] = run->hypercall.args[5] = UNWRITTEN;
	/* KVM does not clear it, and looks at it afterwards */
	run->hypercall.ret = UNWRITTEN;
}

void model_cc_check_hypercall(const struct model_vcpu *v, const struct model_step *s)
{
	uint64_t ret = v->run->hypercall.ret;

	if (ret == UNWRITTEN)
		model_foul("vCPU %u of VM %u, step %zu: hypercall.ret was not written", v->id,
			   v->vm->index, v->step);
	if (ret != 0 && ret != EINVAL && ret != EAGAIN)
		model_foul("vCPU %u of VM %u, step %zu: hypercall.ret %#llx, newer kernels take 0, "
			   "EINVAL and EAGAIN",
			   v->id, v->vm->index, v->step, (unsigned long long)ret);
	if (!s->any && ret != s->ret)
		model_foul("vCPU %u of VM %u, step %zu: hypercall.ret %llu, expected %llu", v->id,
			   v->vm->index, v->step, (unsigned long long)ret,
			   (unsigned long long)s->ret);
}

int model_cc_memory_fault(const struct model_vcpu *v, uint64_t gpa, uint64_t len, uint64_t flags)
{
	struct run_memory_fault fault = {.flags = flags, .gpa = gpa, .size = len};

	v->run->exit_reason = KVM_EXIT_MEMORY_FAULT;
	memcpy((uint8_t *)v->run + KVM_RUN_EXIT, &fault, sizeof(fault));
	return -EFAULT;
}

bool model_cc_page_as_touched(const struct model_vcpu *v, const struct model_step *s)
{
	const struct model_slot *slot = model_gmem_slot(v->vm, s->addr);

	if (!slot)
		model_foul("vCPU %u of VM %u, step %zu: no RAM at %#llx", v->id, v->vm->index,
			   v->step, (unsigned long long)s->addr);
	return model_slot_private(slot, s->addr) == (s->value != 0);
}
