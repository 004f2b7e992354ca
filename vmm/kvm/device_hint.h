/* SPDX-License-Identifier: MIT */
/* Why a device of the host cannot be opened, and what helps: who may, and in which group one is then. */
#ifndef VMM_KVM_DEVICE_HINT_H
#define VMM_KVM_DEVICE_HINT_H

#include "vmm/base/sys.h"

#include <stdbool.h>

#define DEVICE_HINT 384

/* What puts a device into a container; part of a sentence. */
#define DEVICE_OPTION(path) "give it the device (--device " path ")"

/* `code` is what open() said. A hint for EACCES and EPERM in `text`; false for all else. */
bool device_hint(const struct sys *sys, const char *path, int code, char text[DEVICE_HINT]);

/* The same of a device whose owner is known. */
void device_hint_mode(const char *path, int code, const struct sys_owner *owner,
		      char text[DEVICE_HINT]);

#endif
