// SPDX-License-Identifier: MIT
/* Reading a configuration file. */
#include "vmm/config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Up to `size` bytes, fewer at the end of the file. */
static int read_up_to(int fd, char *out, size_t size, size_t *len)
{
	*len = 0;
	while (*len < size) {
		ssize_t n = read(fd, out + *len, size - *len);

		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			*len += (size_t)n;
	}
	return 0;
}

/* One byte more than a configuration may have, so that the parser sees when it is too large. */
static int read_text(const char *path, bool is_stdin, char **text, size_t *len,
		     struct vmm_error *err)
{
	const size_t size = CONFIG_FILE_MAX + 1;
	int fd, ret;

	fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return vmm_error_errno(err, -errno, "unable to open %s", path);
	*text = malloc(size);
	ret = *text ? read_up_to(fd, *text, size, len) : -ENOMEM;
	if (!is_stdin)
		close(fd);
	if (ret < 0) {
		free(*text);
		return vmm_error_errno(err, ret, "unable to read %s", path);
	}
	return 0;
}

/* The part before the last slash; NULL in *dir for the working directory. */
static int directory_of(const char *path, char **dir)
{
	const char *slash = strrchr(path, '/');

	*dir = NULL;
	if (!slash)
		return 0;
	*dir = strndup(path, slash == path ? 1 : (size_t)(slash - path));
	return *dir ? 0 : -ENOMEM;
}

int config_read_file(struct vmm_config *config, const char *path, config_fault_fn *fault, void *ctx,
		     struct vmm_error *err)
{
	bool is_stdin = strcmp(path, "-") == 0;
	char *dir, *text = NULL;
	size_t len = 0;
	int ret;

	if (is_stdin)
		path = "<stdin>";
	ret = read_text(path, is_stdin, &text, &len, err);
	if (ret < 0)
		return ret;
	ret = directory_of(path, &dir);
	if (ret < 0)
		ret = vmm_error_errno(err, ret, "unable to read %s", path);
	else
		ret = config_read_text(config, text, len, path, dir, fault, ctx, err);
	free(dir);
	free(text);
	return ret;
}
