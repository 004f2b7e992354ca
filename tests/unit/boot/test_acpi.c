// SPDX-License-Identifier: MIT
/* The ACPI tables as an operating system walks them: from the RSDP by address to every table. */
#include "boot/acpi.h"
#include "boot/acpi_tables.h"
#include "mem/layout.h"
#include "tests/unit/suite.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GPA 0xe0000ULL

static struct acpi_config machine(uint32_t vcpus, uint32_t serial_irq, size_t nvirtio)
{
	struct acpi_config config = {
		.vcpus = vcpus,
		.serial_irq = serial_irq,
		.nvirtio = nvirtio,
	};

	for (size_t i = 0; i < ACPI_MAX_VIRTIO && i < nvirtio; i++) {
		config.virtio[i].gpa = LAYOUT_VIRTIO_BASE + i * PAGE_SIZE;
		config.virtio[i].gsi = (uint32_t)(5 + i);
	}
	return config;
}

static unsigned int sum(const uint8_t *bytes, size_t len)
{
	uint8_t total = 0;

	while (len-- > 0)
		total = (uint8_t)(total + *bytes++);
	return total;
}

/* Tables of one configuration, in a buffer of exactly acpi_size() bytes. */
struct tables {
	uint8_t *buf;
	size_t size;
	size_t used;
	const uint8_t *xsdt, *fadt, *facs, *madt, *dsdt;
};

/* A table must lie inside the bytes used, have the signature and add up to zero. */
static const uint8_t *table_at(const struct tables *t, uint64_t gpa, const char *signature)
{
	const uint8_t *table;

	ck_assert(range_inside(gpa, sizeof(struct acpi_header), GPA, t->used));
	table = t->buf + (gpa - GPA);
	ck_assert(memcmp(table, signature, 4) == 0);
	ck_assert(range_inside(gpa, get_le32(table + 4), GPA, t->used));
	ck_assert_uint_ge(get_le32(table + 4), sizeof(struct acpi_header));
	if (strcmp(signature, "FACS") != 0)
		ck_assert_uint_eq(sum(table, get_le32(table + 4)), 0);
	return table;
}

static struct tables build(const struct acpi_config *config)
{
	struct tables t = {.size = acpi_size(config)};
	struct vmm_error err = {.text = ""};
	int ret;

	ck_assert_uint_gt(t.size, 0);
	ck_assert(is_aligned(t.size, PAGE_SIZE));
	t.buf = malloc(t.size);
	ck_assert_ptr_nonnull(t.buf);
	memset(t.buf, 0xa5, t.size);
	ret = acpi_build(config, t.buf, t.size, GPA, &err);
	ck_assert_msg(ret > 0, "%s", err.text);
	t.used = (size_t)ret;
	ck_assert_uint_le(t.used, t.size);
	while (t.size > t.used && t.buf[t.size - 1] == 0)
		t.size--;
	ck_assert_uint_le(t.size, t.used);
	t.size = acpi_size(config);

	ck_assert(memcmp(t.buf, "RSD PTR ", 8) == 0);
	ck_assert_uint_eq(sum(t.buf, 20), 0);
	ck_assert_uint_eq(sum(t.buf, 36), 0);
	ck_assert_uint_eq(t.buf[15], 2);
	ck_assert_uint_eq(get_le32(t.buf + 20), 36);
	t.xsdt = table_at(&t, get_le64(t.buf + 24), "XSDT");
	ck_assert_uint_eq(get_le32(t.xsdt + 4), sizeof(struct acpi_header) + 2 * 8);
	t.fadt = table_at(&t, get_le64(t.xsdt + 36), "FACP");
	t.madt = table_at(&t, get_le64(t.xsdt + 44), "APIC");
	ck_assert_uint_eq(get_le32(t.fadt + 4), 276);
	t.facs = table_at(&t, get_le32(t.fadt + 36), "FACS");
	t.dsdt = table_at(&t, get_le64(t.fadt + 140), "DSDT");
	return t;
}

/* One CPU in the structure that ACPI wants for its id. */
static bool is_cpu(const uint8_t *p, uint32_t id)
{
	if (id < 255)
		return p[0] == 0 && p[1] == 8 && p[2] == id && p[3] == id && get_le32(p + 4) == 1;
	return p[0] == 9 && p[1] == 16 && get_le32(p + 4) == id && get_le32(p + 8) == 1 &&
	       get_le32(p + 12) == id;
}

/* Every id appears once, in order. A number of CPUs, or -1 if the structure is broken. Without
 * assertions inside: Check writes a file for each. */
static int count_cpus(const struct tables *t)
{
	const uint8_t *end = t->madt + get_le32(t->madt + 4);
	int ncpus = 0;

	for (const uint8_t *p = t->madt + 44; p < end; p += p[1]) {
		if (end - p < 2 || p[1] < 2 || p[1] > end - p)
			return -1;
		if (p[0] != 0 && p[0] != 9)
			continue;
		if (!is_cpu(p, (uint32_t)ncpus))
			return -1;
		ncpus++;
	}
	return ncpus;
}

START_TEST(every_number_of_cpus_is_described_completely)
{
	for (uint32_t vcpus = 1; vcpus <= ACPI_MAX_VCPUS; vcpus += vcpus < 600 ? 1 : 233) {
		struct acpi_config config = machine(vcpus, 4, 2);
		struct tables t = build(&config);

		ck_assert_int_eq(count_cpus(&t), vcpus);
		free(t.buf);
	}
}
END_TEST

START_TEST(tables_for_1024_cpus_fit_below_1_mib)
{
	struct acpi_config config = machine(1024, 4, ACPI_MAX_VIRTIO);

	ck_assert_uint_le(acpi_size(&config), KIB(128));
}
END_TEST

static size_t count(const uint8_t *table, const char *bytes)
{
	const uint8_t *end = table + get_le32(table + 4);
	size_t n = 0;

	for (; (table = memmem(table, (size_t)(end - table), bytes, strlen(bytes))); table++)
		n++;
	return n;
}

START_TEST(every_number_of_virtio_devices_is_described)
{
	for (size_t nvirtio = 0; nvirtio <= ACPI_MAX_VIRTIO; nvirtio++) {
		struct acpi_config config = machine(3, 0, nvirtio);
		struct tables t = build(&config);

		ck_assert_uint_eq(count(t.dsdt, "LNRO0005"), nvirtio);
		ck_assert_uint_eq(count(t.dsdt, "ACPI0007"), 3);
		ck_assert_uint_eq(count(t.dsdt, "QEMU0001"), 1);
		free(t.buf);
	}
}
END_TEST

START_TEST(fixed_hardware_is_where_the_platform_has_it)
{
	struct acpi_config config = machine(1, 4, 0);
	struct tables t = build(&config);
	const uint8_t *f = t.fadt;

	ck_assert_uint_eq(f[8], 6); /* revision */
	ck_assert_uint_eq(get_le16(f + 46), PLATFORM_SCI_IRQ);
	ck_assert_uint_eq(get_le32(f + 48), 0); /* SMI_CMD */
	ck_assert_uint_eq(get_le32(f + 56), PLATFORM_PM1A_EVT_PORT);
	ck_assert_uint_eq(get_le64(f + 152), PLATFORM_PM1A_EVT_PORT);
	ck_assert_uint_eq(get_le32(f + 64), PLATFORM_PM1A_CNT_PORT);
	ck_assert_uint_eq(get_le64(f + 176), PLATFORM_PM1A_CNT_PORT);
	ck_assert_uint_eq(get_le32(f + 76), PLATFORM_PM_TIMER_PORT);
	ck_assert_uint_eq(get_le64(f + 212), PLATFORM_PM_TIMER_PORT);
	/* legacy devices; no 8042, no VGA, no CMOS clock */
	ck_assert_uint_eq(get_le16(f + 109), 0x25);
	/* no "control method power button", 32-bit timer, reset register */
	ck_assert_uint_eq(get_le32(f + 112) & (1 << 4), 0);
	ck_assert_uint_ne(get_le32(f + 112) & (1 << 8), 0);
	ck_assert_uint_ne(get_le32(f + 112) & (1 << 10), 0);
	ck_assert_uint_eq(f[116], 1); /* reset register: I/O, 8 bits, byte access */
	ck_assert_uint_eq(f[117], 8);
	ck_assert_uint_eq(f[119], 1);
	ck_assert_uint_eq(get_le64(f + 120), PLATFORM_RESET_PORT);
	ck_assert_uint_eq(f[128], PLATFORM_RESET_VALUE);
	/* both DSDT addresses agree; only one FACS address is set, and the FACS is aligned */
	ck_assert_uint_eq(get_le32(f + 40), get_le64(f + 140));
	ck_assert_uint_eq(get_le64(f + 132), 0);
	ck_assert(is_aligned(get_le32(f + 36), 64));
	ck_assert_uint_eq(get_le32(t.facs + 4), 64);
	ck_assert_uint_eq(t.facs[32], 2); /* version */
	free(t.buf);
}
END_TEST

START_TEST(interrupt_controllers_are_those_of_kvm)
{
	/* after the CPU: I/O APIC 0 with GSI 0 first; IRQ 9 level, active high; NMI on LINT1.
	 * And no override for IRQ 0. */
	static const uint8_t tail[] = {1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0,	  0, 2, 10,
				       0, 9,  9, 0, 0, 0, 0x0d, 0,    4, 6, 0xff, 0, 0, 1};
	struct acpi_config config = machine(1, 4, 0);
	struct tables t = build(&config);

	ck_assert_uint_eq(get_le32(t.madt + 36), LAYOUT_LAPIC);
	ck_assert_uint_eq(get_le32(t.madt + 40), 1);
	ck_assert_uint_eq(get_le32(t.madt + 4), 44 + 8 + sizeof(tail));
	ck_assert_mem_eq(t.madt + 44 + 8, tail, sizeof(tail));
	free(t.buf);
}
END_TEST

/* What iasl makes of the ASL source in the comments. */
START_TEST(dsdt_is_byte_for_byte_what_iasl_compiles)
{
	static const uint8_t aml[] =
		/* Name (_S5, Package () {5, 5, 0, 0}) */
		"\x08_S5_\x12\x08\x04\x0a\x05\x0a\x05\x00\x00"
		/* Scope (_SB) { */
		"\x10\x4e\x0a_SB_"
		/* Device (C000) { Name (_HID, "ACPI0007") Name (_UID, 0) } */
		"\x5b\x82\x1a"
		"C000\x08_HID\x0d"
		"ACPI0007\x00\x08_UID\x00"
		/* Device (COM1) { Name (_HID, EisaId ("PNP0501")) Name (_CRS, ResourceTemplate () {
		 * IO (Decode16, 0x3f8, 0x3f8, 1, 8) IRQNoFlags () {4} }) } */
		"\x5b\x82\x25"
		"COM1\x08_HID\x0c\x41\xd0\x05\x01\x08_CRS\x11\x10\x0a\x0d"
		"\x47\x01\xf8\x03\xf8\x03\x01\x08\x22\x10\x00\x79\x00"
		/* Device (PVPN) { Name (_HID, "QEMU0001") Name (_CRS, ResourceTemplate () {
		 * IO (Decode16, 0x505, 0x505, 1, 1) }) } */
		"\x5b\x82\x27PVPN\x08_HID\x0dQEMU0001\x00\x08_CRS\x11\x0d\x0a\x0a"
		"\x47\x01\x05\x05\x05\x05\x01\x01\x79\x00"
		/* Device (VR00) { Name (_HID, "LNRO0005") Name (_UID, 0) Name (_CRS,
		 * ResourceTemplate () { Memory32Fixed (ReadWrite, 0xd0000000, 0x1000)
		 * Interrupt (ResourceConsumer, Edge, ActiveHigh, Shared) {5} }) } } */
		"\x5b\x82\x3aVR00\x08_HID\x0dLNRO0005\x00\x08_UID\x00\x08_CRS\x11\x1a\x0a\x17"
		"\x86\x09\x00\x01\x00\x00\x00\xd0\x00\x10\x00\x00"
		"\x89\x06\x00\x0b\x01\x05\x00\x00\x00\x79\x00";
	struct acpi_config config = machine(1, 4, 1);
	struct tables t = build(&config);

	ck_assert_uint_eq(t.dsdt[8], 2);
	ck_assert_uint_eq(get_le32(t.dsdt + 4), sizeof(struct acpi_header) + sizeof(aml) - 1);
	ck_assert_mem_eq(t.dsdt + sizeof(struct acpi_header), aml, sizeof(aml) - 1);
	free(t.buf);
}
END_TEST

START_TEST(serial_port_without_interrupt_has_none_in_its_resources)
{
	static const char irq4[] = "\x22\x10";
	struct acpi_config config = machine(1, 4, 0);
	struct tables with = build(&config);
	struct tables without;

	config.serial_irq = 0;
	without = build(&config);
	ck_assert_uint_eq(count(with.dsdt, irq4), 1);
	ck_assert_uint_eq(count(without.dsdt, irq4), 0);
	ck_assert_uint_eq(get_le32(with.dsdt + 4) - get_le32(without.dsdt + 4), 3);
	free(with.buf);
	free(without.buf);
}
END_TEST

/* Each buffer is allocated at its exact size, so that the address sanitizer sees a byte too far. */
START_TEST(buffer_of_every_size_too_small_is_refused)
{
	static const uint32_t cpus[] = {1, 5, 300};

	for (size_t c = 0; c < ARRAY_SIZE(cpus); c++) {
		struct acpi_config config = machine(cpus[c], 4, 3);
		struct tables t = build(&config);

		for (size_t size = 0; size < t.used; size += cpus[c] < 300 ? 1 : 61) {
			struct vmm_error err = {.text = ""};
			uint8_t *buf = malloc(size);

			ck_assert_int_eq(acpi_build(&config, buf, size, GPA, &err), -ENOSPC);
			ck_assert_int_eq(err.code, -ENOSPC);
			ck_assert(strstr(err.text, "ACPI") != NULL);
			free(buf);
		}
		memset(t.buf, 0xa5, t.size);
		ck_assert_int_eq(acpi_build(&config, t.buf, t.used, GPA, NULL), t.used);
		free(t.buf);
	}
}
END_TEST

static void refused(const struct acpi_config *config, uint64_t gpa, const char *word)
{
	static uint8_t buf[1 << 20];
	struct vmm_error err = {.text = ""};

	ck_assert_int_eq(acpi_build(config, buf, sizeof(buf), gpa, &err), -EINVAL);
	ck_assert_msg(strstr(err.text, word) != NULL, "%s", err.text);
}

START_TEST(configuration_that_cannot_be_described_is_refused)
{
	struct acpi_config config = machine(1, 4, 1);

	config.vcpus = 0;
	refused(&config, GPA, "0 CPUs");
	ck_assert_uint_eq(acpi_size(&config), 0);
	config.vcpus = ACPI_MAX_VCPUS + 1;
	refused(&config, GPA, "4097 CPUs");
	config.vcpus = UINT32_MAX;
	refused(&config, GPA, "4294967295 CPUs");
	ck_assert_uint_eq(acpi_size(&config), 0);
	config = machine(1, 16, 1);
	refused(&config, GPA, "interrupt 16");
	config = machine(1, 4, 1);
	config.nvirtio = ACPI_MAX_VIRTIO + 1;
	refused(&config, GPA, "33 virtio devices");
	config.nvirtio = SIZE_MAX;
	refused(&config, GPA, "virtio devices");
	config = machine(1, 4, 2);
	config.virtio[1].gpa = GIB(4) - PAGE_SIZE + 1;
	refused(&config, GPA, "virtio device 1");
	config.virtio[1].gpa = UINT64_MAX;
	refused(&config, GPA, "virtio device 1");
	config.virtio[1].gpa = GIB(4) - PAGE_SIZE;
	ck_assert_uint_gt(acpi_size(&config), 0);
}
END_TEST

START_TEST(place_in_guest_memory_is_checked)
{
	struct acpi_config config = machine(1, 4, 1);
	struct tables t = build(&config);

	refused(&config, GPA + 16, "0xe0010");
	refused(&config, GIB(4) - PAGE_SIZE, "below 4 GiB");
	refused(&config, UINT64_MAX & ~63ULL, "below 4 GiB");
	ck_assert_int_eq(acpi_build(&config, t.buf, t.size, GIB(4) - t.size, NULL), t.used);
	free(t.buf);
}
END_TEST

SUITE(test_acpi)
{
	Suite *suite = suite_create("acpi");
	TCase *tc = tcase_create("tables");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, every_number_of_cpus_is_described_completely);
	tcase_add_test(tc, tables_for_1024_cpus_fit_below_1_mib);
	tcase_add_test(tc, every_number_of_virtio_devices_is_described);
	tcase_add_test(tc, fixed_hardware_is_where_the_platform_has_it);
	tcase_add_test(tc, interrupt_controllers_are_those_of_kvm);
	tcase_add_test(tc, dsdt_is_byte_for_byte_what_iasl_compiles);
	tcase_add_test(tc, serial_port_without_interrupt_has_none_in_its_resources);
	tcase_add_test(tc, buffer_of_every_size_too_small_is_refused);
	tcase_add_test(tc, configuration_that_cannot_be_described_is_refused);
	tcase_add_test(tc, place_in_guest_memory_is_checked);
	suite_add_tcase(suite, tc);
	return suite;
}
