// SPDX-License-Identifier: MIT
/* One TOML value into one field: numbers, sizes, choices, bytes. config_text.c has the strings. */
#include "vmm/config/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static int expected(const struct schema_key *key, const struct toml_node *value,
		    struct vmm_error *err)
{
	char type[400];

	config_describe_type(key, type, sizeof(type));
	switch (value->type) {
	case TOML_STRING:
		return vmm_error_set(err, -EINVAL, "expected %s, found \"%.*s\"", type,
				     toml_clip(value->string.len, value->string.data),
				     value->string.data);
	case TOML_INTEGER:
		return vmm_error_set(err, -EINVAL,
				     key->hex && value->integer >= 0
					     ? "expected %s, found 0x%" PRIx64
					     : "expected %s, found %" PRId64,
				     type, value->integer);
	default:
		return vmm_error_set(err, -EINVAL, "expected %s, found %s", type,
				     toml_type_name(value->type));
	}
}

/* Digits of base 10 or, behind "0x", 16, from s up to where they end; false for none or too big. */
static bool read_number(const char *s, uint64_t *out, const char **end)
{
	unsigned int base = 10;
	const char *start;

	if (s[0] == '0' && s[1] == 'x') {
		base = 16;
		s += 2;
	}
	*out = 0;
	for (start = s;; s++) {
		unsigned int digit;

		if (*s >= '0' && *s <= '9')
			digit = (unsigned int)(*s - '0');
		else if (base == 16 && *s >= 'a' && *s <= 'f')
			digit = (unsigned int)(*s - 'a') + 10;
		else if (base == 16 && *s >= 'A' && *s <= 'F')
			digit = (unsigned int)(*s - 'A') + 10;
		else
			break;
		if (__builtin_mul_overflow(*out, base, out) ||
		    __builtin_add_overflow(*out, digit, out))
			return false;
	}
	*end = s;
	return s > start;
}

/* A string that is a number from beginning to end. */
static bool read_bits(struct toml_text text, uint64_t *out)
{
	const char *end;

	return read_number(text.data, out, &end) && end == text.data + text.len;
}

/* "512M": binary units (IEC 80000-13), as everybody means them for memory. */
static bool read_size(struct toml_text text, uint64_t *out)
{
	static const char units[] = "KMGT";
	const char *unit, *end;
	uint64_t factor;

	if (!read_number(text.data, out, &end))
		return false;
	if (end == text.data + text.len)
		return true;
	unit = *end ? strchr(units, *end) : NULL;
	if (!unit || end + 1 != text.data + text.len)
		return false;
	factor = UINT64_C(1) << (10 * (unit - units + 1));
	return !__builtin_mul_overflow(*out, factor, out);
}

static int number_value(const struct schema_key *key, const struct toml_node *value, uint64_t *out,
			struct vmm_error *err)
{
	bool good = false;

	if (value->type == TOML_INTEGER && value->integer >= 0) {
		*out = (uint64_t)value->integer;
		good = true;
	} else if (value->type == TOML_STRING && key->type == SCHEMA_BITS) {
		good = read_bits(value->string, out);
	} else if (value->type == TOML_STRING && key->type == SCHEMA_SIZE) {
		good = read_size(value->string, out);
	}
	if (good && key->type != SCHEMA_BITS)
		good = (*out >= key->min && *out <= key->max) || (key->or_zero && *out == 0);
	if (good && key->multiple)
		good = *out % key->multiple == 0;
	return good ? 0 : expected(key, value, err);
}

/* NAME, or NAME-v and the number of a version that the choice has */
static bool is_choice(const struct schema_choice *choice, struct toml_text text)
{
	size_t len = strlen(choice->name);
	const char *end;
	uint64_t version;

	if (text.len < len || memcmp(text.data, choice->name, len) != 0)
		return false;
	if (text.len == len)
		return true;
	if (strncmp(text.data + len, "-v", 2) != 0 || text.data[len + 2] == '0')
		return false;
	return read_number(text.data + len + 2, &version, &end) && end == text.data + text.len &&
	       version <= choice->versions;
}

static int choice_value(const struct schema_key *key, const struct toml_node *value, uint64_t *out,
			struct vmm_error *err)
{
	if (value->type == TOML_BOOL && key->was_bool) {
		*out = value->boolean ? key->when_true : key->when_false;
		return 0;
	}
	if (value->type != TOML_STRING)
		return expected(key, value, err);
	for (const struct schema_choice *c = key->choices; c->name; c++) {
		if (is_choice(c, value->string)) {
			*out = c->value;
			return 0;
		}
	}
	return expected(key, value, err);
}

static int store_hex(const struct schema_key *key, uint8_t *field, const struct toml_node *value,
		     struct vmm_error *err)
{
	const char *s;

	if (value->type != TOML_STRING ||
	    strspn(value->string.data, "0123456789abcdefABCDEF") != value->string.len)
		return expected(key, value, err);
	if (value->string.len != key->max * 2)
		return vmm_error_set(err, -EINVAL,
				     "expected %" PRIu64 " hexadecimal digits, found %zu",
				     key->max * 2, value->string.len);
	s = value->string.data;
	for (uint64_t i = 0; i < key->max; i++, s += 2) {
		char digits[] = {'0', 'x', s[0], s[1], '\0'};
		const char *end;
		uint64_t byte;

		if (!read_number(digits, &byte, &end))
			return expected(key, value, err);
		field[i] = (uint8_t)byte;
	}
	return 0;
}

static int store_number(const struct schema_key *key, char *field, const struct toml_node *value,
			struct vmm_error *err)
{
	uint64_t number;
	uint32_t small;
	int ret;

	if (key->type == SCHEMA_CHOICE)
		ret = choice_value(key, value, &number, err);
	else
		ret = number_value(key, value, &number, err);
	if (ret < 0)
		return ret;
	if (key->type == SCHEMA_BITS || key->type == SCHEMA_SIZE) {
		memcpy(field, &number, sizeof(number));
	} else {
		small = (uint32_t)number;
		memcpy(field, &small, sizeof(small));
	}
	return 0;
}

static int store(const struct schema_key *key, void *base, const struct toml_node *value,
		 const char *dir, struct vmm_error *err)
{
	char *field = (char *)base + key->offset;

	if (schema_is_text(key)) {
		if (value->type != TOML_STRING)
			return expected(key, value, err);
		return config_store_text(key, base, value, dir, err);
	}
	if (key->type == SCHEMA_HEX)
		return store_hex(key, (uint8_t *)field, value, err);
	if (key->type != SCHEMA_BOOL)
		return store_number(key, field, value, err);
	if (value->type != TOML_BOOL)
		return expected(key, value, err);
	memcpy(field, &value->boolean, sizeof(value->boolean));
	return 0;
}

int config_store(const struct schema_key *key, void *base, const struct toml_node *value,
		 const char *dir, struct vmm_error *err)
{
	const bool given = true;
	int ret = store(key, base, value, dir, err);

	if (ret == 0 && key->given)
		memcpy((char *)base + key->given, &given, sizeof(given));
	return ret;
}
