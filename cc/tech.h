/* SPDX-License-Identifier: MIT */
/*
 * A technology: all that sets one kind of VM apart from another. Nothing outside of cc/ asks which
 * one a VM has; it asks the descriptor. A new one is a file with its descriptor, and a row in
 * cc/techs.c.
 */
#ifndef CC_TECH_H
#define CC_TECH_H

#include "cc/config.h"
#include "cc/measure.h"

/* Who sets the registers of vCPUs before their first instruction. */
enum cc_registers {
	CC_BOOT_CPU, /* the machine the boot CPU's; the others wait for INIT and SIPI */
	CC_ALL_CPUS, /* the machine everybody's: they are measured */
	CC_NOBODY,   /* the firmware; KVM takes none */
};

/* A file that a key names: "snp.certs", and where its path is in struct cc_keys. */
struct cc_file {
	const char *key;
	size_t path;
};

#define CC_STEPS 8 /* at most */

struct cc_launch;

/* Functions may be NULL: nothing to do. */
struct cc_tech {
	const char *name;	  /* in machine.cc */
	const char *probe_name;	  /* in `probe`, if that is another one */
	const char *remedy;	  /* what makes a host offer it */
	const char *const *steps; /* of its launch, in words, up to CC_STEPS or NULL */

	/* --- the VM --- */
	unsigned long vm_type;	   /* KVM_X86_*_VM */
	enum boot_guest boot;	   /* what the loader has to make */
	bool private_memory;	   /* RAM becomes private before boot items are handed over */
	bool split_irqchip;	   /* KVM has local APICs only: the rest is ours */
	unsigned int bus_cycle_ns; /* of the local APICs' timers; 0: KVM's */
	uint32_t least_leaf;	   /* basic CPUID leaves go at least so far */
	enum cc_registers registers;
	int (*cpuid)(const struct cc_config *config, struct kvm_cpuid2 *cpuid,
		     struct vmm_error *err);

	/* --- the configuration; see cc_config_init() and its fellows --- */
	const struct cc_file *files; /* ends with key NULL */
	int (*read)(struct cc_config *config, const struct sys *sys, struct vmm_error *err);
	int (*demand)(struct cc_config *config, const struct boot_demand *demand,
		      struct vmm_error *err);
	int (*read_identity)(struct cc_config *config, const struct sys *sys,
			     struct vmm_error *err);
	int (*check)(const struct cc_config *config, struct vmm_error *err);
	int (*check_vcpu)(const struct cc_config *config, const struct load_vcpu *vcpu,
			  struct vmm_error *err);

	/* --- the launch --- */
	bool firmware;		/* takes boot items into private pages, wherever their bytes are */
	bool zero_needs_source; /* also when they are LOAD_ZERO */
	bool zero_is_slow;	/* it takes a millisecond for each of those pages */
	bool vcpus_first;	/* pages are added through a vCPU */
	int (*open)(struct cc_launch *launch, struct vmm_error *err);
	int (*vcpu)(struct cc_launch *launch, const struct kvm_vcpu *vcpu, struct vmm_error *err);
	/* an item, or a part of one; its bytes are at mem_source() */
	int (*populate)(struct cc_launch *launch, const struct load_item *item,
			struct vmm_error *err);
	int (*finish)(struct cc_launch *launch, struct vmm_error *err);
	void (*close)(struct cc_launch *launch);

	/* --- the measurement --- */
	bool (*measures)(const struct load_item *item); /* its contents? */
	int (*measure)(const struct cc_config *config, const struct load_plan *plan,
		       const struct guest_mem *mem, struct cc_measurement *out,
		       struct vmm_error *err);
	/* of a vCPU's registers, where those are measured */
	void (*measure_vcpu)(const struct cc_config *config, const struct load_plan *plan,
			     uint32_t id, uint8_t digest[CC_DIGEST]);
	/* would the firmware take the guest's identity with this measurement? */
	int (*check_identity)(const struct cc_config *config, const uint8_t digest[CC_DIGEST],
			      struct vmm_error *err);
};

extern const struct cc_tech cc_none;
extern const struct cc_tech cc_auto; /* a wish only, see cc_choose() */
extern const struct cc_tech cc_sw_protected;
extern const struct cc_tech cc_snp;
extern const struct cc_tech cc_tdx;

/* Sentences that several technologies have among their steps. */
extern const char cc_step_write[];
extern const char cc_step_private[];
extern const char cc_step_start[];

/* --- for launches ----------------------------------------------------------------------------- */

/* How often an ioctl that made no progress is repeated before the launch gives up; the pause
 * between two tries doubles from 1 ms up to CC_RETRY_PAUSE_MAX_MS. About 5 seconds altogether. */
#define CC_RETRIES	      60
#define CC_RETRY_PAUSE_MAX_MS 100

/* Counts a try that made no progress, the `*tries`th in a row, and pauses; false when it was the
 * last one. */
bool cc_retry(struct cc_launch *launch, unsigned int *tries);

/* All of RAM becomes private and all items are populated, in the order of the plan; populate.c. */
int cc_walk(struct cc_launch *launch, const struct load_plan *plan, struct vmm_error *err);

/* A file's value counts, unless the configuration gives another for `key`: that is a contradiction,
 * since an author who names a value has a report in mind that shows it. */
int cc_take(const char *key, bool given, uint64_t demanded, uint64_t *value, struct vmm_error *err);

/* The hash of the file that `key` names. */
struct nettle_hash;
int cc_hash_file(const char *key, const char *path, const struct nettle_hash *hash, uint8_t *digest,
		 const struct sys *sys, struct vmm_error *err);

#endif
