/* SPDX-License-Identifier: MIT */
/* Why a device of the host cannot be opened, and what helps: who may, and in which group one is then. */
#ifndef VMM_KVM_DEVICE_HINT_H
#define VMM_KVM_DEVICE_HINT_H

#include <stdbool.h>
#include <sys/types.h>

#define DEVICE_HINT 256

/* What puts a device into a container; part of a sentence. */
#define DEVICE_OPTION(path) "give it the device (--device " path ")"

/* `code` is what open() said. A hint for EACCES and EPERM in `text`; false for all else. */
bool device_hint(const char *path, int code, char text[DEVICE_HINT]);

/* The same of a device with that mode, owner and group, whose name is NULL if it has none. */
void device_hint_mode(const char *path, int code, mode_t mode, uid_t owner, gid_t gid,
		      const char *group, char text[DEVICE_HINT]);

#endif
