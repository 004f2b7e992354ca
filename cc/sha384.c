// SPDX-License-Identifier: MIT
/*
 * Two things make this fast: rotations that leave their operand alone (rorx of BMI2), and the message
 * schedule two words at a time in vector registers, between the rounds of the words before, so that
 * neither waits for the other.
 */
#include "cc/sha384.h"

#include <string.h>

#define ROUNDS 80
#define WORDS  16 /* of a block, and of the schedule that is kept */

typedef uint64_t pair __attribute__((vector_size(16)));

/* FIPS 180-4, 4.2.3: of the cube roots of the first 80 primes, the first 64 bits after the point. */
static const uint64_t round_constant[ROUNDS] __attribute__((aligned(16))) = {
	0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
	0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
	0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
	0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
	0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
	0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
	0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
	0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
	0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
	0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
	0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
	0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
	0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
	0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
	0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
	0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
	0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
	0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
	0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
	0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
};

#define ROTR(x, n) ((x) >> (n) | (x) << (64 - (n)))

/* Equations 4.8 to 4.13. Ch as a sum, since its halves have no bit in common. */
#define CH(x, y, z)  (((x) & (y)) + (~(x) & (z)))
#define MAJ(x, y, z) (((x) & (y)) ^ (((x) ^ (y)) & (z)))
#define SUM0(x)	     (ROTR(x, 28) ^ ROTR(x, 34) ^ ROTR(x, 39))
#define SUM1(x)	     (ROTR(x, 14) ^ ROTR(x, 18) ^ ROTR(x, 41))
#define SIGMA0(x)    (ROTR(x, 1) ^ ROTR(x, 8) ^ (x) >> 7)
#define SIGMA1(x)    (ROTR(x, 19) ^ ROTR(x, 61) ^ (x) >> 6)

/* A round; rather than move the eight variables along, the next one is given them in other places. */
#define ROUND(a, b, c, d, e, f, g, h, word)            \
	do {                                           \
		(h) += (word) + SUM1(e) + CH(e, f, g); \
		(d) += (h);                            \
		(h) += SUM0(a) + MAJ(a, b, c);         \
	} while (0)

#define TWO_ROUNDS(i, a, b, c, d, e, f, g, h)                \
	do {                                                 \
		ROUND(a, b, c, d, e, f, g, h, sum[i]);       \
		ROUND(h, a, b, c, d, e, f, g, sum[(i) + 1]); \
	} while (0)

/* The same, with words i and i + 1 of the schedule replaced by those 16 rounds on. */
#define TWO_ROUNDS_AND_WORDS(i, a, b, c, d, e, f, g, h)                           \
	do {                                                                      \
		const uint64_t word = sum[i], next = sum[(i) + 1];                \
                                                                                  \
		w[(i) / 2] += SIGMA0(pair_at(w, (i) + 1)) + pair_at(w, (i) + 9) + \
			      SIGMA1(w[((i) / 2 + 7) % 8]);                       \
		add_constants(sum, w, round + WORDS, i);                          \
		ROUND(a, b, c, d, e, f, g, h, word);                              \
		ROUND(h, a, b, c, d, e, f, g, next);                              \
	} while (0)

#define SIXTEEN(two)                             \
	do {                                     \
		two(0, a, b, c, d, e, f, g, h);  \
		two(2, g, h, a, b, c, d, e, f);  \
		two(4, e, f, g, h, a, b, c, d);  \
		two(6, c, d, e, f, g, h, a, b);  \
		two(8, a, b, c, d, e, f, g, h);  \
		two(10, g, h, a, b, c, d, e, f); \
		two(12, e, f, g, h, a, b, c, d); \
		two(14, c, d, e, f, g, h, a, b); \
	} while (0)

#define FOR_THIS_CPU __attribute__((target("avx,bmi,bmi2")))
#define INLINE	     FOR_THIS_CPU __attribute__((always_inline)) static inline

/* Words i and i + 1 of the ring `w`; i is odd. */
INLINE pair pair_at(const pair w[WORDS / 2], int i)
{
	return __builtin_shufflevector(w[i / 2 % 8], w[(i / 2 + 1) % 8], 1, 2);
}

/* What rounds `round` + i and the one after it add. */
INLINE void add_constants(uint64_t sum[WORDS], const pair w[WORDS / 2], int round, int i)
{
	const pair both = w[i / 2] + *(const pair *)&round_constant[round + i];

	memcpy(&sum[i], &both, sizeof(both));
}

INLINE pair load_words(const uint8_t *bytes)
{
	uint64_t word[2];

	memcpy(word, bytes, sizeof(word));
	return (pair){__builtin_bswap64(word[0]), __builtin_bswap64(word[1])};
}

INLINE void compress(uint64_t state[8], const uint8_t *bytes)
{
	uint64_t a = state[0], b = state[1], c = state[2], d = state[3];
	uint64_t e = state[4], f = state[5], g = state[6], h = state[7];
	uint64_t sum[WORDS] __attribute__((aligned(16)));
	pair w[WORDS / 2];

#pragma GCC unroll 8 /* or `w` is kept in memory */
	for (int i = 0; i < WORDS; i += 2) {
		w[i / 2] = load_words(bytes + (size_t)i * sizeof(uint64_t));
		add_constants(sum, w, 0, i);
	}
	for (int round = 0; round < ROUNDS - WORDS; round += WORDS)
		SIXTEEN(TWO_ROUNDS_AND_WORDS);
	SIXTEEN(TWO_ROUNDS);
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
	state[4] += e;
	state[5] += f;
	state[6] += g;
	state[7] += h;
}

bool sha384_blocks_usable(void)
{
	return __builtin_cpu_supports("avx") && __builtin_cpu_supports("bmi") &&
	       __builtin_cpu_supports("bmi2");
}

FOR_THIS_CPU void sha384_blocks(uint64_t state[8], const uint8_t *bytes, size_t nblocks)
{
	for (size_t i = 0; i < nblocks; i++)
		compress(state, bytes + i * SHA384_BLOCK);
}

void sha384_take(struct sha384_ctx *sha, const uint8_t *bytes, size_t len)
{
	const size_t nblocks = len / SHA384_BLOCK;

	if (sha->index == 0 && nblocks > 0 && sha384_blocks_usable()) {
		sha384_blocks(sha->state, bytes, nblocks);
		/* nettle counts blocks; a 2^64th is never reached */
		sha->count_low += nblocks;
		bytes += nblocks * SHA384_BLOCK;
		len -= nblocks * SHA384_BLOCK;
	}
	if (len > 0)
		sha384_update(sha, len, bytes);
}
