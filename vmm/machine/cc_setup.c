// SPDX-License-Identifier: MIT
#include "vmm/machine/cc_setup.h"

#include "mem/file.h"

#include <errno.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>

int cc_choose(const struct vmm_config *config, const struct kvm_system *kvm, enum cc_tech *tech,
	      struct vmm_error *err)
{
	unsigned int types;

	switch (config->machine.cc) {
	case CONFIG_CC_NONE:
		*tech = CC_NONE;
		return 0;
	case CONFIG_CC_SW_PROTECTED:
		*tech = CC_SW_PROTECTED;
		return 0;
	case CONFIG_CC_SNP:
		*tech = CC_SNP;
		return 0;
	case CONFIG_CC_TDX:
		*tech = CC_TDX;
		return 0;
	case CONFIG_CC_AUTO:
		break;
	}
	if (!kvm)
		return vmm_error_set(err, -ENODEV,
				     "machine.cc = \"auto\": which VM that is depends on the host, "
				     "say snp or tdx");
	types = (unsigned int)kvm_system_cap(kvm, KVM_CAP_VM_TYPES);
	if (types & 1u << KVM_X86_SNP_VM)
		*tech = CC_SNP;
	else if (types & 1u << KVM_X86_TDX_VM)
		*tech = CC_TDX;
	else
		return vmm_error_set(err, -ENOTSUP,
				     "machine.cc = \"auto\": this host offers neither SNP nor TDX, "
				     "see 'minivmm probe'");
	return 0;
}

/* A hash over a whole file, in pieces. */
struct hash {
	void (*update)(void *ctx, size_t len, const uint8_t *data);
	void *ctx;
};

static int hash_file(const char *key, const char *path, const struct sys *sys,
		     const struct hash *hash, struct vmm_error *err)
{
	uint8_t buf[4096];
	struct mem_file file;
	int ret = mem_file_open(&file, sys, path, err);

	for (uint64_t at = 0; ret == 0 && at < file.size; at += sizeof(buf)) {
		size_t len = file.size - at < sizeof(buf) ? file.size - at : sizeof(buf);

		ret = mem_file_read(&file, at, buf, len, err);
		if (ret == 0)
			hash->update(hash->ctx, len, buf);
	}
	mem_file_close(&file);
	if (ret < 0)
		vmm_error_prefix(err, "%s", key);
	return ret;
}

static void update_sha256(void *ctx, size_t len, const uint8_t *data)
{
	sha256_update(ctx, len, data);
}

static void update_sha384(void *ctx, size_t len, const uint8_t *data)
{
	sha384_update(ctx, len, data);
}

static int setup_snp(struct cc_setup *setup, const struct config_snp *config, const struct sys *sys,
		     struct vmm_error *err)
{
	struct cc_snp_config *snp = &setup->config.snp;
	struct sha256_ctx sha;
	int ret = 0;

	snp->policy = config->policy;
	snp->features = config->guest_features;
	snp->vcpu_sig = config->vcpu_sig;
	snp->cbit = config->cbit;
	snp->ghcb_version = (uint16_t)config->ghcb_version;
	snp->vcek_disabled = config->vcek_disabled;
	memcpy(snp->gosvw, config->gosvw, sizeof(snp->gosvw));
	memcpy(snp->host_data, config->host_data, sizeof(snp->host_data));
	if (config->host_data_file) {
		sha256_init(&sha);
		ret = hash_file("snp.host-data-file", config->host_data_file, sys,
				&(struct hash){update_sha256, &sha}, err);
		sha256_digest(&sha, sizeof(snp->host_data), snp->host_data);
	}
	return ret;
}

static int setup_tdx(struct cc_setup *setup, const struct config_tdx *config, const struct sys *sys,
		     struct vmm_error *err)
{
	struct cc_tdx_config *tdx = &setup->config.tdx;
	struct sha384_ctx sha;
	int ret = 0;

	tdx->attributes = config->attributes;
	memcpy(tdx->mrconfigid, config->mrconfigid, sizeof(tdx->mrconfigid));
	memcpy(tdx->mrowner, config->mrowner, sizeof(tdx->mrowner));
	memcpy(tdx->mrownerconfig, config->mrownerconfig, sizeof(tdx->mrownerconfig));
	if (config->mrconfigid_file) {
		sha384_init(&sha);
		ret = hash_file("tdx.mrconfigid-file", config->mrconfigid_file, sys,
				&(struct hash){update_sha384, &sha}, err);
		sha384_digest(&sha, sizeof(tdx->mrconfigid), tdx->mrconfigid);
	}
	return ret;
}

int cc_setup_init(struct cc_setup *setup, const struct vmm_config *config, enum cc_tech tech,
		  const struct sys *sys, struct vmm_error *err)
{
	*setup = (struct cc_setup){
		.config =
			{
				.tech = tech,
				.vcpus = config->machine.vcpus,
				.copy = config->machine.memory_source == CONFIG_SOURCE_COPY,
			},
	};
	switch (tech) {
	case CC_SNP:
		return setup_snp(setup, &config->snp, sys, err);
	case CC_TDX:
		return setup_tdx(setup, &config->tdx, sys, err);
	case CC_NONE:
	case CC_SW_PROTECTED:
		break;
	}
	return 0;
}
