// SPDX-License-Identifier: MIT
/*
 * The table of the seam. KVM's descriptors lead into the model, everything else is done for real
 * and entered into the account.
 */
#include "tests/mock/model_cc_state.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE MIB(2)

static const struct sys_ops *real(void)
{
	return sys_host()->ops;
}

/* The entry of `fd`, a copy: others may come and go meanwhile. */
static struct model_fd known(struct model *m, int fd, const char *what)
{
	struct model_fd *f, copy;

	model_lock(m);
	f = model_find_fd(m, fd);
	if (!f)
		model_foul("%s on descriptor %d, which is not open", what, fd);
	copy = *f;
	model_unlock(m);
	return copy;
}

/* Enters a new descriptor of call `call`. */
static struct model_fd *enter(struct model *m, unsigned long call, int fd, enum model_kind kind,
			      const char *name)
{
	m->call = call;
	return model_add_fd(m, fd, kind, NULL, "%s", name);
}

static int op_open(void *ctx, const char *path, int flags)
{
	static const char *const names[] = {"open /dev/vhost-net", "open /dev/kvm", "open /dev/sev",
					    "open /dev/net/tun"};
	struct model *m = ctx;
	bool kvm = strcmp(path, "/dev/kvm") == 0, sev = strcmp(path, "/dev/sev") == 0;
	bool tap = strcmp(path, MODEL_TAP_PATH) == 0, vhost = strcmp(path, MODEL_VHOST_PATH) == 0;
	unsigned long call;
	int ret;

	call = model_begin(m, kvm || sev || tap || vhost ? names[kvm + 2 * sev + 3 * tap] : "open",
			   &ret);
	if (!call)
		return ret;
	if (sev && !m->snp.present)
		return -ENOENT;
	if (tap || vhost) {
		ret = real()->eventfd(NULL); /* a descriptor that can be waited for */
		if (ret < 0)
			return ret;
	} else if (!kvm && !sev) {
		ret = real()->open(NULL, path, flags);
		if (ret < 0)
			return ret;
	}
	model_lock(m);
	if (kvm || sev) {
		m->call = call;
		ret = model_object_fd(m, kvm ? MODEL_SYSTEM : MODEL_SEV, kvm ? m : NULL, 0, path);
	} else {
		enter(m, call, ret,
		      tap     ? MODEL_TAP
		      : vhost ? MODEL_VHOST
			      : MODEL_FILE,
		      path)
			->object = tap || vhost ? model_net_new(m, path) : NULL;
	}
	model_unlock(m);
	return ret;
}

static int op_close(void *ctx, int fd)
{
	struct model *m = ctx;
	struct model_fd *f;

	/* out of the account first: the number may be handed out again at once */
	model_lock(m);
	f = model_find_fd(m, fd);
	if (!f)
		model_foul("close of descriptor %d, which is not open", fd);
	model_remove_fd(m, f);
	model_unlock(m);
	return real()->close(NULL, fd);
}

static int op_cloexec(void *ctx, int fd)
{
	int ret;

	known(ctx, fd, "cloexec");
	if (!model_begin(ctx, "cloexec", &ret))
		return ret;
	return real()->cloexec(NULL, fd);
}

static int op_file_size(void *ctx, int fd, uint64_t *size)
{
	int ret;

	known(ctx, fd, "file_size");
	if (!model_begin(ctx, "file_size", &ret))
		return ret;
	return real()->file_size(NULL, fd, size);
}

static int op_identify(void *ctx, int fd, struct sys_identity *id)
{
	int ret;

	known(ctx, fd, "identify");
	if (!model_begin(ctx, "identify", &ret))
		return ret;
	return real()->identify(NULL, fd, id);
}

static int op_access(void *ctx, const char *path, int mode)
{
	int ret;

	if (!model_begin(ctx, "access", &ret))
		return ret;
	return real()->access(NULL, path, mode);
}

static int op_lockable(void *ctx, int fd, bool exclusive)
{
	int ret;

	known(ctx, fd, "lockable");
	if (!model_begin(ctx, "lockable", &ret))
		return ret;
	return real()->lockable(NULL, fd, exclusive);
}

static int op_lock(void *ctx, int fd, bool exclusive)
{
	int ret;

	known(ctx, fd, "lock");
	if (!model_begin(ctx, "lock", &ret))
		return ret;
	return real()->lock(NULL, fd, exclusive);
}

static ssize_t op_pread(void *ctx, int fd, void *buf, size_t len, uint64_t offset)
{
	struct model_fd f = known(ctx, fd, "pread");
	int ret;

	if (f.object)
		model_foul("pread on %s", f.name);
	if (!model_begin(ctx, "pread", &ret))
		return ret;
	return real()->pread(NULL, fd, buf, len, offset);
}

static ssize_t op_preadv(void *ctx, int fd, const struct iovec *iov, unsigned int n,
			 uint64_t offset, int flags)
{
	struct model_fd f = known(ctx, fd, "preadv");
	int ret;

	if (f.object)
		model_foul("preadv on %s", f.name);
	if (!model_begin(ctx, "preadv", &ret))
		return ret;
	return real()->preadv(NULL, fd, iov, n, offset, flags);
}

static ssize_t op_pwritev(void *ctx, int fd, const struct iovec *iov, unsigned int n,
			  uint64_t offset, int flags)
{
	struct model_fd f = known(ctx, fd, "pwritev");
	int ret;

	if (f.object)
		model_foul("pwritev on %s", f.name);
	if (!model_begin(ctx, "pwritev", &ret))
		return ret;
	return real()->pwritev(NULL, fd, iov, n, offset, flags);
}

static int op_fdatasync(void *ctx, int fd)
{
	int ret;

	known(ctx, fd, "fdatasync");
	if (!model_begin(ctx, "fdatasync", &ret))
		return ret;
	return real()->fdatasync(NULL, fd);
}

static ssize_t op_copy(void *ctx, int from, uint64_t from_offset, int to, uint64_t to_offset,
		       size_t len)
{
	struct model_fd f = known(ctx, from, "copy");
	int ret;

	known(ctx, to, "copy");
	if (f.object)
		model_foul("copy from %s", f.name);
	if (!model_begin(ctx, "copy", &ret))
		return ret;
	return real()->copy(NULL, from, from_offset, to, to_offset, len);
}

static const struct model_request *find_request(const struct model_fd *f, unsigned long request)
{
	static const struct model_request *const tables[] = {
		[MODEL_SYSTEM] = model_system_requests, [MODEL_VM] = model_vm_requests,
		[MODEL_VCPU] = model_vcpu_requests,	[MODEL_GMEM] = model_gmem_requests,
		[MODEL_TAP] = model_tap_requests,	[MODEL_VHOST] = model_vhost_requests,
	};
	const struct model_request *r = tables[f->kind];

	for (; r && r->request; r++)
		if (r->request == request)
			return r;
	model_foul("ioctl %#lx on %s: not known to the model", request, f->name);
}

static int op_ioctl(void *ctx, int fd, unsigned long request, void *arg)
{
	struct model *m = ctx;
	struct model_fd f = known(m, fd, "ioctl");
	const struct model_request *r;
	const char *name;
	unsigned long call;
	int ret;

	if (f.kind == MODEL_FILE)
		return model_begin(m, "ioctl", &ret) ? real()->ioctl(NULL, fd, request, arg) : ret;
	r = find_request(&f, request);
	name = r->name;
	if (request == KVM_MEMORY_ENCRYPT_OP)
		name = model_cc_name(&f, arg);
	call = model_begin(m, name, &ret);
	if (!call && request == KVM_MEMORY_ENCRYPT_OP)
		model_cc_failed(m, &f, arg);
	if (!call)
		return ret;
	model_lock(m);
	if (f.kind == MODEL_VCPU && ((struct model_vcpu *)f.object)->running)
		model_foul("%s on %s, which runs in another thread", r->name, f.name);
	m->call = call;
	ret = model_cc_dead(&f) ? -EIO : r->handle(f.object, arg);
	model_unlock(m);
	return ret;
}

static int op_memfd(void *ctx, const char *name, unsigned int flags)
{
	struct model *m = ctx;
	unsigned long call;
	char text[64];
	int ret;

	call = model_begin(m, "memfd", &ret);
	if (!call)
		return ret;
	/* whether this machine has huge pages must not decide about the test */
	ret = real()->memfd(NULL, name, flags & (MFD_CLOEXEC | MFD_ALLOW_SEALING));
	if (ret < 0)
		return ret;
	snprintf(text, sizeof(text), "memfd \"%s\"", name);
	model_lock(m);
	enter(m, call, ret, MODEL_MEMFD, text)->huge = flags & MFD_HUGETLB;
	model_unlock(m);
	return ret;
}

static int op_ftruncate(void *ctx, int fd, uint64_t size)
{
	struct model_fd f = known(ctx, fd, "ftruncate");
	int ret;

	if (!model_begin(ctx, "ftruncate", &ret))
		return ret;
	if (f.object || (f.huge && !is_aligned(size, HUGE_PAGE)))
		return -EINVAL;
	return real()->ftruncate(NULL, fd, size);
}

static int op_fallocate(void *ctx, int fd, int mode, uint64_t offset, uint64_t len)
{
	struct model_fd f = known(ctx, fd, "fallocate");
	int ret;

	if (!model_begin(ctx, "fallocate", &ret))
		return ret;
	model_lock(ctx);
	ret = model_may_fallocate(ctx, &f, mode, offset, len);
	model_unlock(ctx);
	if (ret < 0)
		return ret;
	return real()->fallocate(NULL, fd, mode, offset, len);
}

/* What KVM's descriptors, and huge pages, have against being mapped. The model is locked. */
static int may_map(const struct model *m, const struct model_fd *f, size_t len, int flags,
		   uint64_t offset)
{
	const struct model_gmem *gmem;

	switch (f->kind) {
	case MODEL_SYSTEM:
	case MODEL_VM:
		return -ENODEV;
	case MODEL_VCPU:
		if (offset != 0 || len != MODEL_RUN_SIZE)
			model_foul("%s: struct kvm_run mapped with %zu bytes", f->name, len);
		return 0;
	case MODEL_GMEM:
		gmem = f->object;
		if (!(gmem->flags & GUEST_MEMFD_FLAG_MMAP))
			return -ENODEV;
		return (flags & MAP_TYPE) == MAP_SHARED ? 0 : -EINVAL;
	default:
		/* MAP_NORESERVE leaves too few huge pages to a SIGBUS later */
		if (f->huge && !(flags & MAP_NORESERVE) && len / HUGE_PAGE > m->huge_pages)
			return -ENOMEM;
		return 0;
	}
}

static int op_mmap(void *ctx, void **addr, size_t len, int prot, int flags, int fd, uint64_t offset)
{
	struct model *m = ctx;
	struct model_fd f = {.fd = -1, .name = "anonymous memory"};
	unsigned long call;
	int ret;

	if (!(flags & MAP_ANONYMOUS))
		f = known(m, fd, "mmap");
	call = model_begin(m, strcmp(f.name, "io_uring") == 0 ? "mmap io_uring" : "mmap", &ret);
	if (!call)
		return ret;
	model_lock(m);
	ret = may_map(m, &f, len, flags, offset);
	if (ret == 0)
		ret = real()->mmap(NULL, addr, len, prot, flags, fd, offset);
	if (ret == 0) {
		m->call = call;
		model_add_map(m, *addr, len, f.huge ? len / HUGE_PAGE : 0, f.name);
		model_gmem_mapped(m, model_find_map(m, *addr), &f, offset);
	}
	model_unlock(m);
	return ret;
}

static int op_munmap(void *ctx, void *addr, size_t len)
{
	struct model *m = ctx;
	struct model_map *map;

	model_lock(m);
	map = model_find_map(m, addr);
	if (!map)
		model_foul("munmap of %p, which is not mapped", addr);
	if (map->len != len)
		model_foul("munmap of %zu bytes where %zu are mapped (%s)", len, map->len,
			   map->name);
	model_memory_unmapped(m, addr, len);
	model_remove_map(m, map);
	model_unlock(m);
	return real()->munmap(NULL, addr, len);
}

static int op_madvise(void *ctx, void *addr, size_t len, int advice)
{
	int ret;

	if (!model_begin(ctx, "madvise", &ret))
		return ret;
	return real()->madvise(NULL, addr, len, advice);
}

static int op_uring_setup(void *ctx, unsigned int entries, struct io_uring_params *params)
{
	struct model *m = ctx;
	unsigned long call;
	int ret;

	call = model_begin(m, "uring_setup", &ret);
	if (!call)
		return ret;
	ret = real()->uring_setup(NULL, entries, params);
	if (ret < 0)
		return ret;
	model_lock(m);
	enter(m, call, ret, MODEL_FILE, "io_uring");
	model_unlock(m);
	return ret;
}

static int op_uring_enter(void *ctx, int fd, unsigned int submit, unsigned int complete,
			  unsigned int flags)
{
	int ret;

	known(ctx, fd, "uring_enter");
	if (!model_begin(ctx, "uring_enter", &ret))
		return ret;
	return real()->uring_enter(NULL, fd, submit, complete, flags);
}

static int op_eventfd(void *ctx)
{
	struct model *m = ctx;
	unsigned long call;
	int ret;

	call = model_begin(m, "eventfd", &ret);
	if (!call)
		return ret;
	ret = real()->eventfd(NULL);
	if (ret < 0)
		return ret;
	model_lock(m);
	enter(m, call, ret, MODEL_EVENTFD, "eventfd");
	model_unlock(m);
	return ret;
}

static int op_timerfd(void *ctx)
{
	struct model *m = ctx;
	unsigned long call;
	int ret;

	call = model_begin(m, "timerfd", &ret);
	if (!call)
		return ret;
	ret = real()->timerfd(NULL);
	if (ret < 0)
		return ret;
	model_lock(m);
	enter(m, call, ret, MODEL_FILE, "timerfd");
	model_unlock(m);
	return ret;
}

/* The model's host has the interfaces tap0 to tap9. */
static int op_ifindex(void *ctx, const char *name)
{
	int ret;

	if (!model_begin(ctx, "ifindex", &ret))
		return ret;
	return strlen(name) == 4 && strncmp(name, "tap", 3) == 0 ? 2 + name[3] - '0' : -ENODEV;
}

static int op_thread_start(void *ctx, pthread_t *thread, void *(*fn)(void *), void *arg)
{
	struct model *m = ctx;
	unsigned long call;
	int ret;

	call = model_begin(m, "thread_start", &ret);
	if (!call)
		return ret;
	model_lock(m);
	ret = real()->thread_start(NULL, thread, fn, arg);
	if (ret == 0) {
		m->call = call;
		model_add_thread(m, *thread);
	}
	model_unlock(m);
	return ret;
}

static int op_thread_join(void *ctx, pthread_t thread)
{
	struct model *m = ctx;

	if (pthread_equal(thread, pthread_self()))
		model_foul("a thread joins itself");
	model_lock(m);
	model_remove_thread(m, thread);
	model_unlock(m);
	return real()->thread_join(NULL, thread);
}

/* As Debian's udev leaves /dev/kvm. */
static int op_owner(void *ctx, const char *path, struct sys_owner *owner)
{
	(void)ctx;
	(void)path;
	*owner = (struct sys_owner){.mode = 0660, .gid = 104, .group = "kvm"};
	return 0;
}

/* Whatever CPU the tests run on. */
static bool op_cpu(void *ctx, char vendor[13])
{
	const struct model *m = ctx;

	memcpy(vendor, "AuthenticAMD", 13);
	return !m->pagetable_based;
}

const struct sys_ops model_ops = {
	.open = op_open,
	.close = op_close,
	.cloexec = op_cloexec,
	.file_size = op_file_size,
	.identify = op_identify,
	.access = op_access,
	.lock = op_lock,
	.lockable = op_lockable,
	.pread = op_pread,
	.preadv = op_preadv,
	.pwritev = op_pwritev,
	.fdatasync = op_fdatasync,
	.copy = op_copy,
	.ioctl = op_ioctl,
	.memfd = op_memfd,
	.ftruncate = op_ftruncate,
	.fallocate = op_fallocate,
	.mmap = op_mmap,
	.munmap = op_munmap,
	.madvise = op_madvise,
	.uring_setup = op_uring_setup,
	.uring_enter = op_uring_enter,
	.eventfd = op_eventfd,
	.timerfd = op_timerfd,
	.ifindex = op_ifindex,
	.owner = op_owner,
	.cpu = op_cpu,
	.thread_start = op_thread_start,
	.thread_join = op_thread_join,
};
