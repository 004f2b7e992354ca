// SPDX-License-Identifier: MIT
/* Files that appear whole or not at all: written under another name, then renamed. */
#include "vmm/id_block/id_block.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Neither file is a secret: the guest's owner hands both to the host. */
#define FILE_MODE 0644

static int write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return fsync(fd) < 0 ? -errno : 0;
}

static int write_temporary(int dir_fd, const struct output_file *file)
{
	int fd, ret;

	/* one that an interrupted run has left; O_EXCL then never follows what somebody put there
	 */
	unlinkat(dir_fd, file->temporary, 0);
	fd = openat(dir_fd, file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
	if (fd < 0)
		return -errno;
	ret = write_all(fd, file->data, file->len);
	if (close(fd) < 0 && ret == 0)
		ret = -errno;
	return ret;
}

int output_write(const char *dir, const struct output_file *files, size_t nfiles,
		 struct vmm_error *err)
{
	size_t i;
	int ret = 0, dir_fd;

	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return vmm_error_errno(err, -errno, "unable to make the folder %s", dir);
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return vmm_error_errno(err, -errno, "unable to open the folder %s", dir);
	for (i = 0; i < 2 * nfiles && ret == 0; i++) {
		const struct output_file *file = &files[i % nfiles];

		if (i < nfiles)
			ret = write_temporary(dir_fd, file);
		else if (renameat(dir_fd, file->temporary, dir_fd, file->name) < 0)
			ret = -errno;
		if (ret < 0)
			vmm_error_errno(err, ret, "unable to %s %s/%s",
					i < nfiles ? "write" : "replace", dir, file->name);
	}
	for (i = 0; ret < 0 && i < nfiles; i++)
		unlinkat(dir_fd, files[i].temporary, 0);
	close(dir_fd);
	return ret;
}
