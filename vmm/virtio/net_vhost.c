// SPDX-License-Identifier: MIT
/*
 * vhost-net: the kernel itself works off the queues between a guest and its tap interface
 * (linux/vhost.h). It waits for the guest at our ioeventfd and interrupts it by our irqfd, so this
 * process has no part in it until the next reset.
 *
 * It reaches guest memory through this process's mapping, at any time, and knows nothing of private
 * pages. In split mode, what a hostile guest had it write to pages that are private now would come
 * back into being on the shared side: memory beyond the VM's size. In place, conversions wait for
 * whoever has a page in hand (mem_pin()), and vhost cannot be waited for. So only VMs without
 * private memory get it.
 */
#include "vmm/virtio/net_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/epoll.h>

#define VHOST_NET "/dev/vhost-net"

/* What is between vhost and the driver. Offloads are between driver and tap. ACCESS_PLATFORM would
 * mean an IOMMU here; ours only says where buffers may be. */
static const uint64_t ring_features = BIT(VIRTIO_RING_F_INDIRECT_DESC) |
				      BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_F_VERSION_1) |
				      BIT(VIRTIO_NET_F_MRG_RXBUF);

static int call(const struct net_port *port, unsigned long request, void *arg)
{
	const struct sys *sys = port->net->virtio.host->sys;

	return sys->ops->ioctl(sys->ctx, port->vhost_fd, request, arg);
}

/* --- opening ---------------------------------------------------------------------------------- */

static void error_ready(struct loop_source *source, uint32_t events)
{
	struct net *net = container_of(source, struct net, vhost_error);

	(void)events;
	if (virtio_runs(&net->virtio))
		virtio_broken(&net->virtio, "vhost-net found a queue or a buffer that is wrong");
}

static int watch_errors(struct net *net, struct vmm_error *err)
{
	const struct sys *sys = net->virtio.host->sys;
	int fd = sys->ops->eventfd(sys->ctx);

	if (fd < 0)
		return vmm_error_errno(err, fd, "unable to create an eventfd");
	net->vhost_error = (struct loop_source){error_ready, fd};
	return loop_add(net->virtio.loop, &net->vhost_error, EPOLLIN | EPOLLET, err);
}

/* Is vhost-net the host's, and are we allowed to use it? */
static bool not_there(int ret)
{
	return ret == -ENOENT || ret == -ENODEV || ret == -ENXIO || ret == -EACCES || ret == -EPERM;
}

/* A descriptor, or a negative errno. */
static int open_vhost(const struct sys *sys, const char *key, struct vmm_error *err)
{
	int ret = sys->ops->open(sys->ctx, VHOST_NET, O_RDWR);

	if (ret >= 0)
		return ret;
	vmm_error_errno(err, ret, "%s.vhost: unable to open " VHOST_NET, key);
	if (ret == -ENOENT)
		vmm_error_hint(err, "load the host's module vhost_net, or set vhost = \"off\"");
	return ret;
}

int net_vhost_check(const struct sys *sys, const char *key, struct vmm_error *err)
{
	int fd = open_vhost(sys, key, err);

	if (fd < 0)
		return fd;
	sys_close(sys, &fd);
	return 0;
}

static int open_port(struct net_port *port, struct vmm_error *err)
{
	const struct net *net = port->net;
	const struct sys *sys = net->virtio.host->sys;
	uint64_t features = 0;
	int ret = open_vhost(sys, net->key, err);

	port->vhost_fd = ret < 0 ? -1 : ret;
	if (ret < 0)
		return ret;
	ret = call(port, VHOST_SET_OWNER, NULL);
	if (ret == 0)
		ret = call(port, VHOST_GET_FEATURES, &features);
	if (ret == 0 && (features & ring_features) != ring_features)
		ret = -ENOTSUP;
	if (ret < 0)
		vmm_error_errno(err, ret, "%s.vhost: unable to set up vhost-net", net->key);
	return ret;
}

int net_vhost_open(struct net *net, struct vmm_error *err)
{
	const struct config_net *config = net->config;
	bool insists = config->vhost == CONFIG_VHOST_ON;
	int ret = 0;

	/* what passes there is not counted; config_check() has refused both together */
	if (config->vhost == CONFIG_VHOST_OFF || config->socket || config->rx_bandwidth ||
	    config->tx_bandwidth)
		return 0;
	if (!virtq_stable(net->virtio.host->mem))
		return insists ? vmm_error_set(err, -ENOTSUP,
					       "%s.vhost: a VM with private memory cannot have it: "
					       "the kernel would not know which pages are shared",
					       net->key)
			       : 0;
	for (unsigned int i = 0; i < net->npairs && ret == 0; i++)
		ret = open_port(&net->port[i], err);
	if (net->port[0].vhost_fd < 0 && !insists && not_there(ret)) {
		vmm_log(net->virtio.host->log, VMM_LOG_DEBUG, "%s: no vhost-net: " VHOST_NET ": %s",
			net->virtio.name, strerrorname_np(-ret));
		return 0;
	}
	return ret < 0 ? ret : watch_errors(net, err);
}

void net_vhost_close(struct net *net)
{
	const struct sys *sys = net->virtio.host->sys;

	for (unsigned int i = 0; i < net->npairs; i++)
		sys_close(sys, &net->port[i].vhost_fd);
	if (net->vhost_error.fd >= 0)
		loop_remove(net->virtio.loop, &net->vhost_error);
	sys_close(sys, &net->vhost_error.fd);
}

/* --- running ---------------------------------------------------------------------------------- */

static int set_memory(const struct net_port *port)
{
	const struct guest_mem *mem = port->net->virtio.host->mem;
	/* struct vhost_memory, and the regions that its last member has no size for */
	uint64_t room[(sizeof(struct vhost_memory) +
		       MEM_MAX_REGIONS * sizeof(struct vhost_memory_region)) /
		      sizeof(uint64_t)] = {0};
	struct vhost_memory *table = (struct vhost_memory *)room;

	for (size_t i = 0; i < mem->nregions; i++) {
		const struct mem_region *r = &mem->region[i];

		/* the table cannot say that vhost may only read there */
		if (r->readonly)
			continue;
		table->regions[table->nregions++] = (struct vhost_memory_region){
			.guest_phys_addr = r->gpa,
			.memory_size = r->len,
			.userspace_addr = (uintptr_t)r->hva,
		};
	}
	return call(port, VHOST_SET_MEM_TABLE, table);
}

static int set_queue(const struct net_port *port, unsigned int ring, struct virtq *q)
{
	struct vhost_vring_state size = {.index = ring, .num = q->size};
	struct vhost_vring_state base = {.index = ring, .num = q->next_avail};
	struct vhost_vring_addr address = {
		.index = ring,
		.desc_user_addr = (uintptr_t)q->desc.at,
		.avail_user_addr = (uintptr_t)q->avail.at,
		.used_user_addr = (uintptr_t)q->used.at,
	};
	struct vhost_vring_file interrupt = {.index = ring, .fd = q->dev->irq_fd};
	struct vhost_vring_file error = {.index = ring, .fd = port->net->vhost_error.fd};
	struct vhost_vring_file kick = {.index = ring, .fd = q->kick.fd};
	const struct {
		unsigned long request;
		void *arg;
	} steps[] = {
		{VHOST_SET_VRING_NUM, &size},	  {VHOST_SET_VRING_BASE, &base},
		{VHOST_SET_VRING_ADDR, &address}, {VHOST_SET_VRING_CALL, &interrupt},
		{VHOST_SET_VRING_ERR, &error},	  {VHOST_SET_VRING_KICK, &kick},
	};
	/* an area that is not all RAM */
	int ret = q->desc.at && q->avail.at && q->used.at ? 0 : -EFAULT;

	for (size_t i = 0; i < ARRAY_SIZE(steps) && ret == 0; i++)
		ret = call(port, steps[i].request, steps[i].arg);
	return ret;
}

static int set_backend(const struct net_port *port, unsigned int ring, int fd)
{
	struct vhost_vring_file file = {.index = ring, .fd = fd};

	return call(port, VHOST_NET_SET_BACKEND, &file);
}

int net_vhost_start(struct net_port *port)
{
	struct virtio_device *dev = &port->net->virtio;
	struct virtq *q = &dev->queue[(size_t)2 * port->index];
	uint64_t features = dev->features & ring_features;
	int ret;

	if (!q[0].ready || !q[1].ready)
		return 0; /* it takes pairs only; the caller does it */
	port->vhost_runs = true;
	for (unsigned int ring = 0; ring < 2; ring++)
		loop_remove(dev->loop, &q[ring].kick);
	ret = call(port, VHOST_SET_FEATURES, &features);
	if (ret == 0)
		ret = set_memory(port);
	for (unsigned int ring = 0; ring < 2 && ret == 0; ring++)
		ret = set_queue(port, ring, &q[ring]);
	for (unsigned int ring = 0; ring < 2 && ret == 0; ring++)
		ret = set_backend(port, ring, port->source.fd);
	if (ret < 0)
		net_vhost_stop(port);
	return ret;
}

void net_vhost_stop(struct net_port *port)
{
	struct virtio_device *dev = &port->net->virtio;
	struct virtq *q = &dev->queue[(size_t)2 * port->index];

	port->vhost_runs = false;
	for (unsigned int ring = 0; ring < 2; ring++) {
		struct vhost_vring_state base = {.index = ring};

		/* waits until the kernel has let go of the queue */
		set_backend(port, ring, VHOST_FILE_UNBIND);
		if (call(port, VHOST_GET_VRING_BASE, &base) == 0)
			q[ring].next_avail = (uint16_t)base.num;
		virtio_watch(&q[ring], NULL);
	}
}
