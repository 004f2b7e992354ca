// SPDX-License-Identifier: MIT
#include "boot/acpi_tables.h"

/* Flags of the FADT, ACPI 6.5 table 5.10. */
#define FADT_WBINVD	   (1U << 0)
#define FADT_PROC_C1	   (1U << 2) /* every CPU has HLT */
#define FADT_SLP_BUTTON	   (1U << 5) /* there is no fixed sleep button */
#define FADT_FIX_RTC	   (1U << 6) /* there is no fixed RTC wake-up status */
#define FADT_TMR_VAL_EXT   (1U << 8) /* the PM timer counts 32 bits, not 24 */
#define FADT_RESET_REG_SUP (1U << 10)
/* Not set: PWR_BUTTON (bit 4), which would take the power button out of the PM1 event block. */

/*
 * IA-PC boot architecture flags, table 5.11. Two things that exist are not announced, because an
 * announcement costs a Linux guest many port accesses, each of them an exit, and gives it nothing:
 *
 *  - the keyboard controller ("8042", and PNP0303 in the DSDT): no keyboard is plugged in. Linux
 *    resets through RESET_REG or, with reboot=k, through port 0x64 without asking for the driver.
 *  - the CMOS clock: Linux has the time from kvmclock.
 */
#define BOOT_LEGACY_DEVICES	  (1U << 0)
#define BOOT_VGA_NOT_PRESENT	  (1U << 2)
#define BOOT_CMOS_RTC_NOT_PRESENT (1U << 5)

/* Latencies that mean "no such state", table 5.9. */
#define P_LVL2_NONE 101
#define P_LVL3_NONE 1001

/* Generic address structure in I/O space, section 5.2.3.2; one register of `bits` bits. The access
 * size is 1 to 4 for byte to quadword. */
static void io_register(struct acpi_out *out, uint16_t port, unsigned int bits,
			unsigned int access_size)
{
	acpi_out_8(out, 1); /* system I/O */
	acpi_out_8(out, bits);
	acpi_out_8(out, 0); /* bit offset */
	acpi_out_8(out, access_size);
	acpi_out_64(out, port);
}

static void no_register(struct acpi_out *out)
{
	acpi_out_zero(out, 12);
}

/* The fields of ACPI 1.0, up to offset 116. */
static void fadt_first(struct acpi_out *out, uint32_t facs, uint32_t dsdt)
{
	acpi_out_32(out, facs); /* FIRMWARE_CTRL; X_FIRMWARE_CTRL stays 0 */
	acpi_out_32(out, dsdt);
	acpi_out_zero(out, 1); /* reserved */
	acpi_out_8(out, 0);    /* preferred PM profile: unspecified */
	acpi_out_16(out, PLATFORM_SCI_IRQ);
	acpi_out_32(out, 0);   /* SMI_CMD: none, so ACPI mode is on from the start (4.8.1.5) */
	acpi_out_zero(out, 4); /* ACPI_ENABLE, ACPI_DISABLE, S4BIOS_REQ, PSTATE_CNT */
	acpi_out_32(out, PLATFORM_PM1A_EVT_PORT);
	acpi_out_32(out, 0); /* PM1b event block */
	acpi_out_32(out, PLATFORM_PM1A_CNT_PORT);
	acpi_out_32(out, 0); /* PM1b control block */
	acpi_out_32(out, 0); /* PM2 control block */
	acpi_out_32(out, PLATFORM_PM_TIMER_PORT);
	acpi_out_32(out, 0); /* GPE0 block */
	acpi_out_32(out, 0); /* GPE1 block */
	acpi_out_8(out, 4);  /* length of the PM1 event block */
	acpi_out_8(out, 2);  /* … PM1 control block */
	acpi_out_8(out, 0);  /* … PM2 control block */
	acpi_out_8(out, 4);  /* … PM timer */
	acpi_out_8(out, 0);  /* … GPE0 block */
	acpi_out_8(out, 0);  /* … GPE1 block */
	acpi_out_8(out, 0);  /* GPE1 base */
	acpi_out_8(out, 0);  /* CST_CNT */
	acpi_out_16(out, P_LVL2_NONE);
	acpi_out_16(out, P_LVL3_NONE);
	acpi_out_16(out, 0);   /* FLUSH_SIZE: not needed with WBINVD */
	acpi_out_16(out, 0);   /* FLUSH_STRIDE */
	acpi_out_zero(out, 2); /* DUTY_OFFSET, DUTY_WIDTH: no throttling */
	acpi_out_zero(out, 3); /* DAY_ALRM, MON_ALRM, CENTURY: no RTC */
	acpi_out_16(out, BOOT_LEGACY_DEVICES | BOOT_VGA_NOT_PRESENT | BOOT_CMOS_RTC_NOT_PRESENT);
	acpi_out_zero(out, 1); /* reserved */
	acpi_out_32(out, FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON | FADT_FIX_RTC |
				 FADT_TMR_VAL_EXT | FADT_RESET_REG_SUP);
}

void acpi_write_fadt(struct acpi_out *out, uint32_t facs, uint32_t dsdt)
{
	/* ACPI 6.5, table 5.9: revision 6, 276 bytes */
	const size_t start = acpi_table_begin(out, "FACP", 6);

	fadt_first(out, facs, dsdt);
	io_register(out, PLATFORM_RESET_PORT, 8, 1);
	acpi_out_8(out, PLATFORM_RESET_VALUE);
	acpi_out_16(out, 0); /* ARM boot flags */
	acpi_out_8(out, 5);  /* FADT minor version: 6.5 */
	acpi_out_64(out, 0); /* X_FIRMWARE_CTRL: only one of the two may be set */
	acpi_out_64(out, dsdt);
	io_register(out, PLATFORM_PM1A_EVT_PORT, 32, 2);
	no_register(out); /* PM1b event block */
	io_register(out, PLATFORM_PM1A_CNT_PORT, 16, 2);
	no_register(out); /* PM1b control block */
	no_register(out); /* PM2 control block */
	io_register(out, PLATFORM_PM_TIMER_PORT, 32, 3);
	no_register(out);			   /* GPE0 block */
	no_register(out);			   /* GPE1 block */
	no_register(out);			   /* sleep control, of hardware-reduced ACPI */
	no_register(out);			   /* sleep status */
	acpi_out_bytes(out, ACPI_OEM_TABLE_ID, 8); /* hypervisor vendor identity */
	acpi_table_end(out, start);
}
