// SPDX-License-Identifier: MIT
/*
 * ID authentication data and the keys and signatures in it (SEV Secure Nested Paging Firmware ABI,
 * tables "ID Authentication Information Structure", and appendix "Digital signatures": "Format for
 * an ECDSA P-384 Public Key", "Signature Format").
 */
#include "vmm/base/bytes.h"
#include "vmm/id_block/id_block.h"

#include <nettle/sha2.h>
#include <string.h>

enum {
	AUTH_ID_ALGORITHM = 0x000,
	AUTH_AUTHOR_ALGORITHM = 0x004,
	AUTH_BLOCK_SIGNATURE = 0x040,
	AUTH_ID_KEY = 0x240,
	AUTH_ID_KEY_SIGNATURE = 0x680,
	AUTH_AUTHOR_KEY = 0x880,
};

#define ALGORITHM_ECDSA_P384_SHA384 1
#define CURVE_P384		    2

/* Numbers of both structures are little-endian in fields of 72 bytes. */
#define NUMBER_SIZE 72
#define KEY_X	    0x04
#define KEY_Y	    (KEY_X + NUMBER_SIZE)

static void put_number(uint8_t *out, const uint8_t big_endian[P384_BYTES])
{
	memset(out, 0, NUMBER_SIZE);
	for (size_t i = 0; i < P384_BYTES; i++)
		out[i] = big_endian[P384_BYTES - 1 - i];
}

void id_public_key_encode(const struct p384_pair *point, uint8_t out[ID_PUBLIC_KEY_SIZE])
{
	memset(out, 0, ID_PUBLIC_KEY_SIZE);
	put_le32(out, CURVE_P384);
	put_number(out + KEY_X, point->x);
	put_number(out + KEY_Y, point->y);
}

void id_public_key_digest(const struct id_key *key, uint8_t digest[SHA384_LEN])
{
	uint8_t encoded[ID_PUBLIC_KEY_SIZE];
	struct sha384_ctx sha;

	id_public_key_encode(id_key_public(key), encoded);
	sha384_init(&sha);
	sha384_update(&sha, sizeof(encoded), encoded);
	sha384_digest(&sha, SHA384_LEN, digest);
}

static int put_signature(uint8_t *out, const struct id_key *key, const void *data, size_t len,
			 struct vmm_error *err)
{
	struct p384_pair signature;
	int ret = id_key_sign(key, data, len, &signature, err);

	if (ret < 0)
		return ret;
	put_number(out, signature.x);
	put_number(out + NUMBER_SIZE, signature.y);
	return 0;
}

int id_auth_make(const uint8_t block[SNP_ID_BLOCK_SIZE], const struct id_key *id_key,
		 const struct id_key *author, uint8_t out[SNP_ID_AUTH_SIZE], struct vmm_error *err)
{
	int ret;

	memset(out, 0, SNP_ID_AUTH_SIZE);
	put_le32(out + AUTH_ID_ALGORITHM, ALGORITHM_ECDSA_P384_SHA384);
	id_public_key_encode(id_key_public(id_key), out + AUTH_ID_KEY);
	ret = put_signature(out + AUTH_BLOCK_SIGNATURE, id_key, block, SNP_ID_BLOCK_SIZE, err);
	if (ret < 0 || !author)
		return ret;
	put_le32(out + AUTH_AUTHOR_ALGORITHM, ALGORITHM_ECDSA_P384_SHA384);
	id_public_key_encode(id_key_public(author), out + AUTH_AUTHOR_KEY);
	return put_signature(out + AUTH_ID_KEY_SIGNATURE, author, out + AUTH_ID_KEY,
			     ID_PUBLIC_KEY_SIZE, err);
}
