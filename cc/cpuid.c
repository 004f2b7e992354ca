// SPDX-License-Identifier: MIT
/*
 * CPUID of confidential guests. An SNP guest answers CPUID from a page that the firmware checks,
 * and the firmware refuses some of what KVM supports (SEV Secure Nested Paging Firmware ABI, "CPUID
 * Reporting"); a TD has no memory that it shares with KVM, so most paravirtual features go (Linux,
 * Documentation/virt/kvm/x86/cpuid.rst).
 */
#include "cc/dispatch.h"
#include "cc/snp.h"

#include <errno.h>

#define LEAF_KVM_FEATURES   0x40000001
#define LEAF_MEM_ENCRYPTION 0x8000001f

/* 0x8000001f EAX: SEV, SEV-ES, SEV-SNP; EBX: C-bit position, and one address bit that it costs */
#define MEM_ENCRYPTION_SNP	 0x1a
#define MEM_ENCRYPTION_BITS_LOST (1u << 6)

/* Paravirtual features that need no memory shared with KVM: no I/O delay, unhalt, TLB flush, send
 * IPI, poll control, sched yield, extended MSI destination. */
#define PRIVATE_KVM_FEATURES \
	(1u << 1 | 1u << 7 | 1u << 9 | 1u << 11 | 1u << 12 | 1u << 13 | 1u << 15)

static void set_snp(struct kvm_cpuid_entry2 *e)
{
	switch (e->function) {
	case 0x1:
		e->ecx &= ~(1u << 24); /* TSC deadline */
		break;
	case 0x7:
		if (e->index != 0)
			break;
		e->ebx &= ~(1u << 1);	  /* TSC_ADJUST */
		e->ecx &= ~(1u << 16);	  /* LA57: would switch paging modes through low memory */
		e->edx &= ~(0x3fu << 26); /* SPEC_CTRL … SSBD */
		break;
	case 0x80000008:
		e->ebx &= ~(1u << 25); /* VIRT_SSBD */
		break;
	case 0x80000021:
		e->eax &= ~(1u << 9);
		e->ecx = 0;
		break;
	}
}

static void add_mem_encryption(struct kvm_cpuid2 *cpuid, uint32_t cbit)
{
	struct kvm_cpuid_entry2 *found = NULL;

	for (uint32_t i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		if (e->function == LEAF_MEM_ENCRYPTION)
			found = e;
		if (e->function == 0x80000000 && e->eax < LEAF_MEM_ENCRYPTION)
			e->eax = LEAF_MEM_ENCRYPTION;
	}
	if (!found)
		found = &cpuid->entries[cpuid->nent++];
	*found = (struct kvm_cpuid_entry2){
		.function = LEAF_MEM_ENCRYPTION,
		.eax = MEM_ENCRYPTION_SNP,
		.ebx = cbit | MEM_ENCRYPTION_BITS_LOST,
	};
}

/* -EINVAL when the host's C-bit, as far as KVM tells, is not the configured one. */
static int check_cbit(const struct kvm_cpuid_entry2 *e, uint32_t wanted, struct vmm_error *err)
{
	uint32_t cbit = e->ebx & 0x3f;

	/* hosts that only emulate SNP show nothing here */
	if (e->function != LEAF_MEM_ENCRYPTION || cbit == 0 || cbit == wanted)
		return 0;
	return vmm_error_set(err, -EINVAL,
			     "snp.cbit = %u: this host's C-bit is %u, which the guest's page "
			     "tables need and its measurement includes",
			     wanted, cbit);
}

/* Memory encryption of the host is not this guest's: it would look for MSRs that it lacks. */
static void hide_encryption(struct kvm_cpuid2 *cpuid)
{
	for (uint32_t i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		if (e->function == LEAF_MEM_ENCRYPTION)
			e->eax = e->ebx = e->ecx = e->edx = 0;
	}
}

/* For guests without pages that KVM can write to. */
static void hide_sharing(struct kvm_cpuid2 *cpuid)
{
	for (uint32_t i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == LEAF_KVM_FEATURES)
			cpuid->entries[i].eax &= PRIVATE_KVM_FEATURES;
}

int snp_cpuid(const struct cc_config *config, struct kvm_cpuid2 *cpuid, struct vmm_error *err)
{
	for (uint32_t i = 0; i < cpuid->nent; i++) {
		int ret = check_cbit(&cpuid->entries[i], config->snp.cbit, err);

		if (ret < 0)
			return ret;
		set_snp(&cpuid->entries[i]);
	}
	/* a guest that knows that it is an SNP guest shares pages with KVM */
	if (config->snp.cbit) {
		add_mem_encryption(cpuid, config->snp.cbit);
	} else {
		hide_encryption(cpuid);
		hide_sharing(cpuid);
	}
	return 0;
}

int cc_cpuid(const struct cc_config *config, struct kvm_cpuid2 *cpuid, struct vmm_error *err)
{
	if (config->tech->cpuid)
		return config->tech->cpuid(config, cpuid, err);
	hide_encryption(cpuid);
	if (config->tech->private_memory)
		hide_sharing(cpuid);
	return 0;
}
