// SPDX-License-Identifier: MIT
/* An SNP guest's configuration and identity: what is read, checked and taken over from where. */
#include "cc/snp.h"
#include "cc/snp_certs.h"
#include "cc/vmsa.h"
#include "mem/file.h"
#include "vmm/base/words.h"

#include <errno.h>
#include <inttypes.h>
#include <nettle/base64.h>
#include <nettle/nettle-meta.h>
#include <stdlib.h>
#include <string.h>

#define POLICY_ONE \
	(UINT64_C(1) << 17) /* "Reserved. Must be one." (SNP firmware ABI, guest policy) */

/* for messages: where it came from is not known here */
#define ID_BLOCK "the ID block (snp.id-block, or that of the IGVM file)"

const struct cc_file snp_files[] = {
	{"snp.host-data-file", offsetof(struct cc_keys, snp.host_data_file)},
	{"snp.id-block", offsetof(struct cc_keys, snp.id_block)},
	{"snp.id-auth", offsetof(struct cc_keys, snp.id_auth)},
	{"snp.certs", offsetof(struct cc_keys, snp.certs)},
	{0},
};

int snp_read(struct cc_config *config, const struct sys *sys, struct vmm_error *err)
{
	if (!config->snp.host_data_file)
		return 0;
	return cc_hash_file("snp.host-data-file", config->snp.host_data_file, &nettle_sha256,
			    config->snp.host_data, sys, err);
}

int snp_demand(struct cc_config *config, const struct boot_demand *demand, struct vmm_error *err)
{
	struct cc_snp_config *snp = &config->snp;
	int ret = 0;

	if (demand->has_policy)
		ret = cc_take("snp.policy", snp->have_policy, demand->policy, &snp->policy, err);
	if (ret == 0 && demand->has_features)
		ret = cc_take("snp.guest-features", snp->have_features, demand->features,
			      &snp->features, err);
	if (ret < 0 || !demand->has_id || snp->id_block)
		return ret;
	config->have_id = true;
	config->id_block = demand->id_block;
	config->id_block.policy = snp->policy; /* which is part of what is signed */
	config->id_auth = demand->id_auth;
	return 0;
}

int snp_check(const struct cc_config *config, struct vmm_error *err)
{
	if (!(config->snp.policy & POLICY_ONE))
		return vmm_error_set(err, -EINVAL,
				     "snp.policy: bit 17 of %#" PRIx64 " must be 1, as in 0x30000",
				     config->snp.policy);
	/* the guest's TSC would run at a rate that nobody has set */
	if (config->snp.features & SNP_SECURE_TSC)
		return vmm_error_set(err, -ENOTSUP,
				     "snp.guest-features: bit 9, SECURE_TSC, is not supported by "
				     "minivmm");
	return 0;
}

int snp_check_vcpu(const struct cc_config *config, const struct load_vcpu *vcpu,
		   struct vmm_error *err)
{
	return vmsa_check(vcpu, config->snp.features, err);
}

/* --- the ID block ----------------------------------------------------------------------------- */

static int decode_base64(const struct mem_file *file, uint8_t *out, size_t size,
			 struct vmm_error *err)
{
	struct base64_decode_ctx ctx;
	size_t got = BASE64_DECODE_LENGTH(file->size);
	uint8_t *raw = malloc(got);
	char *text = malloc(file->size);
	int ret = -ENOMEM;

	if (!raw || !text) {
		vmm_error_errno(err, ret, "unable to read %s", file->path);
		goto out;
	}
	ret = mem_file_read(file, 0, text, file->size, err);
	if (ret < 0)
		goto out;
	base64_decode_init(&ctx);
	if (!base64_decode_update(&ctx, &got, raw, file->size, text) ||
	    !base64_decode_final(&ctx) || got != size)
		ret = vmm_error_set(err, -EINVAL, "%s is neither %zu bytes nor their base64",
				    file->path, size);
	else
		memcpy(out, raw, size);
out:
	free(text);
	free(raw);
	return ret;
}

/* A blob of exactly `size` bytes, as it is or in base64, line breaks and all. */
static int read_blob(const char *key, const char *path, const struct sys *sys, void *out,
		     size_t size, struct vmm_error *err)
{
	struct mem_file file;
	int ret = mem_file_open(&file, sys, path, err);

	if (ret == 0 && file.size == size)
		ret = mem_file_read(&file, 0, out, size, err);
	else if (ret == 0 && (file.size == 0 || file.size > size * 2 + 64))
		ret = vmm_error_set(err, -EINVAL,
				    "%s has %" PRIu64 " bytes, not %zu or their base64", path,
				    file.size, size);
	else if (ret == 0)
		ret = decode_base64(&file, out, size, err);
	mem_file_close(&file);
	if (ret < 0)
		vmm_error_prefix(err, "%s", key);
	return ret;
}

int snp_read_identity(struct cc_config *config, const struct sys *sys, struct vmm_error *err)
{
	const struct cc_snp_config *snp = &config->snp;
	struct snp_certs certs;
	int ret = 0;

	if (snp->id_block) {
		ret = read_blob("snp.id-block", snp->id_block, sys, &config->id_block,
				sizeof(config->id_block), err);
		if (ret == 0 && snp->id_auth)
			ret = read_blob("snp.id-auth", snp->id_auth, sys, &config->id_auth,
					sizeof(config->id_auth), err);
		config->have_id = true;
	}
	if (ret < 0 || !snp->certs)
		return ret;
	ret = snp_certs_open(&certs, sys, snp->certs, err);
	if (ret == -EAGAIN) /* they are being renewed: nobody needs them before the guest */
		return 0;
	if (ret < 0)
		vmm_error_prefix(err, "snp.certs");
	snp_certs_close(&certs);
	return ret;
}

bool snp_id_auth_has_author(const struct snp_id_auth *auth)
{
	static const uint8_t none[sizeof(auth->author_key)];

	return auth->author_algorithm != 0 && memcmp(auth->author_key, none, sizeof(none)) != 0;
}

int snp_check_identity(const struct cc_config *config, const uint8_t measurement[48],
		       struct vmm_error *err)
{
	const struct snp_id_block *block = &config->id_block;
	char is[97], made_for[97];

	if (block->version != SNP_ID_BLOCK_VERSION)
		return vmm_error_set(err, -EINVAL, ID_BLOCK ": version %u instead of 1",
				     block->version);
	if (block->policy != config->snp.policy)
		return vmm_error_set(err, -EINVAL,
				     ID_BLOCK " was made for policy %#" PRIx64
					      ", but the guest has %#" PRIx64,
				     block->policy, config->snp.policy);
	if (memcmp(block->launch_digest, measurement, sizeof(block->launch_digest)) != 0) {
		hex_write(is, measurement, 48);
		hex_write(made_for, block->launch_digest, 48);
		return vmm_error_set(err, -EINVAL,
				     ID_BLOCK " was made for launch measurement %s, but this "
					      "configuration has %s",
				     made_for, is);
	}
	return 0;
}
