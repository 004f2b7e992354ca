// SPDX-License-Identifier: MIT
/* The network device as its driver sees it (virtio 1.2, section 5.1). */
#include "vmm/virtio/net.h"

#include "vmm/base/bytes.h"
#include "vmm/virtio/net_internal.h"

#include <errno.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#define QUEUE_SIZE 256

static struct net *self(struct virtio_device *dev)
{
	return (struct net *)((char *)dev - offsetof(struct net, virtio));
}

/* --- the configuration space (5.1.4) ---------------------------------------------------------- */

/* FNV-1a */
static uint64_t hash(uint64_t h, const char *text)
{
	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * 0x100000001b3;
	return h;
}

/* An address that stays the same from start to start, and differs from those of other interfaces
 * and hosts as well as 46 bits can: of the kind that nobody has bought (IEEE 802, "locally
 * administered"). */
static void make_up_mac(const struct net *net, uint8_t mac[6])
{
	const struct config_net *config = net->config;
	struct utsname host = {0};
	uint64_t h;

	uname(&host);
	h = hash(0xcbf29ce484222325, host.nodename);
	h = hash(h, config->tap ? config->tap : config->socket ? config->socket : "");
	h = hash(h, net->key);
	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)(h >> 8 * i);
	mac[0] = (uint8_t)((mac[0] & 0xfc) | 2);
}

static void fill_config_space(struct net *net)
{
	const struct config_net *config = net->config;
	struct virtio_device *dev = &net->virtio;
	uint8_t *mac = net->space;

	if (config->have_mac)
		memcpy(mac, config->mac, sizeof(config->mac));
	else
		make_up_mac(net, mac);
	put_le16(net->space + offsetof(struct virtio_net_config, status), VIRTIO_NET_S_LINK_UP);
	put_le16(net->space + offsetof(struct virtio_net_config, max_virtqueue_pairs),
		 (uint16_t)net->npairs);
	put_le16(net->space + offsetof(struct virtio_net_config, mtu), (uint16_t)config->mtu);
	dev->config = net->space;
	dev->config_len = sizeof(net->space);
	dev->offered |= 1ULL << VIRTIO_NET_F_MAC | 1ULL << VIRTIO_NET_F_STATUS |
			1ULL << VIRTIO_NET_F_MRG_RXBUF;
	if (config->mtu)
		dev->offered |= 1ULL << VIRTIO_NET_F_MTU;
	if (net->npairs > 1)
		dev->offered |= 1ULL << VIRTIO_NET_F_CTRL_VQ | 1ULL << VIRTIO_NET_F_MQ;
}

void net_set_link(struct net *net, bool up)
{
	uint8_t status[2];

	put_le16(status, up ? VIRTIO_NET_S_LINK_UP : 0);
	virtio_set_config(&net->virtio, offsetof(struct virtio_net_config, status), status,
			  sizeof(status));
}

/* --- pairs of queues -------------------------------------------------------------------------- */

static int start_port(struct net_port *port)
{
	int ret = net_tap_attach(port, true);

	if (ret == 0 && port->vhost_fd >= 0)
		ret = net_vhost_start(port);
	/* a driver that has set up one queue of the pair only gets its frames moved by us */
	if (ret == 0 && port->vhost_fd >= 0 && !port->vhost_runs)
		ret = net_watch(port, NULL);
	return ret;
}

static void stop_port(struct net_port *port)
{
	if (port->vhost_runs)
		net_vhost_stop(port);
	else if (port->vhost_fd >= 0)
		net_unwatch(port);
	/* the first one's queue stays: its interface has a carrier as long as we are here */
	if (port->index > 0)
		net_tap_attach(port, false);
	net_quiet(port);
	port->expected = 0;
}

/* The driver uses n pairs from now on. */
static int set_pairs(struct net *net, unsigned int n)
{
	int ret = 0;

	while (net->pairs > n)
		stop_port(&net->port[--net->pairs]);
	while (net->pairs < n && ret == 0) {
		ret = start_port(&net->port[net->pairs]);
		if (ret == 0)
			net->pairs++;
	}
	/* what has happened meanwhile */
	for (unsigned int i = 0; i < 2 * net->pairs; i++)
		virtq_again(&net->virtio.queue[i]);
	return ret;
}

static int activate(struct virtio_device *dev)
{
	struct net *net = self(dev);
	int ret = net_tap_offload(net, dev->features);

	/* the kernel raises the interrupt: it does not write InterruptStatus */
	if (net->port[0].vhost_fd >= 0)
		atomic_store(&dev->standing, VIRTIO_MMIO_INT_VRING);
	return ret < 0 ? ret : set_pairs(net, 1);
}

static void reset(struct virtio_device *dev)
{
	struct net *net = self(dev);

	set_pairs(net, 0);
	atomic_store(&dev->standing, 0);
	net_tap_offload(net, 0);
}

/* --- the control queue (5.1.6.5) -------------------------------------------------------------- */

static uint32_t control(struct virtio_device *dev, struct virtq *q, struct virtq_chain *chain)
{
	struct net *net = self(dev);
	uint8_t command[4] = {0}; /* struct virtio_net_ctrl_hdr, struct virtio_net_ctrl_mq */
	uint8_t ack = VIRTIO_NET_ERR;
	size_t len = chain_read(chain, 0, command, sizeof(command));
	uint16_t pairs = get_le16(command + 2);

	(void)q;
	if (len == sizeof(command) && command[0] == VIRTIO_NET_CTRL_MQ &&
	    command[1] == VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET && virtio_has(dev, VIRTIO_NET_F_MQ) &&
	    pairs >= 1 && pairs <= net->npairs && set_pairs(net, pairs) == 0)
		ack = VIRTIO_NET_OK;
	return (uint32_t)chain_write(chain, 0, &ack, sizeof(ack));
}

static void notify(struct virtio_device *dev, unsigned int queue)
{
	struct net *net = self(dev);
	/* section 5.1.2: behind the pairs that the driver knows of */
	unsigned int control_queue = virtio_has(dev, VIRTIO_NET_F_MQ) ? 2 * net->npairs : 2;

	if (queue == control_queue && virtio_has(dev, VIRTIO_NET_F_CTRL_VQ))
		virtq_serve(&dev->queue[queue], control);
	else if (queue / 2 >= net->pairs || net->port[queue / 2].vhost_runs)
		return;
	else if (queue % 2)
		net_transmit(net, &net->port[queue / 2]);
	else
		net_receive(net, &net->port[queue / 2]);
}

/* --- life ------------------------------------------------------------------------------------- */

static void port_ready(struct loop_source *source, uint32_t events)
{
	net_ready((struct net_port *)((char *)source - offsetof(struct net_port, source)), events);
}

static struct net *of_limit(struct timer *timer, size_t offset)
{
	return (struct net *)((char *)timer - offset - offsetof(struct net_limit, timer));
}

static void may_receive(struct timer *timer)
{
	struct net *net = of_limit(timer, offsetof(struct net, rx_limit));

	if (virtio_runs(&net->virtio))
		net_receive(net, NULL);
}

static void may_transmit(struct timer *timer)
{
	struct net *net = of_limit(timer, offsetof(struct net, tx_limit));

	if (virtio_runs(&net->virtio))
		net_transmit(net, NULL);
}

static void destroy(struct virtio_device *dev)
{
	struct net *net = self(dev);

	if (net->backend)
		net->backend->destroy(net);
	net_vhost_close(net);
	timer_destroy(&net->rx_limit.timer);
	timer_destroy(&net->tx_limit.timer);
	virtio_destroy(dev);
	free(net->chain);
	free(net->spill);
	free(net);
}

static const struct virtio_ops ops = {
	.name = "net",
	.id = VIRTIO_ID_NET,
	.activate = activate,
	.notify = notify,
	.reset = reset,
	.destroy = destroy,
};

static int init_limits(struct net *net, struct vmm_error *err)
{
	struct loop *loop = net->virtio.loop;
	int ret = 0;

	net->rx_limit.rate.per_second = net->config->rx_bandwidth;
	net->tx_limit.rate.per_second = net->config->tx_bandwidth;
	if (net->config->rx_bandwidth)
		ret = timer_init(&net->rx_limit.timer, loop, may_receive, err);
	if (ret == 0 && net->config->tx_bandwidth)
		ret = timer_init(&net->tx_limit.timer, loop, may_transmit, err);
	return ret;
}

static int init(struct net *net, struct virtio_host *host, size_t index, struct vmm_error *err)
{
	char name[16];
	int ret;

	snprintf(net->key, sizeof(net->key), "net[%zu]", index);
	snprintf(name, sizeof(name), "net %zu", index);
	net->npairs = net->config->queues;
	ret = virtio_init(&net->virtio, &ops, host, name,
			  2 * net->npairs + (net->npairs > 1 ? 1 : 0), QUEUE_SIZE, err);
	if (ret < 0)
		return ret;
	net->chain = calloc(NET_MAX_MERGE, sizeof(*net->chain));
	net->spill = malloc(NET_HDR + NET_FRAME_MAX);
	if (!net->chain || !net->spill)
		return vmm_error_errno(err, -ENOMEM, "unable to allocate a network device");
	ret = init_limits(net, err);
	if (ret == 0)
		ret = net->config->socket ? net_stream_open(net, err) : net_tap_open(net, err);
	if (ret == 0)
		ret = net_vhost_open(net, err);
	for (unsigned int i = 0; i < net->npairs && ret == 0; i++)
		if (net->port[i].source.fd >= 0 && net->port[i].vhost_fd < 0)
			ret = net_watch(&net->port[i], err);
	return ret;
}

int virtio_net_create(struct virtio_device **dev, struct virtio_host *host,
		      const struct vmm_config *config, size_t index, struct vmm_error *err)
{
	struct net *net = calloc(1, sizeof(*net));
	int ret;

	*dev = NULL;
	if (!net)
		return vmm_error_errno(err, -ENOMEM, "unable to allocate a network device");
	net->config = &config->net[index];
	net->rx_limit.timer.source.fd = net->tx_limit.timer.source.fd = -1;
	net->vhost_error.fd = -1;
	for (unsigned int i = 0; i < NET_MAX_PAIRS; i++)
		net->port[i] = (struct net_port){
			.net = net, .index = i, .source = {port_ready, -1}, .vhost_fd = -1};
	ret = init(net, host, index, err);
	if (ret < 0) {
		destroy(&net->virtio);
		return ret;
	}
	fill_config_space(net);
	*dev = &net->virtio;
	return 0;
}

void virtio_net_check(const struct sys *sys, const struct vmm_config *config, files_fault_fn *fault,
		      void *ctx)
{
	struct vmm_error err;
	char key[32];
	int ret;

	for (size_t i = 0; i < config->nnets; i++) {
		snprintf(key, sizeof(key), "net[%zu]", i);
		ret = config->net[i].socket ? net_stream_check(&config->net[i], key, &err)
					    : net_tap_check(sys, &config->net[i], key, &err);
		if (ret == 0 && config->net[i].vhost == CONFIG_VHOST_ON)
			ret = net_vhost_check(sys, key, &err);
		if (ret < 0)
			fault(ctx, &err);
	}
}
