// SPDX-License-Identifier: MIT
/* The registers that a load plan brings for vCPUs, before anything is started with them. */
#include "cc/launch.h"
#include "cc/vmsa.h"

#include <errno.h>

#define CR0_PE	 (1ULL << 0)
#define CR0_PG	 (1ULL << 31)
#define CR4_PAE	 (1ULL << 5)
#define EFER_LME (1ULL << 8)
#define EFER_LMA (1ULL << 10)

/* The rules of KVM_SET_SREGS (Linux, arch/x86/kvm/x86.c, kvm_is_valid_sregs()). */
static bool valid_mode(const struct kvm_sregs *s)
{
	bool paging = s->cr0 & CR0_PG;

	if (paging && !(s->cr0 & CR0_PE))
		return false;
	if (paging && (s->efer & EFER_LME))
		return (s->cr4 & CR4_PAE) && (s->efer & EFER_LMA);
	return !(s->efer & EFER_LMA) && !s->cs.l;
}

static int check_vcpu(const struct cc_config *config, const struct load_vcpu *vcpu,
		      struct vmm_error *err)
{
	struct cc_vcpu_state state;
	int ret = 0;

	if (vcpu->id >= config->vcpus)
		return vmm_error_set(err, -EINVAL,
				     "there are registers for vCPU %u, and machine.vcpus is %u",
				     vcpu->id, config->vcpus);
	if (config->tech == CC_TDX)
		return vmm_error_set(err, -ENOTSUP,
				     "there are registers for vCPU %u, but in a TD the TDX module "
				     "sets them",
				     vcpu->id);
	if (config->tech == CC_SNP)
		ret = vmsa_check(vcpu, config->snp.features, err);
	if (ret < 0)
		return ret;
	vmsa_read(&vcpu->vmsa, &state);
	if (valid_mode(&state.sregs))
		return 0;
	return vmm_error_set(err, -EINVAL,
			     "the registers of vCPU %u are those of no processor mode: CR0 %#llx, "
			     "CR4 %#llx, EFER %#llx",
			     vcpu->id, (unsigned long long)state.sregs.cr0,
			     (unsigned long long)state.sregs.cr4,
			     (unsigned long long)state.sregs.efer);
}

int cc_check_vcpus(const struct cc_config *config, const struct load_plan *plan,
		   struct vmm_error *err)
{
	int ret = 0;

	for (size_t i = 0; i < plan->nvcpus && ret == 0; i++)
		ret = check_vcpu(config, &plan->vcpu[i], err);
	return ret;
}
