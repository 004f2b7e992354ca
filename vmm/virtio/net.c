// SPDX-License-Identifier: MIT
/*
 * The network device as its driver sees it (virtio 1.2, section 5.1): [[net]]. Its frames go to a tap
 * interface of the host, by this process or, with vhost-net, by the kernel alone; or through a Unix
 * socket to a program such as passt.
 */
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
	return container_of(dev, struct net, virtio);
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
	uint8_t *mac = net->space.mac;

	if (config->have_mac)
		memcpy(mac, config->mac, sizeof(config->mac));
	else
		make_up_mac(net, mac);
	net->space.status = VIRTIO_NET_S_LINK_UP;
	net->space.max_virtqueue_pairs = (uint16_t)net->npairs;
	net->space.mtu = (uint16_t)config->mtu;
	dev->config = &net->space;
	dev->config_len = offsetof(struct virtio_net_config, speed);
	dev->offered |=
		BIT(VIRTIO_NET_F_MAC) | BIT(VIRTIO_NET_F_STATUS) | BIT(VIRTIO_NET_F_MRG_RXBUF);
	if (config->mtu)
		dev->offered |= BIT(VIRTIO_NET_F_MTU);
	if (net->npairs > 1)
		dev->offered |= BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_MQ);
}

void net_set_link(struct net *net, bool up)
{
	const uint16_t status = up ? VIRTIO_NET_S_LINK_UP : 0;

	virtio_set_config(&net->virtio, offsetof(struct virtio_net_config, status), &status,
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
		virtq_kick(&net->virtio.queue[i]);
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

static int control(struct virtio_device *dev, struct virtq *q, struct virtq_chain *chain)
{
	struct {
		struct virtio_net_ctrl_hdr header;
		struct virtio_net_ctrl_mq mq;
	} command;
	struct net *net = self(dev);
	uint8_t ack = VIRTIO_NET_ERR;

	(void)q;
	if (chain_read(chain, 0, &command, sizeof(command)) == sizeof(command) &&
	    command.header.class == VIRTIO_NET_CTRL_MQ &&
	    command.header.cmd == VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET &&
	    virtio_has(dev, VIRTIO_NET_F_MQ) && command.mq.virtqueue_pairs >= 1 &&
	    command.mq.virtqueue_pairs <= net->npairs &&
	    set_pairs(net, command.mq.virtqueue_pairs) == 0)
		ack = VIRTIO_NET_OK;
	return (int)chain_write(chain, 0, &ack, sizeof(ack));
}

static void kick(struct virtio_device *dev, struct virtq *q)
{
	struct net *net = self(dev);
	/* section 5.1.2: behind the pairs that the driver knows of */
	unsigned int control_queue = virtio_has(dev, VIRTIO_NET_F_MQ) ? 2 * net->npairs : 2;

	if (q->index == control_queue && virtio_has(dev, VIRTIO_NET_F_CTRL_VQ))
		virtio_serve(q, control);
	else if (q->index / 2 >= net->pairs || net->port[q->index / 2].vhost_runs)
		return;
	else if (q->index % 2)
		net_transmit(net, &net->port[q->index / 2]);
	else
		net_receive(net, &net->port[q->index / 2]);
}

/* --- life ------------------------------------------------------------------------------------- */

static void may_receive(struct timer *timer)
{
	struct net *net = container_of(timer, struct net, rx_limit.timer);

	if (virtio_runs(&net->virtio))
		net_receive(net, NULL);
}

static void may_transmit(struct timer *timer)
{
	struct net *net = container_of(timer, struct net, tx_limit.timer);

	if (virtio_runs(&net->virtio))
		net_transmit(net, NULL);
}

static size_t count(const struct vmm_config *config)
{
	return config->nnets;
}

static int check(const struct sys *sys, const struct vmm_config *config, size_t index,
		 struct vmm_error *err)
{
	const struct config_net *net = &config->net[index];
	char key[32];
	int ret;

	snprintf(key, sizeof(key), "net[%zu]", index);
	ret = net->socket ? net_stream_check(net, key, err) : net_tap_check(sys, net, key, err);
	if (ret == 0 && net->vhost == CONFIG_VHOST_ON)
		ret = net_vhost_check(sys, key, err);
	return ret;
}

static int init_limit(struct net *net, struct net_limit *limit, uint64_t bandwidth,
		      void (*may_pass)(struct timer *timer), struct vmm_error *err)
{
	limit->rate.per_second = bandwidth;
	return bandwidth ? timer_init(&limit->timer, net->virtio.loop, may_pass, err) : 0;
}

static int open_net(struct virtio_device *dev, const struct vmm_config *config, size_t index,
		    struct vmm_error *err)
{
	struct net *net = self(dev);
	int ret;

	net->config = &config->net[index];
	net->npairs = net->config->queues;
	net->rx_limit.timer.source.fd = net->tx_limit.timer.source.fd = -1;
	net->vhost_error.fd = -1;
	for (unsigned int i = 0; i < NET_MAX_PAIRS; i++)
		net->port[i] = (struct net_port){
			.net = net, .index = i, .source = {net_ready, -1}, .vhost_fd = -1};
	snprintf(net->key, sizeof(net->key), "net[%zu]", index);
	ret = virtio_queues(dev, 2 * net->npairs + (net->npairs > 1 ? 1 : 0), QUEUE_SIZE, err);
	if (ret < 0)
		return ret;
	net->rx_chain = calloc(NET_MAX_MERGE, sizeof(*net->rx_chain));
	net->spill = malloc(NET_HDR + NET_FRAME_MAX);
	if (!net->rx_chain || !net->spill)
		return vmm_error_errno(err, -ENOMEM, "unable to allocate a network device");
	ret = init_limit(net, &net->rx_limit, net->config->rx_bandwidth, may_receive, err);
	if (ret == 0)
		ret = init_limit(net, &net->tx_limit, net->config->tx_bandwidth, may_transmit, err);
	if (ret == 0)
		ret = net->config->socket ? net_stream_open(net, err) : net_tap_open(net, err);
	if (ret == 0)
		ret = net_vhost_open(net, err);
	for (unsigned int i = 0; i < net->npairs && ret == 0; i++)
		if (net->port[i].source.fd >= 0 && net->port[i].vhost_fd < 0)
			ret = net_watch(&net->port[i], err);
	fill_config_space(net);
	return ret;
}

static void close_net(struct virtio_device *dev)
{
	struct net *net = self(dev);

	if (net->backend)
		net->backend->destroy(net);
	net_vhost_close(net);
	timer_destroy(&net->rx_limit.timer);
	timer_destroy(&net->tx_limit.timer);
	free(net->rx_chain);
	free(net->spill);
}

const struct virtio_ops virtio_net = {
	.name = "net",
	.numbered = true,
	.id = VIRTIO_ID_NET,
	.size = sizeof(struct net),
	.count = count,
	.check = check,
	.open = open_net,
	.activate = activate,
	.kick = kick,
	.reset = reset,
	.close = close_net,
};
