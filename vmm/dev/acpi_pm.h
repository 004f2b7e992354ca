/* SPDX-License-Identifier: MIT */
/*
 * The fixed hardware of ACPI (ACPI 6.5, 4.8) that the tables of boot/acpi.h describe: PM1a event
 * and control block, and power management timer. The power button is the only event.
 */
#ifndef VMM_DEV_ACPI_PM_H
#define VMM_DEV_ACPI_PM_H

#include "vmm/dev/bus.h"
#include "vmm/dev/irq.h"

#include <pthread.h>

/* The block from PLATFORM_PM1A_EVT_PORT on: event, control and timer, in that order. */
#define ACPI_PM_PORTS 12

#define ACPI_PM_TIMER_HZ 3579545 /* ACPI 6.5, 4.8.2.1 */

struct acpi_pm {
	struct device dev;
	void (*poweroff)(void *ctx); /* on a vCPU thread */
	void *ctx;

	pthread_mutex_t lock; /* of all below */
	struct irq_line sci;
	uint16_t status, enable, control;
	uint64_t start_ns; /* when the timer was 0 */
};

/* `sci` (level triggered, active high) is copied. */
void acpi_pm_init(struct acpi_pm *pm, const struct irq_line *sci, void (*poweroff)(void *ctx),
		  void *ctx);
void acpi_pm_destroy(struct acpi_pm *pm);

/* The guest's operating system sees the power button pressed, and does what it likes. Any thread.
 */
void acpi_pm_press_power_button(struct acpi_pm *pm);

/* What the timer shows `ns` nanoseconds after it was 0: 32 bits, so it wraps after 20 minutes. */
uint32_t acpi_pm_ticks(uint64_t ns);

#endif
