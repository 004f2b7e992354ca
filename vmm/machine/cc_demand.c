// SPDX-License-Identifier: MIT
#include "vmm/machine/cc_demand.h"

#include <errno.h>
#include <string.h>

/* The file's value counts, unless the configuration gives another: that is a contradiction, since
 * an author who names a value has a report in mind that shows it. */
static int take(const char *key, bool given, uint64_t demanded, uint64_t *value,
		struct vmm_error *err)
{
	if (given && *value != demanded)
		return vmm_error_set(
			err, -EINVAL,
			"%s is %#llx, but the IGVM file wants %#llx: leave the key out", key,
			(unsigned long long)*value, (unsigned long long)demanded);
	*value = demanded;
	return 0;
}

static void take_id_block(struct cc_setup *setup, const struct boot_id_block *id)
{
	struct cc_snp_config *snp = &setup->config.snp;
	struct snp_id_block block = {
		.version = id->version,
		.guest_svn = id->guest_svn,
		.policy = snp->policy,
	};
	const struct snp_id_auth auth = {
		.key_algorithm = id->key_algorithm,
		.author_algorithm = id->author_algorithm,
		.signature = id->signature,
		.key = id->key,
		.author_signature = id->author_signature,
		.author_key = id->author_key,
	};

	_Static_assert(BOOT_ID_KEY == SNP_ID_KEY_USED, "a curve and two coordinates");
	_Static_assert(BOOT_ID_SIGNATURE == SNP_ID_SIGNATURE_USED, "two numbers");
	memcpy(block.launch_digest, id->digest, sizeof(block.launch_digest));
	memcpy(block.family_id, id->family, sizeof(block.family_id));
	memcpy(block.image_id, id->image, sizeof(block.image_id));
	snp_id_block_encode(&block, setup->id_block);
	snp_id_auth_encode(&auth, setup->id_auth);
	snp->id_block = setup->id_block;
	snp->id_auth = setup->id_auth;
}

static int take_snp(struct cc_setup *setup, const struct config_snp *config,
		    const struct boot_demand *demand, struct vmm_error *err)
{
	struct cc_snp_config *snp = &setup->config.snp;
	int ret = 0;

	if (demand->has_policy)
		ret = take("snp.policy", config->have_policy, demand->policy, &snp->policy, err);
	if (ret == 0 && demand->has_features)
		ret = take("snp.guest-features", config->have_guest_features, demand->features,
			   &snp->features, err);
	/* the policy is part of what is signed */
	if (ret == 0 && demand->has_id && !config->id_block)
		take_id_block(setup, &demand->id);
	return ret;
}

int cc_setup_demand(struct cc_setup *setup, const struct vmm_config *config,
		    const struct boot_demand *demand, struct vmm_error *err)
{
	switch (setup->config.tech) {
	case CC_SNP:
		return take_snp(setup, &config->snp, demand, err);
	case CC_TDX:
		if (demand->has_policy)
			return take("tdx.attributes", config->tdx.have_attributes, demand->policy,
				    &setup->config.tdx.attributes, err);
		break;
	case CC_NONE:
	case CC_SW_PROTECTED:
		break;
	}
	return 0;
}
