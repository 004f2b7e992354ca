/* SPDX-License-Identifier: MIT */
/*
 * The interface between a virtio device and the transport (mmio.c; virtio 1.2, section 4.2). A
 * device is a structure that starts with `struct virtio_device`, and a `struct virtio_ops`, which
 * is its row in the table of devices.c.
 *
 * All functions of a device are called in its I/O thread (dev->loop), one at a time, so a device
 * needs no locks: neither a vCPU that resets it nor another device's thread gets between. It adds
 * its own descriptors (a tap, sockets) to the same loop. The life of a device:
 *
 *	open	  from zeros: virtio_queues(), and what it needs on the host
 *	activate  the driver has set DRIVER_OK: dev->features, dev->queue[].ready are final
 *	kick	  the driver has made buffers available
 *	reset	  the driver starts over: drop all chains, forget everything about the driver. Only
 *		  called after activate
 *	close	  at the end, after the threads, or when open has failed
 *
 * While the device is not active, or broken, its queues are not live and give nothing; functions
 * called for the device's own descriptors ask virtio_runs() before they look at more of them.
 *
 * A device that works off what is there:
 *
 *	static int one(struct virtio_device *dev, struct virtq *q, struct virtq_chain *chain)
 *	{
 *		... preadv(fd, chain->write, chain->nwrite) ...
 *		return bytes written into chain->write;
 *	}
 *	static void kick(struct virtio_device *dev, struct virtq *q)
 *	{
 *		virtio_serve(q, one);
 *	}
 *
 * One that needs buffers when something happens (a packet comes) calls virtq_pop() then, and
 * virtio_done() when there is none; virtq_push() each, virtio_notify() once, which makes all of
 * them visible together.
 */
#ifndef VMM_VIRTIO_VIRTIO_H
#define VMM_VIRTIO_VIRTIO_H

#include "vmm/base/log.h"
#include "vmm/config/config.h"
#include "vmm/dev/bus.h"
#include "vmm/kvm/kvm.h"
#include "vmm/virtio/queue.h"

#include <stdatomic.h>

#define VIRTIO_MAX_QUEUES 64

#define BIT(n) (UINT64_C(1) << (n))

struct virtio_device;

/* A kind of device. NULL: nothing to do, unless it says otherwise. */
struct virtio_ops {
	const char *name;
	bool numbered; /* there may be several: "disk 0" */
	uint32_t id;   /* device type: section 5, linux/virtio_ids.h */
	size_t size;   /* bytes of the device's structure */

	/* How many the configuration asks for; the functions below get the index of one. */
	size_t (*count)(const struct vmm_config *config);
	/* Has the host, now, what it needs? Nothing is left open. NULL: only open() tells. */
	int (*check)(const struct sys *sys, const struct vmm_config *config, size_t index,
		     struct vmm_error *err);

	/* The strings of `config` outlive the device. */
	int (*open)(struct virtio_device *dev, const struct vmm_config *config, size_t index,
		    struct vmm_error *err);
	/* A negative errno breaks the device. */
	int (*activate)(struct virtio_device *dev);
	void (*kick)(struct virtio_device *dev, struct virtq *q);
	void (*reset)(struct virtio_device *dev);
	/* The driver wrote into the configuration space, inside of dev->config_len: stores what may
	 * be written, and does nothing else. In a vCPU's thread, with dev->lock held. */
	void (*write_config)(struct virtio_device *dev, uint32_t offset, const void *data,
			     uint32_t len);
	/* The VM has ended and no thread is left: write out what is held back. */
	void (*flush)(struct virtio_device *dev);
	void (*close)(struct virtio_device *dev);
};

extern const struct virtio_ops virtio_rng, virtio_blk, virtio_net, virtio_console, virtio_balloon,
	virtio_vsock;

/* What devices are made from; the machine fills it in. */
struct virtio_host {
	const struct sys *sys;
	const struct kvm_vm *kvm_vm; /* NULL: none, in tests */
	struct guest_mem *mem;
	const struct vmm_log *log;
	bool confidential; /* guests must accept VIRTIO_F_ACCESS_PLATFORM */
	/* the user wants to end the VM (escape keys); may be NULL */
	void (*quit)(void *ctx);
	void *quit_ctx;
	/* the loops of the I/O threads; devices take turns */
	struct loop *const *loops;
	size_t nloops;
	size_t next_loop;
};

struct virtio_device {
	struct device dev; /* on the bus */
	const struct virtio_ops *ops;
	const struct virtio_host *host;
	struct loop *loop;
	char name[24]; /* "rng", "disk 0": for messages, and the owner of pins */

	/* open() sets these. */
	uint64_t offered; /* feature bits of the device type; the transport adds its own */
	void *config;	  /* the configuration space, little-endian */
	uint32_t config_len;

	/* For the device to read. */
	uint64_t features; /* what driver and device agreed on */
	bool active;	   /* between activate and reset */
	struct virtq *queue;
	unsigned int nqueues;
	struct virtq_chain *chain; /* one for the chain that is worked on */

	/* The transport's. */
	int irq_fd;		    /* an irqfd */
	_Atomic uint32_t interrupt; /* InterruptStatus */
	/* what it always shows: a device whose interrupt others raise (vhost) sets this */
	_Atomic uint32_t standing;
	_Atomic uint32_t status;
	struct vmm_log_limit complaints;
	pthread_mutex_t lock; /* of what follows, and of `config` and the queues' set-up */
	uint32_t generation;
	uint32_t feature_page, driver_page; /* DeviceFeaturesSel, DriverFeaturesSel */
	uint64_t driver_features;
	uint32_t queue_sel;
};

/* --- device.c: for devices -------------------------------------------------------------------- */

/* Gives the device `n` queues of at most `max_size` entries, a power of two, each. */
int virtio_queues(struct virtio_device *dev, unsigned int n, uint16_t max_size,
		  struct vmm_error *err);

/* Does the driver work with the device? */
bool virtio_runs(const struct virtio_device *dev);

/* Did the driver accept this feature? `bit` is VIRTIO_*_F_*. */
static inline bool virtio_has(const struct virtio_device *dev, unsigned int bit)
{
	return (dev->features >> bit & 1) != 0;
}

/* Shows the driver what was pushed, and interrupts it if it wants that. Breaks the device if the
 * queue has a fault. */
void virtio_notify(struct virtq *q);

/* The same when nothing is left to be popped, and asks to be kicked. True when something has come
 * meanwhile: look again. */
bool virtio_done(struct virtq *q);

/* Pops, pushes and notifies, calling one() for each chain, which returns the number of bytes
 * written, or a negative number to leave this chain and all behind it where they are for now. After
 * as many chains as the queue has entries the other sources of the loop get their turn. */
void virtio_serve(struct virtq *q, int (*one)(struct virtio_device *dev, struct virtq *q,
					      struct virtq_chain *chain));

/* The driver broke the rules, or the device cannot go on: DEVICE_NEEDS_RESET, and a configuration
 * interrupt (section 2.1.2). The queues are dead until the driver resets. */
void virtio_broken(struct virtio_device *dev, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Changes bytes of the configuration space and tells the driver, if there is one. */
void virtio_set_config(struct virtio_device *dev, uint32_t offset, const void *data, uint32_t len);

/* A line in the log about this device; a guest that provokes it again and again gets few. */
void virtio_complain(struct virtio_device *dev, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Interrupts the driver: `why` is VIRTIO_MMIO_INT_*. */
void virtio_interrupt(struct virtio_device *dev, uint32_t why);

/* Has the loop tell of the driver's kicks; 0 or -errno. */
int virtio_watch(struct virtq *q, struct vmm_error *err);

/* --- device.c: for the machine and for tests -------------------------------------------------- */

#define VIRTIO_WINDOW 0x1000 /* bytes of a device's registers on the bus */

/* Makes device `index` of a kind; its place on the host's loops is chosen. On failure *dev is
 * NULL. `config`: what is asked of open(). */
int virtio_create(struct virtio_device **dev, const struct virtio_ops *ops,
		  struct virtio_host *host, const struct vmm_config *config, size_t index,
		  struct vmm_error *err);

/* Gives the device its interrupt and its notifications: an irqfd at `gsi`, and for each queue an
 * ioeventfd at QueueNotify of the window at `gpa`. Without a VM these are eventfds that only the
 * caller raises and reads. */
int virtio_connect(struct virtio_device *dev, uint64_t gpa, uint32_t gsi, struct vmm_error *err);

/* Resets it if it is active, and frees it. No thread is left that uses it. */
void virtio_destroy(struct virtio_device *dev);

/* --- mmio.c ----------------------------------------------------------------------------------- */

extern const struct device_ops virtio_mmio_ops;

#endif
