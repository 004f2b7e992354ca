// SPDX-License-Identifier: MIT
#include "boot/fdt.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <libfdt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define IOAPIC_PHANDLE 1

/* Second cell of "interrupts": edge, active high, as Linux reads it today (of_ioapic_type). Earlier
 * it took 3 for a falling edge, which is the same to KVM: it looks at edge or level only. */
#define IOAPIC_EDGE_HIGH 3

/* First cell of an address on an ISA bus: this one is in I/O space. */
#define ISA_IO 1

#define UART_CLOCK_HZ 1843200

/* Will the kernel do without ACPI? */
static bool acpi_off(const char *cmdline)
{
	static const char word[] = "acpi=off";

	for (const char *p = cmdline; (p = strstr(p, word)); p++) {
		const char *end = p + sizeof(word) - 1;

		if ((p == cmdline || p[-1] == ' ') && (*end == ' ' || *end == '\0'))
			return true;
	}
	return false;
}

/* A tree in the making. The first error stays, and everything after it does nothing. */
struct tree {
	void *fdt;
	int ret; /* 0 or a negative libfdt error */
};

static void node_begin(struct tree *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void node_begin(struct tree *t, const char *fmt, ...)
{
	char name[32]; /* the longest is interrupt-controller@fec00000 */
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	if (t->ret == 0)
		t->ret = fdt_begin_node(t->fdt, name);
}

static void node_end(struct tree *t)
{
	if (t->ret == 0)
		t->ret = fdt_end_node(t->fdt);
}

static void prop_bytes(struct tree *t, const char *name, const void *bytes, size_t len)
{
	if (t->ret == 0)
		t->ret = len > INT_MAX ? -FDT_ERR_NOSPACE
				       : fdt_property(t->fdt, name, bytes, (int)len);
}

static void prop_empty(struct tree *t, const char *name)
{
	prop_bytes(t, name, "", 0);
}

static void prop_string(struct tree *t, const char *name, const char *string)
{
	prop_bytes(t, name, string, strlen(string) + 1);
}

#define CELLS_MAX 5

static void prop_cells(struct tree *t, const char *name, const uint32_t *values, size_t n)
{
	fdt32_t cells[CELLS_MAX];

	for (size_t i = 0; i < n; i++)
		cells[i] = cpu_to_fdt32(values[i]);
	prop_bytes(t, name, cells, n * sizeof(cells[0]));
}

#define PROP(t, name, ...)                                            \
	prop_cells(t, name, (const uint32_t[CELLS_MAX]){__VA_ARGS__}, \
		   sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

/* A number of two cells. */
#define U64(value) (uint32_t)((value) >> 32), (uint32_t)(value)

static void prop_interrupt(struct tree *t, uint32_t gsi)
{
	PROP(t, "interrupts", gsi, IOAPIC_EDGE_HIGH);
}

static void add_chosen(struct tree *t, const char *cmdline, uint64_t initrd_gpa,
		       uint64_t initrd_len)
{
	node_begin(t, "chosen");
	prop_string(t, "bootargs", cmdline);
	if (acpi_off(cmdline))
		prop_string(t, "stdout-path", "/soc/isa@0/serial@3f8");
	if (initrd_len > 0) {
		PROP(t, "linux,initrd-start", U64(initrd_gpa));
		PROP(t, "linux,initrd-end", U64(initrd_gpa + initrd_len));
	}
	node_end(t);
}

static void add_memory(struct tree *t, const struct gpa_range *ram, size_t nram)
{
	for (size_t i = 0; i < nram; i++) {
		node_begin(t, "memory@%" PRIx64, ram[i].gpa);
		prop_string(t, "device_type", "memory");
		PROP(t, "reg", U64(ram[i].gpa), U64(ram[i].len));
		node_end(t);
	}
}

static void add_cpus(struct tree *t, uint32_t vcpus)
{
	node_begin(t, "cpus");
	PROP(t, "#address-cells", 1);
	PROP(t, "#size-cells", 0);
	for (uint32_t id = 0; id < vcpus; id++) {
		node_begin(t, "cpu@%" PRIx32, id);
		prop_string(t, "device_type", "cpu");
		PROP(t, "reg", id);
		node_end(t);
	}
	node_end(t);
}

/* Left open: the caller adds what differs, and ends it. */
static void interrupt_controller_begin(struct tree *t, const char *compatible, uint64_t gpa)
{
	node_begin(t, "interrupt-controller@%" PRIx64, gpa);
	prop_string(t, "compatible", compatible);
	PROP(t, "reg", U64(gpa), U64(PAGE_SIZE));
	prop_empty(t, "interrupt-controller");
	PROP(t, "#interrupt-cells", 2);
	PROP(t, "#address-cells", 0);
}

static void add_interrupt_controllers(struct tree *t)
{
	interrupt_controller_begin(t, "intel,ce4100-ioapic", LAYOUT_IOAPIC);
	PROP(t, "phandle", IOAPIC_PHANDLE);
	node_end(t);
	interrupt_controller_begin(t, "intel,ce4100-lapic", LAYOUT_LAPIC);
	/* the 8259 reaches the boot CPU through LINT0; there is no IMCR to switch it */
	prop_empty(t, "intel,virtual-wire-mode");
	node_end(t);
}

/* Linux knows an ISA bus by the name of its node, makes its devices because of its "compatible",
 * and takes an address in I/O space, through "ranges", for the port number. */
static void add_isa(struct tree *t, uint32_t serial_irq)
{
	node_begin(t, "isa@0");
	prop_string(t, "compatible", "isa");
	PROP(t, "#address-cells", 2);
	PROP(t, "#size-cells", 1);
	/* 64 Ki ports: child's address, parent's address, size */
	PROP(t, "ranges", ISA_IO, 0, 0, 0, 0x10000);
	node_begin(t, "serial@%x", PLATFORM_SERIAL_PORT);
	prop_string(t, "compatible", "ns16550a");
	PROP(t, "reg", ISA_IO, PLATFORM_SERIAL_PORT, 8);
	PROP(t, "clock-frequency", UART_CLOCK_HZ);
	if (serial_irq != 0)
		prop_interrupt(t, serial_irq);
	node_end(t);
	node_end(t);
}

static void add_devices(struct tree *t, const struct acpi_config *platform)
{
	for (size_t i = 0; i < platform->nvirtio; i++) {
		node_begin(t, "virtio@%" PRIx64, platform->virtio[i].gpa);
		prop_string(t, "compatible", "virtio,mmio");
		PROP(t, "reg", U64(platform->virtio[i].gpa), U64(PAGE_SIZE));
		prop_interrupt(t, platform->virtio[i].gsi);
		node_end(t);
	}
	add_isa(t, platform->serial_irq);
}

static void add_soc(struct tree *t, const struct acpi_config *platform, bool devices)
{
	/* two strings; Linux makes devices of what is on a simple-bus */
	static const char compatible[] = "intel,ce4100-cp\0simple-bus";

	node_begin(t, "soc");
	prop_bytes(t, "compatible", compatible, sizeof(compatible));
	PROP(t, "#address-cells", 2);
	PROP(t, "#size-cells", 2);
	prop_empty(t, "ranges"); /* addresses are those of the root */
	add_interrupt_controllers(t);
	if (devices)
		add_devices(t, platform);
	node_end(t);
}

static int check(const struct acpi_config *platform, uint64_t initrd_gpa, uint64_t initrd_len,
		 const void *buf, struct vmm_error *err)
{
	uint64_t end;
	int ret = acpi_check(platform, err);

	if (ret < 0)
		return ret;
	if (__builtin_add_overflow(initrd_gpa, initrd_len, &end))
		return vmm_error_set(err, -EINVAL,
				     "device tree: initrd of %" PRIu64 " bytes at %#" PRIx64
				     " ends beyond 64 bits",
				     initrd_len, initrd_gpa);
	if (!is_aligned((uintptr_t)buf, 8))
		return vmm_error_set(err, -EINVAL,
				     "device tree: the buffer has to be 8-byte aligned");
	return 0;
}

/*
 * The tree without CPUs, RAM, devices and command line fits into a page twice; the
 * others have two or three properties of at most 28 bytes each, a name, and two tags.
 */
size_t fdt_size(const struct acpi_config *platform, size_t nram, const char *cmdline)
{
	const size_t nnodes = (size_t)platform->vcpus + platform->nvirtio + nram;

	return (size_t)align_up(PAGE_SIZE + nnodes * 128 + strlen(cmdline), PAGE_SIZE);
}

int fdt_build(const struct acpi_config *platform, const struct gpa_range *ram, size_t nram,
	      const char *cmdline, uint64_t initrd_gpa, uint64_t initrd_len, void *buf, size_t size,
	      struct vmm_error *err)
{
	struct tree t = {.fdt = buf};
	int ret = check(platform, initrd_gpa, initrd_len, buf, err);

	if (ret < 0)
		return ret;
	t.ret = fdt_create(buf, size > INT_MAX ? INT_MAX : (int)size);
	if (t.ret == 0)
		t.ret = fdt_finish_reservemap(buf);
	node_begin(&t, "%s", "");
	prop_string(&t, "compatible", "minivmm,pc");
	prop_string(&t, "model", "minivmm");
	PROP(&t, "#address-cells", 2);
	PROP(&t, "#size-cells", 2);
	PROP(&t, "interrupt-parent", IOAPIC_PHANDLE);
	add_chosen(&t, cmdline, initrd_gpa, initrd_len);
	add_memory(&t, ram, nram);
	add_cpus(&t, platform->vcpus);
	add_soc(&t, platform, acpi_off(cmdline));
	node_end(&t);
	if (t.ret == 0)
		t.ret = fdt_finish(buf);
	if (t.ret < 0)
		return vmm_error_set(err, t.ret == -FDT_ERR_NOSPACE ? -ENOSPC : -EINVAL,
				     "device tree: unable to build it in %zu bytes (libfdt: %s)",
				     size, fdt_strerror(t.ret));
	return (int)fdt_totalsize(buf);
}

size_t fdt_words(const struct boot_config *config, char text[FDT_WORDS])
{
	const struct acpi_config *platform = &config->platform;
	size_t len = 0;

	text[0] = '\0';
	if (config->device_tree || !acpi_off(config->cmdline))
		return 0;
	for (size_t i = 0; i < platform->nvirtio && i < ACPI_MAX_VIRTIO; i++)
		len += (size_t)snprintf(text + len, FDT_WORDS - len,
					" virtio_mmio.device=4K@%#" PRIx64 ":%" PRIu32,
					platform->virtio[i].gpa, platform->virtio[i].gsi);
	return len;
}
