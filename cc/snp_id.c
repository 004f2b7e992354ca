// SPDX-License-Identifier: MIT
#include "cc/snp_id.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	BLOCK_DIGEST = 0x00,
	BLOCK_FAMILY = 0x30,
	BLOCK_IMAGE = 0x40,
	BLOCK_VERSION = 0x50,
	BLOCK_SVN = 0x54,
	BLOCK_POLICY = 0x58,

	AUTH_KEY_ALGORITHM = 0x000,
	AUTH_AUTHOR_ALGORITHM = 0x004,
	AUTH_SIGNATURE = 0x040,
	AUTH_KEY = 0x240,
	AUTH_AUTHOR_SIGNATURE = 0x680,
	AUTH_AUTHOR_KEY = 0x880,
};

#define KEY_SIZE 0x404

/* for messages: where it came from is not known here */
#define ID_BLOCK "the ID block (snp.id-block, or that of the IGVM file)"

void snp_id_block_encode(const struct snp_id_block *block, uint8_t out[SNP_ID_BLOCK_SIZE])
{
	memcpy(out + BLOCK_DIGEST, block->launch_digest, sizeof(block->launch_digest));
	memcpy(out + BLOCK_FAMILY, block->family_id, sizeof(block->family_id));
	memcpy(out + BLOCK_IMAGE, block->image_id, sizeof(block->image_id));
	put_le32(out + BLOCK_VERSION, block->version);
	put_le32(out + BLOCK_SVN, block->guest_svn);
	put_le64(out + BLOCK_POLICY, block->policy);
}

void snp_id_block_decode(const uint8_t in[SNP_ID_BLOCK_SIZE], struct snp_id_block *block)
{
	memcpy(block->launch_digest, in + BLOCK_DIGEST, sizeof(block->launch_digest));
	memcpy(block->family_id, in + BLOCK_FAMILY, sizeof(block->family_id));
	memcpy(block->image_id, in + BLOCK_IMAGE, sizeof(block->image_id));
	block->version = get_le32(in + BLOCK_VERSION);
	block->guest_svn = get_le32(in + BLOCK_SVN);
	block->policy = get_le64(in + BLOCK_POLICY);
}

void snp_id_auth_encode(const struct snp_id_auth *auth, uint8_t out[SNP_ID_AUTH_SIZE])
{
	memset(out, 0, SNP_ID_AUTH_SIZE);
	put_le32(out + AUTH_KEY_ALGORITHM, auth->key_algorithm);
	put_le32(out + AUTH_AUTHOR_ALGORITHM, auth->author_algorithm);
	memcpy(out + AUTH_SIGNATURE, auth->signature, SNP_ID_SIGNATURE_USED);
	memcpy(out + AUTH_KEY, auth->key, SNP_ID_KEY_USED);
	memcpy(out + AUTH_AUTHOR_SIGNATURE, auth->author_signature, SNP_ID_SIGNATURE_USED);
	memcpy(out + AUTH_AUTHOR_KEY, auth->author_key, SNP_ID_KEY_USED);
}

bool snp_id_auth_has_author(const uint8_t auth[SNP_ID_AUTH_SIZE])
{
	static const uint8_t none[KEY_SIZE];

	return get_le32(auth + AUTH_AUTHOR_ALGORITHM) != 0 &&
	       memcmp(auth + AUTH_AUTHOR_KEY, none, sizeof(none)) != 0;
}

static void hex(const uint8_t digest[48], char text[97])
{
	for (size_t i = 0; i < 48; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
}

int snp_id_block_check(const uint8_t in[SNP_ID_BLOCK_SIZE], const uint8_t measurement[48],
		       uint64_t policy, struct vmm_error *err)
{
	struct snp_id_block block;
	char is[97], made_for[97];

	snp_id_block_decode(in, &block);
	if (block.version != SNP_ID_BLOCK_VERSION)
		return vmm_error_set(err, -EINVAL, ID_BLOCK ": version %u instead of 1",
				     block.version);
	if (block.policy != policy)
		return vmm_error_set(err, -EINVAL,
				     ID_BLOCK " was made for policy %#llx, but the guest has %#llx",
				     (unsigned long long)block.policy, (unsigned long long)policy);
	if (memcmp(block.launch_digest, measurement, sizeof(block.launch_digest)) != 0) {
		hex(measurement, is);
		hex(block.launch_digest, made_for);
		return vmm_error_set(err, -EINVAL,
				     ID_BLOCK " was made for launch measurement %s, but this "
					      "configuration has %s",
				     made_for, is);
	}
	return 0;
}
