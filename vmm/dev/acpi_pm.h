/* SPDX-License-Identifier: MIT */
/*
 * The fixed hardware of ACPI (ACPI 6.5, 4.8) that the tables of boot/acpi.h describe: PM1a event
 * and control block, power management timer, and the reset register. The power button is the only
 * event.
 */
#ifndef VMM_DEV_ACPI_PM_H
#define VMM_DEV_ACPI_PM_H

#include "vmm/dev/bus.h"
#include "vmm/dev/irq.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* The block from PLATFORM_PM1A_EVT_PORT on: event, control and timer, in that order. */
#define ACPI_PM_PORTS	 12
#define ACPI_RESET_PORTS 1 /* at PLATFORM_RESET_PORT */

#define ACPI_PM_TIMER_HZ 3579545 /* ACPI 6.5, 4.8.2.1 */

/* Called on a vCPU thread. */
struct acpi_pm_events {
	void (*poweroff)(void *ctx);
	void (*reset)(void *ctx);
	void *ctx;
};

struct acpi_pm {
	struct device dev;
	struct device reset_dev;
	struct acpi_pm_events events;
	struct irq_line sci;

	pthread_mutex_t lock; /* of all below */
	uint16_t status, enable, control;
	int sci_level;
	uint64_t start_ns; /* when the timer was 0 */
};

/* `events` and `sci` (level triggered, active high) are copied. */
void acpi_pm_init(struct acpi_pm *pm, const struct irq_line *sci,
		  const struct acpi_pm_events *events);
void acpi_pm_destroy(struct acpi_pm *pm);

/* The guest's operating system sees the power button pressed, and does what it likes. Any thread.
 */
void acpi_pm_press_power_button(struct acpi_pm *pm);

/* What the timer shows `ns` nanoseconds after it was 0: 32 bits, so it wraps after 20 minutes. */
uint32_t acpi_pm_ticks(uint64_t ns);

#endif
