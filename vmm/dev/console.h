/* SPDX-License-Identifier: MIT */
/*
 * The host's end of a console's cable: standard input and output, a file, a unix socket, or
 * nothing. serial.output or console.output says which: stdio | null | file:PATH | unix:PATH. The
 * other end is a device, `struct console_port`: the serial port, or a virtio console.
 *
 * Output. Behind a serial port the guest sends a byte with each exit; a write(2) for each would
 * triple its price. Bytes are gathered until the end of a line, CONSOLE_FLUSH_BYTES or
 * CONSOLE_FLUSH_MS, whatever comes first. No thread ever waits for a reader. What a slow one does
 * not take stays in a buffer of fixed size; when that is full
 *   - standard output: the guest's transmitter looks busy, so the guest slows down to the reader's
 *     pace without losing anything; after CONSOLE_STALL_MS in which the reader took nothing the
 *     output is dropped until it reads again, so a stuck reader cannot hold the guest up for ever;
 *   - a socket: new output is dropped. So is all output while no client is connected.
 *
 * Input comes from standard input or from the client, as fast as the guest reads. Input that is no
 * terminal waits until the guest listens, because a driver that starts up throws away what it finds
 * in the FIFO: a script on standard input, or from a client, arrives complete.
 *
 * A terminal is always read, also while the guest is not: the escape keys (Ctrl-A x) are
 * there for a guest that hangs. What it has no room for is kept, CONSOLE_KEYS bytes; then keys are
 * dropped, and the terminal's bell rings. The terminal's mode is the program's business.
 *
 * One timer does what is due, in the loop's thread: output that is old enough, what waited for
 * reader or guest to have room, what was given up for a while.
 *
 * Locks: the serial port writes with its own lock held, so the console never calls the port with
 * the console's lock held.
 */
#ifndef VMM_DEV_CONSOLE_H
#define VMM_DEV_CONSOLE_H

#include "vmm/base/endpoint.h"
#include "vmm/base/error.h"
#include "vmm/base/timer.h"
#include "vmm/base/unix_listener.h"
#include "vmm/dev/panic_watch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONSOLE_BUFFER	    (16u << 10)
#define CONSOLE_FLUSH_BYTES 1024
#define CONSOLE_FLUSH_MS    5
#define CONSOLE_STALL_MS    5000
#define CONSOLE_RETRY_MS    500
#define CONSOLE_END_MS	    200 /* how long console_flush() waits for a reader */
#define CONSOLE_CHUNK	    64	/* bytes of input at a time */
#define CONSOLE_KEYS	    (64u << 10)

/* The device at the guest's end. Called on the loop's thread, sink_ready() also by
 * console_flush(). */
struct console_port {
	/* bytes of input that the device takes now; when it can take more again after 0 it calls
	 * console_room() */
	size_t (*room)(void *ctx);
	/* does the guest's driver want input? Before that it may throw some away */
	bool (*listening)(void *ctx);
	/* no more than room(); returns len */
	size_t (*receive)(void *ctx, const uint8_t *buf, size_t len);
	void (*sink_ready)(void *ctx); /* the sink takes bytes again */
	/* drivers that start reset it with all that is in it: clients' input, too, has to wait until
	 * the guest listens */
	bool resets;
	void *ctx;
};

struct console_output {
	int fd;		/* -1: none */
	bool is_socket; /* written with send() */
	bool may_block; /* the descriptor could not be made non-blocking: poll() is asked before */
};

struct console {
	/* the user pressed the escape keys for quitting; called on the loop's thread */
	void (*quit)(void *ctx);
	void *ctx;
	struct loop *loop; /* NULL until console_start() */
	struct console_port port;

	/* input: used on the loop's thread only */
	struct loop_source in; /* fd -1: none, or its end was reached */
	bool in_watched;
	bool in_is_terminal;
	bool in_waits;	    /* until the guest listens */
	bool accept_paused; /* no descriptor to spare for a client */
	bool escaped;	    /* Ctrl-A was the last key */
	size_t nkeys;	    /* from a terminal, that the device has no room for */
	struct loop_source accept;
	struct unix_listener listener;
	_Atomic bool starved; /* input waits for the device: console_room() must wake us */

	pthread_mutex_t lock; /* of all below */
	struct timer timer;
	uint64_t due_ns; /* when the timer expires; 0: not set */
	struct console_output out;
	bool out_is_client; /* a connection; `in` has the same descriptor, or none */
	uint8_t buf[CONSOLE_BUFFER];
	size_t len;
	bool refused;		/* the device holds bytes that did not fit */
	bool blocked;		/* the last write found no room, at blocked_since */
	uint64_t blocked_since; /* milliseconds of CLOCK_MONOTONIC */
	bool lossy;		/* what does not fit is dropped */
	uint64_t dropped;	/* bytes, so far */
	struct panic_watch panic;

	/* the loop's thread's; the last member, so that pages of it are touched when needed */
	uint8_t keys[CONSOLE_KEYS];
};

/*
 * Opens everything that `output` names; nothing is opened later but connections of clients. `quit`
 * may be NULL. On failure nothing is left behind.
 */
int console_open(struct console *console, const struct endpoint *output, void (*quit)(void *ctx),
		 void *ctx, struct vmm_error *err);

/* The device's side (`console` is a struct console), on any thread. Output: returns how many bytes
 * were taken, from the front; when not all, port.sink_ready() is called later. */
size_t console_write(void *console, const uint8_t *buf, size_t len);

/* There may be more room for input than there was, or the guest has begun to listen. */
void console_room(void *console);

/* Joins device and console, and begins to watch. Before loop_run(), which must run for output to be
 * complete. `port` is copied. */
int console_start(struct console *console, const struct console_port *port, struct loop *loop,
		  struct vmm_error *err);

/* Writes out what is buffered, waiting at most CONSOLE_END_MS. For the end of the VM: any thread,
 * once vCPUs and loop have stopped. */
void console_flush(struct console *console);

/* Bytes of output that were lost so far: to a reader that was too slow or went away, or to a full
 * disk. Any thread. */
uint64_t console_dropped(struct console *console);

/* Did the guest announce a panic just now? Then `text` (may be NULL) gets what it said. Any thread.
 */
bool console_recent_panic(struct console *console, char *text, size_t size);

/* Flushes and closes. The loop must not run any more, but must still exist. Accepts a console that
 * is zeroed except for what console_open() had not done. */
void console_close(struct console *console);

/* --- between console.c and console_input.c ---------------------------------------------------- */

/* Adds the sources of input to the loop. */
int console_input_start(struct console *console, struct vmm_error *err);

/* Takes what input there is now, if the device has room; the loop's thread. */
void console_input(struct console *console);

/* With the lock held: has the timer expire in so many milliseconds, if not sooner. */
void console_wake_in(struct console *console, unsigned int ms);

/* Text from the VMM itself to whoever is at the console. */
void console_say(struct console *console, const char *text);

/* Sends output to a new client, or to nobody with -1, and forgets what is buffered. Returns the
 * descriptor that was used before, for the caller to close. */
int console_set_client(struct console *console, int fd);

#endif
