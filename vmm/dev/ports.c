// SPDX-License-Identifier: MIT
#include "vmm/dev/ports.h"

#define RESET_CPU 0x04 /* of the reset register */

/* The keyboard controller's status, and its commands 0xf0 to 0xff: they pulse the output lines whose
 * bits are 0. */
#define KEYBOARD_STATUS 0xfd
#define KEYBOARD_PULSE	0xf0
#define KEYBOARD_RESET	0x01

static void pvpanic_written(struct ports *p, uint8_t value)
{
	if (value & PVPANIC_EVENTS)
		p->events.panic(p->events.ctx, value & PVPANIC_EVENTS);
}

static void reset_written(struct ports *p, uint8_t value)
{
	if (value & RESET_CPU)
		p->events.reset(p->events.ctx);
}

static void boot_mark_written(struct ports *p, uint8_t value)
{
	if (!atomic_flag_test_and_set(&p->marked))
		p->events.boot_mark(p->events.ctx, value);
}

static void keyboard_written(struct ports *p, uint8_t value)
{
	if (value >= KEYBOARD_PULSE && !(value & KEYBOARD_RESET))
		p->events.reset(p->events.ctx);
}

static void pit_written(struct ports *p, uint8_t value)
{
	(void)p, (void)value;
}

static uint64_t port_read(struct device *dev, uint64_t offset, unsigned int len)
{
	(void)offset, (void)len;
	return ((struct port *)dev)->shows;
}

static void port_write(struct device *dev, uint64_t offset, unsigned int len, uint64_t value)
{
	const struct port *port = (struct port *)dev;

	(void)offset, (void)len;
	port->written(port->ports, (uint8_t)value);
}

static const struct device_ops port_ops = {
	.name = "I/O port",
	.max_len = 1,
	.read = port_read,
	.write = port_write,
};

void ports_init(struct ports *p, const struct port_events *events)
{
	p->pvpanic = (struct port){{&port_ops}, p, pvpanic_written, PVPANIC_EVENTS};
	p->reset = (struct port){{&port_ops}, p, reset_written, 0};
	p->boot_mark = (struct port){{&port_ops}, p, boot_mark_written, 0xff};
	p->keyboard = (struct port){{&port_ops}, p, keyboard_written, KEYBOARD_STATUS};
	p->pit = (struct port){{&port_ops}, p, pit_written, 0};
	p->events = *events;
	atomic_flag_clear(&p->marked);
}
