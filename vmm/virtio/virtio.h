/* SPDX-License-Identifier: MIT */
/*
 * The interface between a virtio device and the transport (mmio.c; virtio 1.2, section 4.2). A
 * device is one file: a structure that starts with `struct virtio_device`, a table of functions,
 * and a function that creates it, which devices.c lists.
 *
 * All functions of a device are called in its I/O thread (dev->loop), one at a time, so a device
 * needs no locks: neither a vCPU that resets it nor another device's thread gets between. It adds
 * its own descriptors (a tap, sockets) to the same loop. The life of a device:
 *
 *	create	  virtio_init(), opens what it needs on the host
 *	activate  the driver has set DRIVER_OK: dev->features, dev->queue[].ready are final
 *	notify	  the driver has made buffers available
 *	reset	  the driver starts over: drop all chains, forget everything about the driver. Only
 *		  called after activate
 *	destroy	  at the end, after the threads; reset was called if the device was active
 *
 * While the device is not active (dev->active), or broken, it must not touch its queues: functions
 * called for the device's own descriptors ask virtio_runs().
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

struct virtio_device;

struct virtio_ops {
	const char *name; /* "rng": for messages */
	uint32_t id;	  /* device type: section 5, linux/virtio_ids.h */
	/* A negative errno breaks the device. NULL: nothing to do. */
	int (*activate)(struct virtio_device *dev);
	void (*notify)(struct virtio_device *dev, unsigned int queue);
	void (*reset)(struct virtio_device *dev); /* NULL: nothing to do */
	/* The driver wrote into the configuration space, inside of dev->config_len. NULL: it is
	 * read-only, and writes are dropped. */
	void (*write_config)(struct virtio_device *dev, uint32_t offset, const void *data,
			     uint32_t len);
	/* The VM has ended and no thread is left: write out what is held back. NULL: nothing. */
	void (*flush)(struct virtio_device *dev);
	/* Closes what create opened and frees the structure. */
	void (*destroy)(struct virtio_device *dev);
};

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

	/* The device sets these in its create function. */
	uint64_t offered; /* feature bits of the device type; the transport adds its own */
	uint8_t *config;  /* the configuration space, little-endian */
	uint32_t config_len;

	/* For the device to read. */
	uint64_t features; /* what driver and device agreed on */
	bool active;	   /* between activate and reset */
	struct virtq *queue;
	unsigned int nqueues;

	/* The transport's. */
	uint16_t queue_max;	    /* entries */
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
	struct virtq_chain *chain; /* for virtq_serve() */
};

/* --- mmio.c: for devices ---------------------------------------------------------------------- */

/*
 * Makes the common part of a device of `nqueues` queues with at most `queue_max` entries (a power
 * of two) each; its place on the host's loops is chosen. `name` is copied. On failure, and later in
 * destroy, call virtio_destroy().
 */
int virtio_init(struct virtio_device *dev, const struct virtio_ops *ops, struct virtio_host *host,
		const char *name, unsigned int nqueues, uint16_t queue_max, struct vmm_error *err);
void virtio_destroy(struct virtio_device *dev);

/* May the device touch its queues? */
bool virtio_runs(const struct virtio_device *dev);

/* Did the driver accept this feature? `bit` is VIRTIO_*_F_*. */
static inline bool virtio_has(const struct virtio_device *dev, unsigned int bit)
{
	return (dev->features >> bit & 1) != 0;
}

/* May chains be held while other things go on (io_uring, vhost)? See queue.h. */
bool virtio_may_hold(const struct virtio_device *dev);

/* The driver broke the rules, or the device cannot go on: DEVICE_NEEDS_RESET, and a configuration
 * interrupt (section 2.1.2). The queues are not touched any more until the driver resets. */
void virtio_broken(struct virtio_device *dev, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Changes bytes of the configuration space and tells the driver, if there is one. */
void virtio_set_config(struct virtio_device *dev, uint32_t offset, const void *data, uint32_t len);

/* A line in the log about this device; a guest that provokes it again and again gets few. */
void virtio_complain(struct virtio_device *dev, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* --- mmio.c: for the machine and for tests ---------------------------------------------------- */

#define VIRTIO_WINDOW 0x1000 /* bytes of a device's registers on the bus */

/* Gives the device its interrupt and its notifications: an irqfd at `gsi`, and for each queue an
 * ioeventfd at QueueNotify of the window at `gpa`. Without a VM these are eventfds that only the
 * caller raises and reads. */
int virtio_connect(struct virtio_device *dev, uint64_t gpa, uint32_t gsi, struct vmm_error *err);

/* Interrupts the driver: `why` is VIRTIO_MMIO_INT_*. */
void virtio_interrupt(struct virtio_device *dev, uint32_t why);

#endif
