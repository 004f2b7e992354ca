// SPDX-License-Identifier: MIT
/*
 * KVM's software-protected VMs: private memory without firmware, for testing on any host. KVM keeps
 * the contents of pages that are converted in place (Linux, virt/kvm/guest_memfd.c), so the loaded
 * pages simply become private. In split mode private memory cannot be filled, since there is no
 * populate operation: boot items stay in shared pages there, and the rest of RAM becomes private.
 */
#include "cc/launch_ops.h"

static int populate(struct cc_launch *launch, const struct load_item *item, struct vmm_error *err)
{
	(void)err;
	launch->stats.pages += item->len / PAGE_SIZE;
	return 0;
}

static const struct cc_transition transitions[] = {
	{CC_OPENED, CC_OP_VCPU, CC_OPENED},
	{CC_OPENED, CC_OP_POPULATE, CC_POPULATED},
	{CC_POPULATED, CC_OP_FINISH, CC_SEALED},
	{CC_CLOSED, 0, 0},
};

const struct cc_ops cc_sw_protected = {
	.name = "sw-protected",
	.vm_type = KVM_X86_SW_PROTECTED_VM,
	.private_memory = true,
	.transitions = transitions,
	.populate = populate,
};
