/* SPDX-License-Identifier: MIT */
/*
 * Writes JSON (RFC 8259) for people and programs: indented, one member or element a line. Every
 * function takes the member's key first, which is NULL inside an array and for the outermost value.
 *
 *	struct json j = {.out = &text};
 *
 *	json_object(&j, NULL);
 *	json_u64(&j, "max_vcpus", 1024);
 *	json_end(&j);
 *
 * With `out` NULL nothing is written. Numbers above 2^53 lose digits in many readers: addresses are written with json_hex().
 */
#ifndef VMM_BASE_JSON_H
#define VMM_BASE_JSON_H

#include "vmm/base/text.h"

#include <stdint.h>

#define JSON_MAX_DEPTH 16

struct json {
	struct text *out;
	unsigned int depth;
	char close[JSON_MAX_DEPTH]; /* '}' or ']' of each level */
	bool filled;		    /* the level has a member already */
};

/* Each opens a level that json_end() closes. */
void json_object(struct json *j, const char *key);
void json_array(struct json *j, const char *key);
/* Closes the innermost level; the outermost one also ends the text's last line. */
void json_end(struct json *j);

/* NULL becomes null. Bytes that are not UTF-8 become U+FFFD. */
void json_string(struct json *j, const char *key, const char *value);
void json_u64(struct json *j, const char *key, uint64_t value);
void json_bool(struct json *j, const char *key, bool value);
/* The number as a string of hexadecimal digits: "0x1000". */
void json_hex(struct json *j, const char *key, uint64_t value);
/* Bytes as a string of two hexadecimal digits each. */
void json_bytes(struct json *j, const char *key, const uint8_t *bytes, size_t len);

#endif
