// SPDX-License-Identifier: MIT
#include "vmm/dev/cmos.h"

#include "vmm/base/bytes.h"

#include <stddef.h>

#define INDEX 0 /* offsets of the ports */
#define DATA  1

#define INDEX_BITS 0x7f /* bit 7 masks the NMI, which nobody raises */

/* registers (MC146818A data sheet, figure 9) */
#define SECONDS	  0x00
#define MINUTES	  0x02
#define HOURS	  0x04
#define WEEKDAY	  0x06 /* 1: Sunday */
#define DAY	  0x07
#define MONTH	  0x08
#define YEAR	  0x09
#define CONTROL_A 0x0a
#define CONTROL_B 0x0b
#define STATUS_D  0x0d

/* RAM in units of 64 KiB, little-endian, see cmos.h */
#define ABOVE_16M 0x34
#define ABOVE_4G  0x5b

#define A_32768_HZ 0x26 /* no update in progress, 32.768 kHz, 1024 Hz: what firmware sets up */
#define B_24_HOURS 0x02 /* 24 hours, BCD, no interrupts */
#define D_VALID	   0x80 /* the battery is good */

static uint8_t bcd(int n)
{
	return (uint8_t)(n / 10 % 10 << 4 | n % 10);
}

static uint8_t read_register(const struct cmos *cmos, uint8_t index)
{
	time_t now = cmos->now(NULL);
	uint8_t reg[INDEX_BITS + 1] = {
		[CONTROL_A] = A_32768_HZ, [CONTROL_B] = B_24_HOURS, [STATUS_D] = D_VALID};
	struct tm t;

	if (!gmtime_r(&now, &t))
		return 0;
	reg[SECONDS] = bcd(t.tm_sec);
	reg[MINUTES] = bcd(t.tm_min);
	reg[HOURS] = bcd(t.tm_hour);
	reg[WEEKDAY] = bcd(t.tm_wday + 1);
	reg[DAY] = bcd(t.tm_mday);
	reg[MONTH] = bcd(t.tm_mon + 1);
	reg[YEAR] = bcd(t.tm_year % 100);
	reg[CMOS_CENTURY] = bcd((t.tm_year + 1900) / 100);
	put_le16(reg + ABOVE_16M, cmos->above_16m);
	put_le32(reg + ABOVE_4G, cmos->above_4g); /* the fourth byte is 0 */
	return reg[index];
}

static uint64_t cmos_read(struct device *dev, uint64_t offset, unsigned int len)
{
	const struct cmos *cmos = (const struct cmos *)dev;

	(void)len;
	if (offset != DATA)
		return UINT64_MAX; /* the index cannot be read */
	return read_register(cmos, atomic_load(&cmos->index));
}

static void cmos_write(struct device *dev, uint64_t offset, unsigned int len, uint64_t value)
{
	struct cmos *cmos = (struct cmos *)dev;

	(void)len;
	if (offset == INDEX)
		atomic_store(&cmos->index, (uint8_t)(value & INDEX_BITS));
}

static const struct device_ops cmos_ops = {
	.name = "real-time clock",
	.max_len = 1,
	.read = cmos_read,
	.write = cmos_write,
};

void cmos_init(struct cmos *cmos, time_t (*now)(time_t *now))
{
	*cmos = (struct cmos){.dev.ops = &cmos_ops, .now = now};
}

void cmos_set_memory(struct cmos *cmos, uint64_t low, uint64_t high)
{
	uint64_t units = high / KIB(64);

	cmos->above_16m = low > MIB(16) ? (uint16_t)((low - MIB(16)) / KIB(64)) : 0;
	cmos->above_4g = units < 0xffffff ? (uint32_t)units : 0xffffff; /* e820 has the rest */
}
