// SPDX-License-Identifier: MIT
#include "vmm/dev/acpi_pm.h"

#include "mem/layout.h"
#include "vmm/base/bytes.h"
#include "vmm/base/timer.h"

/* offsets from PLATFORM_PM1A_EVT_PORT */
#define STATUS	0
#define ENABLE	2
#define CONTROL (PLATFORM_PM1A_CNT_PORT - PLATFORM_PM1A_EVT_PORT)
#define TIMER	(PLATFORM_PM_TIMER_PORT - PLATFORM_PM1A_EVT_PORT)

_Static_assert(TIMER + 4 == ACPI_PM_PORTS, "the blocks have to be neighbours");

/* PM1 status and enable registers (ACPI 6.5, 4.8.3.1.1 and .2) */
#define POWER_BUTTON 0x0100
#define ENABLE_BITS  0x0721 /* timer, global lock, power and sleep button, RTC */

/* PM1 control register (4.8.3.2.1) */
#define SCI_ENABLED	 0x0001 /* ACPI mode: there is no other */
#define CONTROL_BITS	 0x1c02 /* BM_RLD and SLP_TYP can be read back */
#define SLEEP_TYPE_SHIFT 10
#define SLEEP_TYPE	 0x7
#define SLEEP_ENABLE	 0x2000

uint32_t acpi_pm_ticks(uint64_t ns)
{
	uint64_t seconds = ns / 1000000000, rest = ns % 1000000000;

	return (uint32_t)(seconds * ACPI_PM_TIMER_HZ + rest * ACPI_PM_TIMER_HZ / 1000000000);
}

static void update_sci(struct acpi_pm *pm)
{
	irq_set(&pm->sci, (pm->status & pm->enable) != 0);
}

/* Guests read one, two or four bytes, so the registers are laid out and cut from. */
static uint64_t acpi_pm_read(struct device *dev, uint64_t offset, unsigned int len)
{
	struct acpi_pm *pm = (struct acpi_pm *)dev;
	uint8_t block[ACPI_PM_PORTS + 8] = {0};

	if (!range_inside(offset, len, 0, ACPI_PM_PORTS))
		return UINT64_MAX;
	pthread_mutex_lock(&pm->lock);
	put_le16(block + STATUS, pm->status);
	put_le16(block + ENABLE, pm->enable);
	put_le16(block + CONTROL, pm->control | SCI_ENABLED);
	put_le32(block + TIMER, acpi_pm_ticks(timer_now() - pm->start_ns));
	pthread_mutex_unlock(&pm->lock);
	return get_le64(block + offset);
}

/* Writes one byte of a register. Returns true when it asked for power-off. */
static bool write_byte(struct acpi_pm *pm, uint64_t offset, uint8_t byte)
{
	unsigned int shift = offset & 1 ? 8 : 0;
	uint16_t bits = (uint16_t)(byte << shift);
	uint16_t mask = (uint16_t)(0xff << shift);

	switch (offset & ~1ull) {
	case STATUS: /* writing 1 clears */
		pm->status &= (uint16_t)~bits;
		return false;
	case ENABLE:
		pm->enable = (uint16_t)((pm->enable & ~mask) | (bits & ENABLE_BITS));
		return false;
	case CONTROL:
		pm->control = (uint16_t)((pm->control & ~mask) | (bits & CONTROL_BITS));
		return (bits & SLEEP_ENABLE) &&
		       ((bits >> SLEEP_TYPE_SHIFT) & SLEEP_TYPE) == PLATFORM_S5_TYPE;
	default: /* the timer cannot be written */
		return false;
	}
}

static void acpi_pm_write(struct device *dev, uint64_t offset, unsigned int len, uint64_t value)
{
	struct acpi_pm *pm = (struct acpi_pm *)dev;
	bool poweroff = false;

	if (!range_inside(offset, len, 0, ACPI_PM_PORTS))
		return;
	pthread_mutex_lock(&pm->lock);
	for (unsigned int i = 0; i < len; i++)
		poweroff |= write_byte(pm, offset + i, (uint8_t)(value >> (8 * i)));
	update_sci(pm);
	pthread_mutex_unlock(&pm->lock);
	if (poweroff)
		pm->poweroff(pm->ctx);
}

static const struct device_ops acpi_pm_ops = {
	.name = "ACPI power management",
	.read = acpi_pm_read,
	.write = acpi_pm_write,
};

void acpi_pm_init(struct acpi_pm *pm, const struct irq_line *sci, void (*poweroff)(void *ctx),
		  void *ctx)
{
	*pm = (struct acpi_pm){
		.dev.ops = &acpi_pm_ops,
		.poweroff = poweroff,
		.ctx = ctx,
		.sci = *sci,
		.start_ns = timer_now(),
	};
	pthread_mutex_init(&pm->lock, NULL);
}

void acpi_pm_destroy(struct acpi_pm *pm)
{
	pthread_mutex_destroy(&pm->lock);
}

void acpi_pm_press_power_button(struct acpi_pm *pm)
{
	pthread_mutex_lock(&pm->lock);
	pm->status |= POWER_BUTTON;
	update_sci(pm);
	pthread_mutex_unlock(&pm->lock);
}
