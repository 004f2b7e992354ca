// SPDX-License-Identifier: MIT
#include "vmm/config/value.h"

#include "vmm/base/words.h"
#include "vmm/config/describe.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static int expected(const struct schema *key, const struct tree_node *value, struct vmm_error *err)
{
	char type[DESCRIPTION_MAX];

	describe_type(key, type);
	switch (value->type) {
	case TREE_STRING:
		return vmm_error_set(err, -EINVAL, "expected %s, found \"%.*s\"", type,
				     tree_clip(value->string.len, value->string.data),
				     value->string.data);
	case TREE_INTEGER:
		return vmm_error_set(err, -EINVAL,
				     key->hex && value->integer >= 0
					     ? "expected %s, found 0x%" PRIx64
					     : "expected %s, found %" PRId64,
				     type, value->integer);
	default:
		return vmm_error_set(err, -EINVAL, "expected %s, found %s", type,
				     tree_type_name(value->type));
	}
}

/* --- numbers ---------------------------------------------------------------------------------- */

/* Digits at *s, which moves behind them; false for none or too big a number. */
static bool read_digits(const char **s, unsigned int base, uint64_t *out)
{
	const char *start = *s;
	int digit;

	for (*out = 0; (digit = hex_digit(**s)) >= 0 && digit < (int)base; (*s)++)
		if (__builtin_mul_overflow(*out, base, out) ||
		    __builtin_add_overflow(*out, (unsigned int)digit, out))
			return false;
	return *s > start;
}

static bool read_number(const char **s, uint64_t *out)
{
	bool is_hex = (*s)[0] == '0' && (*s)[1] == 'x';

	*s += is_hex ? 2 : 0;
	return read_digits(s, is_hex ? 16 : 10, out);
}

/* A number from beginning to end, for sizes maybe with a unit: "512M". Those are binary (IEC
 * 80000-13), as everybody means them for memory. */
static bool read_quantity(struct tree_text text, bool is_size, uint64_t *out)
{
	static const char units[] = "KMGT";
	const char *s = text.data, *unit;

	if (!read_number(&s, out))
		return false;
	unit = is_size && *s ? strchr(units, *s) : NULL;
	if (unit) {
		s++;
		if (__builtin_mul_overflow(*out, UINT64_C(1024) << 10 * (unit - units), out))
			return false;
	}
	return s == text.data + text.len;
}

static bool read_integer(const struct schema *key, const struct tree_node *value, uint64_t *out)
{
	if (value->type == TREE_INTEGER && value->integer >= 0)
		*out = (uint64_t)value->integer;
	else if (value->type != TREE_STRING || key->type == SCHEMA_NUMBER ||
		 !read_quantity(value->string, key->type == SCHEMA_SIZE, out))
		return false;
	if (key->type == SCHEMA_BITS)
		return true;
	if (key->multiple && *out % key->multiple)
		return false;
	return (*out >= key->min && *out <= key->max) || (key->or_zero && *out == 0);
}

/* Its name, maybe followed by -v and the number of a version that it has */
static bool is_choice(const struct schema_choice *choice, const struct tree_node *value)
{
	size_t len = strlen(choice->name);
	const char *s = value->string.data;
	uint64_t version;

	if (value->type != TREE_STRING || strncmp(s, choice->name, len) != 0)
		return false;
	if (value->string.len == len)
		return true;
	s += len;
	if (strncmp(s, "-v", 2) != 0 || s[2] == '0')
		return false;
	s += 2;
	return read_digits(&s, 10, &version) && s == value->string.data + value->string.len &&
	       version <= choice->versions;
}

static bool read_choice(const struct schema *key, const struct tree_node *value, uint64_t *out)
{
	struct schema_choice c;

	if (key->was_bool && value->type == TREE_BOOL) {
		*out = value->boolean;
		return true;
	}
	for (size_t i = 0; (c = schema_choice(key, i)).name; i++)
		if (is_choice(&c, value))
			break;
	*out = c.value;
	return c.name != NULL;
}

/* --- bytes ------------------------------------------------------------------------------------ */

static int read_hex(const struct schema *key, const struct tree_node *value, uint8_t *out,
		    struct vmm_error *err)
{
	if (value->type != TREE_STRING ||
	    strspn(value->string.data, "0123456789abcdefABCDEF") != value->string.len)
		return expected(key, value, err);
	if (value->string.len != key->max * 2)
		return vmm_error_set(err, -EINVAL,
				     "expected %" PRIu64 " hexadecimal digits, found %zu",
				     key->max * 2, value->string.len);
	hex_read(value->string.data, out, key->max);
	return 0;
}

/* Bit 0 of the first byte says multicast, which is no address to have (IEEE 802-2014, 8.2), and Linux
 * takes no address of zeros (is_valid_ether_addr()). */
static bool read_mac(const char *text, uint8_t out[6])
{
	uint8_t mac[6], any = 0;

	for (int i = 0; i < 6; i++, text += 3) {
		int high = hex_digit(text[0]);
		int low = high < 0 ? -1 : hex_digit(text[1]);

		if (low < 0 || text[2] != (i < 5 ? ':' : '\0'))
			return false;
		mac[i] = (uint8_t)(high << 4 | low);
		any |= mac[i];
	}
	if ((mac[0] & 1) || !any)
		return false;
	memcpy(out, mac, sizeof(mac));
	return true;
}

/* --- texts ------------------------------------------------------------------------------------ */

struct input {
	const struct schema *key;
	const struct tree_node *value;
	const char *dir;
	struct vmm_error *err;
};

/* Below `dir`, unless it is absolute. */
static int read_path(const struct input *in, const char *text, char **out)
{
	const char *dir = in->dir ? in->dir : "", *slash = "/";

	if (!text[0])
		return vmm_error_set(in->err, -EINVAL, "expected a path, found nothing");
	if (text[0] == '/' || !dir[0])
		dir = slash = "";
	else if (dir[strlen(dir) - 1] == '/')
		slash = "";
	if (asprintf(out, "%s%s%s", dir, slash, text) >= 0)
		return 0;
	*out = NULL;
	return vmm_error_errno(in->err, -ENOMEM, "unable to keep a path");
}

/* The kernel keeps a socket's path in sun_path, with a NUL behind it (unix(7)). */
static int read_socket(const struct input *in, const char *text, char **out)
{
	const size_t any = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;
	const size_t max = in->key->max ? in->key->max : any;
	int ret = read_path(in, text, out);
	size_t len = ret < 0 ? 0 : strlen(*out);

	if (len <= max)
		return ret;
	free(*out);
	return vmm_error_set(
		in->err, -EINVAL,
		max < any ? "this socket's path has at most %zu bytes, since port numbers "
			    "are appended to it, and here it has %zu"
			  : "a Unix socket's path has at most %zu bytes, this has %zu",
		max, len);
}

/* Decimal digits up to `end`, at most 32 bits; moves *s behind `end`. */
static bool number_until(const char **s, char end, uint32_t *out)
{
	uint64_t number;

	if (!read_digits(s, 10, &number) || number > UINT32_MAX || *(*s)++ != end)
		return false;
	*out = (uint32_t)number;
	return true;
}

static int read_text(const struct input *in, const char *s, struct endpoint *out)
{
	const struct schema *key = in->key;
	bool is_output = key->type == SCHEMA_OUTPUT;
	size_t len = strlen(s);

	if (key->type == SCHEMA_STRING) {
		if (len < key->min)
			return vmm_error_set(in->err, -EINVAL, "must not be empty");
		if (key->max && len > key->max)
			return expected(key, in->value, in->err);
		out->path = strdup(s);
		return out->path ? 0 : vmm_error_errno(in->err, -ENOMEM, "unable to keep a string");
	}
	if (key->type == SCHEMA_PATH)
		return read_path(in, s, &out->path);
	if (is_output && strcmp(s, "stdio") == 0) {
		out->kind = ENDPOINT_STDIO;
		return 0;
	}
	if (is_output && strcmp(s, "null") == 0) {
		out->kind = ENDPOINT_NULL;
		return 0;
	}
	if (is_output && strncmp(s, "file:", 5) == 0) {
		out->kind = ENDPOINT_FILE;
		return read_path(in, s + 5, &out->path);
	}
	if (key->type == SCHEMA_ENDPOINT && strncmp(s, "vsock:", 6) == 0) {
		out->kind = ENDPOINT_VSOCK;
		s += 6;
		return number_until(&s, ':', &out->cid) && number_until(&s, '\0', &out->port)
			       ? 0
			       : expected(key, in->value, in->err);
	}
	if (is_output && strncmp(s, "unix:", 5) != 0)
		return expected(key, in->value, in->err);
	out->kind = ENDPOINT_UNIX;
	return read_socket(in, is_output ? s + 5 : s, &out->path);
}

/* Whatever is written as a text: its control characters are refused, also NUL, so that the rest can
 * work on C strings. */
static int store_text(const struct input *in, void *field)
{
	const struct tree_text text = in->value->string;
	char **old = schema_text(in->key, field);
	struct endpoint new = {0};
	int ret;

	if (in->value->type != TREE_STRING)
		return expected(in->key, in->value, in->err);
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];

		if (c < 0x20 || c == 0x7f)
			return vmm_error_set(in->err, -EINVAL,
					     "must not hold control characters, but has 0x%02x", c);
	}
	if (in->key->type == SCHEMA_MAC)
		return read_mac(text.data, field) ? 0 : expected(in->key, in->value, in->err);
	ret = read_text(in, text.data, &new);
	if (ret < 0)
		return ret;
	if (*old != in->key->text)
		free(*old);
	if (in->key->type == SCHEMA_OUTPUT || in->key->type == SCHEMA_ENDPOINT)
		*(struct endpoint *)field = new;
	else
		*(char **)field = new.path;
	return 0;
}

/* --- any -------------------------------------------------------------------------------------- */

static int store(const struct schema *key, void *field, const struct tree_node *value,
		 const char *dir, struct vmm_error *err)
{
	uint64_t number;

	switch (key->type) {
	case SCHEMA_BOOL:
		if (value->type != TREE_BOOL)
			return expected(key, value, err);
		*(bool *)field = value->boolean;
		return 0;
	case SCHEMA_HEX:
		return read_hex(key, value, field, err);
	case SCHEMA_CHOICE:
	case SCHEMA_NUMBER:
		if (!(key->type == SCHEMA_CHOICE ? read_choice : read_integer)(key, value, &number))
			return expected(key, value, err);
		*(uint32_t *)field = (uint32_t)number;
		return 0;
	case SCHEMA_BITS:
	case SCHEMA_SIZE:
		if (!read_integer(key, value, &number))
			return expected(key, value, err);
		*(uint64_t *)field = number;
		return 0;
	default:
		return store_text(&(struct input){key, value, dir, err}, field);
	}
}

int config_store(struct vmm_config *config, const struct schema *table, size_t index,
		 const struct schema *key, const struct tree_node *value, const char *dir,
		 struct vmm_error *err)
{
	int ret = store(key, schema_field(table, key, config, index), value, dir, err);

	if (ret == 0)
		schema_set_given(table, key, config, index);
	return ret;
}
