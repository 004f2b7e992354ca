/* SPDX-License-Identifier: MIT */
/*
 * A Unix stream socket with a name in the file system, on which a part of the VM waits for programs
 * of the host: only the user who runs the VM may connect (mode 0600). A socket that a VM has left
 * behind when it was killed is replaced; one on which somebody listens, and anything else that has
 * the name, is not touched.
 */
#ifndef VMM_BASE_UNIX_LISTENER_H
#define VMM_BASE_UNIX_LISTENER_H

#include "vmm/base/error.h"

#include <sys/types.h>
#include <sys/un.h>

struct unix_listener {
	int fd; /* -1: does not listen */
	struct sockaddr_un addr;
	dev_t dev; /* of the socket in the file system: what is removed has to be still the same */
	ino_t ino;
};

/* Fills in an address; -ENAMETOOLONG when `path` is empty or too long for one. */
int unix_address(struct sockaddr_un *addr, const char *path, struct vmm_error *err);

/* `what` is for messages: "console socket". `backlog` is that of listen(2). The socket is
 * non-blocking and close-on-exec. */
int unix_listen(struct unix_listener *l, const char *what, const char *path, int backlog,
		struct vmm_error *err);

/* Is the name free for that, as far as it is there? Nothing is touched. */
int unix_listen_check(const char *what, const char *path, struct vmm_error *err);

/* Stops listening, and removes the name if it still is that of this socket. */
void unix_unlisten(struct unix_listener *l);

#endif
