/* SPDX-License-Identifier: MIT */
/*
 * Devices of one byte, or as good as that: what is read is always the same, and a write is an event.
 * None of them needs a driver or a lock.
 *
 *   pvpanic (0x505)   the guest says that it crashed (QEMU, docs/specs/pvpanic.rst; Linux,
 *                     include/uapi/misc/pvpanic.h); reading tells which events are understood. Found
 *                     through QEMU0001 in the DSDT.
 *
 *   reset (0xcf9)     the reset control register of the PIIX (Intel 82371AB, 4.3.3): bit 2 starts a
 *                     reset, bit 1 makes it a hard one, bit 3 a full power cycle. ACPI's RESET_REG.
 *
 *   boot mark (0xf4)  the first byte written says "I am up"; `run --timings` prints when
 *
 *   keyboard (0x64)   a keyboard controller (IBM PC AT Technical Reference) that is not there, but for
 *                     its reset line, by which kernels reset the machine, some of them before
 *                     anything else (Linux: reboot=k). Those wait until its input buffer is empty
 *                     (bit 1 of the status), so that is 0. All other bits are 1, as in absent
 *                     ports: drivers see output that never ends, or a time-out together with a
 *                     parity error, and leave at once (Linux, i8042_flush(); edk2, Ps2KeyboardDxe).
 *                     Linux does not look at all, without PNP0303 in the DSDT and with the 8042 bit
 *                     of the FADT's boot flags clear.
 *
 *   PIT (0x40)        the counters of a PC's timer, the 8254, in a VM that has none: a TD (KVM offers
 *                     it no PIT, Linux, arch/x86/kvm/x86.c, KVM_CREATE_PIT2). They stand still at 0,
 *                     and not at all ones as absent ports do: Linux measures its TSC by polling
 *                     counter 2 for as long as the high byte reads as 0xff (arch/x86/kernel/tsc.c,
 *                     quick_pit_calibrate() and pit_expect_msb()), 100,000 exits in each boot, before
 *                     it finds out that nothing counts. Port 0x61, which gates that counter and
 *                     shows its output, has to stay absent: the slow measurement
 *                     (pit_calibrate_tsc()) waits without a limit for bit 5 there, and the all ones
 *                     of an absent port have it.
 */
#ifndef VMM_DEV_PORTS_H
#define VMM_DEV_PORTS_H

#include "vmm/dev/bus.h"

#include <stdatomic.h>

#define PIT_PORTS 3 /* the counters; the fourth port cannot be read */

#define PVPANIC_PANICKED     0x1 /* it will stop or reset */
#define PVPANIC_CRASH_LOADED 0x2 /* it panicked and is about to run its crash kernel */

/* Bit 2 of newer definitions announces an orderly power-off. It is not offered: the power-off
 * itself says as much. */
#define PVPANIC_EVENTS (PVPANIC_PANICKED | PVPANIC_CRASH_LOADED)

/* Called on a vCPU thread. */
struct port_events {
	void (*reset)(void *ctx);
	void (*panic)(void *ctx, uint8_t events);    /* at least one PVPANIC_ bit */
	void (*boot_mark)(void *ctx, uint8_t value); /* once at most */
	void *ctx;
};

struct ports;

struct port {
	struct device dev;
	struct ports *ports;
	void (*written)(struct ports *ports, uint8_t value);
	uint8_t shows;
};

struct ports {
	struct port pvpanic, reset, boot_mark, keyboard, pit;
	struct port_events events;
	atomic_flag marked;
};

/* `events` is copied. */
void ports_init(struct ports *ports, const struct port_events *events);

#endif
