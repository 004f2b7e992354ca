/* SPDX-License-Identifier: MIT */
/*
 * Where a PC's timer, the 8254, has its counters, in a VM that has none: a TD (KVM offers it no PIT,
 * Linux, arch/x86/kvm/x86.c, kvm_vm_ioctl(), KVM_CREATE_PIT2). Reads give 0, counters that stand
 * still, and not all ones as absent ports do: Linux measures its TSC by polling counter 2 for as long
 * as the high byte reads as 0xff (arch/x86/kernel/tsc.c, quick_pit_calibrate() and
 * pit_expect_msb()), 100,000 exits in each boot, before it finds out that nothing counts.
 *
 * Port 0x61, which gates that counter and shows its output, has to stay absent: the slow
 * measurement (pit_calibrate_tsc()) waits without a limit for bit 5 there, and the all ones of an
 * absent port have it.
 */
#ifndef VMM_DEV_NO_PIT_H
#define VMM_DEV_NO_PIT_H

#include "vmm/dev/bus.h"

#define NO_PIT_PORT  0x40
#define NO_PIT_PORTS 3 /* the counters; the fourth port cannot be read */

void no_pit_init(struct device *dev);

#endif
