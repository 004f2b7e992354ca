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

static void prop_u32(struct tree *t, const char *name, uint32_t value)
{
	const fdt32_t cell = cpu_to_fdt32(value);

	prop_bytes(t, name, &cell, sizeof(cell));
}

static void prop_u64(struct tree *t, const char *name, uint64_t value)
{
	const fdt64_t cells = cpu_to_fdt64(value);

	prop_bytes(t, name, &cells, sizeof(cells));
}

/* "reg" where addresses and sizes have two cells each. */
static void prop_reg(struct tree *t, uint64_t gpa, uint64_t len)
{
	const fdt64_t cells[] = {cpu_to_fdt64(gpa), cpu_to_fdt64(len)};

	prop_bytes(t, "reg", cells, sizeof(cells));
}

static void prop_interrupt(struct tree *t, uint32_t gsi)
{
	const fdt32_t cells[] = {cpu_to_fdt32(gsi), cpu_to_fdt32(IOAPIC_EDGE_HIGH)};

	prop_bytes(t, "interrupts", cells, sizeof(cells));
}

static void add_chosen(struct tree *t, const char *cmdline, uint64_t initrd_gpa,
		       uint64_t initrd_len)
{
	node_begin(t, "chosen");
	prop_string(t, "bootargs", cmdline);
	if (acpi_off(cmdline))
		prop_string(t, "stdout-path", "/soc/isa@0/serial@3f8");
	if (initrd_len > 0) {
		prop_u64(t, "linux,initrd-start", initrd_gpa);
		prop_u64(t, "linux,initrd-end", initrd_gpa + initrd_len);
	}
	node_end(t);
}

static void add_memory(struct tree *t, const struct gpa_range *ram, size_t nram)
{
	for (size_t i = 0; i < nram; i++) {
		node_begin(t, "memory@%" PRIx64, ram[i].gpa);
		prop_string(t, "device_type", "memory");
		prop_reg(t, ram[i].gpa, ram[i].len);
		node_end(t);
	}
}

static void add_cpus(struct tree *t, uint32_t vcpus)
{
	node_begin(t, "cpus");
	prop_u32(t, "#address-cells", 1);
	prop_u32(t, "#size-cells", 0);
	for (uint32_t id = 0; id < vcpus; id++) {
		node_begin(t, "cpu@%" PRIx32, id);
		prop_string(t, "device_type", "cpu");
		prop_u32(t, "reg", id);
		node_end(t);
	}
	node_end(t);
}

static void add_interrupt_controllers(struct tree *t)
{
	node_begin(t, "interrupt-controller@%llx", LAYOUT_IOAPIC);
	prop_string(t, "compatible", "intel,ce4100-ioapic");
	prop_reg(t, LAYOUT_IOAPIC, PAGE_SIZE);
	prop_empty(t, "interrupt-controller");
	prop_u32(t, "#interrupt-cells", 2);
	prop_u32(t, "#address-cells", 0);
	prop_u32(t, "phandle", IOAPIC_PHANDLE);
	node_end(t);

	node_begin(t, "interrupt-controller@%llx", LAYOUT_LAPIC);
	prop_string(t, "compatible", "intel,ce4100-lapic");
	prop_reg(t, LAYOUT_LAPIC, PAGE_SIZE);
	prop_empty(t, "interrupt-controller");
	prop_u32(t, "#interrupt-cells", 2);
	prop_u32(t, "#address-cells", 0);
	/* the 8259 reaches the boot CPU through LINT0; there is no IMCR to switch it */
	prop_empty(t, "intel,virtual-wire-mode");
	node_end(t);
}

/* Linux knows an ISA bus by the name of its node, makes its devices because of its "compatible",
 * and takes an address in I/O space, through "ranges", for the port number. */
static void add_isa(struct tree *t, uint32_t serial_irq)
{
	const fdt32_t ranges[] = {
		/* 64 Ki ports; child's address, parent's address, size */
		cpu_to_fdt32(ISA_IO), cpu_to_fdt32(0),	     cpu_to_fdt32(0),
		cpu_to_fdt32(0),      cpu_to_fdt32(0x10000),
	};
	const fdt32_t reg[] = {
		cpu_to_fdt32(ISA_IO),
		cpu_to_fdt32(PLATFORM_SERIAL_PORT),
		cpu_to_fdt32(8),
	};

	node_begin(t, "isa@0");
	prop_string(t, "compatible", "isa");
	prop_u32(t, "#address-cells", 2);
	prop_u32(t, "#size-cells", 1);
	prop_bytes(t, "ranges", ranges, sizeof(ranges));
	node_begin(t, "serial@%x", PLATFORM_SERIAL_PORT);
	prop_string(t, "compatible", "ns16550a");
	prop_bytes(t, "reg", reg, sizeof(reg));
	prop_u32(t, "clock-frequency", UART_CLOCK_HZ);
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
		prop_reg(t, platform->virtio[i].gpa, PAGE_SIZE);
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
	prop_u32(t, "#address-cells", 2);
	prop_u32(t, "#size-cells", 2);
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
	prop_u32(&t, "#address-cells", 2);
	prop_u32(&t, "#size-cells", 2);
	prop_u32(&t, "interrupt-parent", IOAPIC_PHANDLE);
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
