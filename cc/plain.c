// SPDX-License-Identifier: MIT
/* VMs without firmware that launches them: plain ones, and KVM's software-protected ones. */
#include "cc/launch.h"
#include "cc/tech.h"

const char cc_step_write[] = "write the boot items into guest memory while its pages are shared "
			     "with the host";
const char cc_step_private[] = "make all RAM private, contents of the boot items kept";
const char cc_step_start[] = "start the boot CPU at the entry; the others wait until it wakes them";

/* Memory stays shared, nothing is measured. */
const struct cc_tech cc_none = {
	.name = "none",
	.probe_name = "plain",
	.remedy = "a usable /dev/kvm is all it needs",
	.steps =
		(const char *const[CC_STEPS]){
			cc_step_write,
			"plain VM: nothing is converted, nothing is measured, nothing is sealed",
			cc_step_start,
		},
	.vm_type = KVM_X86_DEFAULT_VM,
};

/* What is said of keys holds for either of the technologies that it may become. */
const struct cc_tech cc_auto = {
	.name = "auto",
	.boot = BOOT_SNP,
	.private_memory = true,
	.firmware = true,
};

static int populate(struct cc_launch *launch, const struct load_item *item, struct vmm_error *err)
{
	(void)err;
	launch->stats.pages += item->len / PAGE_SIZE;
	return 0;
}

/*
 * Private memory without firmware, for testing on any host. KVM keeps the contents of pages that are
 * converted in place (Linux, virt/kvm/guest_memfd.c), so the loaded pages simply become private. In
 * split mode private memory cannot be filled, since there is no populate operation: boot items stay
 * in shared pages there, and the rest of RAM becomes private.
 */
const struct cc_tech cc_sw_protected = {
	.name = "sw-protected",
	.remedy = "a kernel built with CONFIG_KVM_SW_PROTECTED_VM is needed, Linux 6.8 or later",
	.steps =
		(const char *const[CC_STEPS]){
			cc_step_write,
			"make all RAM private, contents kept; no firmware, nothing is measured",
			cc_step_start,
		},
	.vm_type = KVM_X86_SW_PROTECTED_VM,
	.private_memory = true,
	.populate = populate,
};
