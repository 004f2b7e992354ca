// SPDX-License-Identifier: MIT
#include "vmm/base/unix_listener.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

int unix_address(struct sockaddr_un *addr, const char *path, struct vmm_error *err)
{
	size_t len = strlen(path);

	*addr = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (len == 0 || len >= sizeof(addr->sun_path))
		return vmm_error_set(err, -ENAMETOOLONG,
				     "the path of a unix socket has 1 to %zu bytes, not %zu as %s",
				     sizeof(addr->sun_path) - 1, len, path);
	memcpy(addr->sun_path, path, len);
	return 0;
}

/* Is there a socket at the address that no program has? One of another type is told by what comes
 * back (unix(7)), and whoever listens is not bothered. */
static bool is_leftover(const struct sockaddr_un *addr)
{
	struct stat st;
	bool refused;
	int fd;

	if (lstat(addr->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	refused = connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0 &&
		  errno == ECONNREFUSED;
	close(fd);
	return refused;
}

static int bind_and_listen(struct unix_listener *l, int backlog)
{
	const struct sockaddr *addr = (const struct sockaddr *)&l->addr;
	struct stat st;

	/* bind() gives the path the mode of the socket, so nobody else ever gets in between */
	if (fchmod(l->fd, 0600) < 0)
		return -errno;
	if (bind(l->fd, addr, sizeof(l->addr)) < 0) {
		if (errno != EADDRINUSE)
			return -errno;
		if (!is_leftover(&l->addr))
			return -EADDRINUSE;
		if (unlink(l->addr.sun_path) < 0 || bind(l->fd, addr, sizeof(l->addr)) < 0)
			return -errno;
	}
	if (lstat(l->addr.sun_path, &st) == 0) {
		l->dev = st.st_dev;
		l->ino = st.st_ino;
	}
	return listen(l->fd, backlog) < 0 ? -errno : 0;
}

static int in_use(const char *what, const char *path, int code, struct vmm_error *err)
{
	vmm_error_errno(err, code, "unable to listen on %s %s", what, path);
	if (code == -EADDRINUSE)
		vmm_error_hint(err, "another VM listens there, or it is not a socket");
	return code;
}

int unix_listen_check(const char *what, const char *path, struct vmm_error *err)
{
	struct sockaddr_un addr;
	struct stat st;
	int ret = unix_address(&addr, path, err);

	if (ret < 0 || lstat(path, &st) < 0 || is_leftover(&addr))
		return ret;
	return in_use(what, path, -EADDRINUSE, err);
}

int unix_listen(struct unix_listener *l, const char *what, const char *path, int backlog,
		struct vmm_error *err)
{
	int ret;

	*l = (struct unix_listener){.fd = -1};
	ret = unix_address(&l->addr, path, err);
	if (ret < 0)
		return ret;
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return vmm_error_errno(err, -errno, "unable to create %s %s", what, path);
	ret = bind_and_listen(l, backlog);
	if (ret == 0)
		return 0;
	unix_unlisten(l);
	return in_use(what, path, ret, err);
}

void unix_unlisten(struct unix_listener *l)
{
	struct stat st;

	if (l->fd < 0)
		return;
	close(l->fd);
	l->fd = -1;
	if (l->ino && lstat(l->addr.sun_path, &st) == 0 && st.st_dev == l->dev &&
	    st.st_ino == l->ino)
		unlink(l->addr.sun_path);
}
