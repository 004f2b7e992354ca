/* SPDX-License-Identifier: MIT */
/*
 * minivmm-id-block: the ID block of an SNP guest and what authenticates it, made from the
 * measurement of a configuration and signed (SEV Secure Nested Paging Firmware ABI,
 * "SNP_LAUNCH_FINISH"). A program of its own, so that nothing that runs guests ever reads a private
 * key or carries a cryptographic library.
 *
 *	key.c      a private key from a file, and its signatures
 *	id_auth.c  the layout of keys and signatures as the firmware wants them
 *	output.c   files that are there whole or not at all
 *	main.c     the command line
 */
#ifndef VMM_ID_BLOCK_ID_BLOCK_H
#define VMM_ID_BLOCK_ID_BLOCK_H

#include "mem/snp_id.h"
#include "vmm/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define P384_BYTES 48 /* of a coordinate, and of each half of a signature */
#define SHA384_LEN 48

/* --- key.c ------------------------------------------------------------------------------------ */

/* A pair of numbers, each big-endian with leading zeros: a point, or R and S of a signature. */
struct p384_pair {
	uint8_t x[P384_BYTES];
	uint8_t y[P384_BYTES];
};

struct id_key;

/*
 * Reads an unencrypted EC P-384 private key in PEM, PKCS #8 or SEC 1. Everything else is -EINVAL
 * with a sentence that says what the file is instead.
 */
int id_key_read(struct id_key **key, const char *path, struct vmm_error *err);
void id_key_free(struct id_key *key); /* NULL is allowed */

const struct p384_pair *id_key_public(const struct id_key *key);

/*
 * ECDSA over SHA-384 of the data. The nonce is made from key and data (RFC 6979), so that signing
 * the same twice gives the same, and a poor random number generator cannot betray the key.
 * -EINVAL when the signature does not fit the public key that stands in the key's file.
 */
int id_key_sign(const struct id_key *key, const void *data, size_t len, struct p384_pair *signature,
		struct vmm_error *err);

/* --- id_auth.c -------------------------------------------------------------------------------- */

/* A public key as the firmware reads it; its SHA-384 is the key's digest in attestation reports. */
#define ID_PUBLIC_KEY_SIZE 0x404
#define ID_SIGNATURE_SIZE  512

void id_public_key_encode(const struct p384_pair *point, uint8_t out[ID_PUBLIC_KEY_SIZE]);
void id_public_key_digest(const struct id_key *key, uint8_t digest[SHA384_LEN]);

/*
 * Signs the block with `id_key` and, where there is an author key, the ID key with that. `author`
 * may be NULL: reports then have zeros for the digest of the author key.
 */
int id_auth_make(const struct snp_id_block *block, const struct id_key *id_key,
		 const struct id_key *author, struct snp_id_auth *out, struct vmm_error *err);

/* --- output.c --------------------------------------------------------------------------------- */

struct output_file {
	const char *name;      /* in the folder */
	const char *temporary; /* of its own, until all are written */
	const void *data;
	size_t len;
};

/*
 * Writes the files into the folder `dir`, which is made if it is not there. They appear under their
 * names, one right after the other, when all of them have been written.
 */
int output_write(const char *dir, const struct output_file *files, size_t nfiles,
		 struct vmm_error *err);

#endif
