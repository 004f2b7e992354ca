// SPDX-License-Identifier: MIT
/*
 * A vCPU before its first instruction. The boot CPU starts where the loader says (cc/vcpu_state.h);
 * all others are left in their reset state, waiting for INIT and SIPI.
 */
#include "vmm/x86/cpu_state.h"

#include "cc/vcpu_state.h"
#include "vmm/base/bytes.h"

#include <errno.h>

#define MSR_IA32_MISC_ENABLE	 0x1a0
#define MSR_IA32_MTRR_DEF_TYPE	 0x2ff
#define MISC_ENABLE_FAST_STRING	 (UINT64_C(1) << 0)
#define MTRR_DEF_TYPE_WRITE_BACK (UINT64_C(1) << 11 | 6) /* enabled, all memory write-back */

#define APIC_LVT0	 0x350
#define APIC_LVT1	 0x360
#define APIC_MODE_NMI	 4
#define APIC_MODE_EXTINT 7

/* What KVM has for the rest (APIC base, pending interrupts) stays. */
static int set_registers(const struct kvm_vcpu *vcpu, const struct cc_vcpu_state *state,
			 struct vmm_error *err)
{
	struct kvm_sregs wanted = state->sregs;
	struct kvm_regs regs = state->regs;
	struct kvm_sregs sregs;
	int ret;

	ret = kvm_vcpu_get_sregs(vcpu, &sregs, err);
	if (ret < 0)
		return ret;
	wanted.apic_base = sregs.apic_base;
	wanted.cr8 = sregs.cr8;
	ret = kvm_vcpu_set_sregs(vcpu, &wanted, err);
	return ret < 0 ? ret : kvm_vcpu_set_regs(vcpu, &regs, err);
}

static int set_msrs(const struct kvm_vcpu *vcpu, struct vmm_error *err)
{
	static const struct {
		uint32_t index;
		uint64_t data;
	} values[] = {
		{MSR_IA32_MISC_ENABLE, MISC_ENABLE_FAST_STRING},
		{MSR_IA32_MTRR_DEF_TYPE, MTRR_DEF_TYPE_WRITE_BACK},
	};
	union {
		struct kvm_msrs head;
		uint8_t bytes[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry) * 2];
	} msrs = {0};
	struct kvm_msr_entry *entry =
		(struct kvm_msr_entry *)(msrs.bytes + sizeof(struct kvm_msrs));
	int ret;

	_Static_assert(ARRAY_SIZE(values) == 2, "room in the union");
	msrs.head.nmsrs = ARRAY_SIZE(values);
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		entry[i] = (struct kvm_msr_entry){.index = values[i].index, .data = values[i].data};
	ret = kvm_vcpu_set_msrs(vcpu, &msrs.head, err);
	if (ret < 0)
		return ret;
	if ((size_t)ret < ARRAY_SIZE(values))
		return vmm_error_set(err, -EINVAL, "KVM_SET_MSRS on %s refused MSR %#x",
				     vcpu->h.name, values[ret].index);
	return 0;
}

/* Virtual wire mode: the 8259 reaches the boot CPU through LINT0, NMI all CPUs through LINT1, as
 * firmware leaves it (Intel MultiProcessor Specification 3.6.2.2). */
static int set_lapic(const struct kvm_vcpu *vcpu, uint32_t id, struct vmm_error *err)
{
	struct kvm_lapic_state lapic;
	int ret = kvm_vcpu_get_lapic(vcpu, &lapic, err);

	if (ret < 0)
		return ret;
	if (id == 0)
		put_le32(lapic.regs + APIC_LVT0, APIC_MODE_EXTINT << 8);
	put_le32(lapic.regs + APIC_LVT1, APIC_MODE_NMI << 8);
	return kvm_vcpu_set_lapic(vcpu, &lapic, err);
}

/*
 * SNP measures the registers of all vCPUs, so all of them are set. Without firmware that parks the
 * others, they have to stand halted: Linux starts them without INIT and SIPI, and KVM looks at its
 * request only then (arch/x86/kvm/svm/sev.c, AP creation).
 */
static int set_snp_state(const struct kvm_vcpu *vcpu, uint32_t id, const struct cc_config *config,
			 const struct load_plan *plan, struct vmm_error *err)
{
	struct kvm_mp_state halted = {.mp_state = KVM_MP_STATE_HALTED};
	struct cc_vcpu_state state;
	int ret;

	cc_vcpu_state(plan, id, config->snp.vcpu_sig, config->snp.cbit, &state);
	ret = set_registers(vcpu, &state, err);
	if (ret == 0 && id != 0 && plan->entry.mode != ENTRY_RESET)
		ret = kvm_vcpu_set_mp_state(vcpu, &halted, err);
	return ret;
}

static int set_plain_state(const struct kvm_vcpu *vcpu, const struct load_plan *plan,
			   struct vmm_error *err)
{
	struct cc_vcpu_state state;

	cc_vcpu_state(plan, 0, 0, 0, &state);
	return set_registers(vcpu, &state, err);
}

int cpu_state_set(const struct kvm_vcpu *vcpu, uint32_t id, const struct cc_config *config,
		  const struct load_plan *plan, struct vmm_error *err)
{
	int ret = 0;

	if (config->tech->registers == CC_NOBODY)
		return 0;
	if (config->tech->registers == CC_ALL_CPUS)
		ret = set_snp_state(vcpu, id, config, plan, err);
	else if (id == 0 && plan->entry.mode != ENTRY_RESET)
		ret = set_plain_state(vcpu, plan, err);
	if (ret == 0)
		ret = set_msrs(vcpu, err);
	if (ret == 0)
		ret = set_lapic(vcpu, id, err);
	return ret;
}
