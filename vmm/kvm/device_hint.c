// SPDX-License-Identifier: MIT
#include "vmm/kvm/device_hint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A statically linked program has no getgrgid(): that would load libraries. *name stays as it is when
 * the group has none. */
static void group_name(gid_t gid, char *name, size_t size)
{
	FILE *file = fopen("/etc/group", "re");
	char line[1024];

	while (file && fgets(line, sizeof(line), file)) {
		char *password = strchr(line, ':');
		char *number = password ? strchr(password + 1, ':') : NULL;

		if (number && strtoul(number + 1, NULL, 10) == gid) {
			snprintf(name, size, "%.*s", (int)(password - line), line);
			break;
		}
	}
	if (file)
		fclose(file);
}

void device_hint_mode(const char *path, int code, mode_t mode, uid_t owner, gid_t gid,
		      const char *group, char text[DEVICE_HINT])
{
	const char *user = owner == 0 ? "root" : "its owner";
	char number[16];

	snprintf(number, sizeof(number), "%u", gid);
	if (!group)
		group = number;
	if (code == -EPERM)
		snprintf(text, DEVICE_HINT,
			 "something forbids it that is no file mode, in a container its rules for "
			 "devices: give it the device (--device %s)",
			 path);
	else if ((mode & 0006) == 0006)
		snprintf(text, DEVICE_HINT,
			 "its mode %04o lets everybody: a security module forbids it, or a folder "
			 "on the way to it",
			 mode & 07777);
	else if ((mode & 0060) == 0060 && gid != 0)
		snprintf(
			text, DEVICE_HINT,
			"%s and the group %s may, mode %04o: become a member of the group %s, usermod "
			"-aG %s USER, and log in again; in a container --group-add %u",
			user, group, mode & 07777, group, group, gid);
	else
		snprintf(
			text, DEVICE_HINT,
			"only %s may, mode %04o: give it to a group (chgrp kvm %s; chmod 0660 %s), or "
			"for good by a udev rule",
			user, mode & 07777, path, path);
}

bool device_hint(const char *path, int code, char text[DEVICE_HINT])
{
	char group[64] = "";
	struct stat st;

	text[0] = '\0';
	if (code != -EACCES && code != -EPERM)
		return false;
	if (stat(path, &st) < 0) {
		snprintf(text, DEVICE_HINT, "a folder on the way to it may not be searched");
		return true;
	}
	group_name(st.st_gid, group, sizeof(group));
	device_hint_mode(path, code, st.st_mode, st.st_uid, st.st_gid, group[0] ? group : NULL,
			 text);
	return true;
}
