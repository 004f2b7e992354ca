// SPDX-License-Identifier: MIT
/* What an IGVM file asks of the launch itself, which has to be known before there is a VM: the
 * guest's policy, its SEV_FEATURES, and the ID block that signs it. */
#include "boot/igvm.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* ATTRIBUTES of a TD (Intel TDX Module ABI specification, "ATTRIBUTES"). */
#define TD_DEBUG	   (1ULL << 0)
#define TD_SEPT_VE_DISABLE (1ULL << 28)
#define TD_MIGRATABLE	   (1ULL << 29)

static int td_attributes(const struct igvm_header *header, uint64_t policy, uint64_t *attributes,
			 struct vmm_error *err)
{
	const uint64_t known = IGVM_TD_DEBUG | IGVM_TD_SEPT_VE_DISABLE | IGVM_TD_MIGRATABLE;

	if (policy & ~known)
		return igvm_refuse(header, -ENOTSUP, err,
				   "policy %#" PRIx64 " has bits of unknown meaning", policy);
	*attributes = (policy & IGVM_TD_DEBUG ? TD_DEBUG : 0) |
		      (policy & IGVM_TD_SEPT_VE_DISABLE ? TD_SEPT_VE_DISABLE : 0) |
		      (policy & IGVM_TD_MIGRATABLE ? TD_MIGRATABLE : 0);
	return 0;
}

static int take_policy(const struct igvm *igvm, const struct igvm_header *header,
		       struct boot_demand *demand, struct vmm_error *err)
{
	uint64_t policy = get_le64(header->data + POLICY_VALUE);

	if (get_le32(header->data + POLICY_RESERVED) != 0)
		return igvm_refuse(header, -EINVAL, err, "a reserved field is not zero");
	if (demand->has_policy)
		return igvm_refuse(header, -EINVAL, err, "a second policy for this platform");
	demand->has_policy = igvm->platform != IGVM_NATIVE;
	demand->policy = policy;
	if (igvm->platform == IGVM_TDX)
		return td_attributes(header, policy, &demand->policy, err);
	return 0;
}

/* A key's second word is reserved; SNP's own form of it has no such word. */
static void copy_key(uint8_t to[BOOT_ID_KEY], const uint8_t *from)
{
	memcpy(to, from, 4);
	memcpy(to + 4, from + 8, BOOT_ID_KEY - 4);
}

static int take_id_block(const struct igvm_header *header, struct boot_demand *demand,
			 struct vmm_error *err)
{
	struct boot_id_block *id = &demand->id;
	const uint8_t *from = header->data;

	if (demand->has_id)
		return igvm_refuse(header, -EINVAL, err, "a second ID block for this platform");
	if (from[ID_AUTHOR_ENABLED] > 1)
		return igvm_refuse(header, -EINVAL, err,
				   "author key enabled: %u is neither 0 nor 1",
				   from[ID_AUTHOR_ENABLED]);
	if (from[ID_RESERVED] || from[ID_RESERVED + 1] || from[ID_RESERVED + 2])
		return igvm_refuse(header, -EINVAL, err, "a reserved field is not zero");
	demand->has_id = true;
	memcpy(id->digest, from + ID_DIGEST, sizeof(id->digest));
	memcpy(id->family, from + ID_FAMILY, sizeof(id->family));
	memcpy(id->image, from + ID_IMAGE, sizeof(id->image));
	id->version = get_le32(from + ID_VERSION);
	id->guest_svn = get_le32(from + ID_GUEST_SVN);
	id->key_algorithm = get_le32(from + ID_KEY_ALGORITHM);
	memcpy(id->signature, from + ID_SIGNATURE, sizeof(id->signature));
	copy_key(id->key, from + ID_KEY);
	if (!from[ID_AUTHOR_ENABLED])
		return 0;
	id->author_algorithm = get_le32(from + ID_AUTHOR_ALGORITHM);
	memcpy(id->author_signature, from + ID_AUTHOR_SIGNATURE, sizeof(id->author_signature));
	copy_key(id->author_key, from + ID_AUTHOR_KEY);
	return 0;
}

static int take(const struct igvm *igvm, const struct igvm_header *header,
		struct boot_demand *demand, struct vmm_error *err)
{
	bool snp = igvm->platform == IGVM_SEV_SNP;

	if (!header->applies)
		return 0;
	switch (header->type) {
	case IGVM_GUEST_POLICY:
		return take_policy(igvm, header, demand, err);
	case IGVM_SNP_ID_BLOCK:
		if (snp)
			return take_id_block(header, demand, err);
		return igvm_refuse(header, -EINVAL, err, "only SNP guests have one");
	case IGVM_VP_CONTEXT:
		/* the features are the whole VM's; that all vCPUs agree is seen later */
		if (!snp || demand->has_features)
			return 0;
		demand->has_features = true;
		return igvm_vp_features(igvm, header, &demand->features, err);
	default:
		return 0;
	}
}

int igvm_demand(const struct igvm *igvm, struct boot_demand *demand, struct vmm_error *err)
{
	struct igvm_header header;
	uint32_t at = 0;
	int ret = 0;

	while (ret == 0 && igvm_next(igvm, &at, &header))
		ret = take(igvm, &header, demand, err);
	return ret;
}
