// SPDX-License-Identifier: MIT
/*
 * The script for firmware, run by a small interpreter as OVMF runs it: files allocated anywhere,
 * pointers made absolute, checksums made anew. What comes out has to be sound tables, and the same
 * ones that a directly started kernel gets.
 */
#include "boot/acpi_loader.h"
#include "tests/unit/suite.h"

#include "boot/acpi_tables.h"
#include "mem/layout.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COMMAND 128u
#define NAME	56u

/* Where the files come to be; the tables not where their alignment alone would put them. */
#define RSDP_GPA   0xf1230ULL
#define TABLES_GPA 0x7ffc3040ULL

static struct acpi_loader loader;
static struct vmm_error err;
static bool rsdp_allocated, tables_allocated;
static unsigned int pointers, checksums;

struct blob {
	uint8_t *bytes;
	size_t len;
	uint64_t gpa;
};

static struct blob blob_of(const uint8_t *name)
{
	ck_assert_ptr_nonnull(memchr(name, 0, NAME));
	if (strcmp((const char *)name, "etc/acpi/rsdp") == 0)
		return (struct blob){loader.rsdp, loader.rsdp_len, RSDP_GPA};
	ck_assert_str_eq((const char *)name, "etc/acpi/tables");
	return (struct blob){loader.tables, loader.tables_len, TABLES_GPA};
}

static unsigned int sum(const uint8_t *bytes, size_t len)
{
	uint8_t total = 0;

	while (len-- > 0)
		total = (uint8_t)(total + *bytes++);
	return total;
}

static void run_allocate(const uint8_t *args)
{
	struct blob blob = blob_of(args);
	uint32_t align = get_le32(args + NAME);
	bool *allocated = blob.bytes == loader.rsdp ? &rsdp_allocated : &tables_allocated;

	ck_assert(!*allocated);
	*allocated = true;
	ck_assert(align > 0 && align <= 4096 && blob.gpa % align == 0);
	/* the RSDP where it is looked for, the others anywhere */
	ck_assert_uint_eq(args[NAME + 4], blob.bytes == loader.rsdp ? 2 : 1);
}

static void run_pointer(const uint8_t *args)
{
	struct blob in = blob_of(args), to = blob_of(args + NAME);
	uint32_t at = get_le32(args + 2 * NAME);
	uint8_t size = args[2 * NAME + 4];
	uint8_t value[8] = {0};

	ck_assert(rsdp_allocated && tables_allocated);
	ck_assert(size == 4 || size == 8);
	ck_assert(range_inside(at, size, 0, in.len));
	memcpy(value, in.bytes + at, size);
	ck_assert_uint_lt(get_le64(value), to.len);
	put_le64(value, get_le64(value) + to.gpa);
	memcpy(in.bytes + at, value, size);
	pointers++;
}

/* Firmware does not clear the checksum before it sums up. */
static void run_checksum(const uint8_t *args)
{
	struct blob blob = blob_of(args);
	uint32_t at = get_le32(args + NAME), start = get_le32(args + NAME + 4);
	uint32_t len = get_le32(args + NAME + 8);

	ck_assert(range_inside(start, len, 0, blob.len) && range_inside(at, 1, start, len));
	blob.bytes[at] = (uint8_t)-sum(blob.bytes + start, len);
	checksums++;
}

static void run_script(void)
{
	ck_assert_uint_eq(loader.script_len % COMMAND, 0);
	for (size_t i = 0; i < loader.script_len; i += COMMAND) {
		const uint8_t *command = loader.script + i;

		switch (get_le32(command)) {
		case 1:
			run_allocate(command + 4);
			break;
		case 2:
			run_pointer(command + 4);
			break;
		case 3:
			run_checksum(command + 4);
			break;
		default:
			ck_abort_msg("command %u", get_le32(command));
		}
	}
}

static const uint8_t *table_at(uint64_t gpa, const char *signature)
{
	const uint8_t *table = loader.tables + (gpa - TABLES_GPA);

	ck_assert(range_inside(gpa, sizeof(struct acpi_header), TABLES_GPA, loader.tables_len));
	ck_assert(memcmp(table, signature, 4) == 0);
	ck_assert(range_inside(gpa, get_le32(table + 4), TABLES_GPA, loader.tables_len));
	if (strcmp(signature, "FACS") != 0)
		ck_assert_uint_eq(sum(table, get_le32(table + 4)), 0);
	else
		ck_assert_uint_eq(gpa % 64, 0);
	return table;
}

static struct acpi_config machine(uint32_t vcpus, size_t nvirtio)
{
	struct acpi_config config = {.vcpus = vcpus, .serial_irq = 4, .nvirtio = nvirtio};

	for (size_t i = 0; i < nvirtio; i++)
		config.virtio[i] = (struct acpi_virtio){.gpa = LAYOUT_VIRTIO_BASE + i * PAGE_SIZE,
							.gsi = (uint32_t)(5 + i)};
	return config;
}

static void setup(void)
{
	rsdp_allocated = tables_allocated = false;
	pointers = checksums = 0;
}

static const struct acpi_config machines[] = {
	{.vcpus = 1}, {.vcpus = 2, .serial_irq = 4}, {.vcpus = 300}, {.vcpus = ACPI_MAX_VCPUS}};

START_TEST(the_script_makes_sound_tables)
{
	const uint8_t *xsdt, *fadt;

	ck_assert_int_eq(acpi_loader_build(&machines[_i], &loader, &err), 0);
	run_script();
	ck_assert_uint_eq(pointers, 6);
	ck_assert_uint_eq(checksums, 4);
	ck_assert_uint_eq(loader.rsdp_len, 36);
	ck_assert(memcmp(loader.rsdp, "RSD PTR ", 8) == 0);
	ck_assert_uint_eq(sum(loader.rsdp, 20), 0);
	ck_assert_uint_eq(sum(loader.rsdp, 36), 0);
	xsdt = table_at(get_le64(loader.rsdp + 24), "XSDT");
	ck_assert_uint_eq(get_le32(xsdt + 4), sizeof(struct acpi_header) + 2 * 8);
	fadt = table_at(get_le64(xsdt + 36), "FACP");
	table_at(get_le64(xsdt + 44), "APIC");
	table_at(get_le32(fadt + 36), "FACS");
	table_at(get_le32(fadt + 40), "DSDT");
	ck_assert_uint_eq(get_le64(fadt + 140), get_le32(fadt + 40));
	acpi_loader_free(&loader);
}
END_TEST

START_TEST(the_tables_are_those_of_a_direct_boot)
{
	const struct acpi_config config = machine(2, 3);
	size_t size = acpi_size(&config);
	uint8_t *direct = malloc(size);
	int len;

	ck_assert_int_eq(acpi_loader_build(&config, &loader, &err), 0);
	run_script();
	/* built for the place where the interpreter has put them: the RSDP stands 64 bytes before */
	len = acpi_build(&config, direct, size, TABLES_GPA - 64, &err);
	ck_assert_int_gt(len, 64);
	ck_assert_uint_eq(loader.tables_len, (size_t)len - 64);
	ck_assert_mem_eq(loader.tables, direct + 64, loader.tables_len);
	ck_assert_mem_eq(loader.rsdp, direct, 36);
	free(direct);
	acpi_loader_free(&loader);
}
END_TEST

START_TEST(what_cannot_be_described_is_refused)
{
	const struct acpi_config config = {.vcpus = 0};

	ck_assert_int_eq(acpi_loader_build(&config, &loader, &err), -EINVAL);
	ck_assert_ptr_null(loader.memory);
	acpi_loader_free(&loader);
}
END_TEST

SUITE(test_acpi_loader)
{
	Suite *suite = suite_create("ACPI loader");
	TCase *script = tcase_create("script");

	tcase_add_checked_fixture(script, setup, NULL);
	tcase_add_loop_test(script, the_script_makes_sound_tables, 0, ARRAY_SIZE(machines));
	tcase_add_test(script, the_tables_are_those_of_a_direct_boot);
	tcase_add_test(script, what_cannot_be_described_is_refused);
	suite_add_tcase(suite, script);
	return suite;
}
