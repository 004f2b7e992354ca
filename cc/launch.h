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

#include "cc/config.h"
#include "mem/mem.h"
#include "mem/plan.h"
#include "vmm/base/log.h"
#include "vmm/kvm/kvm.h"

#include <stdbool.h>

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

struct cc_launch {
	const struct cc_config *config; /* NULL: closed */
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
