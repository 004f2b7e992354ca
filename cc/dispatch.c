// SPDX-License-Identifier: MIT
/* What a launch is made from, and what can be known to fail before there is a VM. */
#include "cc/dispatch.h"

#include "cc/tech.h"
#include "cc/vmsa.h"
#include "mem/file.h"
#include "vmm/base/words.h"

#include <errno.h>
#include <inttypes.h>

#define CR0_PE	 (UINT64_C(1) << 0)
#define CR0_PG	 (UINT64_C(1) << 31)
#define CR4_PAE	 (UINT64_C(1) << 5)
#define EFER_LME (UINT64_C(1) << 8)
#define EFER_LMA (UINT64_C(1) << 10)

const char *cc_tech_name(size_t i)
{
	return cc_techs[i] ? cc_techs[i]->name : NULL;
}

int cc_choose(const struct cc_tech *wish, const struct kvm_system *kvm, const struct cc_tech **tech,
	      struct vmm_error *err)
{
	unsigned int types;

	*tech = wish;
	if (wish != &cc_auto)
		return 0;
	if (!kvm)
		return vmm_error_set(err, -ENODEV,
				     "machine.cc = \"auto\": which VM that is depends on the host, "
				     "say snp or tdx");
	types = (unsigned int)kvm_system_cap(kvm, KVM_CAP_VM_TYPES);
	if (types & 1u << cc_snp.vm_type)
		*tech = &cc_snp;
	else if (types & 1u << cc_tdx.vm_type)
		*tech = &cc_tdx;
	else
		return vmm_error_set(err, -ENOTSUP,
				     "machine.cc = \"auto\": this host offers neither SNP nor TDX, "
				     "see 'minivmm probe'");
	return 0;
}

int cc_config_init(struct cc_config *config, const struct cc_tech *tech, const struct cc_keys *keys,
		   uint32_t vcpus, bool copy, const struct sys *sys, struct vmm_error *err)
{
	*config = (struct cc_config){
		.tech = tech,
		.vcpus = vcpus,
		.copy = copy,
		.snp = keys->snp,
		.tdx = keys->tdx,
	};
	return tech->read ? tech->read(config, sys, err) : 0;
}

int cc_take(const char *key, bool given, uint64_t demanded, uint64_t *value, struct vmm_error *err)
{
	if (given && *value != demanded)
		return vmm_error_set(err, -EINVAL,
				     "%s is %#" PRIx64 ", but the IGVM file wants %#" PRIx64
				     ": leave the key out",
				     key, *value, demanded);
	*value = demanded;
	return 0;
}

int cc_hash_file(const char *key, const char *path, const struct nettle_hash *hash, uint8_t *digest,
		 const struct sys *sys, struct vmm_error *err)
{
	struct mem_file file;
	int ret = mem_file_open(&file, sys, path, err);

	if (ret == 0)
		ret = mem_file_hash(&file, hash, digest, err);
	mem_file_close(&file);
	if (ret < 0)
		vmm_error_prefix(err, "%s", key);
	return ret;
}

int cc_config_demand(struct cc_config *config, const struct boot_demand *demand,
		     struct vmm_error *err)
{
	return config->tech->demand ? config->tech->demand(config, demand, err) : 0;
}

int cc_config_identity(struct cc_config *config, const struct sys *sys, struct vmm_error *err)
{
	return config->tech->read_identity ? config->tech->read_identity(config, sys, err) : 0;
}

int cc_check(const struct cc_config *config, struct vmm_error *err)
{
	return config->tech->check ? config->tech->check(config, err) : 0;
}

/* --- the registers that a load plan brings for vCPUs ------------------------------------------ */

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
	if (config->tech->check_vcpu)
		ret = config->tech->check_vcpu(config, vcpu, err);
	if (ret < 0)
		return ret;
	vmsa_read(&vcpu->vmsa, &state);
	if (valid_mode(&state.sregs))
		return 0;
	return vmm_error_set(
		err, -EINVAL,
		"the registers of vCPU %u are those of no processor mode: CR0 %#" PRIx64 ", "
		"CR4 %#" PRIx64 ", EFER %#" PRIx64,
		vcpu->id, (uint64_t)state.sregs.cr0, (uint64_t)state.sregs.cr4,
		(uint64_t)state.sregs.efer);
}

int cc_check_vcpus(const struct cc_config *config, const struct load_plan *plan,
		   struct vmm_error *err)
{
	int ret = 0;

	for (size_t i = 0; i < plan->nvcpus && ret == 0; i++)
		ret = check_vcpu(config, &plan->vcpu[i], err);
	return ret;
}

/* --- the measurement -------------------------------------------------------------------------- */

int cc_measure(const struct cc_config *config, const struct load_plan *plan,
	       const struct guest_mem *mem, struct cc_measurement *out, struct vmm_error *err)
{
	*out = (struct cc_measurement){0};
	if (config->tech->measure)
		return config->tech->measure(config, plan, mem, out, err);
	if (config->tech->private_memory)
		return vmm_error_set(err, -ENOTSUP, "a software-protected VM is not measured");
	return vmm_error_set(err, -ENOTSUP, "a plain VM (machine.cc = \"none\") is not measured");
}

int cc_expect(const struct cc_config *config, const struct load_plan *plan,
	      const struct guest_mem *mem, const struct vmm_log *log, struct vmm_error *err)
{
	bool told = log && log->write && log->level >= VMM_LOG_INFO;
	struct cc_measurement measurement;
	char text[2 * CC_DIGEST + 1];
	int ret;

	if (!config->tech->measure || !(told || config->have_id))
		return 0;
	ret = cc_measure(config, plan, mem, &measurement, err);
	if (ret < 0) {
		vmm_error_prefix(err, "unable to compute the expected launch measurement");
		return ret;
	}
	hex_write(text, measurement.digest, sizeof(measurement.digest));
	vmm_log(log, VMM_LOG_INFO, "launch measurement %s expected", text);
	return config->have_id ? config->tech->check_identity(config, measurement.digest, err) : 0;
}
