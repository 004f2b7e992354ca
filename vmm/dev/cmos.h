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

#include "vmm/bus.h"

#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#define CMOS_PORT    0x70 /* index; 0x71: data */
#define CMOS_PORTS   2
#define CMOS_CENTURY 0x32 /* index of the century's register, for the FADT */

struct cmos {
	struct device dev;
	time_t (*now)(void *ctx); /* seconds since 1970, UTC */
	void *ctx;
	_Atomic uint8_t index;
};

/* `now` NULL: the host's clock. */
void cmos_init(struct cmos *cmos, time_t (*now)(void *ctx), void *ctx);

#endif
