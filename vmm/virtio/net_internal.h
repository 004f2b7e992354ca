/* SPDX-License-Identifier: MIT */
/*
 * The parts of the network device: net.c is what the driver sees of it, net_data.c moves frames,
 * net_tap.c, net_stream.c and net_vhost.c are what is on the host's side.
 *
 * Nothing waits in memory: what the guest has no buffers for stays in the tap's or the socket's
 * queue, and what the host does not take stays in the guest's. Descriptors are watched for edges
 * (EPOLLET), so one that nobody reads from costs nothing.
 */
#ifndef VMM_VIRTIO_NET_INTERNAL_H
#define VMM_VIRTIO_NET_INTERNAL_H

#include "vmm/base/timer.h"
#include "vmm/virtio/fair.h"
#include "vmm/virtio/rate.h"
#include "vmm/virtio/virtio.h"

#include <linux/virtio_net.h>
#include <sys/types.h>

/* struct virtio_net_hdr_v1, in front of each frame in guest memory (section 5.1.6); the same for
 * all drivers of virtio 1 */
#define NET_HDR 12
/* The largest frame: 64 KiB of IP packet, before it is cut into segments, and its Ethernet header
 * with a VLAN tag. */
#define NET_FRAME_MAX (65535 + 18)
#define NET_FRAME_MIN 14 /* bytes of an Ethernet header */
#define NET_MAX_PAIRS 8
/* Buffers that one frame may be spread over: as many as Linux's smallest ones need for 64 KiB. */
#define NET_MAX_MERGE 48

struct net;

/* A pair of queues, 2n to receive and 2n + 1 to transmit, and the host's descriptor for it. */
struct net_port {
	struct net *net;
	unsigned int index;
	struct loop_source source; /* fd -1: there is none at the moment */
	bool readable;		   /* until receive() says -EAGAIN */
	bool blocked;		   /* as send() said, until the descriptor is writable */
	unsigned int lost;	   /* reads in a row that gave an error and no frame */
	bool attached;		   /* the tap's queue gets frames */
	size_t expected;	   /* bytes that received frames had lately, with header */
	int vhost_fd;		   /* -1: none */
	bool vhost_runs;
};

#define NET_FULL 1

struct net_backend {
	/* One frame into these buffers, which have room for any, behind NET_HDR bytes of header;
	 * returns the length of both. -EAGAIN: there is none now. Other errors: it was lost. */
	ssize_t (*receive)(struct net_port *port, const struct iovec *iov, unsigned int n);
	/* Header and frame, `len` bytes together. 0: taken, or dropped. -EAGAIN: not now, and
	 * NET_FULL: taken, and no more now; the port's descriptor will be writable. */
	int (*send)(struct net_port *port, const struct iovec *iov, unsigned int n, size_t len);
	/* The descriptor is writable: false when it is not any more. NULL: nothing to do. */
	bool (*writable)(struct net_port *port);
	/* There is nobody at the other end any more. */
	void (*gone)(struct net_port *port);
	void (*destroy)(struct net *net);
};

/* What the pairs share in one direction. */
struct net_limit {
	struct rate rate;   /* bytes of frames */
	struct timer timer; /* something may pass again */
	struct fair turns;  /* pairs that may have a frame, and can move it */
};

struct net {
	struct virtio_device virtio;
	char key[16]; /* "net[0]": for messages about the configuration */
	struct virtio_net_config space;
	const struct config_net *config;
	const struct net_backend *backend;
	struct net_port port[NET_MAX_PAIRS];
	unsigned int npairs;
	unsigned int pairs; /* that the driver uses */
	struct net_limit rx_limit, tx_limit;

	/* for net_data.c: chains taken from the queue that is worked on, nchains from `first` on */
	struct virtq_chain *rx_chain; /* NET_MAX_MERGE of them */
	unsigned int first, nchains;
	uint8_t *spill; /* the end of a frame that more buffers are needed for than were taken */
	struct iovec iov[VIRTQ_MAX_CHAIN + 1];

	struct net_stream *stream; /* of net_stream.c */
	struct loop_source vhost_error;
};

/* --- net.c ------------------------------------------------------------------------------------ */

void net_set_link(struct net *net, bool up);

/* --- net_data.c ------------------------------------------------------------------------------- */

/* The pair may have a frame to move: moves what there is of all pairs, as far as it may pass and
 * there is room; bounded. The device runs. NULL: the limit lets something pass again. */
void net_receive(struct net *net, struct net_port *port);
void net_transmit(struct net *net, struct net_port *port);

/* The pair moves nothing any more. */
void net_quiet(struct net_port *port);

/* The descriptor of a port is ready: EPOLLIN, EPOLLOUT. At any time. */
void net_ready(struct loop_source *source, uint32_t events);

/* Starts and stops to watch the port's descriptor. */
int net_watch(struct net_port *port, struct vmm_error *err);
void net_unwatch(struct net_port *port);

/* --- net_tap.c -------------------------------------------------------------------------------- */

/* Opens net->config's tap or descriptor, once for each pair; all but the first are detached. Adds
 * to the features that are offered. */
int net_tap_open(struct net *net, struct vmm_error *err);

/* May this process use the tap? Tries it. `key` is for messages. */
int net_tap_check(const struct sys *sys, const struct config_net *config, const char *key,
		  struct vmm_error *err);

/* What the interface may leave to the guest: checksums, segmentation. By the features that the
 * driver accepted. */
int net_tap_offload(struct net *net, uint64_t features);

/* Frames for the pair come to its descriptor, or to those of the other pairs. */
int net_tap_attach(struct net_port *port, bool attach);

/* --- net_stream.c ----------------------------------------------------------------------------- */

/* Connects to net->config's socket. */
int net_stream_open(struct net *net, struct vmm_error *err);

int net_stream_check(const struct config_net *config, const char *key, struct vmm_error *err);

/* --- net_vhost.c ------------------------------------------------------------------------------ */

/* Opens vhost-net for each pair if the configuration wants it, or leaves it to us and it can be
 * had; port->vhost_fd says so. After net_tap_open(). */
int net_vhost_open(struct net *net, struct vmm_error *err);

/* Could it be opened now? Nothing is left open. */
int net_vhost_check(const struct sys *sys, const char *key, struct vmm_error *err);
void net_vhost_close(struct net *net);

/* Hands the pair's queues to the kernel, if the driver has set up both (port->vhost_runs), and takes
 * them back. The device is active. */
int net_vhost_start(struct net_port *port);
void net_vhost_stop(struct net_port *port);

#endif
