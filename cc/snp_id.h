/* SPDX-License-Identifier: MIT */
/*
 * ID block and ID authentication data of an SNP guest (SEV Secure Nested Paging Firmware ABI,
 * "SNP_LAUNCH_FINISH", tables "Structure of the ID Block" and "… ID Authentication Information").
 * Only their layout: signatures are made by minivmm-id-block and checked by the firmware.
 */
#ifndef CC_SNP_ID_H
#define CC_SNP_ID_H

#include "vmm/base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define SNP_ID_BLOCK_SIZE 96
#define SNP_ID_AUTH_SIZE  4096

#define SNP_ID_BLOCK_VERSION 1

struct snp_id_block {
	uint8_t launch_digest[48];
	uint8_t family_id[16];
	uint8_t image_id[16];
	uint32_t version; /* SNP_ID_BLOCK_VERSION */
	uint32_t guest_svn;
	uint64_t policy;
};

void snp_id_block_encode(const struct snp_id_block *block, uint8_t out[SNP_ID_BLOCK_SIZE]);
void snp_id_block_decode(const uint8_t in[SNP_ID_BLOCK_SIZE], struct snp_id_block *block);

/* What signs an ID block: keys as curve (u32) and two coordinates, signatures as two numbers, of 72
 * bytes each; the rest of their room in the structure stays zero. Not owned. */
#define SNP_ID_KEY_USED	      148
#define SNP_ID_SIGNATURE_USED 144

struct snp_id_auth {
	uint32_t key_algorithm;
	uint32_t author_algorithm; /* 0: no author key */
	const uint8_t *signature;
	const uint8_t *key;
	const uint8_t *author_signature;
	const uint8_t *author_key;
};

void snp_id_auth_encode(const struct snp_id_auth *auth, uint8_t out[SNP_ID_AUTH_SIZE]);

/* Has the authentication data an author key beside the ID key? */
bool snp_id_auth_has_author(const uint8_t auth[SNP_ID_AUTH_SIZE]);

/* Would the firmware take this block for a guest of this measurement and policy? -EINVAL and the
 * reason if not. */
int snp_id_block_check(const uint8_t in[SNP_ID_BLOCK_SIZE], const uint8_t measurement[48],
		       uint64_t policy, struct vmm_error *err);

#endif
