/* SPDX-License-Identifier: MIT */
/* What a configuration says of the host's end of a connection: a console's, for example. */
#ifndef VMM_BASE_ENDPOINT_H
#define VMM_BASE_ENDPOINT_H

#include <stddef.h>
#include <stdint.h>

struct endpoint {
	enum endpoint_kind {
		ENDPOINT_NONE, /* not given */
		ENDPOINT_STDIO,
		ENDPOINT_NULL, /* nobody */
		ENDPOINT_FILE,
		ENDPOINT_UNIX,
		ENDPOINT_VSOCK,
	} kind;
	char *path;	    /* of a file or Unix socket; else NULL */
	uint32_t cid, port; /* of a vsock */
};

/* The path, if it is of that kind. */
static inline const char *endpoint_path(const struct endpoint *end, enum endpoint_kind kind)
{
	return end->kind == kind ? end->path : NULL;
}

#endif
