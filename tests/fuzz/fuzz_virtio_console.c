// SPDX-License-Identifier: MIT
#include "vmm/virtio/console.h"

#include "tests/fuzz/virtio_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int create(struct virtio_device **dev, struct virtio_host *host)
{
	const struct vmm_config config = {
		.console = {.output = {.kind = ENDPOINT_NULL}, .columns = 80, .rows = 25}};

	return virtio_create(dev, &virtio_console, host, &config, 0, NULL);
}

/* Input comes, as much as the console would read, or the reader has room again. */
static void event(struct virtio_device *dev, const uint8_t *bytes, size_t len)
{
	const struct console_port *port = &virtio_console_end(dev)->port;
	size_t room = port->room(port->ctx);

	if (len == 0)
		port->sink_ready(port->ctx);
	else
		port->receive(port->ctx, bytes, len < room ? len : room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct vfuzz_kind kind = {.create = create, .event = event};

	return vfuzz_run(&kind, data, size);
}
