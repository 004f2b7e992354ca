// SPDX-License-Identifier: MIT
#include "vmm/dev/serial.h"

#include "vmm/base/bytes.h"

#include <linux/serial_reg.h>
#include <string.h>

#define IER_BITS   (UART_IER_RDI | UART_IER_THRI | UART_IER_RLSI | UART_IER_MSI)
#define MCR_BITS   (UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_OUT1 | UART_MCR_RTS | UART_MCR_DTR)
#define LSR_ERRORS (UART_LSR_OE | UART_LSR_PE | UART_LSR_FE | UART_LSR_BI)
#define MSR_LINES  (UART_MSR_DCD | UART_MSR_RI | UART_MSR_DSR | UART_MSR_CTS)
#define IIR_FIFOS  0xc0 /* both bits are set while the FIFOs are enabled */

/* What the other end of the cable says: there is always somebody who is ready. */
#define MSR_CONNECTED (UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS)

/* --- FIFOs ------------------------------------------------------------------------------------ */

static bool fifo_push(struct serial_fifo *fifo, uint8_t byte)
{
	if (fifo->n == SERIAL_FIFO)
		return false;
	fifo->byte[fifo->n++] = byte;
	return true;
}

static void fifo_drop(struct serial_fifo *fifo, size_t n)
{
	fifo->n -= n;
	memmove(fifo->byte, fifo->byte + n, fifo->n);
}

/* --- interrupts ------------------------------------------------------------------------------- */

/* Bytes in the receive FIFO that raise "data available" (PC16550D 8.3, FCR bits 6 and 7). */
static size_t rx_trigger(const struct serial *s)
{
	static const size_t level[4] = {1, 4, 8, 14};

	return s->fcr & UART_FCR_ENABLE_FIFO ? level[s->fcr >> 6] : 1;
}

/* The pending interrupt of the highest priority as the low bits of IIR (PC16550D table IV). */
static uint8_t pending(const struct serial *s)
{
	if ((s->ier & UART_IER_RLSI) && s->line_error)
		return UART_IIR_RLSI;
	if ((s->ier & UART_IER_RDI) && s->rx.n >= rx_trigger(s))
		return UART_IIR_RDI;
	/* Fewer bytes raise the time-out once the line has been quiet for four characters. Here
	 * bytes arrive all at once and the quiet comes at once. */
	if ((s->ier & UART_IER_RDI) && s->rx.n)
		return UART_IIR_RX_TIMEOUT;
	if ((s->ier & UART_IER_THRI) && s->thre_pending)
		return UART_IIR_THRI;
	if ((s->ier & UART_IER_MSI) && (s->msr & UART_MSR_ANY_DELTA))
		return UART_IIR_MSI;
	return UART_IIR_NO_INT;
}

static void update_irq(struct serial *s)
{
	irq_set(&s->irq, pending(s) != UART_IIR_NO_INT);
}

/* --- modem lines ------------------------------------------------------------------------------ */

static void write_mcr(struct serial *s, uint8_t value)
{
	/* in loopback the outputs are wired to the inputs (PC16550D 8.6): DTR, RTS, OUT1, OUT2 */
	static const uint8_t wired[4] = {UART_MSR_DSR, UART_MSR_CTS, UART_MSR_RI, UART_MSR_DCD};
	uint8_t lines = value & UART_MCR_LOOP ? 0 : MSR_CONNECTED, changed, delta;

	s->mcr = value & MCR_BITS;
	for (unsigned int i = 0; i < 4 && (s->mcr & UART_MCR_LOOP); i++)
		lines |= s->mcr & 1u << i ? wired[i] : 0;
	changed = (s->msr ^ lines) & MSR_LINES;
	delta = (uint8_t)(changed >> 4);
	if (lines & UART_MSR_RI) /* the ring indicator reports its trailing edge only */
		delta &= (uint8_t)~UART_MSR_TERI;
	s->msr = (uint8_t)((s->msr & UART_MSR_ANY_DELTA) | delta | lines);
}

/* --- the rest of the registers ---------------------------------------------------------------- */

/* A byte leaves the transmitter at once, unless the sink is behind. */
static void transmit(struct serial *s, uint8_t byte)
{
	s->thre_pending = false;
	if (s->mcr & UART_MCR_LOOP) {
		if (!fifo_push(&s->rx, byte))
			s->line_error |= UART_LSR_OE;
	} else if (s->tx.n || s->sink.write(s->sink.ctx, &byte, 1) == 0) {
		fifo_push(&s->tx, byte); /* a guest that does not look at LSR loses bytes */
	}
	if (s->tx.n == 0)
		s->thre_pending = true;
}

/* On a PC, OUT2 lets the interrupt through; Linux' probing sets all of IER without it. */
static bool receives(const struct serial *s)
{
	return (s->ier & UART_IER_RDI) && (s->mcr & UART_MCR_OUT2);
}

static bool listening(const struct serial *s)
{
	return s->polled || receives(s);
}

static void write_fcr(struct serial *s, uint8_t value)
{
	/*
	 * Switching the FIFOs on or off empties them (PC16550D 8.3, bit 0). What came after the
	 * guest had enabled the receive interrupt stays, as if it were still on the line: Linux
	 * enables the interrupt before the FIFOs (serial8250_do_set_termios).
	 */
	bool toggled = (value ^ s->fcr) & UART_FCR_ENABLE_FIFO;

	if ((toggled && !receives(s)) || (value & UART_FCR_CLEAR_RCVR)) {
		s->rx.n = 0;
		s->polled = false; /* another driver may begin */
		s->polls = 0;
	}
	if ((toggled || (value & UART_FCR_CLEAR_XMIT)) && s->tx.n) {
		s->tx.n = 0;
		s->thre_pending = true;
	}
	/* the other bits are programmed only together with bit 0; the clear bits clear themselves
	 */
	s->fcr = value & UART_FCR_ENABLE_FIFO
			 ? value & (UART_FCR_ENABLE_FIFO | UART_FCR_TRIGGER_MASK)
			 : 0;
}

static void write_ier(struct serial *s, uint8_t value)
{
	bool thri_enabled = value & ~s->ier & UART_IER_THRI;

	s->ier = value & IER_BITS;
	/* Enabling the interrupt raises it, again and again, when the transmitter is empty: Linux
	 * tests for that and works around ports that don't (serial8250_do_startup). */
	if (thri_enabled && s->tx.n == 0)
		s->thre_pending = true;
}

static uint8_t read_rbr(struct serial *s)
{
	uint8_t byte = s->rx.n ? s->rx.byte[0] : 0;

	if (s->rx.n)
		fifo_drop(&s->rx, 1);
	return byte;
}

static uint8_t read_iir(struct serial *s)
{
	uint8_t id = pending(s);

	if (id == UART_IIR_THRI) /* reading it acknowledges it (PC16550D table IV) */
		s->thre_pending = false;
	return s->fcr & UART_FCR_ENABLE_FIFO ? id | IIR_FIFOS : id;
}

static uint8_t read_lsr(struct serial *s)
{
	uint8_t lsr = s->line_error;

	s->line_error = 0;
	if (s->rx.n)
		lsr |= UART_LSR_DR;
	if (s->tx.n == 0)
		lsr |= UART_LSR_THRE | UART_LSR_TEMT;
	/* who sends looks for THRE, finds it, and writes */
	if (lsr != (UART_LSR_THRE | UART_LSR_TEMT))
		s->polls = 0;
	else if (!s->polled && ++s->polls == SERIAL_POLLS)
		s->polled = true;
	return lsr;
}

static uint8_t read_register(struct serial *s, uint64_t offset)
{
	bool dlab = s->lcr & UART_LCR_DLAB;
	uint8_t value;

	switch (offset) {
	case UART_RX:
		return dlab ? s->dll : read_rbr(s);
	case UART_IER:
		return dlab ? s->dlm : s->ier;
	case UART_IIR:
		return read_iir(s);
	case UART_LCR:
		return s->lcr;
	case UART_MCR:
		return s->mcr;
	case UART_LSR:
		return read_lsr(s);
	case UART_MSR:
		value = s->msr;
		s->msr &= MSR_LINES;
		return value;
	default:
		return s->scr;
	}
}

static void write_register(struct serial *s, uint64_t offset, uint8_t value)
{
	bool dlab = s->lcr & UART_LCR_DLAB;

	s->polls = 0;
	switch (offset) {
	case UART_TX:
		if (dlab)
			s->dll = value;
		else
			transmit(s, value);
		break;
	case UART_IER:
		if (dlab)
			s->dlm = value;
		else
			write_ier(s, value);
		break;
	case UART_FCR:
		write_fcr(s, value);
		break;
	case UART_LCR:
		s->lcr = value;
		break;
	case UART_MCR:
		write_mcr(s, value);
		break;
	case UART_SCR:
		s->scr = value;
		break;
	default: /* LSR and MSR: writes are for factory tests */
		break;
	}
}

/* --- the device ------------------------------------------------------------------------------- */

static size_t room(const struct serial *s)
{
	return s->mcr & UART_MCR_LOOP ? 0 : SERIAL_FIFO - s->rx.n;
}

/* What whoever feeds input waits for. Room counts only when the FIFO is empty, so that it is woken
 * once for 16 bytes and not for each. */
#define INVITE_ROOM	 1u
#define INVITE_LISTENING 2u

static unsigned int invitation(const struct serial *s)
{
	return (room(s) == SERIAL_FIFO ? INVITE_ROOM : 0) | (listening(s) ? INVITE_LISTENING : 0);
}

/* Writes `value` to a register, or reads one if there is none; then tells those who wait for a change. */
static uint8_t access_register(struct serial *s, uint64_t offset, const uint8_t *value)
{
	unsigned int invited_before;
	uint8_t read = 0;
	bool invites;

	pthread_mutex_lock(&s->lock);
	invited_before = invitation(s);
	if (value)
		write_register(s, offset, *value);
	else
		read = read_register(s, offset);
	invites = invitation(s) & ~invited_before;
	update_irq(s);
	pthread_mutex_unlock(&s->lock);
	if (invites && s->sink.room)
		s->sink.room(s->sink.ctx);
	return read;
}

static uint64_t serial_read(struct device *dev, uint64_t offset, unsigned int len)
{
	(void)len;
	return access_register(container_of(dev, struct serial, dev), offset, NULL);
}

static void serial_write(struct device *dev, uint64_t offset, unsigned int len, uint64_t value)
{
	const uint8_t byte = (uint8_t)value;

	(void)len;
	access_register(container_of(dev, struct serial, dev), offset, &byte);
}

static const struct device_ops serial_ops = {
	.name = "serial port",
	.max_len = 1,
	.read = serial_read,
	.write = serial_write,
};

void serial_init(struct serial *s, const struct irq_line *irq, const struct serial_sink *sink)
{
	*s = (struct serial){
		.dev.ops = &serial_ops,
		.irq = *irq,
		.sink = *sink,
		.msr = MSR_CONNECTED,
		.dll = 1, /* 115200 baud, as if firmware had set it up */
		.lcr = UART_LCR_WLEN8,
	};
	pthread_mutex_init(&s->lock, NULL);
}

void serial_destroy(struct serial *s)
{
	pthread_mutex_destroy(&s->lock);
}

size_t serial_room(void *serial)
{
	struct serial *s = serial;
	size_t n;

	pthread_mutex_lock(&s->lock);
	n = room(s);
	pthread_mutex_unlock(&s->lock);
	return n;
}

bool serial_listening(void *serial)
{
	struct serial *s = serial;
	bool yes;

	pthread_mutex_lock(&s->lock);
	yes = listening(s);
	pthread_mutex_unlock(&s->lock);
	return yes;
}

size_t serial_receive(void *serial, const uint8_t *buf, size_t len)
{
	struct serial *s = serial;
	size_t n;

	pthread_mutex_lock(&s->lock);
	n = room(s);
	if (n > len)
		n = len;
	for (size_t i = 0; i < n; i++)
		fifo_push(&s->rx, buf[i]);
	update_irq(s);
	pthread_mutex_unlock(&s->lock);
	return n;
}

void serial_sink_ready(void *serial)
{
	struct serial *s = serial;

	pthread_mutex_lock(&s->lock);
	if (s->tx.n) {
		fifo_drop(&s->tx, s->sink.write(s->sink.ctx, s->tx.byte, s->tx.n));
		if (s->tx.n == 0)
			s->thre_pending = true;
		update_irq(s);
	}
	pthread_mutex_unlock(&s->lock);
}
