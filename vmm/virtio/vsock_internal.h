/* SPDX-License-Identifier: MIT */
/*
 * The parts of the vsock device. All of it runs in the device's I/O thread.
 *
 *	vsock.c		the device, and packets: what to do with one that the guest sent, who sends
 *			the next to it, and from where the bytes come
 *	vsock_conn.c	a connection: its two streams, their credit, its end
 *	vsock_mux.c	which connections there are, how they begin: CONNECT, and calls to PATH_PORT;
 *			what happens to them after some time
 *
 * What is bounded, and how: a guest has at most max_conns connections, each with one descriptor, as
 * long as the process has some to spare, and a share of VSOCK_BUFFERS of memory for bytes that a
 * program of the host does not take yet.
 * Refusals that have no connection to be stored in wait in a ring; while it is full no packet is
 * taken from the guest. One wake-up does VSOCK_TURN units of work.
 */
#ifndef VMM_VIRTIO_VSOCK_INTERNAL_H
#define VMM_VIRTIO_VSOCK_INTERNAL_H

#include "vmm/base/timer.h"
#include "vmm/base/unix_listener.h"
#include "vmm/virtio/virtio.h"

#include <linux/virtio_vsock.h>
#include <sys/queue.h>

/* Section 5.10.2 */
#define VSOCK_RX 0
#define VSOCK_TX 1

#define VSOCK_HEADER	sizeof(struct virtio_vsock_hdr) /* section 5.10.6 */
#define VSOCK_READ	KIB(80) /* the most that one connection sends before it is another's turn */
#define VSOCK_BATCH	20	/* receive buffers filled by one read: those of Linux take 4 KiB */
#define VSOCK_TURN	256	/* a packet is one unit of work, and so are 4 KiB of data */
#define VSOCK_BUFFERS	MIB(64) /* of all connections */
#define VSOCK_ALLOC	KIB(256) /* of one connection at most, and at least: */
#define VSOCK_ALLOC_MIN KIB(4)
#define VSOCK_REPLIES	64
#define VSOCK_BUCKETS	1024
#define VSOCK_LINE	32			    /* "CONNECT 4294967295\r\n" and more */
#define VSOCK_SUFFIX	(sizeof("_4294967295") - 1) /* of the paths of listeners */
/* ports of programs that connect: from here to 2^31, far from those of services */
#define VSOCK_FIRST_PORT (1u << 30)
#define VSOCK_BOTH	 (VIRTIO_VSOCK_SHUTDOWN_RCV | VIRTIO_VSOCK_SHUTDOWN_SEND)

enum vsock_state {
	VSOCK_GREETING,	  /* a program has connected; its CONNECT line is to come */
	VSOCK_REQUESTED,  /* the guest is asked whether it accepts */
	VSOCK_CONNECTING, /* the guest asked; whoever listens for it is busy */
	VSOCK_OPEN,
	VSOCK_DRAINING, /* over for the guest; what it sent before goes to the host */
	VSOCK_DEAD,	/* the guest is yet to be told */
};

/* Packets that a connection has to send, those sent first coming first. */
enum vsock_want {
	VSOCK_WANT_RST = 1,
	VSOCK_WANT_REQUEST = 2,
	VSOCK_WANT_RESPONSE = 4,
	VSOCK_WANT_SHUTDOWN = 8,
	VSOCK_WANT_ASK = 16,	/* CREDIT_REQUEST */
	VSOCK_WANT_CREDIT = 32, /* CREDIT_UPDATE, which any other packet replaces */
};

struct vsock_conn {
	struct vsock *v;
	struct loop_source source; /* the host's end; fd -1: closed */
	enum vsock_state state;
	uint32_t host_port, guest_port;
	uint32_t wants; /* VSOCK_WANT_* */
	uint64_t deadline_ms;

	/* from host to guest; counters wrap */
	bool readable;	      /* until the socket says that it has nothing */
	bool ending;	      /* there is an end of the stream, or an error, to be read */
	uint8_t host_shut;    /* VIRTIO_VSOCK_SHUTDOWN_*: what the host does no more */
	bool asked;	      /* for credit, or about to be, since there was some */
	uint32_t sent;	      /* bytes */
	uint32_t guest_alloc; /* the guest's buf_alloc and fwd_cnt as of its last packet */
	uint32_t guest_forwarded;
	unsigned int batch; /* receive buffers to prepare for the next read */

	/* from guest to host; counters wrap */
	uint8_t guest_shut;	      /* VIRTIO_VSOCK_SHUTDOWN_*: what the guest does no more */
	uint32_t alloc;		      /* our buf_alloc: so much may be received and not forwarded */
	uint32_t received, forwarded; /* bytes */
	uint32_t told;		      /* `forwarded` as the guest knows it */
	uint8_t *buf;		      /* a ring of `alloc` bytes; NULL while it is empty */
	uint32_t buf_at, buf_len;

	bool hashed, pending, timed; /* on which lists */
	LIST_ENTRY(vsock_conn) in_hash;
	TAILQ_ENTRY(vsock_conn) in_all, in_pending, in_timed;
	char line[VSOCK_LINE];
	unsigned int line_len;
};

TAILQ_HEAD(vsock_list, vsock_conn);
LIST_HEAD(vsock_bucket, vsock_conn);

struct vsock {
	struct virtio_device virtio;
	struct virtio_vsock_config config;
	uint32_t cid;
	const char *path;

	/* packets to the guest */
	struct vsock_list pending; /* connections that can send */
	unsigned int work;	   /* units, since it was the others' turn */
	struct virtio_vsock_hdr reply[VSOCK_REPLIES];
	unsigned int reply_at, nreplies;
	bool tx_waits;		    /* for room among the replies */
	struct virtq_chain *chains; /* VSOCK_BATCH of them, while the device is active */
	struct iovec iov[2 * VIRTQ_MAX_CHAIN];

	/* connections */
	struct vsock_list all;
	struct vsock_list timed; /* something is to happen at their deadlines */
	struct vsock_bucket bucket[VSOCK_BUCKETS];
	unsigned int nconns, max_conns;
	uint64_t promised; /* bytes: the sum of `alloc` */
	uint32_t next_port;

	struct unix_listener listener;
	struct loop_source accept;
	bool accepting;
	struct timer tick;
	bool ticking;

	/* milliseconds: for the CONNECT line, the guest's answer, a listener that is busy, bytes
	 * that a program does not take after the guest has closed, and a guest without room */
	unsigned int greeting_ms, answer_ms, busy_ms, drain_ms, ask_ms;
};

/* --- vsock.c ---------------------------------------------------------------------------------- */

/* Sends what there is to send, as far as the guest has buffers for it. After everything that may
 * have made something to send. */
void vsock_pump(struct vsock *v);

/* Answers a packet that belongs to no connection. There is room among the replies. */
void vsock_reply_reset(struct vsock *v, const struct virtio_vsock_hdr *to);

/* --- vsock_conn.c ----------------------------------------------------------------------------- */

/* Puts the connection among those that can send, or takes it from them, whichever is right. After
 * every change to what it has to send. */
void vsock_schedule(struct vsock_conn *c);
bool vsock_has_data(const struct vsock_conn *c);
uint32_t vsock_credit(const struct vsock_conn *c);

/* Has the loop tell of changes of c->source.fd; 0 or -errno. */
int vsock_watch(struct vsock_conn *c);

/* They have come, and the connection is past its greeting. May free it. */
void vsock_host_ready(struct vsock_conn *c, uint32_t events);

/* Closes the host's end and drops what it did not take. */
void vsock_close_host(struct vsock_conn *c);

/* Ends the connection from this side, or acknowledges its end: RST. May free it if the guest does
 * not know of it. */
void vsock_reset(struct vsock_conn *c);

/* The guest knows of its end. May free it. */
void vsock_forget(struct vsock_conn *c);

/* The guest has had no room for some time. */
void vsock_ask(struct vsock_conn *c);

/* Packets of the guest. */
void vsock_take_credit(struct vsock_conn *c, const struct virtio_vsock_hdr *p);
void vsock_take_data(struct vsock_conn *c, const struct virtq_chain *chain, uint32_t len);
void vsock_take_shutdown(struct vsock_conn *c, uint32_t flags);

/* Reads from the host into `n` buffers of `room` bytes together: the number of bytes, 0 when there is
 * nothing to send. */
size_t vsock_read(struct vsock_conn *c, struct iovec *iov, unsigned int n, size_t room);

/* --- vsock_mux.c ------------------------------------------------------------------------------ */

/* Listens at v->path; undone by vsock_mux_close(), also after a failure. */
int vsock_mux_open(struct vsock *v, struct vmm_error *err);
void vsock_mux_close(struct vsock *v);

/* Listens for programs of the host, or lets them wait. */
void vsock_accept(struct vsock *v, bool on);

struct vsock_conn *vsock_find(struct vsock *v, uint32_t host_port, uint32_t guest_port);

/* A connection that is not hashed yet, with the descriptor `fd`, which stays the caller's if there
 * are too many already (NULL). */
struct vsock_conn *vsock_new(struct vsock *v, int fd, enum vsock_state state);

/* The guest asks for a connection that does not exist yet. */
void vsock_connect(struct vsock *v, const struct virtio_vsock_hdr *p);

/* The guest has accepted. May free it. */
void vsock_accepted(struct vsock_conn *c);

/* Not found any more by its ports, which may be used again. */
void vsock_unhash(struct vsock_conn *c);

/* Sets c->deadline_ms. At that time a half-open connection is reset, a draining one closed, and the
 * guest of an open one asked for room. */
void vsock_set_deadline(struct vsock_conn *c, unsigned int ms);
void vsock_clear_deadline(struct vsock_conn *c);

/* It is on no list any more, closed and freed. */
void vsock_free(struct vsock_conn *c);

#endif
