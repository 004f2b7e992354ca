/* SPDX-License-Identifier: MIT */
/* What is asked of a technology whichever it is: which one a guest gets, its configuration, what is
 * wrong with it, and what it will measure. */
#ifndef CC_DISPATCH_H
#define CC_DISPATCH_H

#include "cc/config.h"
#include "mem/mem.h"
#include "mem/plan.h"
#include "vmm/base/log.h"
#include "vmm/kvm/kvm.h"

/* The technologies that machine.cc can name, in the order in which they are listed; ends with NULL. */
extern const struct cc_tech *const cc_techs[];

/* The name of cc_techs[i], or NULL behind the last one. */
const char *cc_tech_name(size_t i);

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

#endif
