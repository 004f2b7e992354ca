// SPDX-License-Identifier: MIT
#include "vmm/kvm/device_hint.h"

#include <errno.h>
#include <stdio.h>

void device_hint_mode(const char *path, int code, const struct sys_owner *owner,
		      char text[DEVICE_HINT])
{
	mode_t mode = owner->mode & 07777;
	const char *group = owner->group;
	const char *user = owner->uid == 0 ? "root" : "its owner";
	char number[16];

	snprintf(number, sizeof(number), "%u", owner->gid);
	if (!group[0])
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
			 mode);
	else if ((mode & 0060) == 0060 && owner->gid != 0)
		snprintf(
			text, DEVICE_HINT,
			"%s and the group %s may, mode %04o: become a member of the group %s, usermod "
			"-aG %s USER, and log in again; in a container --group-add %u",
			user, group, mode, group, group, owner->gid);
	else
		snprintf(
			text, DEVICE_HINT,
			"only %s may, mode %04o: give it to a group (chgrp kvm %s; chmod 0660 %s), or "
			"for good by a udev rule",
			user, mode, path, path);
}

bool device_hint(const struct sys *sys, const char *path, int code, char text[DEVICE_HINT])
{
	struct sys_owner owner = {.gid = 0};

	text[0] = '\0';
	if (code != -EACCES && code != -EPERM)
		return false;
	if (sys->ops->owner(sys->ctx, path, &owner) == 0)
		device_hint_mode(path, code, &owner, text);
	else
		snprintf(text, DEVICE_HINT, "a folder on the way to it may not be searched");
	return true;
}
