// SPDX-License-Identifier: MIT
/*
 * Writes each ACPI table into a file of its own, found the way an operating system finds it: from
 * the RSDP on, by the addresses in the tables.
 *
 *	acpi_dump VCPUS SERIAL_IRQ NVIRTIO DIRECTORY
 */
#include "boot/acpi.h"
#include "mem/layout.h"
#include "vmm/base/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GPA 0xe0000ULL

struct image {
	uint8_t *buf;
	size_t size;
	const char *dir;
};

/* The table at `gpa`, or the end of the program: the test has failed. */
static const uint8_t *table_at(const struct image *image, uint64_t gpa)
{
	const uint8_t *table;

	if (!range_inside(gpa, 8, GPA, image->size)) {
		fprintf(stderr, "acpi_dump: table at %#llx: outside\n", (unsigned long long)gpa);
		exit(1);
	}
	table = image->buf + (gpa - GPA);
	if (!range_inside(gpa, get_le32(table + 4), GPA, image->size)) {
		fprintf(stderr, "acpi_dump: table %.4s: its length leads outside\n", table);
		exit(1);
	}
	return table;
}

static void dump(const struct image *image, const char *name, uint64_t gpa)
{
	const uint8_t *table = table_at(image, gpa);
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s.dat", image->dir, name);
	file = fopen(path, "wb");
	if (!file || fwrite(table, get_le32(table + 4), 1, file) != 1 || fclose(file) != 0) {
		perror(path);
		exit(1);
	}
}

static void dump_all(const struct image *image)
{
	const uint64_t xsdt_gpa = get_le64(image->buf + 24);
	const uint8_t *xsdt = table_at(image, xsdt_gpa);
	const uint8_t *fadt = table_at(image, get_le64(xsdt + 36));

	dump(image, "xsdt", xsdt_gpa);
	dump(image, "facp", get_le64(xsdt + 36));
	dump(image, "apic", get_le64(xsdt + 44));
	dump(image, "facs", get_le32(fadt + 36));
	dump(image, "dsdt", get_le64(fadt + 140));
}

int main(int argc, char **argv)
{
	struct acpi_config config = {.vcpus = 0};
	struct vmm_error err;
	struct image image;

	if (argc != 5) {
		fprintf(stderr, "usage: acpi_dump VCPUS SERIAL_IRQ NVIRTIO DIRECTORY\n");
		return 2;
	}
	config.vcpus = (uint32_t)strtoul(argv[1], NULL, 10);
	config.serial_irq = (uint32_t)strtoul(argv[2], NULL, 10);
	config.nvirtio = strtoul(argv[3], NULL, 10);
	for (unsigned int i = 0; i < config.nvirtio && i < ACPI_MAX_VIRTIO; i++) {
		config.virtio[i].gpa = LAYOUT_VIRTIO_BASE + i * PAGE_SIZE;
		config.virtio[i].gsi = 5 + i % 19;
	}
	image.dir = argv[4];
	image.size = acpi_size(&config);
	image.buf = malloc(image.size);
	if (!image.buf || acpi_build(&config, image.buf, image.size, GPA, &err) < 0) {
		fprintf(stderr, "acpi_dump: %s\n", image.buf ? err.text : "no memory");
		return 1;
	}
	dump_all(&image);
	free(image.buf);
	return 0;
}
