// SPDX-License-Identifier: MIT
#include "vmm/dev/i8042.h"

#define DATA	0 /* offsets of the ports */
#define COMMAND 4

/* status register */
#define STATUS_OUTPUT_FULL 0x01
#define STATUS_SYSTEM	   0x04 /* self-test passed */
#define STATUS_COMMAND	   0x08 /* the last byte written was a command */
#define STATUS_UNLOCKED	   0x10 /* the key switch at the front of the AT */
#define STATUS_TIMEOUT	   0x40

/* command byte */
#define CONTROL_KBD_INT	  0x01
#define CONTROL_SYSTEM	  0x04
#define CONTROL_KBD_OFF	  0x10
#define CONTROL_AUX_OFF	  0x20
#define CONTROL_TRANSLATE 0x40

/* commands; 0xf0..0xff pulse the output lines whose bits are 0 */
#define READ_CONTROL  0x20
#define WRITE_CONTROL 0x60
#define AUX_OFF	      0xa7
#define AUX_ON	      0xa8
#define AUX_TEST      0xa9
#define SELF_TEST     0xaa
#define KBD_TEST      0xab
#define KBD_OFF	      0xad
#define KBD_ON	      0xae
#define READ_OUTPUT   0xd0 /* the output port: bit 0 is the reset line (0: reset), bit 1 is A20 */
#define WRITE_OUTPUT  0xd1
#define KBD_LOOP      0xd2
#define AUX_LOOP      0xd3
#define AUX_SEND      0xd4
#define PULSE	      0xf0
#define LINE_RESET    0x01
#define LINE_A20      0x02

#define SELF_TEST_PASSED 0x55
#define KBD_TEST_PASSED	 0x00
#define AUX_TEST_STUCK	 0x01 /* the clock line stays low: nothing is there */
#define RESEND		 0xfe

static void answer(struct i8042 *k, uint8_t byte, uint8_t status)
{
	k->output = byte;
	k->status = (uint8_t)((k->status & ~STATUS_TIMEOUT) | STATUS_OUTPUT_FULL | status);
}

/* Returns true when the guest asked for a reset. */
static bool command(struct i8042 *k, uint8_t command)
{
	k->status |= STATUS_COMMAND;
	k->parameter = 0;
	switch (command) {
	case READ_CONTROL:
		answer(k, k->control, 0);
		break;
	case AUX_OFF:
		k->control |= CONTROL_AUX_OFF;
		break;
	case AUX_ON:
		k->control &= (uint8_t)~CONTROL_AUX_OFF;
		break;
	case AUX_TEST:
		answer(k, AUX_TEST_STUCK, 0);
		break;
	case SELF_TEST:
		k->status |= STATUS_SYSTEM;
		answer(k, SELF_TEST_PASSED, 0);
		break;
	case KBD_TEST:
		answer(k, KBD_TEST_PASSED, 0);
		break;
	case KBD_OFF:
		k->control |= CONTROL_KBD_OFF;
		break;
	case KBD_ON:
		k->control &= (uint8_t)~CONTROL_KBD_OFF;
		break;
	case READ_OUTPUT:
		answer(k, LINE_RESET | LINE_A20, 0);
		break;
	case WRITE_CONTROL:
	case WRITE_OUTPUT:
	case KBD_LOOP:
	case AUX_LOOP:
	case AUX_SEND:
		k->parameter = command;
		break;
	default:
		return command >= PULSE && !(command & LINE_RESET);
	}
	return false;
}

/* Returns true when the guest asked for a reset. */
static bool data(struct i8042 *k, uint8_t byte)
{
	uint8_t parameter = k->parameter;

	k->status &= (uint8_t)~STATUS_COMMAND;
	k->parameter = 0;
	switch (parameter) {
	case WRITE_CONTROL:
		k->control = byte;
		break;
	case WRITE_OUTPUT:
		return !(byte & LINE_RESET);
	case KBD_LOOP:
	case AUX_LOOP: /* without the mouse bit in the status: there is no mouse port */
		answer(k, byte, 0);
		break;
	default: /* for the keyboard or, after AUX_SEND, the mouse */
		answer(k, RESEND, STATUS_TIMEOUT);
		break;
	}
	return false;
}

static void update_irq(struct i8042 *k)
{
	int level = (k->status & STATUS_OUTPUT_FULL) && (k->control & CONTROL_KBD_INT);

	if (level == k->irq_level)
		return;
	k->irq_level = level;
	irq_set(&k->irq, level);
}

static uint64_t i8042_read(struct device *dev, uint64_t offset, unsigned int len)
{
	struct i8042 *k = (struct i8042 *)dev;
	uint8_t value = 0xff;

	(void)len;
	pthread_mutex_lock(&k->lock);
	if (offset == DATA) {
		value = k->output;
		k->status &= (uint8_t) ~(STATUS_OUTPUT_FULL | STATUS_TIMEOUT);
		update_irq(k);
	} else if (offset == COMMAND) {
		value = k->status;
	}
	pthread_mutex_unlock(&k->lock);
	return value;
}

static void i8042_write(struct device *dev, uint64_t offset, unsigned int len, uint64_t value)
{
	struct i8042 *k = (struct i8042 *)dev;
	bool reset = false;

	(void)len;
	pthread_mutex_lock(&k->lock);
	if (offset == DATA)
		reset = data(k, (uint8_t)value);
	else if (offset == COMMAND)
		reset = command(k, (uint8_t)value);
	update_irq(k);
	pthread_mutex_unlock(&k->lock);
	if (reset)
		k->reset(k->ctx);
}

static const struct device_ops i8042_ops = {
	.name = "keyboard controller",
	.max_len = 1,
	.read = i8042_read,
	.write = i8042_write,
};

void i8042_init(struct i8042 *k, const struct irq_line *irq, void (*reset)(void *ctx), void *ctx)
{
	*k = (struct i8042){
		.dev.ops = &i8042_ops,
		.irq = *irq,
		.reset = reset,
		.ctx = ctx,
		/* as firmware leaves it when it has found nothing */
		.control = CONTROL_TRANSLATE | CONTROL_AUX_OFF | CONTROL_KBD_OFF | CONTROL_SYSTEM,
		.status = STATUS_UNLOCKED | STATUS_SYSTEM,
	};
	pthread_mutex_init(&k->lock, NULL);
}

void i8042_destroy(struct i8042 *k)
{
	pthread_mutex_destroy(&k->lock);
}
