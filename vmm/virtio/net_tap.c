// SPDX-License-Identifier: MIT
/*
 * A tap interface of the host: one descriptor for each pair of queues, at which whole frames are
 * read and written, with the header that virtio puts before them (Linux, networking/tuntap.rst,
 * linux/if_tun.h). So frames go between interface and guest memory in one system call, and
 * checksums and segmentation are left to whoever does them best.
 */
#include "vmm/virtio/net_internal.h"

#include "vmm/kvm/device_hint.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define TUN "/dev/net/tun"

/* What the interface takes from the guest as it is, and what it hands to a guest that wants it. */
static const uint64_t offloads = BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_HOST_TSO4) |
				 BIT(VIRTIO_NET_F_HOST_TSO6) | BIT(VIRTIO_NET_F_HOST_ECN) |
				 BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(VIRTIO_NET_F_GUEST_TSO4) |
				 BIT(VIRTIO_NET_F_GUEST_TSO6) | BIT(VIRTIO_NET_F_GUEST_ECN);

/* --- frames ----------------------------------------------------------------------------------- */

static ssize_t receive(struct net_port *port, const struct iovec *iov, unsigned int n)
{
	ssize_t len;

	do
		len = readv(port->source.fd, iov, (int)n);
	while (len < 0 && errno == EINTR);
	if (len >= 0)
		return len;
	/* EBADFD: the interface is gone; there is nothing to come then */
	return errno == EBADFD ? -EAGAIN : -errno;
}

static int transmit(struct net_port *port, const struct iovec *iov, unsigned int n, size_t len)
{
	ssize_t ret;

	(void)len;
	do
		ret = writev(port->source.fd, iov, (int)n);
	while (ret < 0 && errno == EINTR);
	/* the interface is down, the header makes no sense, memory is short: dropped */
	return ret < 0 && errno == EAGAIN ? -EAGAIN : 0;
}

/* Somebody has deleted the interface. */
static void gone(struct net_port *port)
{
	struct net *net = port->net;

	net_unwatch(port);
	net_set_link(net, false);
	virtio_complain(&net->virtio, "its tap interface is gone");
}

static void destroy(struct net *net)
{
	for (unsigned int i = 0; i < net->npairs; i++) {
		net_unwatch(&net->port[i]);
		sys_close(net->virtio.host->sys, &net->port[i].source.fd);
	}
}

static const struct net_backend backend = {
	.receive = receive,
	.send = transmit,
	.gone = gone,
	.destroy = destroy,
};

/* --- opening ---------------------------------------------------------------------------------- */

static int refused(const char *key, const struct config_net *config, int ret, struct vmm_error *err)
{
	vmm_error_errno(err, ret, "%s.tap: unable to use interface %s", key, config->tap);
	switch (ret) {
	case -EPERM:
		vmm_error_hint(err,
			       "it belongs to another user; `ip tuntap add %s mode tap user NAME` "
			       "makes it for one",
			       config->tap);
		break;
	case -EBUSY:
		vmm_error_hint(err, "another program uses it");
		break;
	case -EINVAL:
		vmm_error_hint(err, "it is no tap interface, or for queues above 1 it was not made "
				    "with `multi_queue`");
		break;
	}
	return ret;
}

static int open_tun(const struct sys *sys, const char *key, struct vmm_error *err)
{
	int fd = sys->ops->open(sys->ctx, TUN, O_RDWR | O_NONBLOCK);
	char hint[DEVICE_HINT];

	if (fd >= 0)
		return fd;
	vmm_error_errno(err, fd, "%s.tap: unable to open " TUN, key);
	if (fd == -ENOENT || fd == -ENODEV || fd == -ENXIO)
		vmm_error_hint(err,
			       "load the host's module tun, or in a container " DEVICE_OPTION(TUN));
	else if (device_hint(sys, TUN, fd, hint))
		vmm_error_hint(err, "%s", hint);
	return fd;
}

/* A descriptor for the interface; for one of its queues, if it has several. */
static int open_tap(const struct sys *sys, const struct config_net *config, const char *key,
		    struct vmm_error *err)
{
	struct ifreq request = {0};
	int fd = open_tun(sys, key, err);
	int ret;

	if (fd < 0)
		return fd;
	memcpy(request.ifr_name, config->tap, strlen(config->tap)); /* at most IFNAMSIZ - 1 */
	request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	if (config->queues > 1)
		request.ifr_flags |= IFF_MULTI_QUEUE;
	ret = sys->ops->ioctl(sys->ctx, fd, TUNSETIFF, &request);
	/* one that was made for several queues insists on being told */
	if (ret == -EINVAL && config->queues == 1) {
		request.ifr_flags |= IFF_MULTI_QUEUE;
		ret = sys->ops->ioctl(sys->ctx, fd, TUNSETIFF, &request);
	}
	if (ret < 0) {
		refused(key, config, ret, err);
		sys_close(sys, &fd);
		return ret;
	}
	return fd;
}

/* Without this, TUNSETIFF would make an interface that nobody has set up. */
static int must_exist(const struct sys *sys, const struct config_net *config, const char *key,
		      struct vmm_error *err)
{
	int ret = sys->ops->ifindex(sys->ctx, config->tap);

	if (ret >= 0)
		return 0;
	vmm_error_errno(err, ret, "%s.tap: unable to find interface %s", key, config->tap);
	if (ret == -ENODEV)
		vmm_error_hint(err, "`ip tuntap add %s mode tap%s user NAME` makes it", config->tap,
			       config->queues > 1 ? " multi_queue" : "");
	return ret;
}

/* The caller's descriptor, as one of ours: a VM that is started anew needs it again. */
static int take_fd(const struct sys *sys, const struct config_net *config, const char *key,
		   struct vmm_error *err)
{
	struct ifreq request = {0};
	int fd, flags, ret;

	ret = sys->ops->ioctl(sys->ctx, (int)config->fd, TUNGETIFF, &request);
	if (ret < 0)
		return vmm_error_errno(err, ret, "%s.fd: descriptor %u is no tap interface", key,
				       config->fd);
	if (!(request.ifr_flags & IFF_TAP) || !(request.ifr_flags & IFF_VNET_HDR) ||
	    !(request.ifr_flags & IFF_NO_PI))
		return vmm_error_set(err, -EINVAL,
				     "%s.fd: descriptor %u was opened for another kind of "
				     "interface: IFF_TAP, IFF_NO_PI and IFF_VNET_HDR are needed",
				     key, config->fd);
	flags = fcntl((int)config->fd, F_GETFL);
	if (flags < 0 || fcntl((int)config->fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return vmm_error_errno(err, -errno, "%s.fd: unable to set up descriptor %u", key,
				       config->fd);
	fd = fcntl((int)config->fd, F_DUPFD_CLOEXEC, 0);
	return fd >= 0 ? fd
		       : vmm_error_errno(err, -errno, "%s.fd: unable to duplicate descriptor %u",
					 key, config->fd);
}

static int set_up(struct net *net, struct net_port *port, struct vmm_error *err)
{
	const struct sys *sys = net->virtio.host->sys;
	int hdr = NET_HDR;
	int ret = sys->ops->ioctl(sys->ctx, port->source.fd, TUNSETVNETHDRSZ, &hdr);

	port->attached = true;
	if (ret == 0 && port->index > 0)
		ret = net_tap_attach(port, false);
	if (ret < 0)
		vmm_error_errno(err, ret, "%s: unable to set up the tap interface", net->key);
	return ret;
}

/* What the configuration names, once more: a descriptor, or a negative errno. */
static int open_queue(const struct sys *sys, const struct config_net *config, const char *key,
		      struct vmm_error *err)
{
	int ret;

	if (!config->tap)
		return take_fd(sys, config, key, err);
	ret = must_exist(sys, config, key, err);
	return ret < 0 ? ret : open_tap(sys, config, key, err);
}

int net_tap_open(struct net *net, struct vmm_error *err)
{
	int ret = 0;

	net->backend = &backend;
	for (unsigned int i = 0; i < net->npairs && ret == 0; i++) {
		ret = open_queue(net->virtio.host->sys, net->config, net->key, err);
		if (ret < 0)
			return ret;
		net->port[i].source.fd = ret;
		ret = set_up(net, &net->port[i], err);
	}
	if (ret < 0)
		return ret;
	net->virtio.offered |= offloads;
	ret = net_tap_offload(net, 0);
	if (ret < 0)
		vmm_error_errno(err, ret, "%s: unable to set up the tap interface", net->key);
	return ret;
}

int net_tap_check(const struct sys *sys, const struct config_net *config, const char *key,
		  struct vmm_error *err)
{
	int fd = open_queue(sys, config, key, err);

	if (fd < 0)
		return fd;
	sys_close(sys, &fd);
	return 0;
}

/* --- while it runs ---------------------------------------------------------------------------- */

int net_tap_offload(struct net *net, uint64_t features)
{
	const struct sys *sys = net->virtio.host->sys;
	unsigned long flags = 0;
	bool tso4 = features >> VIRTIO_NET_F_GUEST_TSO4 & 1;
	bool tso6 = features >> VIRTIO_NET_F_GUEST_TSO6 & 1;

	if (net->backend != &backend)
		return 0;
	/* segmentation without checksums makes no sense (5.1.3.1), and is refused by the kernel */
	if (features >> VIRTIO_NET_F_GUEST_CSUM & 1) {
		flags |= TUN_F_CSUM | (tso4 ? TUN_F_TSO4 : 0u) | (tso6 ? TUN_F_TSO6 : 0u);
		if ((tso4 || tso6) && features >> VIRTIO_NET_F_GUEST_ECN & 1)
			flags |= TUN_F_TSO_ECN;
	}
	/* the interface's, whichever of its descriptors is used */
	return sys->ops->ioctl(sys->ctx, net->port[0].source.fd, TUNSETOFFLOAD, (void *)flags);
}

int net_tap_attach(struct net_port *port, bool attach)
{
	const struct sys *sys = port->net->virtio.host->sys;
	struct ifreq request = {.ifr_flags = attach ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE};
	int ret = 0;

	if (port->net->backend == &backend && port->attached != attach)
		ret = sys->ops->ioctl(sys->ctx, port->source.fd, TUNSETQUEUE, &request);
	if (ret == 0)
		port->attached = attach;
	return ret;
}
