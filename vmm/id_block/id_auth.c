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

int id_auth_make(const struct snp_id_block *block, const struct id_key *id_key,
		 const struct id_key *author, struct snp_id_auth *out, struct vmm_error *err)
{
	int ret;

	*out = (struct snp_id_auth){.key_algorithm = ALGORITHM_ECDSA_P384_SHA384};
	id_public_key_encode(id_key_public(id_key), out->key);
	ret = put_signature(out->signature, id_key, block, sizeof(*block), err);
	if (ret < 0 || !author)
		return ret;
	out->author_algorithm = ALGORITHM_ECDSA_P384_SHA384;
	id_public_key_encode(id_key_public(author), out->author_key);
	return put_signature(out->author_signature, author, out->key, sizeof(out->key), err);
}
