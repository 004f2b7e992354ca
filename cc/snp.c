// SPDX-License-Identifier: MIT
/*
 * SEV-SNP: KVM_SEV_INIT2, LAUNCH_START, one or more LAUNCH_UPDATE per boot item, LAUNCH_FINISH
 * (Linux, Documentation/virt/kvm/x86/amd-memory-encryption.rst).
 */
#include "cc/snp.h"
#include "cc/measure_snp.h"
#include "cc/snp_cpuid.h"
#include "cc/snp_status.h"
#include "mem/convert.h"
#include "vmm/kvm/device_hint.h"
#include "vmm/kvm/uapi_snp.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* One sub-command. *status gets the firmware's word, 0 when it was not asked or content. */
static int command(struct cc_launch *launch, uint32_t id, const char *name, void *data,
		   uint32_t *status, struct vmm_error *err)
{
	struct snp_cmd cmd = {
		.id = id, .data = (uintptr_t)data, .sev_fd = (uint32_t)launch->sev_fd};
	unsigned long arg = (uintptr_t)&cmd;
	const char *hint;
	int ret;

	ret = kvm_ioctl(&launch->vm->h, KVM_MEMORY_ENCRYPT_OP, name, (void *)arg, err);
	*status = ret < 0 ? cmd.error : 0;
	if (ret < 0 && cmd.error) {
		vmm_error_hint(err, "firmware status %#x %s", cmd.error,
			       snp_status_name(cmd.error));
		hint = snp_status_hint(cmd.error);
		if (hint)
			vmm_error_hint(err, "%s", hint);
		if (err)
			err->firmware = cmd.error;
	}
	return ret;
}

static int open_sev(struct cc_launch *launch, struct vmm_error *err)
{
	const struct sys *sys = launch->vm->h.sys;
	int fd = sys->ops->open(sys->ctx, "/dev/sev", O_RDWR);
	char hint[DEVICE_HINT];

	if (fd < 0) {
		vmm_error_errno(err, fd, "unable to open /dev/sev");
		if (device_hint(sys, "/dev/sev", fd, hint))
			vmm_error_hint(err, "%s", hint);
		else
			vmm_error_hint(err,
				       "is SNP enabled in the firmware setup, and the ccp module "
				       "loaded? In a container " DEVICE_OPTION("/dev/sev"));
		return fd;
	}
	launch->sev_fd = fd;
	return 0;
}

/* SEV_FEATURES that KVM lets a guest have; a kernel that does not say offers none but SNP itself.
 */
static int check_features(struct cc_launch *launch, uint64_t features, struct vmm_error *err)
{
	uint64_t allowed = 0;
	struct kvm_device_attr attr = {
		.group = SNP_ATTR_GROUP,
		.attr = SNP_ATTR_VMSA_FEATURES,
		.addr = (uintptr_t)&allowed,
	};

	if (!features)
		return 0;
	/* the guest's TSC would run at a rate that nobody has set */
	if (features & SNP_SECURE_TSC)
		return vmm_error_set(err, -ENOTSUP,
				     "snp.guest-features: bit 9, SECURE_TSC, is not supported by "
				     "minivmm");
	if (kvm_ioctl(&launch->kvm->h, KVM_GET_DEVICE_ATTR, "KVM_GET_DEVICE_ATTR", &attr, NULL) < 0)
		allowed = 0;
	if (features & ~allowed)
		return vmm_error_set(err, -EINVAL,
				     "snp.guest-features: this host does not offer %#" PRIx64
				     ", only %#" PRIx64,
				     features & ~allowed, allowed | SNP_ACTIVE);
	return 0;
}

/* From now on KVM asks us for the certificates that go with an attestation report; kernels before
 * 7.0 give the guest an empty table. */
static int enable_certs(struct cc_launch *launch, struct vmm_error *err)
{
	struct kvm_device_attr attr = {.group = SNP_ATTR_GROUP, .attr = SNP_ATTR_REQ_CERTS};
	uint32_t status;
	int ret;

	ret = kvm_ioctl(&launch->kvm->h, KVM_HAS_DEVICE_ATTR, "KVM_HAS_DEVICE_ATTR", &attr, err);
	if (ret < 0 && ret != -ENXIO && ret != -ENOTTY)
		return ret;
	if (ret < 0) {
		vmm_log(launch->log, VMM_LOG_WARN,
			"snp.certs has no effect: this kernel gives the guest no certificates, "
			"Linux 7.0 does");
		return 0;
	}
	ret = command(launch, SNP_CMD_ENABLE_REQ_CERTS, "KVM_SEV_SNP_ENABLE_REQ_CERTS", NULL,
		      &status, err);
	return ret < 0 ? ret : 0;
}

static int snp_open(struct cc_launch *launch, struct vmm_error *err)
{
	/* KVM adds SNP_ACTIVE itself and refuses it from us */
	const struct cc_snp_config *config = &launch->config->snp;
	struct snp_init init = {
		.vmsa_features = config->features & ~SNP_ACTIVE,
		.ghcb_version = (uint16_t)config->ghcb_version,
	};
	struct snp_launch_start start = {.policy = config->policy};
	uint32_t status;
	int ret;

	memcpy(start.gosvw, config->gosvw, sizeof(start.gosvw));
	ret = open_sev(launch, err);
	if (ret == 0)
		ret = check_features(launch, init.vmsa_features, err);
	if (ret < 0)
		return ret;
	ret = command(launch, SNP_CMD_INIT2, "KVM_SEV_INIT2", &init, &status, err);
	if (ret == -EBUSY)
		vmm_error_hint(err, "all SNP guest slots (ASIDs) of the host are in use");
	if (ret == -EINVAL && init.ghcb_version)
		vmm_error_hint(err, "does this kernel have snp.ghcb-version = %u?",
			       init.ghcb_version);
	if (ret >= 0 && config->certs)
		ret = enable_certs(launch, err);
	if (ret < 0)
		return ret;
	ret = command(launch, SNP_CMD_LAUNCH_START, "KVM_SEV_SNP_LAUNCH_START", &start, &status,
		      err);
	if (ret == -EINVAL)
		vmm_error_hint(err,
			       "snp.policy = %#" PRIx64
			       " has a bit that this kernel does not allow, "
			       "or lacks bit 17 or 16",
			       (uint64_t)start.policy);
	return ret < 0 ? ret : 0;
}

/* May the same call succeed if it is made again? EIO without firmware status hides a signal. */
static bool transient(int ret, uint32_t status)
{
	return ret == -EAGAIN || ret == -EINTR || (ret == -EIO && status == 0);
}

/* Hands [gpa, gpa + len) to the firmware, in as many calls as the kernel wants. */
static int update(struct cc_launch *launch, const struct load_item *item, uint64_t uaddr,
		  uint32_t *status, struct vmm_error *err)
{
	struct snp_launch_update u = {
		.gfn_start = item->gpa / PAGE_SIZE,
		.uaddr = uaddr,
		.len = item->len,
		.type = snp_page_type(item->kind),
	};
	unsigned int tries = 0;

	*status = 0;
	while (u.len > 0) {
		uint64_t left = u.len;
		int ret = mem_check_stop(launch->mem, err); /* a signal ends a call early */

		if (ret < 0)
			return ret;
		ret = command(launch, SNP_CMD_LAUNCH_UPDATE, "KVM_SEV_SNP_LAUNCH_UPDATE", &u,
			      status, err);
		launch->stats.populates++;
		if (ret < 0 && !transient(ret, *status)) {
			vmm_error_prefix(err, "%s at %#" PRIx64, item->name,
					 (uint64_t)u.gfn_start * PAGE_SIZE);
			return ret;
		}
		if (u.len > left)
			return vmm_error_set(err, -EIO, "%s: KVM_SEV_SNP_LAUNCH_UPDATE went back",
					     item->name);
		launch->stats.pages += (left - u.len) / PAGE_SIZE;
		if (u.len < left) {
			tries = 0;
			continue;
		}
		if (cc_retry(launch, &tries))
			continue;
		if (ret >= 0)
			ret = vmm_error_set(err, -EIO,
					    "KVM_SEV_SNP_LAUNCH_UPDATE makes no progress");
		vmm_error_prefix(err, "%s at %#" PRIx64, item->name,
				 (uint64_t)u.gfn_start * PAGE_SIZE);
		vmm_error_hint(err, "the page is not private, was added before, or its source "
				    "cannot be read");
		return ret;
	}
	return 0;
}

/*
 * The CPUID page always comes from a buffer of ours, since the firmware writes a table that it
 * would accept back to it. What it corrects is reported, taken over into the vCPUs' own table, and
 * submitted once more; the page's contents are not measured.
 */
static int update_cpuid(struct cc_launch *launch, const struct load_item *item,
			struct vmm_error *err)
{
	struct snp_cpuid_page *page = aligned_alloc(PAGE_SIZE, 2 * sizeof(*page)), *sent;
	uint32_t status;
	int ret;

	if (!page)
		return vmm_error_errno(err, -ENOMEM, "unable to allocate the CPUID page");
	sent = page + 1;
	if (item->len != PAGE_SIZE) {
		free(page);
		return vmm_error_set(err, -EINVAL, "%s: %" PRIu64 " bytes instead of a page",
				     item->name, item->len);
	}
	if (launch->config->snp.cbit)
		snp_cpuid_warn(launch->cpuid, launch->log);
	ret = snp_cpuid_build(launch->cpuid, page, err);
	if (ret == 0) {
		*sent = *page;
		ret = update(launch, item, (uintptr_t)page, &status, err);
		if (ret < 0 && status == SNP_STATUS_INVALID_PARAM &&
		    snp_cpuid_correct(launch->cpuid, sent, page, launch->log) > 0) {
			launch->cpuid_corrected = true;
			ret = update(launch, item, (uintptr_t)page, &status, err);
		}
		if (ret < 0 && status == SNP_STATUS_INVALID_PARAM)
			vmm_error_hint(err, "the firmware does not accept the CPUID table, run "
					    "with log.level = \"debug\"");
	}
	free(page);
	return ret;
}

static int snp_populate(struct cc_launch *launch, const struct load_item *item,
			struct vmm_error *err)
{
	uint32_t status;

	if (item->kind == LOAD_CPUID)
		return update_cpuid(launch, item, err);
	return update(launch, item, mem_source(launch->mem, item), &status, err);
}

static int snp_finish(struct cc_launch *launch, struct vmm_error *err)
{
	const struct cc_snp_config *config = &launch->config->snp;
	struct snp_launch_finish finish = {
		.id_block_en = launch->config->have_id,
		.vcek_disabled = config->vcek_disabled,
	};
	unsigned int tries = 0;
	uint32_t status;
	int ret;

	if (launch->config->have_id) {
		finish.id_block_uaddr = (uintptr_t)&launch->config->id_block;
		finish.id_auth_uaddr = (uintptr_t)&launch->config->id_auth;
		finish.auth_key_en = snp_id_auth_has_author(&launch->config->id_auth);
	}
	memcpy(finish.host_data, config->host_data, sizeof(finish.host_data));
	do
		ret = command(launch, SNP_CMD_LAUNCH_FINISH, "KVM_SEV_SNP_LAUNCH_FINISH", &finish,
			      &status, err);
	/* EBUSY comes before anything is measured; a second FINISH after anything else could
	 * measure the vCPUs twice */
	while (ret == -EBUSY && cc_retry(launch, &tries));
	return ret < 0 ? ret : 0;
}

static void snp_close(struct cc_launch *launch)
{
	sys_close(launch->vm->h.sys, &launch->sev_fd);
}

static bool measures(const struct load_item *item)
{
	return item->kind == LOAD_DATA;
}

const struct cc_tech cc_snp = {
	.name = "snp",
	.remedy = "an AMD EPYC 7003 or later with SEV-SNP enabled in the firmware setup, Linux "
		  "6.11 or later, and kvm_amd loaded with sev=1 sev_snp=1 are needed",
	.steps =
		(const char *const[CC_STEPS]){
			"KVM_SEV_INIT2, KVM_SEV_SNP_LAUNCH_START: a new guest for the firmware",
			cc_step_write,
			cc_step_private,
			"KVM_SEV_SNP_LAUNCH_UPDATE for each boot item, in their order: encrypts "
			"its pages and measures them",
			"KVM_SEV_SNP_LAUNCH_FINISH: encrypts and measures the registers of every "
			"vCPU, seals the VM",
			cc_step_start,
		},
	.vm_type = KVM_X86_SNP_VM,
	.boot = BOOT_SNP,
	.private_memory = true,
	.registers = CC_ALL_CPUS,
	.cpuid = snp_cpuid,
	.files = snp_files,
	.read = snp_read,
	.demand = snp_demand,
	.read_identity = snp_read_identity,
	.check = snp_check,
	.check_vcpu = snp_check_vcpu,
	.firmware = true,
	.zero_is_slow = true,
	.open = snp_open,
	.populate = snp_populate,
	.finish = snp_finish,
	.close = snp_close,
	.measures = measures,
	.measure = measure_snp,
	.measure_vcpu = measure_snp_vmsa,
	.check_identity = snp_check_identity,
};
