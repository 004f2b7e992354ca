// SPDX-License-Identifier: MIT
/* Plain VMs: memory stays shared, nothing is measured. */
#include "cc/launch_ops.h"

static const struct cc_transition transitions[] = {
	{CC_OPENED, CC_OP_VCPU, CC_OPENED},
	{CC_OPENED, CC_OP_POPULATE, CC_POPULATED},
	{CC_POPULATED, CC_OP_FINISH, CC_SEALED},
	{CC_CLOSED, 0, 0},
};

const struct cc_ops cc_none = {
	.name = "none",
	.vm_type = KVM_X86_DEFAULT_VM,
	.transitions = transitions,
};
