// SPDX-License-Identifier: MIT
/*
 * A source of random bytes (virtio 1.2, section 5.4): a file of the host, or a character device.
 *
 * The kernel's own sources answer at once. Others, such as /dev/hwrng, take their time and may never
 * answer, and a thread that waits in a driver cannot be called back: a thread of their own reads
 * them, that nobody waits for. It is asked, and answers, through a pair of sockets, and shares
 * nothing else with us; when our end is closed, it goes, now or when the source answers.
 */
#include "vmm/virtio/virtio.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define QUEUE_SIZE 64

/* Bytes that a request gets at most, however many it asks for: drivers come again (Linux asks for 32
 * to 64 at a time), and a request takes the other devices' time. */
#define MAX_BYTES 4096

/* Character devices of the kernel itself: random, urandom, zero, ... (devices.txt of Linux) */
#define MEM_MAJOR 1

struct rng {
	struct virtio_device virtio;
	int fd;		 /* the source; -1: the reader has it */
	uint64_t offset; /* in a file */
	bool slow;
	bool asked;		   /* the reader */
	struct loop_source reader; /* its socket, from the first request on; else fd -1 */
};

/* --- the reader ------------------------------------------------------------------------------- */

/* The reader's own: freed by it. */
struct reader {
	const struct sys *sys;
	int fd, socket;
};

struct answer {
	ssize_t n; /* bytes, or a negative errno */
	uint8_t bytes[MAX_BYTES];
};

static void *reader_main(void *arg)
{
	struct reader *r = arg;
	struct answer answer;
	size_t want;

	/* a device has no offset */
	while (recv(r->socket, &want, sizeof(want), 0) == (ssize_t)sizeof(want)) {
		answer.n = r->sys->ops->pread(r->sys->ctx, r->fd, answer.bytes, want, 0);
		if (send(r->socket, &answer, sizeof(answer), MSG_NOSIGNAL) < 0)
			break;
	}
	close(r->socket);
	sys_close(r->sys, &r->fd);
	free(r);
	return NULL;
}

static int reader_start(struct rng *rng)
{
	const struct sys *sys = rng->virtio.host->sys;
	struct reader *r = malloc(sizeof(*r));
	pthread_t thread;
	int pair[2], ret;

	if (!r)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		free(r);
		return -errno;
	}
	*r = (struct reader){.sys = sys, .fd = rng->fd, .socket = pair[1]};
	rng->reader.fd = pair[0];
	ret = loop_add(rng->virtio.loop, &rng->reader, EPOLLIN | EPOLLET, NULL);
	if (ret == 0)
		ret = sys->ops->thread_start(sys->ctx, &thread, reader_main, r);
	if (ret < 0) {
		close(pair[0]);
		close(pair[1]);
		rng->reader.fd = -1;
		free(r);
		return ret;
	}
	pthread_detach(thread);
	rng->fd = -1;
	return 0;
}

/* Asks the reader, or takes its answer; -EAGAIN: that is yet to come. */
static ssize_t ask_reader(struct rng *rng, void *buf, size_t len)
{
	struct answer answer;
	int ret = rng->reader.fd < 0 ? reader_start(rng) : 0;

	if (ret < 0)
		return ret;
	if (rng->asked) {
		if (recv(rng->reader.fd, &answer, sizeof(answer), MSG_DONTWAIT) < 0)
			return -errno;
		rng->asked = false;
		if (answer.n > 0)
			memcpy(buf, answer.bytes, (size_t)answer.n < len ? (size_t)answer.n : len);
		return answer.n < (ssize_t)len ? answer.n : (ssize_t)len;
	}
	if (send(rng->reader.fd, &len, sizeof(len), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -errno;
	rng->asked = true;
	return -EAGAIN;
}

/* --- requests --------------------------------------------------------------------------------- */

static ssize_t read_source(struct rng *rng, void *buf, size_t len)
{
	const struct sys *sys = rng->virtio.host->sys;
	ssize_t n;

	if (rng->slow)
		return ask_reader(rng, buf, len);
	n = sys->ops->pread(sys->ctx, rng->fd, buf, len, rng->offset);
	rng->offset += n > 0 ? (size_t)n : 0;
	return n;
}

static int fill(struct virtio_device *dev, struct virtq *q, struct virtq_chain *chain)
{
	struct rng *rng = container_of(dev, struct rng, virtio);
	uint8_t bytes[MAX_BYTES];
	size_t want = chain->write_len < sizeof(bytes) ? chain->write_len : sizeof(bytes);
	ssize_t n;

	(void)q;
	if (want == 0)
		return 0;
	n = read_source(rng, bytes, want);
	if (n == -EAGAIN && rng->slow)
		return -1;
	if (n > 0)
		return (int)chain_write(chain, 0, bytes, (size_t)n);
	virtio_complain(dev, "its source gives no bytes (%s)",
			n < 0 ? strerrorname_np((int)-n) : "it is at its end");
	return 0;
}

static void kick(struct virtio_device *dev, struct virtq *q)
{
	(void)dev;
	virtio_serve(q, fill);
}

static void reader_ready(struct loop_source *source, uint32_t events)
{
	struct rng *rng = container_of(source, struct rng, reader);

	(void)events;
	virtio_serve(&rng->virtio.queue[0], fill);
}

/* --- the device ------------------------------------------------------------------------------- */

static size_t count(const struct vmm_config *config)
{
	return config->rng.present;
}

/* A descriptor, without waiting for anything: pipes, sockets and folders are refused. */
static int open_source(const struct sys *sys, const char *path, bool *slow, struct vmm_error *err)
{
	/* O_NONBLOCK: a named pipe in the place of a file must not hang us */
	int fd = sys->ops->open(sys->ctx, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	struct sys_identity id;
	int off = 0, ret;

	if (fd < 0)
		return vmm_error_errno(err, fd, "rng.source: unable to open %s", path);
	ret = sys->ops->identify(sys->ctx, fd, &id);
	*slow = ret == 0 && id.kind == SYS_CHAR && major(id.dev) != MEM_MAJOR;
	/* the reader may wait: asking again and again is what it is there to spare */
	if (*slow)
		ret = sys->ops->ioctl(sys->ctx, fd, FIONBIO, &off);
	if (ret < 0)
		vmm_error_errno(err, ret, "rng.source: unable to look at %s", path);
	else if (id.kind != SYS_REGULAR && id.kind != SYS_CHAR)
		ret = vmm_error_set(err, -EINVAL,
				    "rng.source: %s is neither a file nor a character device",
				    path);
	if (ret < 0) {
		sys_close(sys, &fd);
		return ret;
	}
	return fd;
}

static int check(const struct sys *sys, const struct vmm_config *config, size_t index,
		 struct vmm_error *err)
{
	bool slow;
	int fd = open_source(sys, config->rng.source, &slow, err);

	(void)index;
	if (fd < 0)
		return fd;
	sys_close(sys, &fd);
	return 0;
}

static int open_rng(struct virtio_device *dev, const struct vmm_config *config, size_t index,
		    struct vmm_error *err)
{
	struct rng *rng = container_of(dev, struct rng, virtio);
	int ret = virtio_queues(dev, 1, QUEUE_SIZE, err);

	(void)index;
	rng->reader = (struct loop_source){reader_ready, -1};
	rng->fd = -1;
	if (ret == 0)
		ret = open_source(dev->host->sys, config->rng.source, &rng->slow, err);
	if (ret < 0)
		return ret;
	rng->fd = ret;
	return 0;
}

static void close_rng(struct virtio_device *dev)
{
	struct rng *rng = container_of(dev, struct rng, virtio);

	if (rng->reader.fd >= 0) {
		loop_remove(dev->loop, &rng->reader);
		close(rng->reader.fd);
	}
	sys_close(dev->host->sys, &rng->fd);
}

const struct virtio_ops virtio_rng = {
	.name = "rng",
	.id = VIRTIO_ID_RNG,
	.size = sizeof(struct rng),
	.count = count,
	.check = check,
	.open = open_rng,
	.kick = kick,
	.close = close_rng,
};
