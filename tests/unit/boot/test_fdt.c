// SPDX-License-Identifier: MIT
/* The device tree, read back with libfdt property by property, and judged by dtc. */
#include "boot/fdt.h"
#include "tests/unit/suite.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* with "acpi=off" the devices are in the tree */
#define CMDLINE "console=ttyS0 acpi=off"

static const struct gpa_range ram[] = {
	{0, LAYOUT_LOW_SPLIT},
	{LAYOUT_HIGH_BASE, GIB(3)},
};

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

/* The tree in a buffer of fdt_size() bytes. */
static void *build(const struct acpi_config *config)
{
	const size_t size = fdt_size(config, ARRAY_SIZE(ram), CMDLINE);
	struct vmm_error err = {.text = ""};
	void *fdt = malloc(size);
	int ret;

	ck_assert_ptr_nonnull(fdt);
	ret = fdt_build(config, ram, ARRAY_SIZE(ram), CMDLINE, 0x7000000, 0x123456, fdt, size,
			&err);
	ck_assert_msg(ret > 0, "%s", err.text);
	ck_assert_int_eq(fdt_check_full(fdt, size), 0);
	ck_assert_int_eq(ret, fdt_totalsize(fdt));
	return fdt;
}

static int node(const void *fdt, const char *path)
{
	int offset = fdt_path_offset(fdt, path);

	ck_assert_msg(offset >= 0, "%s: %s", path, fdt_strerror(offset));
	return offset;
}

static void expect_string(const void *fdt, const char *path, const char *name, const char *want)
{
	int len;
	const char *value = fdt_getprop(fdt, node(fdt, path), name, &len);

	ck_assert_msg(value != NULL, "%s: no %s", path, name);
	ck_assert_int_eq(len, strlen(want) + 1);
	ck_assert_str_eq(value, want);
}

/* `want` ends with -1. */
static void expect_cells(const void *fdt, const char *path, const char *name, const int64_t *want)
{
	int len, n = 0;
	const fdt32_t *value = fdt_getprop(fdt, node(fdt, path), name, &len);

	ck_assert_msg(value != NULL, "%s: no %s", path, name);
	for (; want[n] >= 0; n++) {
		ck_assert_int_lt(n * 4, len);
		ck_assert_int_eq(fdt32_to_cpu(value[n]), want[n]);
	}
	ck_assert_int_eq(len, n * 4);
}

#define EXPECT_CELLS(fdt, path, name, ...) \
	expect_cells(fdt, path, name, (const int64_t[]){__VA_ARGS__, -1})

static bool has(const void *fdt, const char *path, const char *name)
{
	return fdt_getprop(fdt, node(fdt, path), name, NULL) != NULL;
}

static int count_properties(const void *fdt, const char *path)
{
	int property, n = 0;

	fdt_for_each_property_offset(property, fdt, node(fdt, path)) n++;
	return n;
}

static int count_children(const void *fdt, const char *path)
{
	int child, n = 0;

	fdt_for_each_subnode(child, fdt, node(fdt, path)) n++;
	return n;
}

START_TEST(root_and_chosen)
{
	struct acpi_config config = machine(1, 4, 0);
	void *fdt = build(&config);

	expect_string(fdt, "/", "compatible", "minivmm,pc");
	expect_string(fdt, "/", "model", "minivmm");
	EXPECT_CELLS(fdt, "/", "#address-cells", 2);
	EXPECT_CELLS(fdt, "/", "#size-cells", 2);
	EXPECT_CELLS(fdt, "/", "interrupt-parent", 1);
	ck_assert_int_eq(count_properties(fdt, "/"), 5);
	ck_assert_int_eq(count_children(fdt, "/"), 5);
	expect_string(fdt, "/chosen", "bootargs", CMDLINE);
	expect_string(fdt, "/chosen", "stdout-path", "/soc/isa@0/serial@3f8");
	node(fdt, "/soc/isa@0/serial@3f8");
	EXPECT_CELLS(fdt, "/chosen", "linux,initrd-start", 0, 0x7000000);
	EXPECT_CELLS(fdt, "/chosen", "linux,initrd-end", 0, 0x7123456);
	ck_assert_int_eq(count_properties(fdt, "/chosen"), 4);
	free(fdt);
}
END_TEST

START_TEST(no_initrd_is_no_property)
{
	_Alignas(8) static uint8_t fdt[8192];
	struct acpi_config config = machine(1, 4, 0);

	ck_assert_int_gt(fdt_build(&config, ram, 1, "", 0x1000, 0, fdt, sizeof(fdt), NULL), 0);
	ck_assert(!has(fdt, "/chosen", "linux,initrd-start"));
	ck_assert(!has(fdt, "/chosen", "linux,initrd-end"));
	expect_string(fdt, "/chosen", "bootargs", "");
	ck_assert_int_lt(fdt_path_offset(fdt, "/memory@100000000"), 0);
}
END_TEST

START_TEST(memory_is_that_of_the_ranges)
{
	struct acpi_config config = machine(1, 4, 0);
	void *fdt = build(&config);

	expect_string(fdt, "/memory@0", "device_type", "memory");
	EXPECT_CELLS(fdt, "/memory@0", "reg", 0, 0, 0, 0x80000000);
	expect_string(fdt, "/memory@100000000", "device_type", "memory");
	EXPECT_CELLS(fdt, "/memory@100000000", "reg", 1, 0, 0, 0xc0000000);
	free(fdt);
}
END_TEST

START_TEST(every_cpu_has_its_apic_id)
{
	static const uint32_t counts[] = {1, 2, 3, 16, 17, 255, 256, 300, 1024, ACPI_MAX_VCPUS};

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		struct acpi_config config = machine(counts[i], 4, ACPI_MAX_VIRTIO);
		void *fdt = build(&config);
		char last[32];

		snprintf(last, sizeof(last), "/cpus/cpu@%x", counts[i] - 1);
		EXPECT_CELLS(fdt, "/cpus", "#address-cells", 1);
		EXPECT_CELLS(fdt, "/cpus", "#size-cells", 0);
		ck_assert_int_eq(count_children(fdt, "/cpus"), counts[i]);
		EXPECT_CELLS(fdt, "/cpus/cpu@0", "reg", 0);
		EXPECT_CELLS(fdt, last, "reg", counts[i] - 1);
		expect_string(fdt, last, "device_type", "cpu");
		ck_assert_int_eq(count_properties(fdt, last), 2);
		free(fdt);
	}
}
END_TEST

START_TEST(interrupt_controllers_as_in_the_ce4100_bindings)
{
	static const char ioapic[] = "/soc/interrupt-controller@fec00000";
	static const char lapic[] = "/soc/interrupt-controller@fee00000";
	struct acpi_config config = machine(1, 4, 0);
	void *fdt = build(&config);

	ck_assert(fdt_node_check_compatible(fdt, node(fdt, "/soc"), "intel,ce4100-cp") == 0);
	ck_assert(fdt_node_check_compatible(fdt, node(fdt, "/soc"), "simple-bus") == 0);
	EXPECT_CELLS(fdt, "/soc", "#address-cells", 2);
	EXPECT_CELLS(fdt, "/soc", "#size-cells", 2);
	ck_assert(has(fdt, "/soc", "ranges"));
	expect_string(fdt, ioapic, "compatible", "intel,ce4100-ioapic");
	EXPECT_CELLS(fdt, ioapic, "reg", 0, 0xfec00000, 0, 0x1000);
	EXPECT_CELLS(fdt, ioapic, "#interrupt-cells", 2);
	EXPECT_CELLS(fdt, ioapic, "#address-cells", 0);
	EXPECT_CELLS(fdt, ioapic, "phandle", 1);
	ck_assert(has(fdt, ioapic, "interrupt-controller"));
	expect_string(fdt, lapic, "compatible", "intel,ce4100-lapic");
	EXPECT_CELLS(fdt, lapic, "reg", 0, 0xfee00000, 0, 0x1000);
	EXPECT_CELLS(fdt, lapic, "#interrupt-cells", 2);
	EXPECT_CELLS(fdt, lapic, "#address-cells", 0);
	ck_assert(has(fdt, lapic, "interrupt-controller"));
	ck_assert(has(fdt, lapic, "intel,virtual-wire-mode"));
	ck_assert_int_eq(fdt_node_offset_by_phandle(fdt, 1), node(fdt, ioapic));
	free(fdt);
}
END_TEST

START_TEST(every_virtio_device_has_registers_and_interrupt)
{
	for (size_t n = 0; n <= ACPI_MAX_VIRTIO; n++) {
		struct acpi_config config = machine(1, 4, n);
		void *fdt = build(&config);

		ck_assert_int_eq(count_children(fdt, "/soc"), n + 3);
		for (size_t i = 0; i < n; i++) {
			char path[64];

			snprintf(path, sizeof(path), "/soc/virtio@%zx", 0xd0000000 + i * 0x1000);
			expect_string(fdt, path, "compatible", "virtio,mmio");
			EXPECT_CELLS(fdt, path, "reg", 0, (int64_t)(0xd0000000 + i * 0x1000), 0,
				     0x1000);
			EXPECT_CELLS(fdt, path, "interrupts", (int64_t)(5 + i), 3);
			ck_assert_int_eq(count_properties(fdt, path), 3);
		}
		free(fdt);
	}
}
END_TEST

START_TEST(serial_port_stands_in_io_space)
{
	static const char serial[] = "/soc/isa@0/serial@3f8";
	struct acpi_config config = machine(1, 4, 0);
	void *fdt = build(&config);

	expect_string(fdt, "/soc/isa@0", "compatible", "isa");
	EXPECT_CELLS(fdt, "/soc/isa@0", "#address-cells", 2);
	EXPECT_CELLS(fdt, "/soc/isa@0", "#size-cells", 1);
	EXPECT_CELLS(fdt, "/soc/isa@0", "ranges", 1, 0, 0, 0, 0x10000);
	expect_string(fdt, serial, "compatible", "ns16550a");
	EXPECT_CELLS(fdt, serial, "reg", 1, 0x3f8, 8);
	EXPECT_CELLS(fdt, serial, "clock-frequency", 1843200);
	EXPECT_CELLS(fdt, serial, "interrupts", 4, 3);
	free(fdt);
	config.serial_irq = 0;
	fdt = build(&config);
	ck_assert(!has(fdt, serial, "interrupts"));
	ck_assert_int_eq(count_properties(fdt, serial), 3);
	free(fdt);
}
END_TEST

START_TEST(devices_are_left_to_acpi_unless_it_is_off)
{
	static const struct {
		const char *cmdline;
		int nodes; /* interrupt controllers, then 2 virtio devices and the ISA bus */
	} cases[] = {
		{"acpi=off", 5},	   {"console=ttyS0 acpi=off quiet", 5},
		{"xacpi=off acpi=off", 5}, {"", 2},
		{"console=ttyS0", 2},	   {"acpi=offline", 2},
		{"xacpi=off", 2},	   {"acpi=of", 2},
	};
	_Alignas(8) static uint8_t fdt[8192];
	struct acpi_config config = machine(1, 4, 2);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ck_assert_int_gt(
			fdt_build(&config, ram, 1, cases[i].cmdline, 0, 0, fdt, sizeof(fdt), NULL),
			0);
		ck_assert_int_eq(count_children(fdt, "/soc"), cases[i].nodes);
		ck_assert(has(fdt, "/chosen", "stdout-path") == (cases[i].nodes == 5));
	}
}
END_TEST

/* Allocated at the exact size, so that the address sanitizer sees a byte too far. */
START_TEST(buffer_of_every_size_too_small_is_refused)
{
	struct acpi_config config = machine(3, 4, 2);
	void *whole = build(&config);
	const size_t used = fdt_totalsize(whole);

	for (size_t size = 0; size <= used; size++) {
		struct vmm_error err = {.text = ""};
		void *fdt = malloc(size);
		int ret = fdt_build(&config, ram, ARRAY_SIZE(ram), CMDLINE, 0x7000000, 0x123456,
				    fdt, size, &err);

		/* libfdt may want a few bytes more while it builds than it needs in the end */
		if (ret >= 0)
			ck_assert_mem_eq(fdt, whole, used);
		else
			ck_assert_msg(ret == -ENOSPC && strstr(err.text, "device tree"), "%s",
				      err.text);
		ck_assert(ret == -ENOSPC || size == used);
		free(fdt);
	}
	free(whole);
}
END_TEST

START_TEST(long_command_line_is_counted_in_the_size)
{
	static char cmdline[65536];
	struct acpi_config config = machine(1, 4, 0);
	size_t size;
	void *fdt;

	memset(cmdline, 'a', sizeof(cmdline) - 1);
	size = fdt_size(&config, 1, cmdline);
	fdt = malloc(size);
	ck_assert_int_gt(fdt_build(&config, ram, 1, cmdline, 0, 0, fdt, size, NULL), 65535);
	expect_string(fdt, "/chosen", "bootargs", cmdline);
	free(fdt);
}
END_TEST

static void refused(const struct acpi_config *config, uint64_t initrd, uint64_t initrd_len,
		    size_t offset, const char *word)
{
	_Alignas(8) static uint8_t buf[65536];
	struct vmm_error err = {.text = ""};

	ck_assert_int_eq(fdt_build(config, ram, 1, "", initrd, initrd_len, buf + offset,
				   sizeof(buf) - offset, &err),
			 -EINVAL);
	ck_assert_msg(strstr(err.text, word) != NULL, "%s", err.text);
}

START_TEST(machine_that_cannot_be_described_is_refused)
{
	struct acpi_config config = machine(1, 4, 1);

	refused(&config, UINT64_MAX - 10, 11, 0, "initrd");
	refused(&config, 0, 0, 4, "aligned");
	config.nvirtio = ACPI_MAX_VIRTIO + 1;
	refused(&config, 0, 0, 0, "virtio");
	config = machine(0, 4, 1);
	refused(&config, 0, 0, 0, "0 CPUs");
}
END_TEST

/* dtc reads it, and its checks find nothing to warn about. */
START_TEST(dtc_accepts_it_without_a_warning)
{
	struct acpi_config config = machine(3, 4, 2);
	void *fdt = build(&config);
	char path[] = BINARY_DIR "/fdt-XXXXXX";
	char command[1024], complaint[256] = "", more[256];
	int fd = mkstemp(path), status;
	FILE *dtc;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, fdt, fdt_totalsize(fdt)), fdt_totalsize(fdt));
	close(fd);
	free(fdt);
	snprintf(command, sizeof(command), "dtc -I dtb -O dts -o /dev/null %s 2>&1", path);
	dtc = popen(command, "r");
	ck_assert_ptr_nonnull(dtc);
	if (fgets(complaint, sizeof(complaint), dtc)) {
		while (fgets(more, sizeof(more), dtc))
			;
	}
	status = pclose(dtc);
	unlink(path);
	ck_assert_str_eq(complaint, "");
	ck_assert_int_eq(status, 0);
}
END_TEST

SUITE(test_fdt)
{
	Suite *suite = suite_create("fdt");
	TCase *tc = tcase_create("tree");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, root_and_chosen);
	tcase_add_test(tc, no_initrd_is_no_property);
	tcase_add_test(tc, memory_is_that_of_the_ranges);
	tcase_add_test(tc, every_cpu_has_its_apic_id);
	tcase_add_test(tc, interrupt_controllers_as_in_the_ce4100_bindings);
	tcase_add_test(tc, every_virtio_device_has_registers_and_interrupt);
	tcase_add_test(tc, serial_port_stands_in_io_space);
	tcase_add_test(tc, devices_are_left_to_acpi_unless_it_is_off);
	tcase_add_test(tc, buffer_of_every_size_too_small_is_refused);
	tcase_add_test(tc, long_command_line_is_counted_in_the_size);
	tcase_add_test(tc, machine_that_cannot_be_described_is_refused);
	if (system("command -v dtc >/dev/null") == 0)
		tcase_add_test(tc, dtc_accepts_it_without_a_warning);
	else
		suite_skips("dtc_accepts_it_without_a_warning: dtc is not installed "
			    "(Debian: device-tree-compiler)");
	suite_add_tcase(suite, tc);
	return suite;
}
