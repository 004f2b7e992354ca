/* SPDX-License-Identifier: MIT */
/*
 * For the tests of the network device: a device whose host side is in the test's hands. A tap is a
 * pair of sockets that keep frames apart, behind a table of system calls that takes its ioctls; a
 * stream is a socket that listens.
 */
#ifndef TESTS_UNIT_NET_FIXTURE_H
#define TESTS_UNIT_NET_FIXTURE_H

#include "vmm/virtio/virtio.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/vhost.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define NET_FIXTURE_TAPS 8

struct net_host {
	struct sys_ops ops;
	struct sys sys;
	struct vmm_config config;
	int own[NET_FIXTURE_TAPS];  /* the host's ends of the taps, in the order of opening */
	int peer[NET_FIXTURE_TAPS]; /* the device's */
	bool detached[NET_FIXTURE_TAPS];
	unsigned int ntaps;
	unsigned long offload; /* the last TUNSETOFFLOAD */
	bool have_vhost;
	/* the last VHOST_SET_MEM_TABLE */
	uint32_t nregions;
	struct vhost_memory_region vhost_region[MEM_MAX_REGIONS];
	char dir[32], path[48];
	int listener;
	unsigned int vhost_backends; /* queues that it works off */
};

static inline int net_host_open(void *ctx, const char *path, int flags)
{
	struct net_host *h = ctx;
	int pair[2];

	if (strcmp(path, "/dev/vhost-net") == 0)
		return h->have_vhost ? sys_host()->ops->open(NULL, "/dev/null", flags) : -ENOENT;
	if (strcmp(path, "/dev/net/tun") != 0)
		return sys_host()->ops->open(NULL, path, flags);
	if (h->ntaps == NET_FIXTURE_TAPS ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		return -EMFILE;
	h->own[h->ntaps] = pair[0];
	h->peer[h->ntaps++] = pair[1];
	return pair[1];
}

static inline int net_host_ifindex(void *ctx, const char *name)
{
	(void)ctx;
	return strcmp(name, "tap0") == 0 ? 2 : -ENODEV;
}

static inline int net_host_ioctl(void *ctx, int fd, unsigned long request, void *arg)
{
	struct net_host *h = ctx;
	struct ifreq *ifr = arg;
	const struct vhost_memory *table = arg;

	if (_IOC_TYPE(request) == VHOST_VIRTIO) {
		if (request == VHOST_GET_FEATURES)
			*(uint64_t *)arg = UINT64_MAX;
		if (request == VHOST_SET_MEM_TABLE) {
			h->nregions = table->nregions;
			memcpy(h->vhost_region, table->regions,
			       table->nregions * sizeof(table->regions[0]));
		}
		if (request == VHOST_NET_SET_BACKEND)
			h->vhost_backends += ((struct vhost_vring_file *)arg)->fd >= 0 ? 1u : -1u;
		return 0;
	}
	switch (request) {
	case TUNSETIFF:
	case TUNSETVNETHDRSZ:
		return 0;
	case TUNGETIFF:
		ifr->ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
		return 0;
	case TUNSETOFFLOAD:
		h->offload = (unsigned long)arg;
		return 0;
	case TUNSETQUEUE:
		for (unsigned int i = 0; i < h->ntaps; i++)
			if (h->peer[i] == fd)
				h->detached[i] = ifr->ifr_flags & IFF_DETACH_QUEUE;
		return 0;
	default:
		return -ENOTTY;
	}
}

/* Sets up *h; `host` then has its system calls. */
static inline void net_host_init(struct net_host *h, struct virtio_host *host)
{
	memset(h, 0, sizeof(*h));
	h->ops = *sys_host()->ops;
	h->ops.open = net_host_open;
	h->ops.ioctl = net_host_ioctl;
	h->ops.ifindex = net_host_ifindex;
	h->sys = (struct sys){&h->ops, h};
	h->listener = -1;
	host->sys = &h->sys;
	config_init(&h->config);
}

/* Listens where net[0].socket is; false when it cannot. */
static inline bool net_host_listen(struct net_host *h)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (!h->dir[0]) {
		strcpy(h->dir, "/tmp/net-test-XXXXXX");
		if (!mkdtemp(h->dir))
			return false;
		snprintf(h->path, sizeof(h->path), "%s/socket", h->dir);
	}
	unlink(h->path);
	strcpy(address.sun_path, h->path);
	h->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return bind(h->listener, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	       listen(h->listener, 4) == 0;
}

static inline void net_host_close(struct net_host *h)
{
	for (unsigned int i = 0; i < h->ntaps; i++)
		close(h->own[i]);
	h->ntaps = 0;
	if (h->listener >= 0)
		close(h->listener);
	if (h->dir[0]) {
		unlink(h->path);
		rmdir(h->dir);
	}
	config_clear(&h->config);
}

#endif
