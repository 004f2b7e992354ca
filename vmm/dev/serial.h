/* SPDX-License-Identifier: MIT */
/*
 * The serial port of a PC: a National Semiconductor 16550A with its two 16-byte FIFOs (data sheet
 * PC16550D, June 1995; register names and numbers as in <linux/serial_reg.h>). It knows neither
 * baud rates nor line errors: a byte is sent in no time, as long as the sink takes it.
 *
 * Flow control in both directions keeps everything bounded without blocking any thread. When the
 * sink takes no more, bytes wait in the transmit FIFO and the guest sees a transmitter that is busy
 * (LSR.THRE is 0), as on a slow line; serial_sink_ready() goes on. Input is taken as far as the
 * receive FIFO has room; sink.room() says when there is room again.
 */
#ifndef VMM_DEV_SERIAL_H
#define VMM_DEV_SERIAL_H

#include "vmm/dev/bus.h"
#include "vmm/dev/irq.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERIAL_PORTS 8	/* bytes of I/O space */
#define SERIAL_FIFO  16 /* bytes in each direction */
#define SERIAL_POLLS 32 /* reads of LSR by which a guest that polls for input is known */

/* Where the guest's output goes. Called from vCPU threads, one call at a time; must not block and
 * must not call the serial port from within write(). */
struct serial_sink {
	/* Returns how many of the bytes it took, from the front. When it took fewer than all, it
	 * calls serial_sink_ready() later. */
	size_t (*write)(void *ctx, const uint8_t *buf, size_t len);
	/* The receive FIFO has become empty, or the guest has started to listen; NULL if nobody
	 * wants to know. Called without the port's lock. */
	void (*room)(void *ctx);
	void *ctx;
};

struct serial_fifo {
	uint8_t byte[SERIAL_FIFO];
	size_t n; /* the oldest byte is byte[0] */
};

struct serial {
	struct device dev;
	struct serial_sink sink;

	pthread_mutex_t lock; /* of all below */
	struct irq_line irq;
	struct serial_fifo rx;
	struct serial_fifo tx; /* only what the sink did not take yet */
	uint8_t ier, fcr, lcr, mcr, scr;
	uint8_t dll, dlm;   /* baud rate divisor: kept for reading back */
	uint8_t line_error; /* LSR bits that stay until LSR is read */
	uint8_t msr;
	bool thre_pending; /* "transmitter empty" has not been acknowledged yet */
	/* LSR was read so often in a row while there was nothing to wait for but input */
	unsigned int polls;
	bool polled; /* SERIAL_POLLS times: the guest takes input so */
};

/* `irq` and `sink` are copied. bus_add() puts &serial->dev on a bus. */
void serial_init(struct serial *serial, const struct irq_line *irq, const struct serial_sink *sink);
void serial_destroy(struct serial *serial);

/* --- the other end of the cable; `serial` is a struct serial. Any thread. --------------------- */

/* Bytes of input that the port would take now. */
size_t serial_room(void *serial);

/*
 * Does the guest want input? It has enabled the receive interrupt, with OUT2, or reads LSR again and again.
 * Before that, a driver that starts up throws away what it finds. (RTS says nothing: Linux' early
 * console sets it long before the driver resets the FIFOs.)
 */
bool serial_listening(void *serial);

/* Input for the guest. Returns how many bytes were taken, from the front. */
size_t serial_receive(void *serial, const uint8_t *buf, size_t len);

/* The sink takes bytes again. Not from within sink.write(). */
void serial_sink_ready(void *serial);

#endif
