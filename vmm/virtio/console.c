// SPDX-License-Identifier: MIT
#include "vmm/virtio/console.h"

#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define QUEUE_SIZE 64

enum { RECEIVE, TRANSMIT, QUEUES }; /* seen from the guest: section 5.3.2 */

/* Bytes of output that the other devices of the thread wait for at most. */
#define TURN (64u << 10)

struct console_dev {
	struct virtio_device virtio;
	struct console console;
	bool console_open;
	struct {
		uint16_t columns, rows;
	} config;	/* section 5.3.4 */
	size_t sent;	/* bytes of the next chain to transmit that the console has taken */
	size_t turn;	/* bytes that may be sent before the others of the thread have their turn */
	bool spoke;	/* the driver has sent something since it was last reset */
	bool congested; /* the console took less than it was given, and will say when it has room */
	uint8_t input[256]; /* for the guest, as soon as it has buffers for it */
	size_t input_len;
};

/* --- from the guest --------------------------------------------------------------------------- */

/*
 * Only now is the driver ready, whatever it did before: Linux (virtio_console.c) makes its buffers
 * available and then its terminal, and drops what comes in between: input, and news of the size,
 * which it asks for only when the configuration changes.
 */
static void spoke(struct console_dev *con)
{
	if (con->spoke)
		return;
	con->spoke = true;
	if (virtio_has(&con->virtio, VIRTIO_CONSOLE_F_SIZE))
		virtio_interrupt(&con->virtio, VIRTIO_MMIO_INT_CONFIG);
	console_room(&con->console);
}

/* As much of a chain as the console takes, from con->sent on; < 0: the rest of it later, when its
 * descriptors are read anew. */
static int send(struct virtio_device *dev, struct virtq *q, struct virtq_chain *chain)
{
	struct console_dev *con = container_of(dev, struct console_dev, virtio);
	uint8_t bytes[1024];

	spoke(con);
	while (con->sent < chain->read_len) {
		size_t want = con->turn < sizeof(bytes) ? con->turn : sizeof(bytes);
		size_t n = chain_read(chain, con->sent, bytes, want);
		size_t taken;

		if (n == 0) {
			virtq_kick(q);
			return -1; /* somebody else's turn */
		}
		taken = console_write(&con->console, bytes, n);
		con->sent += taken;
		con->turn -= taken;
		con->congested = taken < n;
		if (con->congested)
			return -1;
	}
	con->sent = 0;
	return 0;
}

static void transmit(struct console_dev *con)
{
	con->turn = TURN;
	if (!con->congested)
		virtio_serve(&con->virtio.queue[TRANSMIT], send);
}

/* --- to the guest ----------------------------------------------------------------------------- */

/* Moves input into the guest's buffers, as far as there are any. */
static int receive(struct virtio_device *dev, struct virtq *q, struct virtq_chain *chain)
{
	struct console_dev *con = container_of(dev, struct console_dev, virtio);
	size_t n = chain_write(chain, 0, con->input, con->input_len);

	(void)q;
	if (con->input_len == 0)
		return -1;
	con->input_len -= n;
	memmove(con->input, con->input + n, con->input_len);
	return (int)n;
}

static void deliver(struct console_dev *con)
{
	if (con->input_len > 0)
		virtio_serve(&con->virtio.queue[RECEIVE], receive);
}

static void kick(struct virtio_device *dev, struct virtq *q)
{
	struct console_dev *con = container_of(dev, struct console_dev, virtio);

	if (q->index == TRANSMIT) {
		transmit(con);
		return;
	}
	deliver(con);
	console_room(&con->console);
}

/* --- the console's side ----------------------------------------------------------------------- */

static size_t port_room(void *ctx)
{
	const struct console_dev *con = ctx;

	return sizeof(con->input) - con->input_len;
}

static bool port_listening(void *ctx)
{
	return ((struct console_dev *)ctx)->spoke;
}

static size_t port_receive(void *ctx, const uint8_t *buf, size_t len)
{
	struct console_dev *con = ctx;

	memcpy(con->input + con->input_len, buf, len);
	con->input_len += len;
	deliver(con);
	return len;
}

static void port_sink_ready(void *ctx)
{
	struct console_dev *con = ctx;

	con->congested = false;
	transmit(con);
}

static void reset(struct virtio_device *dev)
{
	struct console_dev *con = container_of(dev, struct console_dev, virtio);

	con->sent = 0;
	con->spoke = false;
}

static void flush(struct virtio_device *dev)
{
	console_flush(virtio_console_end(dev));
}

static void close_console(struct virtio_device *dev)
{
	struct console_dev *con = container_of(dev, struct console_dev, virtio);

	if (con->console_open)
		console_close(&con->console);
}

/* --- the size --------------------------------------------------------------------------------- */

/* That of the terminal which the output goes to, if it goes to one. */
static bool terminal_size(struct console_dev *con, struct winsize *size)
{
	const struct sys *sys = con->virtio.host->sys;
	int fd = con->console.out.fd;

	return !con->console.out_is_client && fd >= 0 && isatty(fd) &&
	       sys->ops->ioctl(sys->ctx, fd, TIOCGWINSZ, size) >= 0 && size->ws_col != 0;
}

static void resized(void *arg)
{
	struct console_dev *con = arg;
	struct winsize size;

	if (!(con->virtio.offered & BIT(VIRTIO_CONSOLE_F_SIZE)) || !terminal_size(con, &size) ||
	    (size.ws_col == con->config.columns && size.ws_row == con->config.rows))
		return;
	virtio_set_config(&con->virtio, 0, (uint16_t[]){size.ws_col, size.ws_row},
			  sizeof(con->config));
}

void virtio_console_resized(struct virtio_device *dev)
{
	loop_call(dev->loop, resized, container_of(dev, struct console_dev, virtio));
}

/* A guest without a size takes that of its terminal type, or asks the terminal. */
static void set_size(struct console_dev *con, const struct config_console *config)
{
	struct winsize size = {
		.ws_col = (uint16_t)config->columns,
		.ws_row = (uint16_t)config->rows,
	};

	con->virtio.config = &con->config;
	con->virtio.config_len = sizeof(con->config);
	if (config->columns == 0 && !terminal_size(con, &size))
		return;
	con->config.columns = size.ws_col;
	con->config.rows = size.ws_row;
	con->virtio.offered = BIT(VIRTIO_CONSOLE_F_SIZE);
}

/* --- the device ------------------------------------------------------------------------------- */

static size_t count(const struct vmm_config *config)
{
	return config->console.present;
}

static int open_console(struct virtio_device *dev, const struct vmm_config *config, size_t index,
			struct vmm_error *err)
{
	struct console_dev *con = container_of(dev, struct console_dev, virtio);
	const struct console_port port = {
		.room = port_room,
		.listening = port_listening,
		.receive = port_receive,
		.sink_ready = port_sink_ready,
		.ctx = con,
	};
	int ret = virtio_queues(dev, QUEUES, QUEUE_SIZE, err);

	(void)index;
	if (ret == 0)
		ret = console_open(&con->console, &config->console.output, dev->host->quit,
				   dev->host->quit_ctx, err);
	con->console_open = ret == 0;
	if (ret == 0) {
		set_size(con, &config->console);
		ret = console_start(&con->console, &port, dev->loop, err);
	}
	if (ret < 0)
		vmm_error_prefix(err, "console");
	return ret;
}

const struct virtio_ops virtio_console = {
	.name = "console",
	.id = VIRTIO_ID_CONSOLE,
	.size = sizeof(struct console_dev),
	.count = count,
	.open = open_console,
	.kick = kick,
	.reset = reset,
	.flush = flush,
	.close = close_console,
};

struct console *virtio_console_end(struct virtio_device *dev)
{
	return &container_of(dev, struct console_dev, virtio)->console;
}
