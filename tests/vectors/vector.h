/* SPDX-License-Identifier: MIT */
/* The vectors as the tests see them: a tree as in the JSON, made into C by to_header.py. */
#ifndef TESTS_VECTORS_VECTOR_H
#define TESTS_VECTORS_VECTOR_H

#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct vector {
	const char *key;  /* NULL for elements of an array */
	const char *text; /* NULL for objects, arrays and null */
	const struct vector *child;
	size_t n;
};

/* As vector_require(), but also good in main(), where no test runs yet. */
#define vector_require(holds, ...)                 \
	do {                                       \
		if (!(holds))                      \
			ck_abort_msg(__VA_ARGS__); \
	} while (0)

/* The member, or NULL. */
static inline const struct vector *vector_find(const struct vector *v, const char *key)
{
	for (size_t i = 0; i < v->n; i++)
		if (v->child[i].key && strcmp(v->child[i].key, key) == 0)
			return &v->child[i];
	return NULL;
}

/* The member, which must be there. */
static inline const struct vector *vector_get(const struct vector *v, const char *key)
{
	const struct vector *found = vector_find(v, key);

	vector_require(found != NULL, "the vector has no %s", key);
	return found;
}

/* The text of a member; NULL for null. */
static inline const char *vector_text(const struct vector *v, const char *key)
{
	return vector_get(v, key)->text;
}

static inline uint64_t vector_value(const struct vector *v)
{
	char *end;
	uint64_t value;

	vector_require(v->text, "no number where there should be one");
	value = strtoull(v->text, &end, 0);
	vector_require(*v->text && !*end, "%s is not a number", v->text);
	return value;
}

static inline uint64_t vector_number(const struct vector *v, const char *key)
{
	return vector_value(vector_get(v, key));
}

/* Decodes hex digits; returns the number of bytes. */
static inline size_t vector_bytes(const char *hex, uint8_t *out, size_t size)
{
	size_t len = strlen(hex) / 2;

	vector_require(len <= size, "%zu bytes, room for %zu", len, size);
	for (size_t i = 0; i < len; i++) {
		char digits[3] = {hex[2 * i], hex[2 * i + 1], 0};
		char *end;

		out[i] = (uint8_t)strtoul(digits, &end, 16);
		vector_require(*end == 0, "no hex digits: %s", hex);
	}
	return len;
}

/* Are these bytes what the hex digits say? */
static inline void vector_assert(const char *hex, const void *bytes, size_t len, const char *what)
{
	uint8_t *expected = malloc(len + 1);

	ck_assert_ptr_nonnull(expected);
	vector_require(strlen(hex) == 2 * len, "%s: %zu bytes, the vector has %zu", what, len,
		       strlen(hex) / 2);
	vector_bytes(hex, expected, len);
	for (size_t i = 0; i < len; i++)
		vector_require(((const uint8_t *)bytes)[i] == expected[i],
			       "%s: byte %zu is %02x, in the vector %02x", what, i,
			       ((const uint8_t *)bytes)[i], expected[i]);
	free(expected);
}

/* An input blob: "pattern", "text" or "empty". The caller frees it. */
static inline uint8_t *vector_blob(const struct vector *v, size_t *len)
{
	const char *kind = vector_text(v, "kind");
	uint8_t *blob;

	*len = vector_number(v, "bytes");
	blob = calloc(1, *len + 1);
	ck_assert_ptr_nonnull(blob);
	if (strcmp(kind, "pattern") == 0) {
		for (size_t i = 0; i < *len; i++)
			blob[i] = (uint8_t)(i * 7 + (i >> 8) * 13 + vector_number(v, "seed"));
	} else if (strcmp(kind, "text") == 0) {
		ck_assert_uint_eq(strlen(vector_text(v, "text")), *len);
		memcpy(blob, vector_text(v, "text"), *len);
	} else {
		ck_assert_str_eq(kind, "empty");
	}
	return blob;
}

#endif
