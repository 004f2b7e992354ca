// SPDX-License-Identifier: MIT
#include "boot/cmdline.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool cmdline_acpi_off(const char *cmdline)
{
	static const char word[] = "acpi=off";
	const char *p = cmdline;

	for (; (p = strstr(p, word)); p++) {
		const char *end = p + sizeof(word) - 1;

		if ((p == cmdline || p[-1] == ' ') && (*end == ' ' || *end == '\0'))
			return true;
	}
	return false;
}

size_t cmdline_devices(const struct boot_config *config, char text[CMDLINE_DEVICES])
{
	const struct acpi_config *platform = &config->platform;
	size_t len = 0;

	text[0] = '\0';
	if (config->device_tree || !cmdline_acpi_off(config->cmdline))
		return 0;
	for (size_t i = 0; i < platform->nvirtio && i < ACPI_MAX_VIRTIO; i++)
		len += (size_t)snprintf(text + len, CMDLINE_DEVICES - len,
					" virtio_mmio.device=4K@%#" PRIx64 ":%" PRIu32,
					platform->virtio[i].gpa, platform->virtio[i].gsi);
	return len;
}
