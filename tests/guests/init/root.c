// SPDX-License-Identifier: MIT
/* From the initramfs to a root file system on the first disk, as an initramfs of Debian's does it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/guests/init/init.h"

void run_from_disk(void)
{
	static const char *const moved[] = {"/dev", "/proc", "/sys"};
	int mounted = -1;
	char to[16];

	load_modules("/modules", "virtio-");
	mkdir("/root", 0755);
	for (int i = 0; i < 100 && mounted < 0; i++) {
		mounted = mount("/dev/vda", "/root", "ext4", 0, NULL);
		if (mounted < 0)
			usleep(50000);
	}
	if (mounted < 0) {
		printf("GUEST /dev/vda: %s\n", strerror(errno));
		return;
	}
	for (size_t i = 0; i < sizeof(moved) / sizeof(moved[0]); i++) {
		snprintf(to, sizeof(to), "/root%s", moved[i]);
		mount(moved[i], to, NULL, MS_MOVE, NULL);
	}
	if (chdir("/root") == 0 && mount(".", "/", NULL, MS_MOVE, NULL) == 0 && chroot(".") == 0)
		execl("/sbin/init", "init", (char *)NULL);
	printf("GUEST /sbin/init: %s\n", strerror(errno));
}
