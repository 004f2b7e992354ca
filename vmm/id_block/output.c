// SPDX-License-Identifier: MIT
/* Files that appear whole or not at all: written under another name, then renamed. */
#include "vmm/id_block/id_block.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMPORARY ".new" /* behind the name */

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

static int temporary_name(const struct output_file *file, char name[NAME_MAX + 1])
{
	int n = snprintf(name, NAME_MAX + 1, "%s" TEMPORARY, file->name);

	return n < 0 || n > NAME_MAX ? -ENAMETOOLONG : 0;
}

static int write_temporary(int dir_fd, const struct output_file *file)
{
	char name[NAME_MAX + 1];
	int ret = temporary_name(file, name);
	int fd;

	if (ret < 0)
		return ret;
	/* one that an interrupted run has left; O_EXCL then never follows what somebody put there
	 */
	unlinkat(dir_fd, name, 0);
	fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
	if (fd < 0)
		return -errno;
	ret = write_all(fd, file->data, file->len);
	if (close(fd) < 0 && ret == 0)
		ret = -errno;
	if (ret < 0)
		unlinkat(dir_fd, name, 0);
	return ret;
}

static int make_visible(int dir_fd, const struct output_file *file)
{
	char name[NAME_MAX + 1];
	int ret = temporary_name(file, name);

	if (ret == 0 && renameat(dir_fd, name, dir_fd, file->name) < 0)
		ret = -errno;
	return ret;
}

static void remove_temporary(int dir_fd, const struct output_file *file)
{
	char name[NAME_MAX + 1];

	if (temporary_name(file, name) == 0)
		unlinkat(dir_fd, name, 0);
}

int output_write(const char *dir, const struct output_file *files, size_t nfiles,
		 struct vmm_error *err)
{
	size_t written = 0, visible = 0;
	int ret = 0;
	int dir_fd;

	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return vmm_error_errno(err, -errno, "unable to make the folder %s", dir);
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return vmm_error_errno(err, -errno, "unable to open the folder %s", dir);
	for (; ret == 0 && written < nfiles; written++) {
		ret = write_temporary(dir_fd, &files[written]);
		if (ret < 0)
			vmm_error_errno(err, ret, "unable to write %s/%s", dir,
					files[written].name);
	}
	for (; ret == 0 && visible < nfiles; visible++) {
		ret = make_visible(dir_fd, &files[visible]);
		if (ret < 0)
			vmm_error_errno(err, ret, "unable to replace %s/%s", dir,
					files[visible].name);
	}
	for (size_t i = 0; ret < 0 && i < written; i++)
		remove_temporary(dir_fd, &files[i]);
	close(dir_fd);
	return ret;
}
