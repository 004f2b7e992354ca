/* SPDX-License-Identifier: MIT */
/* What a technology provides to cc/launch.c. */
#ifndef CC_LAUNCH_OPS_H
#define CC_LAUNCH_OPS_H

#include "cc/launch.h"

enum cc_operation {
	CC_OP_VCPU,
	CC_OP_POPULATE,
	CC_OP_FINISH,
};

/* A legal operation: in `state` it leads to `next`. */
struct cc_transition {
	enum cc_state state;
	enum cc_operation operation;
	enum cc_state next;
};

struct cc_ops {
	const char *name;
	unsigned long vm_type;
	bool private_memory;	/* RAM becomes private before boot items are handed over */
	bool firmware;		/* takes boot items into private pages, wherever their bytes are */
	bool zero_needs_source; /* also when they are LOAD_ZERO */
	const struct cc_transition *transitions; /* ends with state CC_CLOSED */

	/* NULL: nothing to do */
	int (*open)(struct cc_launch *launch, struct vmm_error *err);
	int (*vcpu)(struct cc_launch *launch, const struct kvm_vcpu *vcpu, struct vmm_error *err);
	/* an item, or a part of one; its bytes are at mem_source() */
	int (*populate)(struct cc_launch *launch, const struct load_item *item,
			struct vmm_error *err);
	int (*finish)(struct cc_launch *launch, struct vmm_error *err);
	void (*close)(struct cc_launch *launch);
};

extern const struct cc_ops cc_none;
extern const struct cc_ops cc_sw_protected;
extern const struct cc_ops cc_snp;
extern const struct cc_ops cc_tdx;

/* How often an ioctl that made no progress is repeated before the launch gives up; the pause
 * between two tries doubles from 1 ms up to CC_RETRY_PAUSE_MAX_MS. About 5 seconds altogether. */
#define CC_RETRIES	      60
#define CC_RETRY_PAUSE_MAX_MS 100

struct cc_retry {
	unsigned int tries; /* without progress */
};

/* Counts a try that made no progress and pauses; false when it was the last one. */
bool cc_retry(struct cc_launch *launch, struct cc_retry *retry);

/* All of RAM becomes private and all items are populated, in the order of the plan; populate.c. */
int cc_walk(struct cc_launch *launch, const struct load_plan *plan, struct vmm_error *err);

#endif
