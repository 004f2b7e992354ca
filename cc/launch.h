/* SPDX-License-Identifier: MIT */
/*
 * The launch: how a VM's loaded memory becomes the guest's. One interface, four implementations
 * (none, sw-protected, snp, tdx), each a state machine that walks the load plan once:
 *
 *	cc_open      right after KVM_CREATE_VM: SNP INIT2 and LAUNCH_START, TDX INIT_VM
 *	cc_vcpu      for each vCPU, after its CPUID and registers are set: TDX INIT_VCPU
 *	cc_populate  converts what has to be private and hands every boot item to the firmware
 *	cc_finish    seals the VM; vCPUs may run from here on
 *	cc_close     any time
 *
 * The states and the operations that are legal in each are a table per technology; an operation in
 * the wrong order is refused with a sentence and -EPERM before the kernel sees it.
 */
#ifndef CC_LAUNCH_H
#define CC_LAUNCH_H

#include "cc/snp_id.h"
#include "mem/mem.h"
#include "mem/plan.h"
#include "vmm/base/log.h"
#include "vmm/kvm/kvm.h"

#include <stdbool.h>

enum cc_tech {
	CC_NONE,
	CC_SW_PROTECTED,
	CC_SNP,
	CC_TDX,
};

struct cc_snp_config {
	uint64_t policy;
	uint64_t features; /* SEV_FEATURES as the VMSA has them, with or without bit 0 */
	uint32_t vcpu_sig; /* CPUID leaf 1 EAX: RDX of a CPU that starts at a reset vector */
	uint32_t cbit;	   /* position of the C-bit in the guest's page tables; 0: none */
	uint8_t host_data[32];
	const uint8_t *id_block; /* SNP_ID_BLOCK_SIZE bytes, or NULL */
	const uint8_t *id_auth;	 /* SNP_ID_AUTH_SIZE bytes; with id_block */
	uint8_t gosvw[16];	 /* workarounds that the guest sees in its secrets page */
	uint16_t ghcb_version;	 /* highest that KVM offers the guest; 0: KVM's default */
	bool vcek_disabled;	 /* reports must not be signed with the chip's own key */
	bool request_certs;	 /* guest requests for certificates come to us, where KVM can */
};

struct cc_tdx_config {
	uint64_t attributes;
	uint8_t mrconfigid[48];
	uint8_t mrowner[48];
	uint8_t mrownerconfig[48];
};

struct cc_config {
	enum cc_tech tech;
	uint32_t vcpus;
	bool copy; /* snp, tdx: firmware gets boot items from a buffer, also where it need not */
	struct cc_snp_config snp;
	struct cc_tdx_config tdx;
};

enum cc_state {
	CC_CLOSED,
	CC_OPENED,    /* the firmware has a context for the VM */
	CC_VCPUS,     /* at least one vCPU is known to the firmware */
	CC_POPULATED, /* every boot item is in place and measured */
	CC_SEALED,    /* finished: may run, and nothing above is legal any more */
	CC_BROKEN,    /* an operation failed half-way: only cc_close() */
};

struct cc_stats {	    /* what a launch cost */
	uint64_t populates; /* ioctls that gave pages to the firmware */
	uint64_t pages;	    /* pages given to the firmware */
	uint64_t retries;   /* of those ioctls: EAGAIN, EINTR, EBUSY, EIO without status */
};

/* tdx: the TDVMCALLs beyond the basic ones, as bits of what GetTdVmCallInfo, leaf 1, returns in R11
 * and R12 (KVM_TDX_CAPABILITIES). */
struct cc_tdx_calls {
	uint64_t kernel_r11; /* KVM handles them */
	uint64_t kernel_r12;
	uint64_t user_r11; /* the VMM may */
	uint64_t user_r12;
};

struct cc_ops;

struct cc_launch {
	const struct cc_ops *ops;
	const struct cc_config *config;
	const struct vmm_log *log;
	const struct kvm_system *kvm;
	const struct kvm_vm *vm;
	struct guest_mem *mem;
	struct kvm_cpuid2 *cpuid; /* what the vCPUs have in common; firmware may correct it */

	enum cc_state state;
	uint32_t nvcpus;		 /* known to the firmware */
	const struct kvm_vcpu *boot_cpu; /* vCPU 0 */
	uint64_t hob_gpa;		 /* tdx: what INIT_VCPU gives each vCPU */
	bool cpuid_corrected;		 /* snp: the vCPUs' tables have to be set again */
	/* waits between two attempts; tests put something faster here before cc_open() */
	void (*pause)(unsigned int microseconds);
	int sev_fd; /* snp: /dev/sev, or -1 */
	struct cc_tdx_calls tdx_calls;
	struct cc_stats stats;
};

/* KVM_X86_*_VM of a technology; its name: "none", "sw-protected", "snp", "tdx" */
unsigned long cc_vm_type(enum cc_tech tech);
const char *cc_tech_name(enum cc_tech tech);

/* Is there something in it that no host takes? Needs no launch. The text begins with the key. */
int cc_check(const struct cc_config *config, struct vmm_error *err);

/*
 * Can the vCPUs of this VM start with the registers that the plan has for them? -EINVAL when it has
 * some for a vCPU that does not exist, or some that KVM does not take, -ENOTSUP for TDX, whose
 * module sets them. Needs no launch.
 */
int cc_check_vcpus(const struct cc_config *config, const struct load_plan *plan,
		   struct vmm_error *err);

/*
 * *launch is zeroed, but for `pause`. All pointers must outlive it. `cpuid` is the vCPUs' table:
 * tdx configures the TD with it, snp makes the guest's CPUID page from it. On failure nothing is
 * left open.
 */
int cc_open(struct cc_launch *launch, const struct cc_config *config, const struct kvm_system *kvm,
	    const struct kvm_vm *vm, struct guest_mem *mem, struct kvm_cpuid2 *cpuid,
	    const struct vmm_log *log, struct vmm_error *err);

/* In ascending order of vCPU ids, the boot CPU first. `hob_gpa` as in the load plan's entry. */
int cc_vcpu(struct cc_launch *launch, const struct kvm_vcpu *vcpu, uint64_t hob_gpa,
	    struct vmm_error *err);

/* Afterwards launch->cpuid_corrected tells whether the vCPUs' CPUID has to be set once more. */
int cc_populate(struct cc_launch *launch, const struct load_plan *plan, struct vmm_error *err);

int cc_finish(struct cc_launch *launch, struct vmm_error *err);

/* Accepts a zeroed *launch. */
void cc_close(struct cc_launch *launch);

#endif
