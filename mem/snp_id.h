/* SPDX-License-Identifier: MIT */
/*
 * ID block and ID authentication data of an SNP guest (SEV Secure Nested Paging Firmware ABI,
 * "SNP_LAUNCH_FINISH", tables "Structure of the ID Block" and "… ID Authentication Information").
 * Only their layout: signatures are made by minivmm-id-block and checked by the firmware.
 */
#ifndef MEM_SNP_ID_H
#define MEM_SNP_ID_H

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

/* Keys are curve (u32) and two coordinates, signatures two numbers, of 72 bytes each; the rest of
 * their room stays zero. */
#define SNP_ID_KEY_USED	      148
#define SNP_ID_SIGNATURE_USED 144

struct snp_id_auth {
	uint32_t key_algorithm;
	uint32_t author_algorithm; /* 0: no author key */
	uint8_t reserved1[0x38];
	uint8_t signature[0x200]; /* of the ID block, by `key` */
	uint8_t key[0x404];
	uint8_t reserved2[0x3c];
	uint8_t author_signature[0x200]; /* of `key`, by `author_key` */
	uint8_t author_key[0x404];
	uint8_t reserved3[0x37c];
};

_Static_assert(sizeof(struct snp_id_block) == SNP_ID_BLOCK_SIZE, "ID block");
_Static_assert(sizeof(struct snp_id_auth) == SNP_ID_AUTH_SIZE, "ID authentication information");

#endif
