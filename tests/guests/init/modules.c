// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/guests/init/init.h"

/* scandir() hands no argument through */
static const char *wanted;

static int is_module(const struct dirent *entry)
{
	const char *name = entry->d_name;
	size_t len = strlen(name);

	if (len <= 3 || strcmp(name + len - 3, ".ko") != 0)
		return 0;
	return *wanted ? strncmp(name, wanted, strlen(wanted)) == 0 : *name >= '0' && *name <= '9';
}

static void load_module(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) != 0)
		printf("GUEST module %s: %s\n", name, strerror(errno));
	if (fd >= 0)
		close(fd);
}

void load_modules(const char *folder, const char *prefix)
{
	struct dirent **list = NULL;
	int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int count;

	if (dir < 0)
		return;
	wanted = prefix;
	count = scandir(folder, &list, is_module, alphasort);
	for (int i = 0; i < count; i++) {
		load_module(dir, list[i]->d_name);
		free(list[i]);
	}
	free(list);
	close(dir);
}
