// SPDX-License-Identifier: MIT
#include "cc/quote.h"

#include <stdio.h>
#include <string.h>

void quote_address_set(struct quote_address *address, const struct endpoint *end)
{
	memset(address, 0, sizeof(*address));
	if (end->kind == ENDPOINT_VSOCK) {
		address->u.vsock = (struct sockaddr_vm){
			.svm_family = AF_VSOCK, .svm_cid = end->cid, .svm_port = end->port};
		address->len = sizeof(address->u.vsock);
	} else {
		address->u.unix_path.sun_family = AF_UNIX;
		/* whoever read the configuration has seen that it fits */
		snprintf(address->u.unix_path.sun_path, sizeof(address->u.unix_path.sun_path), "%s",
			 end->path);
		address->len = sizeof(address->u.unix_path);
	}
}
