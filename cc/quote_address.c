// SPDX-License-Identifier: MIT
#include "cc/quote.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A decimal number of at most 32 bits that ends before `end`; *text is left there. */
static bool parse_u32(const char **text, char end, uint32_t *value)
{
	uint64_t n = 0;
	const char *p = *text;

	for (; *p >= '0' && *p <= '9'; p++) {
		n = n * 10 + (uint64_t)(*p - '0');
		if (n > UINT32_MAX)
			return false;
	}
	if (p == *text || *p != end)
		return false;
	*text = p;
	*value = (uint32_t)n;
	return true;
}

static int parse_vsock(struct quote_address *address, const char *text, struct vmm_error *err)
{
	const char *p = text + strlen("vsock:");
	uint32_t cid, port;
	bool ok = parse_u32(&p, ':', &cid);

	if (ok) {
		p++;
		ok = parse_u32(&p, '\0', &port);
	}
	if (!ok)
		return vmm_error_set(err, -EINVAL,
				     "tdx.quote-socket: \"%s\" is not vsock:CID:PORT, such as "
				     "vsock:2:4050",
				     text);
	address->u.vsock =
		(struct sockaddr_vm){.svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = port};
	address->len = sizeof(address->u.vsock);
	return 0;
}

int quote_address_parse(struct quote_address *address, const char *text, struct vmm_error *err)
{
	struct sockaddr_un *un = &address->u.unix_path;
	size_t len = strlen(text);

	memset(address, 0, sizeof(*address));
	if (strncmp(text, "vsock:", strlen("vsock:")) == 0)
		return parse_vsock(address, text, err);
	if (len == 0 || len >= sizeof(un->sun_path))
		return vmm_error_set(err, -EINVAL,
				     "tdx.quote-socket: the path of a socket has 1 to %zu bytes, "
				     "not %zu",
				     sizeof(un->sun_path) - 1, len);
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, text, len + 1);
	address->len = sizeof(*un);
	return 0;
}
