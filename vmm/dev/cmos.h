/* SPDX-License-Identifier: MIT */
/*
 * The clock of a PC (Motorola MC146818A), read only: it shows the host's time in UTC and takes no
 * alarm. Linux guests take the time from kvmclock and, with "CMOS RTC not present" in the FADT's
 * boot flags, never ask. This is for the others: a kernel without kvmclock that finds all ones here
 * believes an update to be in progress and waits a whole second for its end, at least once
 * (mc146818_avoid_UIP in drivers/rtc/rtc-mc146818-lib.c).
 */
#ifndef VMM_DEV_CMOS_H
#define VMM_DEV_CMOS_H

#include "vmm/dev/bus.h"

#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#define CMOS_PORTS   2	  /* index and data */
#define CMOS_CENTURY 0x32 /* index of the century's register, for the FADT */

struct cmos {
	struct device dev;
	time_t (*now)(time_t *now); /* time(2) */
	_Atomic uint8_t index;
	uint16_t above_16m; /* sizes of RAM in units of 64 KiB, see cmos_set_memory() */
	uint32_t above_4g;
};

/* `now` is the clock: time(2). */
void cmos_init(struct cmos *cmos, time_t (*now)(time_t *now));

/*
 * Before the first vCPU runs: how many bytes of RAM there are below and above 4 GiB. OVMF reads
 * them where QEMU's BIOS has them (hw/i386/pc.c), in units of 64 KiB: 0x34 and 0x35 what lies
 * between 16 MiB and 4 GiB, 0x5b to 0x5d what lies above. Without this call they are zero.
 */
void cmos_set_memory(struct cmos *cmos, uint64_t low, uint64_t high);

#endif
