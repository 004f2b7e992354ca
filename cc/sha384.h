/* SPDX-License-Identifier: MIT */
/*
 * SHA-384 as fast as the CPU allows: nettle's, with whole blocks compressed by code of ours where the
 * CPU has AVX and BMI2. nettle's own is about a fifth slower than OpenSSL's there, and a launch
 * measurement is little else than this.
 */
#ifndef CC_SHA384_H
#define CC_SHA384_H

#include <nettle/sha2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA384_BLOCK SHA512_BLOCK_SIZE /* bytes */

/*
 * As sha384_update(): takes `len` bytes into `sha`, a context of nettle's, which may be given to its
 * functions before and after.
 */
void sha384_take(struct sha384_ctx *sha, const uint8_t *bytes, size_t len);

/* Whether the CPU has what sha384_blocks() needs. */
bool sha384_blocks_usable(void);

/* The compression function (FIPS 180-4, 6.4.2) over `nblocks` blocks of SHA384_BLOCK bytes. */
void sha384_blocks(uint64_t state[8], const uint8_t *bytes, size_t nblocks);

#endif
