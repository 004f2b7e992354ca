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
#include "mem/demand.h"
#include "mem/mem.h"
#include "mem/plan.h"
#include "vmm/base/log.h"
#include "vmm/kvm/kvm.h"

#include <stdbool.h>

/* What a launch is made from: the user's keys, and what was read from the files that they name. */
struct cc_config {
	const struct cc_tech *tech;
	uint32_t vcpus;
	bool copy; /* firmware gets boot items from a buffer, also where it need not */
	struct cc_snp_config snp;
	struct cc_tdx_config tdx;
	bool have_id; /* snp: the guest has an ID block */
	struct snp_id_block id_block;
	struct snp_id_auth id_auth;
};

/*
 * The technology that a guest gets who may have `wish`. For "auto" the host decides: SNP where KVM
 * offers it, else TDX, else -ENOTSUP; never a plain VM. With `kvm` NULL "auto" is -ENODEV, as there
 * is no host to ask.
 */
int cc_choose(const struct cc_tech *wish, const struct kvm_system *kvm, const struct cc_tech **tech,
	      struct vmm_error *err);

/* Fills *config, and reads from files what enters the launch. */
int cc_config_init(struct cc_config *config, const struct cc_tech *tech, const struct cc_keys *keys,
		   uint32_t vcpus, bool copy, const struct sys *sys, struct vmm_error *err);

/*
 * Afterwards: policy, SEV_FEATURES and TD attributes become those of the file; -EINVAL when the
 * configuration gives others. The file's ID block is used unless the configuration has one.
 */
int cc_config_demand(struct cc_config *config, const struct boot_demand *demand,
		     struct vmm_error *err);

/*
 * Reads ID block and ID authentication, raw or in base64, and checks what is needed only while the
 * guest runs: the certificate table and the address of the quoting service. None of it enters the
 * measurement.
 */
int cc_config_identity(struct cc_config *config, const struct sys *sys, struct vmm_error *err);

/* Is there something in it that no host takes? Needs no launch. The text begins with the key. */
int cc_check(const struct cc_config *config, struct vmm_error *err);

/*
 * Can the vCPUs of this VM start with the registers that the plan has for them? -EINVAL when it has
 * some for a vCPU that does not exist, or some that KVM does not take, -ENOTSUP for TDX, whose
 * module sets them. Needs no launch.
 */
int cc_check_vcpus(const struct cc_config *config, const struct load_plan *plan,
		   struct vmm_error *err);

/* What guests of this kind see of CPUID differently, and -EINVAL when they cannot run on a host that
 * has this table. One entry may be added. */
int cc_cpuid(const struct cc_config *config, struct kvm_cpuid2 *cpuid, struct vmm_error *err);

/*
 * Computes the measurement that the hardware should arrive at, says it in the log (level info), and
 * refuses with -EINVAL an ID block that was made for another one: the firmware would do so too, at
 * the end of the launch and without saying why. While guest memory is still shared. Nothing happens
 * for VMs that nobody measures.
 */
int cc_expect(const struct cc_config *config, const struct load_plan *plan,
	      const struct guest_mem *mem, const struct vmm_log *log, struct vmm_error *err);

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
