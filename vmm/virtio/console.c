// SPDX-License-Identifier: MIT
#include "vmm/virtio/console.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define QUEUE_SIZE 64

enum { RECEIVE, TRANSMIT, QUEUES }; /* seen from the guest: section 5.3.2 */

/* Bytes of output that the other devices of the thread wait for at most. */
#define TURN (64u << 10)

/* Where columns and rows are in the configuration space, 16 bits each; section 5.3.4. */
#define CONFIG_SIZE 4

struct console_dev {
	struct virtio_device virtio;
	struct console console;
	bool console_open;
	uint8_t config[CONFIG_SIZE];
	size_t sent;	/* bytes of the next chain to transmit that the console has taken */
	bool spoke;	/* the driver has sent something since it was last reset */
	bool congested; /* the console took less than it was given, and will say when it has room */
	uint8_t input[256]; /* for the guest, as soon as it has buffers for it */
	size_t input_len;
};

/* --- from the guest --------------------------------------------------------------------------- */

/* As much of a chain as the console takes, from con->sent on; true when all of it has gone. */
static bool send(struct console_dev *con, const struct virtq_chain *chain, size_t *turn)
{
	uint8_t bytes[1024];

	while (con->sent < chain->read_len) {
		size_t want = *turn < sizeof(bytes) ? *turn : sizeof(bytes);
		size_t n = chain_read(chain, con->sent, bytes, want), taken;

		if (n == 0)
			return false; /* somebody else's turn */
		taken = console_write(&con->console, bytes, n);
		con->sent += taken;
		*turn -= taken;
		if (taken < n) {
			con->congested = true;
			return false;
		}
	}
	return true;
}

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

static void transmit(struct console_dev *con)
{
	struct virtq *q = &con->virtio.queue[TRANSMIT];
	struct virtq_chain *chain = con->virtio.chain;
	size_t turn = TURN;
	unsigned int chains = 0;
	bool more = virtio_runs(&con->virtio);

	while (!con->congested && more) {
		for (; chains < q->size && virtq_pop(q, chain) > 0; chains++) {
			spoke(con);
			if (!send(con, chain, &turn)) {
				/* the rest of it later, when its descriptors are read anew */
				virtq_drop(chain);
				virtq_unpop(q);
				break;
			}
			con->sent = 0;
			virtq_put(q, chain, 0);
		}
		virtq_publish(q);
		if (turn == 0 || chains == q->size) {
			virtq_again(q);
			return;
		}
		more = virtq_rearm(q);
	}
}

/* --- to the guest ----------------------------------------------------------------------------- */

/* Moves input into the guest's buffers, as far as there are any. */
static void deliver(struct console_dev *con)
{
	struct virtq *q = &con->virtio.queue[RECEIVE];
	struct virtq_chain *chain = con->virtio.chain;

	/* input comes at any time; until the device is active, vCPUs set the queue up */
	if (!virtio_runs(&con->virtio))
		return;
	/* the limit is for a guest that gives buffers without room, again and again */
	for (unsigned int left = q->size; con->input_len > 0; left--) {
		size_t n;

		if (left == 0) {
			virtq_again(q);
			break;
		}
		if (virtq_pop(q, chain) <= 0) {
			if (virtq_rearm(q))
				continue;
			break;
		}
		n = chain_write(chain, 0, con->input, con->input_len);
		virtq_put(q, chain, (uint32_t)n);
		con->input_len -= n;
		memmove(con->input, con->input + n, con->input_len);
	}
	virtq_publish(q);
}

static void notify(struct virtio_device *dev, unsigned int queue)
{
	struct console_dev *con = (struct console_dev *)dev;

	if (queue == TRANSMIT) {
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
	struct console_dev *con = (struct console_dev *)dev;

	con->sent = 0;
	con->spoke = false;
}

static void flush(struct virtio_device *dev)
{
	console_flush(&((struct console_dev *)dev)->console);
}

static void destroy(struct virtio_device *dev)
{
	struct console_dev *con = (struct console_dev *)dev;

	if (con->console_open)
		console_close(&con->console);
	virtio_destroy(dev);
	free(con);
}

static const struct virtio_ops ops = {
	.name = "console",
	.id = VIRTIO_ID_CONSOLE,
	.notify = notify,
	.reset = reset,
	.flush = flush,
	.destroy = destroy,
};

/* --- the size --------------------------------------------------------------------------------- */

/* That of the terminal which the output goes to, if it goes to one. */
static bool terminal_size(struct console_dev *con, uint8_t size[CONFIG_SIZE])
{
	const struct sys *sys = con->virtio.host->sys;
	struct winsize window;
	int fd = con->console.out.fd;

	if (con->console.out_is_client || fd < 0 || !isatty(fd) ||
	    sys->ops->ioctl(sys->ctx, fd, TIOCGWINSZ, &window) < 0 || window.ws_col == 0)
		return false;
	put_le16(size, window.ws_col);
	put_le16(size + 2, window.ws_row);
	return true;
}

static void resized(void *arg)
{
	struct console_dev *con = arg;
	uint8_t size[CONFIG_SIZE];

	if (con->virtio.offered & 1ULL << VIRTIO_CONSOLE_F_SIZE && terminal_size(con, size) &&
	    memcmp(size, con->config, sizeof(size)) != 0)
		virtio_set_config(&con->virtio, 0, size, sizeof(size));
}

void virtio_console_resized(struct virtio_device *dev)
{
	loop_call(dev->loop, resized, dev);
}

/* A guest without a size takes that of its terminal type, or asks the terminal. */
static void set_size(struct console_dev *con, const struct config_console *config)
{
	con->virtio.config = con->config;
	con->virtio.config_len = sizeof(con->config);
	if (config->columns != 0) {
		put_le16(con->config, (uint16_t)config->columns);
		put_le16(con->config + 2, (uint16_t)config->rows);
	} else if (!terminal_size(con, con->config)) {
		return;
	}
	con->virtio.offered = 1ULL << VIRTIO_CONSOLE_F_SIZE;
}

/* --- the device ------------------------------------------------------------------------------- */

static int open_console(struct console_dev *con, const struct config_console *config,
			struct virtio_host *host, struct vmm_error *err)
{
	const struct console_port port = {
		.room = port_room,
		.listening = port_listening,
		.receive = port_receive,
		.sink_ready = port_sink_ready,
		.ctx = con,
	};
	int ret = console_open(&con->console, &config->output, host->quit, host->quit_ctx, err);

	if (ret < 0)
		return ret;
	con->console_open = true;
	set_size(con, config);
	return console_start(&con->console, &port, con->virtio.loop, err);
}

int virtio_console_create(struct virtio_device **dev, struct virtio_host *host,
			  const struct config_console *config, struct vmm_error *err)
{
	struct console_dev *con = calloc(1, sizeof(*con));
	int ret;

	*dev = NULL;
	if (!con)
		return vmm_error_errno(err, -ENOMEM, "unable to allocate a device");
	ret = virtio_init(&con->virtio, &ops, host, "console", QUEUES, QUEUE_SIZE, err);
	if (ret == 0)
		ret = open_console(con, config, host, err);
	if (ret < 0) {
		vmm_error_prefix(err, "console");
		destroy(&con->virtio);
		return ret;
	}
	*dev = &con->virtio;
	return 0;
}

struct console *virtio_console_end(struct virtio_device *dev)
{
	return &((struct console_dev *)dev)->console;
}
