// SPDX-License-Identifier: MIT
/* The network device, over a tap and over a stream socket; the host's side may send anything. */
#include "tests/fuzz/virtio_fuzz.h"
#include "tests/unit/net_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct net_host h;
static int stream = -1; /* the host's end of it */

static void set(const char *key, const char *value)
{
	fuzz_require(config_set(&h.config, key, value, NULL) == 0);
}

static void init(struct virtio_host *host)
{
	char path[64];

	if (h.sys.ops) {
		host->sys = &h.sys;
		return;
	}
	net_host_init(&h, host);
	fuzz_require(net_host_listen(&h));
	set("net[0].tap", "\"tap0\"");
	set("net[0].queues", "2");
	snprintf(path, sizeof(path), "\"%s\"", h.path);
	set("net[1].socket", path);
	set("net[1].mtu", "1500");
	set("net[2].tap", "\"tap0\"");
	set("net[2].rx-bandwidth", "\"1M\"");
	set("net[2].tx-bandwidth", "\"1M\"");
}

static void forget(void)
{
	for (unsigned int i = 0; i < h.ntaps; i++)
		close(h.own[i]);
	h.ntaps = 0;
	if (stream >= 0)
		close(stream);
	stream = -1;
}

static int create_tap(struct virtio_device **dev, struct virtio_host *host)
{
	init(host);
	return virtio_create(dev, &virtio_net, host, &h.config, 0, NULL);
}

static int create_limited(struct virtio_device **dev, struct virtio_host *host)
{
	init(host);
	return virtio_create(dev, &virtio_net, host, &h.config, 2, NULL);
}

static int create_stream(struct virtio_device **dev, struct virtio_host *host)
{
	int ret;

	init(host);
	ret = virtio_create(dev, &virtio_net, host, &h.config, 1, NULL);
	stream = accept4(h.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	return ret;
}

/* The first byte says what happens: bytes come (many times over, for large frames), bytes are
 * taken, the connection ends. */
static void event(struct virtio_device *dev, const uint8_t *bytes, size_t len)
{
	static uint8_t many[70000];
	int fd = stream >= 0 ? stream : h.ntaps > 0 ? h.own[len % h.ntaps] : -1;
	size_t n = len > 2 ? (size_t)get_le16(bytes) : 0;
	ssize_t done = 0;

	(void)dev;
	if (fd < 0 || len < 2)
		return;
	switch (bytes[0] & 7) {
	case 0:
		shutdown(fd, SHUT_RDWR);
		break;
	case 1:
	case 2:
		while (recv(fd, many, sizeof(many), 0) > 0)
			;
		break;
	case 3:
		for (size_t i = 0; i < n; i++)
			many[i] = bytes[i % len];
		/* a length that is right */
		many[0] = many[1] = 0;
		many[2] = (uint8_t)(n >> 8);
		many[3] = (uint8_t)n;
		done = send(fd, many, n + 4, MSG_NOSIGNAL);
		break;
	default:
		done = send(fd, bytes + 1, len - 1, MSG_NOSIGNAL);
	}
	(void)done;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct vfuzz_kind kinds[] = {
		{.create = create_tap, .event = event},
		{.create = create_stream, .event = event},
		{.create = create_limited, .event = event},
	};
	int ret;

	if (size < 1)
		return 0;
	ret = vfuzz_run(&kinds[data[0] % 3], data + 1, size - 1);
	forget();
	return ret;
}
