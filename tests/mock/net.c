// SPDX-License-Identifier: MIT
/* Tap interfaces and vhost-net, as far as setting them up: no frame ever moves. */
#include "tests/mock/internal.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

struct model_net {
	struct model *m;
	bool tap; /* else vhost-net */
	bool set; /* TUNSETIFF, VHOST_SET_OWNER */
	bool multi, detached;
	struct {
		bool sized, placed, kick;
		int backend;
	} ring[2];
};

void *model_net_new(struct model *m, const char *path)
{
	struct model_net *net = calloc(1, sizeof(*net));

	if (!net)
		model_foul("out of memory");
	net->m = m;
	net->tap = strcmp(path, MODEL_TAP_PATH) == 0;
	net->ring[0].backend = net->ring[1].backend = -1;
	return net;
}

/* --- tap -------------------------------------------------------------------------------------- */

static int tap_set_iff(void *object, void *arg)
{
	const int needed = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	struct model_net *net = object;
	const struct ifreq *request = arg;

	if (net->set)
		return -EINVAL;
	if ((request->ifr_flags & needed) != needed)
		model_foul("TUNSETIFF with flags %#x", (unsigned int)request->ifr_flags);
	net->set = true;
	net->multi = request->ifr_flags & IFF_MULTI_QUEUE;
	return 0;
}

static int tap_set_header(void *object, void *arg)
{
	const struct model_net *net = object;

	if (!net->set)
		return -EBADFD;
	return *(const int *)arg == (int)sizeof(struct virtio_net_hdr_v1) ? 0 : -EINVAL;
}

static int tap_set_offload(void *object, void *arg)
{
	const struct model_net *net = object;
	unsigned long flags = (unsigned long)arg;

	if (!net->set)
		return -EBADFD;
	if (flags & ~(unsigned long)(TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN))
		return -EINVAL;
	return flags && !(flags & TUN_F_CSUM) ? -EINVAL : 0;
}

static int tap_set_queue(void *object, void *arg)
{
	const struct ifreq *request = arg;
	struct model_net *net = object;
	bool detach = request->ifr_flags & IFF_DETACH_QUEUE;

	if (!net->multi || net->detached == detach)
		return -EINVAL;
	net->detached = detach;
	return 0;
}

const struct model_request model_tap_requests[] = {
	{TUNSETIFF, "TUNSETIFF", tap_set_iff},
	{TUNSETVNETHDRSZ, "TUNSETVNETHDRSZ", tap_set_header},
	{TUNSETOFFLOAD, "TUNSETOFFLOAD", tap_set_offload},
	{TUNSETQUEUE, "TUNSETQUEUE", tap_set_queue},
	{0},
};

/* --- vhost-net -------------------------------------------------------------------------------- */

static int vhost_set_owner(void *object, void *arg)
{
	struct model_net *net = object;

	(void)arg;
	if (net->set)
		return -EBUSY;
	net->set = true;
	return 0;
}

static int vhost_get_features(void *object, void *arg)
{
	(void)object;
	*(uint64_t *)arg = 1ULL << VIRTIO_RING_F_INDIRECT_DESC | 1ULL << VIRTIO_RING_F_EVENT_IDX |
			   1ULL << VIRTIO_F_VERSION_1 | 1ULL << VIRTIO_NET_F_MRG_RXBUF |
			   1ULL << VIRTIO_F_ACCESS_PLATFORM;
	return 0;
}

static int vhost_set_features(void *object, void *arg)
{
	uint64_t offered;

	vhost_get_features(object, &offered);
	/* would need an IOTLB that somebody fills */
	if (*(const uint64_t *)arg & 1ULL << VIRTIO_F_ACCESS_PLATFORM)
		model_foul("vhost-net is given an IOMMU");
	return *(const uint64_t *)arg & ~offered ? -EOPNOTSUPP : 0;
}

static int vhost_set_memory(void *object, void *arg)
{
	const struct vhost_memory *table = arg;
	const struct model_net *net = object;

	if (!net->set)
		return -EPERM;
	if (table->nregions == 0)
		model_foul("vhost-net is given no memory");
	for (uint32_t i = 0; i < table->nregions; i++) {
		const struct vhost_memory_region *r = &table->regions[i];

		if (!model_find_map(net->m, (const void *)(uintptr_t)r->userspace_addr))
			model_foul("vhost-net is given memory that is not mapped");
	}
	return 0;
}

/* All of these begin with the ring's index. */
static int ring_of(void *object, const void *arg, unsigned int *index)
{
	const struct model_net *net = object;

	memcpy(index, arg, sizeof(*index));
	if (!net->set)
		return -EPERM;
	return *index < 2 ? 0 : -ENOBUFS;
}

static int vhost_set_num(void *object, void *arg)
{
	const struct vhost_vring_state *state = arg;
	struct model_net *net = object;
	unsigned int index;
	int ret = ring_of(object, arg, &index);

	if (ret < 0)
		return ret;
	if (net->ring[index].backend >= 0)
		return -EBUSY;
	net->ring[index].sized = state->num > 0 && (state->num & (state->num - 1)) == 0;
	return net->ring[index].sized ? 0 : -EINVAL;
}

static int vhost_set_base(void *object, void *arg)
{
	unsigned int index;

	return ring_of(object, arg, &index);
}

static int vhost_set_addr(void *object, void *arg)
{
	const struct vhost_vring_addr *address = arg;
	struct model_net *net = object;
	unsigned int index;
	int ret = ring_of(object, arg, &index);

	if (ret < 0)
		return ret;
	if (!address->desc_user_addr || !address->avail_user_addr || !address->used_user_addr)
		return -EINVAL;
	net->ring[index].placed = true;
	return 0;
}

static int vhost_set_eventfd(void *object, void *arg)
{
	const struct vhost_vring_file *file = arg;
	struct model_net *net = object;
	const struct model_fd *f = model_find_fd(net->m, file->fd);
	unsigned int index;
	int ret = ring_of(object, arg, &index);

	if (ret < 0)
		return ret;
	if (!f || f->kind != MODEL_EVENTFD)
		return -EINVAL;
	net->ring[index].kick = true;
	return 0;
}

static int vhost_set_backend(void *object, void *arg)
{
	const struct vhost_vring_file *file = arg;
	struct model_net *net = object;
	const struct model_fd *f = model_find_fd(net->m, file->fd);
	unsigned int index;
	int ret = ring_of(object, arg, &index);

	if (ret < 0)
		return ret;
	if (file->fd != VHOST_FILE_UNBIND) {
		if (!f || f->kind != MODEL_TAP)
			return -ENOTSOCK;
		if (!net->ring[index].sized || !net->ring[index].placed || !net->ring[index].kick)
			model_foul("vhost-net starts a ring that is not set up");
	}
	net->ring[index].backend = file->fd;
	return 0;
}

const struct model_request model_vhost_requests[] = {
	{VHOST_SET_OWNER, "VHOST_SET_OWNER", vhost_set_owner},
	{VHOST_GET_FEATURES, "VHOST_GET_FEATURES", vhost_get_features},
	{VHOST_SET_FEATURES, "VHOST_SET_FEATURES", vhost_set_features},
	{VHOST_SET_MEM_TABLE, "VHOST_SET_MEM_TABLE", vhost_set_memory},
	{VHOST_SET_VRING_NUM, "VHOST_SET_VRING_NUM", vhost_set_num},
	{VHOST_SET_VRING_BASE, "VHOST_SET_VRING_BASE", vhost_set_base},
	{VHOST_GET_VRING_BASE, "VHOST_GET_VRING_BASE", vhost_set_base},
	{VHOST_SET_VRING_ADDR, "VHOST_SET_VRING_ADDR", vhost_set_addr},
	{VHOST_SET_VRING_KICK, "VHOST_SET_VRING_KICK", vhost_set_eventfd},
	{VHOST_SET_VRING_CALL, "VHOST_SET_VRING_CALL", vhost_set_eventfd},
	{VHOST_SET_VRING_ERR, "VHOST_SET_VRING_ERR", vhost_set_eventfd},
	{VHOST_NET_SET_BACKEND, "VHOST_NET_SET_BACKEND", vhost_set_backend},
	{0},
};
