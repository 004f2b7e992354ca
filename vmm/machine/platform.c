// SPDX-License-Identifier: MIT
#include "vmm/machine/platform.h"

#include "vmm/dev/acpi_pm.h"
#include "vmm/dev/cmos.h"
#include "vmm/dev/console.h"
#include "vmm/dev/debug_console.h"
#include "vmm/dev/ports.h"
#include "vmm/dev/serial.h"
#include "vmm/machine/platform_ovmf.h"
#include "vmm/machine/vm.h"
#include "vmm/virtio/console.h"
#include "vmm/virtio/devices.h"
#include "vmm/x86/split_ioapic.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

struct platform {
	struct minivmm *vm;
	struct console console;
	uint64_t lost_told; /* bytes of its output that were lost and spoken of */
	struct serial serial;
	struct acpi_pm pm;
	struct ports ports;
	struct cmos cmos;
	struct debug_console debug_console;
	struct virtio_host virtio_host;
	struct virtio_set virtio;
	struct split_ioapic *ioapic; /* NULL: KVM has one */
	struct platform_ovmf *ovmf;  /* NULL: no firmware */
};

/* --- what devices tell the machine ------------------------------------------------------------ */

static void on_irq(void *ctx, unsigned int gsi, int level)
{
	struct platform *p = ctx;
	struct kvm_irq_level line = {.irq = gsi, .level = (uint32_t)level};

	if (p->ioapic)
		split_ioapic_set(p->ioapic, gsi, level != 0);
	else /* cannot fail for a line that exists; no interrupts would show at once */
		kvm_vm_irq_line(&p->vm->kvm_vm, &line, NULL);
}

static void on_poweroff(void *ctx)
{
	struct platform *p = ctx;

	machine_end(p->vm, MINIVMM_POWEROFF, NULL);
}

/* Did the guest say on one of its consoles that it panics? */
static bool recent_panic(struct platform *p, char *text, size_t size)
{
	if (console_recent_panic(&p->console, text, size))
		return true;
	return p->virtio.console &&
	       console_recent_panic(virtio_console_end(p->virtio.console), text, size);
}

static void end_unless_panicked(struct platform *p, enum minivmm_end how)
{
	char panic[PANIC_WATCH_LINE];

	if (recent_panic(p, panic, sizeof(panic)))
		machine_end(p->vm, MINIVMM_CRASH, "guest panic: %s", panic);
	else
		machine_end(p->vm, how, NULL);
}

/* A kernel without pvpanic driver resets after a panic like one that reboots, but it said so. */
static void on_reset(void *ctx)
{
	end_unless_panicked(ctx, MINIVMM_REBOOT);
}

void platform_stop(struct platform *p)
{
	end_unless_panicked(p, MINIVMM_STOPPED);
}

static void on_panic(void *ctx, uint8_t events)
{
	struct platform *p = ctx;
	char panic[PANIC_WATCH_LINE];

	if (!(events & PVPANIC_PANICKED)) {
		vmm_log_limited(&p->vm->log, &p->vm->limits.panics, VMM_LOG_WARN,
				"guest panic, its crash kernel takes over");
		return;
	}
	if (recent_panic(p, panic, sizeof(panic)))
		machine_end(p->vm, MINIVMM_CRASH, "guest panic: %s", panic);
	else
		machine_end(p->vm, MINIVMM_CRASH, "guest panic, reported through pvpanic");
}

static void on_quit(void *ctx)
{
	struct platform *p = ctx;

	machine_end(p->vm, MINIVMM_STOPPED, NULL);
}

static void on_boot_mark(void *ctx, uint8_t value)
{
	struct platform *p = ctx;

	machine_mark(p->vm, MINIVMM_MARK_BOOT_DONE);
	vmm_log(&p->vm->log, VMM_LOG_DEBUG, "the guest set its boot-done mark, value %u", value);
}

static void on_debug_line(void *ctx, const char *text)
{
	struct platform *p = ctx;

	vmm_log_limited(&p->vm->log, &p->vm->limits.debug_port, VMM_LOG_DEBUG, "guest: %s", text);
}

/* --- the devices ------------------------------------------------------------------------------ */

static void init_devices(struct platform *p)
{
	const struct irq_line serial_irq = {on_irq, p, PLATFORM_SERIAL_IRQ, false};
	const struct irq_line sci = {on_irq, p, PLATFORM_SCI_IRQ, false};
	const struct port_events events = {on_reset, on_panic, on_boot_mark, p};
	const struct serial_sink sink = {console_write, console_room, &p->console};

	serial_init(&p->serial, &serial_irq, &sink);
	acpi_pm_init(&p->pm, &sci, on_poweroff, p);
	ports_init(&p->ports, &events);
	cmos_init(&p->cmos, time);
	debug_console_init(&p->debug_console, on_debug_line, p);
}

static int add_to_bus(struct platform *p, struct vmm_error *err)
{
	const struct bus_range ports[] = {
		{I8042_COMMAND_PORT, 1, &p->ports.keyboard.dev},
		{CMOS_PORT, CMOS_PORTS, &p->cmos.dev},
		{DEBUG_CONSOLE_PORT, 1, &p->debug_console.dev},
		{BOOT_MARK_PORT, 1, &p->ports.boot_mark.dev},
		{PLATFORM_SERIAL_PORT, SERIAL_PORTS, &p->serial.dev},
		{PLATFORM_PVPANIC_PORT, 1, &p->ports.pvpanic.dev},
		{PLATFORM_PM1A_EVT_PORT, ACPI_PM_PORTS, &p->pm.dev},
	};

	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		int ret = bus_add(&p->vm->pio, ports[i].base, ports[i].len, ports[i].dev, err);

		if (ret < 0)
			return ret;
	}
	if (p->vm->config->boot.firmware)
		return platform_ovmf_create(&p->ovmf, p->vm, &p->cmos, &p->ports.reset.dev, err);
	return bus_add(&p->vm->pio, PLATFORM_RESET_PORT, 1, &p->ports.reset.dev, err);
}

/* What KVM has for other VMs: an I/O APIC, and a timer, which nobody has for this one. */
static int add_for_td(struct platform *p, struct vmm_error *err)
{
	int ret = split_ioapic_create(&p->ioapic, &p->vm->kvm_vm, &p->vm->mmio, &p->vm->log, err);

	return ret < 0 ? ret : bus_add(&p->vm->pio, PIT_PORT, PIT_PORTS, &p->ports.pit.dev, err);
}

static int add_virtio(struct platform *p, struct vmm_error *err)
{
	struct minivmm *vm = p->vm;

	p->virtio_host = (struct virtio_host){
		.sys = vm->sys,
		.kvm_vm = &vm->kvm_vm,
		.mem = &vm->mem,
		.log = &vm->log,
		.confidential = vm->cc.tech->private_memory,
		.quit = on_quit,
		.quit_ctx = p,
		.loops = vm->io.loops,
		.nloops = vm->io.nloops,
	};
	return virtio_create_all(&p->virtio, vm->config, &p->virtio_host, &vm->mmio, err);
}

int platform_create(struct platform **out, struct minivmm *vm, struct vmm_error *err)
{
	struct platform *p = calloc(1, sizeof(*p));
	struct console_port port;
	int ret;

	if (!p)
		return vmm_error_errno(err, -ENOMEM, "unable to allocate the devices");
	p->vm = vm;
	vm->end.flush = platform_flush;
	ret = console_open(&p->console, &vm->config->serial.output, on_quit, p, err);
	if (ret < 0) {
		free(p);
		return ret;
	}
	init_devices(p);
	port = (struct console_port){
		serial_room, serial_listening, serial_receive, serial_sink_ready, true, &p->serial};
	ret = add_to_bus(p, err);
	if (ret == 0 && vm->cc.tech->split_irqchip)
		ret = add_for_td(p, err);
	if (ret == 0)
		ret = console_start(&p->console, &port, &vm->loop, err);
	if (ret == 0)
		ret = add_virtio(p, err);
	if (ret < 0) {
		platform_destroy(p);
		return ret;
	}
	*out = p;
	return 0;
}

int platform_load(struct platform *p, struct vmm_error *err)
{
	return p->ovmf ? platform_ovmf_load(p->ovmf, err) : 0;
}

void platform_power_button(struct platform *p)
{
	acpi_pm_press_power_button(&p->pm);
}

void platform_flush(struct platform *p)
{
	uint64_t lost;

	virtio_flush_all(&p->virtio);
	console_flush(&p->console);
	lost = console_dropped(&p->console);
	if (lost > p->lost_told)
		vmm_log(&p->vm->log, VMM_LOG_WARN,
			"%" PRIu64
			" bytes of serial output were lost: their reader was too slow or went "
			"away, or the disk is full",
			lost - p->lost_told);
	p->lost_told = lost;
}

void platform_terminal_resized(struct platform *p)
{
	if (p->virtio.console)
		virtio_console_resized(p->virtio.console);
}

void platform_destroy(struct platform *p)
{
	if (!p)
		return;
	virtio_destroy_all(&p->virtio);
	platform_ovmf_destroy(p->ovmf);
	console_close(&p->console);
	serial_destroy(&p->serial);
	acpi_pm_destroy(&p->pm);
	debug_console_destroy(&p->debug_console);
	split_ioapic_destroy(p->ioapic);
	free(p);
}
