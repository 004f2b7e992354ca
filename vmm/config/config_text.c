// SPDX-License-Identifier: MIT
/* One TOML string into one char * field: the forms that strings may have, and relative paths. */
#include "vmm/config/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

/* `prefix` and the path, which is below `dir` unless it is absolute. NULL: no memory. */
static char *join(const char *prefix, const char *dir, const char *path)
{
	char *out;
	int ret;

	if (path[0] == '/' || !dir || !dir[0])
		ret = asprintf(&out, "%s%s", prefix, path);
	else
		ret = asprintf(&out, "%s%s%s%s", prefix, dir,
			       dir[strlen(dir) - 1] == '/' ? "" : "/", path);
	return ret < 0 ? NULL : out;
}

static int wrong_form(const struct schema_key *key, const char *text, struct vmm_error *err)
{
	char type[400];

	config_describe_type(key, type, sizeof(type));
	return vmm_error_set(err, -EINVAL, "expected %s, found \"%.*s\"", type,
			     toml_clip(strlen(text), text), text);
}

static int path(const char *prefix, const char *dir, const char *text, char **out,
		struct vmm_error *err)
{
	if (!text[0])
		return vmm_error_set(err, -EINVAL, "expected a path, found nothing");
	*out = join(prefix, dir, text);
	return *out ? 0 : vmm_error_errno(err, -ENOMEM, "unable to keep a path");
}

/* The kernel keeps a socket's path in sun_path, with a NUL behind it (unix(7)). */
static int socket_path(const struct schema_key *key, const char *prefix, const char *dir,
		       const char *text, char **out, struct vmm_error *err)
{
	const size_t any = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;
	const size_t max = key->type == SCHEMA_SOCKET && key->max ? key->max : any;
	int ret = path(prefix, dir, text, out, err);
	size_t len;

	if (ret < 0)
		return ret;
	len = strlen(*out + strlen(prefix));
	if (len <= max)
		return 0;
	free(*out);
	return vmm_error_set(
		err, -EINVAL,
		max < any ? "this socket's path has at most %zu bytes, since port numbers "
			    "are appended to it, and here it has %zu"
			  : "a Unix socket's path has at most %zu bytes, this has %zu",
		max, len);
}

static int output(const struct schema_key *key, const char *dir, const char *text, char **out,
		  struct vmm_error *err)
{
	if (strncmp(text, "file:", 5) == 0)
		return path("file:", dir, text + 5, out, err);
	if (strncmp(text, "unix:", 5) == 0)
		return socket_path(key, "unix:", dir, text + 5, out, err);
	if (strcmp(text, "stdio") != 0 && strcmp(text, "null") != 0)
		return wrong_form(key, text, err);
	return path("", NULL, text, out, err);
}

/* Decimal digits up to `end`, at most 32 bits; moves *s behind `end`. */
static bool number_until(const char **s, char end)
{
	uint64_t value = 0;
	const char *start = *s;

	while (**s >= '0' && **s <= '9' && value <= UINT32_MAX)
		value = value * 10 + (uint64_t)(*(*s)++ - '0');
	return *s > start && value <= UINT32_MAX && *(*s)++ == end;
}

static int endpoint(const struct schema_key *key, const char *dir, const char *text, char **out,
		    struct vmm_error *err)
{
	const char *s = text + strlen("vsock:");

	if (strncmp(text, "vsock:", strlen("vsock:")) != 0)
		return socket_path(key, "", dir, text, out, err);
	if (!number_until(&s, ':') || !number_until(&s, '\0'))
		return wrong_form(key, text, err);
	return path("", NULL, text, out, err);
}

/* Six bytes; bit 0 of the first says multicast, which is no address to have (IEEE 802-2014, 8.2), and
 * Linux takes no address of zeros (is_valid_ether_addr()) */
static int mac(const struct schema_key *key, const char *text, char **out, struct vmm_error *err)
{
	static const char hex[] = "0123456789abcdefABCDEF";
	bool good = strlen(text) == 17;

	for (size_t i = 0; good && i < 17; i++)
		good = i % 3 == 2 ? text[i] == ':' : strchr(hex, text[i]) != NULL;
	if (!good || strchr("13579bdfBDF", text[1]) || strspn(text, "0:") == 17)
		return wrong_form(key, text, err);
	return path("", NULL, text, out, err);
}

static int string(const struct schema_key *key, const char *text, char **out, struct vmm_error *err)
{
	if (strlen(text) < key->min)
		return vmm_error_set(err, -EINVAL, "must not be empty");
	if (key->max && strlen(text) > key->max)
		return wrong_form(key, text, err);
	*out = strdup(text);
	return *out ? 0 : vmm_error_errno(err, -ENOMEM, "unable to keep a string");
}

static int convert(const struct schema_key *key, const char *text, const char *dir, char **out,
		   struct vmm_error *err)
{
	switch (key->type) {
	case SCHEMA_PATH:
		return path("", dir, text, out, err);
	case SCHEMA_SOCKET:
		return socket_path(key, "", dir, text, out, err);
	case SCHEMA_OUTPUT:
		return output(key, dir, text, out, err);
	case SCHEMA_ENDPOINT:
		return endpoint(key, dir, text, out, err);
	case SCHEMA_MAC:
		return mac(key, text, out, err);
	default:
		return string(key, text, out, err);
	}
}

int config_store_text(const struct schema_key *key, void *base, const struct toml_node *value,
		      const char *dir, struct vmm_error *err)
{
	char *field = (char *)base + key->offset;
	char *old, *text;
	int ret;

	/* also keeps out NUL, so that the rest can work on C strings */
	for (size_t i = 0; i < value->string.len; i++) {
		unsigned char c = (unsigned char)value->string.data[i];

		if (c < 0x20 || c == 0x7f)
			return vmm_error_set(err, -EINVAL,
					     "must not hold control characters, but has 0x%02x", c);
	}
	ret = convert(key, value->string.data, dir, &text, err);
	if (ret < 0)
		return ret;
	memcpy(&old, field, sizeof(old));
	if (old != key->text)
		free(old);
	memcpy(field, &text, sizeof(text));
	return 0;
}
