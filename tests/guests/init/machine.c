// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "tests/guests/init/init.h"

/* The first line of a file, without its newline. */
static void read_line(const char *path, char *line, int size)
{
	FILE *file = fopen(path, "re");

	line[0] = '\0';
	if (!file)
		return;
	if (fgets(line, size, file))
		line[strcspn(line, "\n")] = '\0';
	fclose(file);
}

/* What the kernel has left after its own reservations. */
static unsigned long mem_total_kb(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	unsigned long kb = 0;

	if (!file)
		return 0;
	if (fscanf(file, "MemTotal: %lu kB", &kb) != 1)
		kb = 0;
	fclose(file);
	return kb;
}

/*
 * What the memory map gave the kernel: the sum of the top-level "System RAM" lines, to compare
 * with the configured size. Lines of what lies within them are indented.
 */
static unsigned long system_ram_kb(void)
{
	FILE *file = fopen("/proc/iomem", "re");
	unsigned long start, end, bytes = 0;
	char line[256];

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file)) {
		if (line[0] != ' ' && strstr(line, ": System RAM") &&
		    sscanf(line, "%lx-%lx", &start, &end) == 2)
			bytes += end - start + 1;
	}
	fclose(file);
	return bytes / 1024;
}

void print_machine(void)
{
	struct utsname name = {0};
	char online[128];

	uname(&name);
	read_line("/sys/devices/system/cpu/online", online, sizeof(online));
	printf("\nGUEST hello from %s %s\n", name.sysname, name.release);
	printf("GUEST cpus=%ld online=%s ramkb=%lu memkb=%lu\n", sysconf(_SC_NPROCESSORS_ONLN),
	       online, system_ram_kb(), mem_total_kb());
	if (access("/sys/firmware/devicetree/base/model", R_OK) == 0) {
		char model[64];

		read_line("/sys/firmware/devicetree/base/model", model, sizeof(model));
		printf("GUEST device tree: %s\n", model);
	}
}
