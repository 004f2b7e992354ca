// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/guests/init/init.h"

#define MAX_DEVICES 16

static int is_power_key(int fd)
{
	struct input_event event;

	return read(fd, &event, sizeof(event)) == (ssize_t)sizeof(event) && event.type == EV_KEY &&
	       event.code == KEY_POWER && event.value == 1;
}

/* Opens all input devices: which of them has the key does not matter. */
static nfds_t open_devices(struct pollfd devices[MAX_DEVICES])
{
	nfds_t count = 0;
	char path[32];

	for (int i = 0; i < MAX_DEVICES; i++) {
		snprintf(path, sizeof(path), "/dev/input/event%d", i);
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		if (fd >= 0)
			devices[count++] = (struct pollfd){.fd = fd, .events = POLLIN};
	}
	return count;
}

int wait_for_power_button(void)
{
	struct pollfd devices[MAX_DEVICES];
	nfds_t count = open_devices(devices);

	if (count == 0)
		return -ENODEV;
	for (;;) {
		if (poll(devices, count, -1) < 0)
			return -errno;
		for (nfds_t i = 0; i < count; i++) {
			if ((devices[i].revents & POLLIN) && is_power_key(devices[i].fd))
				return 0;
		}
	}
}
