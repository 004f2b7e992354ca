// SPDX-License-Identifier: MIT
/*
 * Intel TDX: INIT_VM, INIT_VCPU, INIT_MEM_REGION for each boot item, FINALIZE_VM (Linux,
 * Documentation/virt/kvm/x86/intel-tdx.rst).
 */
#include "cc/launch.h"
#include "cc/measure_tdx.h"
#include "cc/tdx_config.h"
#include "cc/tdx_cpuid.h"
#include "cc/tech.h"
#include "mem/convert.h"
#include "vmm/base/bytes.h"
#include "vmm/kvm/uapi_tdx.h"

#include <errno.h>
#include <inttypes.h>
#include <nettle/nettle-meta.h>
#include <stdlib.h>

#define SEPT_VE_DISABLE (UINT64_C(1) << 28)
#define MAX_CPUID	256 /* entries that KVM handles, KVM_MAX_CPUID_ENTRIES */

static int command(const struct kvm_fd *h, uint32_t id, uint32_t flags, uint64_t data,
		   const char *name, struct vmm_error *err)
{
	struct tdx_cmd cmd = {.id = id, .flags = flags, .data = data};
	int ret = kvm_ioctl(h, KVM_MEMORY_ENCRYPT_OP, name, &cmd, err);

	if (ret < 0 && cmd.hw_error) {
		vmm_error_hint(err, "TDX module status %#" PRIx64, (uint64_t)cmd.hw_error);
		if (err)
			err->firmware = cmd.hw_error;
	}
	return ret;
}

static int init_vm(struct cc_launch *launch, const struct tdx_capabilities *caps,
		   struct vmm_error *err)
{
	unsigned int tries = 0;
	struct tdx_init_vm *init;
	int ret;

	tdx_cpuid_fit(launch->cpuid, tdx_xfam(launch->cpuid, caps->supported_xfam));
	ret = tdx_init_vm_build(&launch->config->tdx, caps, launch->cpuid, &init, err);
	if (ret < 0)
		return ret;
	do /* EAGAIN: the CPU's random number generator ran dry */
		ret = command(&launch->vm->h, TDX_CMD_INIT_VM, 0, (uintptr_t)init,
			      "KVM_TDX_INIT_VM", err);
	while (ret == -EAGAIN && cc_retry(launch, &tries));
	free(init);
	if (ret == -ENOSPC)
		vmm_error_hint(err, "all TDX private key ids of the host are in use");
	return ret < 0 ? ret : 0;
}

static int tdx_open(struct cc_launch *launch, struct vmm_error *err)
{
	struct tdx_capabilities *caps = NULL;
	int ret = -E2BIG;

	if (!(launch->config->tdx.attributes & SEPT_VE_DISABLE))
		vmm_log(launch->log, VMM_LOG_WARN,
			"tdx.attributes has no SEPT_VE_DISABLE (0x10000000): Linux guests panic "
			"early without it");

	/* the kernel does not say how many entries it has, only that there is no room */
	for (uint32_t n = 64; ret == -E2BIG && n <= 256; n *= 2) {
		free(caps);
		caps = calloc(1, sizeof(*caps) + n * sizeof(caps->entry[0]));
		if (!caps)
			return vmm_error_errno(err, -ENOMEM, "unable to ask for TDX capabilities");
		caps->nent = n;
		ret = command(&launch->vm->h, TDX_CMD_CAPABILITIES, 0, (uintptr_t)caps,
			      "KVM_TDX_CAPABILITIES", err);
		if (ret >= 0 && caps->nent > n)
			ret = vmm_error_set(err, -EIO,
					    "KVM_TDX_CAPABILITIES: %u entries in room "
					    "for %u",
					    caps->nent, n);
	}
	if (ret >= 0) {
		launch->tdx_calls = (struct cc_tdx_calls){
			.kernel_r11 = caps->kernel_info_r11,
			.kernel_r12 = caps->kernel_info_r12,
			.user_r11 = caps->user_info_r11,
			.user_r12 = caps->user_info_r12,
		};
		ret = init_vm(launch, caps, err);
	}
	free(caps);
	return ret < 0 ? ret : 0;
}

/* Tells where the guest sees another CPUID than KVM has. That is for people: nothing depends on it,
 * and a kernel that does not answer is no reason to end the launch. */
static void report_cpuid(struct cc_launch *launch, const struct kvm_vcpu *vcpu)
{
	struct kvm_cpuid2 *td = calloc(1, sizeof(*td) + MAX_CPUID * sizeof(td->entries[0]));
	int ret;

	if (!td)
		return;
	td->nent = MAX_CPUID;
	ret = command(&vcpu->h, TDX_CMD_GET_CPUID, 0, (uintptr_t)td, "KVM_TDX_GET_CPUID", NULL);
	if (ret >= 0 && td->nent <= MAX_CPUID)
		tdx_cpuid_compare(launch->cpuid, td, launch->log);
	else
		vmm_log(launch->log, VMM_LOG_WARN,
			"KVM_TDX_GET_CPUID does not tell which CPUID the TD sees (%d, %u entries)",
			ret, td->nent);
	free(td);
}

static int tdx_vcpu(struct cc_launch *launch, const struct kvm_vcpu *vcpu, struct vmm_error *err)
{
	int ret =
		command(&vcpu->h, TDX_CMD_INIT_VCPU, 0, launch->hob_gpa, "KVM_TDX_INIT_VCPU", err);

	if (ret >= 0 && launch->nvcpus == 0)
		report_cpuid(launch, vcpu);
	return ret < 0 ? ret : 0;
}

/*
 * The kernel writes back what is left to do whatever the result: a call that was interrupted goes
 * on with the same structure. Made anew, it would add a page twice, which kills the TD.
 */
static int tdx_populate(struct cc_launch *launch, const struct load_item *item,
			struct vmm_error *err)
{
	struct tdx_mem_region region = {
		.source_addr = mem_source(launch->mem, item),
		.gpa = item->gpa,
		.nr_pages = item->len / PAGE_SIZE,
	};
	uint32_t flags = item->measured ? TDX_MEASURE_MEMORY_REGION : 0;
	unsigned int tries = 0;
	bool again;

	while (region.nr_pages > 0) {
		uint64_t left = region.nr_pages;
		int ret = mem_check_stop(launch->mem, err); /* a signal ends a call early */

		if (ret < 0)
			return ret;
		ret = command(&launch->boot_cpu->h, TDX_CMD_INIT_MEM_REGION, flags,
			      (uintptr_t)&region, "KVM_TDX_INIT_MEM_REGION", err);

		launch->stats.populates++;
		if (region.nr_pages > left)
			return vmm_error_set(err, -EIO, "%s: KVM_TDX_INIT_MEM_REGION went back",
					     item->name);
		launch->stats.pages += left - region.nr_pages;
		again = ret >= 0 || ret == -EINTR || ret == -EAGAIN || ret == -EBUSY;
		if (region.nr_pages < left && again) {
			tries = 0;
			continue;
		}
		if (ret >= 0)
			ret = vmm_error_set(err, -EIO, "KVM_TDX_INIT_MEM_REGION makes no progress");
		if (again && cc_retry(launch, &tries))
			continue;
		vmm_error_prefix(err, "%s at %#" PRIx64, item->name, (uint64_t)region.gpa);
		return ret;
	}
	return 0;
}

static int tdx_finish(struct cc_launch *launch, struct vmm_error *err)
{
	unsigned int tries = 0;
	int ret;

	do
		ret = command(&launch->vm->h, TDX_CMD_FINALIZE_VM, 0, 0, "KVM_TDX_FINALIZE_VM",
			      err);
	while ((ret == -EBUSY || ret == -EAGAIN || ret == -EINTR) && cc_retry(launch, &tries));
	return ret < 0 ? ret : 0;
}

/* --- the configuration ------------------------------------------------------------------------ */

static int tdx_read(struct cc_config *config, const struct sys *sys, struct vmm_error *err)
{
	if (!config->tdx.mrconfigid_file)
		return 0;
	return cc_hash_file("tdx.mrconfigid-file", config->tdx.mrconfigid_file, &nettle_sha384,
			    config->tdx.mrconfigid, sys, err);
}

static int tdx_demand(struct cc_config *config, const struct boot_demand *demand,
		      struct vmm_error *err)
{
	struct cc_tdx_config *tdx = &config->tdx;

	if (!demand->has_policy)
		return 0;
	return cc_take("tdx.attributes", tdx->have_attributes, demand->policy, &tdx->attributes,
		       err);
}

static int tdx_check_vcpu(const struct cc_config *config, const struct load_vcpu *vcpu,
			  struct vmm_error *err)
{
	(void)config;
	return vmm_error_set(
		err, -ENOTSUP,
		"there are registers for vCPU %u, but in a TD the TDX module sets them", vcpu->id);
}

static bool measures(const struct load_item *item)
{
	return item->measured;
}

const struct cc_tech cc_tdx = {
	.name = "tdx",
	.remedy = "an Intel CPU with TDX enabled in the firmware setup, Linux 6.16 or later, and "
		  "kvm_intel loaded with tdx=1 are needed",
	.steps =
		(const char *const[CC_STEPS]){
			"KVM_TDX_INIT_VM, KVM_TDX_INIT_VCPU: a new guest for the TDX module",
			cc_step_write,
			cc_step_private,
			"KVM_TDX_INIT_MEM_REGION for each boot item, in their order: encrypts its "
			"pages and measures them",
			"KVM_TDX_FINALIZE_VM: seals the VM",
			cc_step_start,
		},
	.vm_type = KVM_X86_TDX_VM,
	.boot = BOOT_TDX,
	.private_memory = true,
	/* KVM cannot see a TD's end of interrupt, so it offers local APICs only (Linux,
	 * Documentation/virt/kvm/x86/intel-tdx.rst) */
	.split_irqchip = true,
	/* a crystal clock of 25 MHz (Intel TDX Module ABI, CPUID leaf 0x15) */
	.bus_cycle_ns = 40,
	.least_leaf = 0x1f,
	.registers = CC_NOBODY,
	.files =
		(const struct cc_file[]){
			{"tdx.mrconfigid-file", offsetof(struct cc_keys, tdx.mrconfigid_file)},
			{0},
		},
	.read = tdx_read,
	.demand = tdx_demand,
	.check_vcpu = tdx_check_vcpu,
	.firmware = true,
	.zero_needs_source = true,
	.vcpus_first = true,
	.open = tdx_open,
	.vcpu = tdx_vcpu,
	.populate = tdx_populate,
	.finish = tdx_finish,
	.measures = measures,
	.measure = measure_tdx,
};
