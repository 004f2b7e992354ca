/* SPDX-License-Identifier: MIT */
/*
 * Little-endian numbers at any address, and rounding. All on-disk and in-guest formats that
 * minivmm handles are little-endian; these work on any host and any alignment.
 */
#ifndef VMM_BASE_BYTES_H
#define VMM_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KIB(n) ((uint64_t)(n) << 10)
#define MIB(n) ((uint64_t)(n) << 20)
#define GIB(n) ((uint64_t)(n) << 30)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* The structure of `type` whose `member` is at `ptr`. */
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

static inline uint16_t get_le16(const void *p)
{
	const uint8_t *b = p;

	return (uint16_t)(b[0] | b[1] << 8);
}

static inline uint32_t get_le32(const void *p)
{
	const uint8_t *b = p;

	return (uint32_t)get_le16(b) | (uint32_t)get_le16(b + 2) << 16;
}

static inline uint64_t get_le64(const void *p)
{
	const uint8_t *b = p;

	return (uint64_t)get_le32(b) | (uint64_t)get_le32(b + 4) << 32;
}

static inline void put_le16(void *p, uint16_t v)
{
	uint8_t *b = p;

	b[0] = (uint8_t)v;
	b[1] = (uint8_t)(v >> 8);
}

static inline void put_le32(void *p, uint32_t v)
{
	put_le16(p, (uint16_t)v);
	put_le16((uint8_t *)p + 2, (uint16_t)(v >> 16));
}

static inline void put_le64(void *p, uint64_t v)
{
	put_le32(p, (uint32_t)v);
	put_le32((uint8_t *)p + 4, (uint32_t)(v >> 32));
}

/* `align` is a power of two. align_up() of a value within `align` of 2^64 wraps: use the checked
 * form for untrusted values. */
static inline uint64_t align_down(uint64_t v, uint64_t align)
{
	return v & ~(align - 1);
}

static inline uint64_t align_up(uint64_t v, uint64_t align)
{
	return (v + align - 1) & ~(align - 1);
}

/* false if the result does not fit */
static inline bool align_up_checked(uint64_t v, uint64_t align, uint64_t *out)
{
	if (__builtin_add_overflow(v, align - 1, &v))
		return false;
	*out = v & ~(align - 1);
	return true;
}

static inline bool is_aligned(uint64_t v, uint64_t align)
{
	return (v & (align - 1)) == 0;
}

/* Is [at, at + len) inside [base, base + size)? Never wraps. */
static inline bool range_inside(uint64_t at, uint64_t len, uint64_t base, uint64_t size)
{
	return at >= base && at - base <= size && len <= size - (at - base);
}

/* Have [a, a + a_len) and [b, b + b_len) a byte in common? Neither end may wrap. */
static inline bool ranges_overlap(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a_len > 0 && b_len > 0 && a < b + b_len && b < a + a_len;
}

#endif
