// SPDX-License-Identifier: MIT
#include "vmm/dev/console_backend.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Written at once to a descriptor that may block: poll() promises at least a little room, and this
 * much is there on every terminal and pipe in practice. */
#define CAREFUL_WRITE 64

/* --- standard input and output ---------------------------------------------------------------- */

/* A descriptor for what `fd` is open on. *independent: it is non-blocking without `fd` being so. */
static int open_again(int fd, int flags, bool *independent)
{
	char path[32];
	struct stat st;
	int again = -1;

	*independent = false;
	if (fstat(fd, &st) < 0)
		return -1;
	/* a file opened again would be written from its start; sockets cannot be opened */
	if (S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode)) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		again = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		*independent = again >= 0;
	}
	return again >= 0 ? again : fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

struct console_output console_open_stdout(void)
{
	struct console_output out = {.fd = -1};
	bool independent;
	struct stat st;

	out.fd = open_again(STDOUT_FILENO, O_WRONLY, &independent);
	if (out.fd >= 0 && fstat(out.fd, &st) == 0)
		out.is_socket = S_ISSOCK(st.st_mode);
	out.may_block = !independent;
	return out;
}

int console_open_stdin(void)
{
	bool independent;

	return open_again(STDIN_FILENO, O_RDONLY, &independent);
}

/* --- file ------------------------------------------------------------------------------------- */

int console_open_file(const char *path, int *fd, struct vmm_error *err)
{
	*fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	if (*fd >= 0)
		return 0;
	if (errno == ENXIO)
		return vmm_error_set(err, -ENXIO,
				     "unable to open console file %s: it is a FIFO that nobody "
				     "reads, or a socket (use unix:PATH)",
				     path);
	return vmm_error_errno(err, -errno, "unable to open console file %s", path);
}

/* --- reading and writing ---------------------------------------------------------------------- */

/* Is the descriptor ready for `events`, or broken, right now? */
static bool ready(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	return poll(&p, 1, 0) > 0;
}

ssize_t console_try_write(const struct console_output *out, const uint8_t *buf, size_t len)
{
	ssize_t n;

	if (out->is_socket) {
		n = send(out->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	} else {
		if (out->may_block && !ready(out->fd, POLLOUT))
			return -EAGAIN;
		if (out->may_block && len > CAREFUL_WRITE)
			len = CAREFUL_WRITE;
		n = write(out->fd, buf, len);
	}
	return n < 0 ? -errno : n;
}

ssize_t console_try_read(int fd, uint8_t *buf, size_t len)
{
	ssize_t n;

	if (!ready(fd, POLLIN))
		return -EAGAIN;
	n = read(fd, buf, len);
	return n < 0 ? -errno : n;
}
