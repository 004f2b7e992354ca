// SPDX-License-Identifier: MIT
#include "vmm/base/sys.h"

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* vCPU and I/O threads call little; a small stack keeps a fleet's address spaces readable */
#define THREAD_STACK (256 << 10)

static int result(int ret)
{
	return ret < 0 ? -errno : ret;
}

static int host_open(void *ctx, const char *path, int flags)
{
	(void)ctx;
	return result(open(path, flags | O_CLOEXEC, 0600));
}

static int host_close(void *ctx, int fd)
{
	(void)ctx;
	return result(close(fd));
}

static int host_cloexec(void *ctx, int fd)
{
	(void)ctx;
	return result(fcntl(fd, F_SETFD, FD_CLOEXEC));
}

static int host_file_size(void *ctx, int fd, uint64_t *size)
{
	struct stat st;

	(void)ctx;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISBLK(st.st_mode))
		return result(ioctl(fd, BLKGETSIZE64, size));
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	*size = (uint64_t)st.st_size;
	return 0;
}

static enum sys_kind kind_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return SYS_REGULAR;
	case S_IFBLK:
		return SYS_BLOCK;
	case S_IFCHR:
		return SYS_CHAR;
	case S_IFIFO:
		return SYS_FIFO;
	case S_IFSOCK:
		return SYS_SOCKET;
	case S_IFDIR:
		return SYS_FOLDER;
	}
	return SYS_OTHER;
}

static int host_identify(void *ctx, int fd, struct sys_identity *id)
{
	struct stat st;

	(void)ctx;
	if (fstat(fd, &st) < 0)
		return -errno;
	*id = (struct sys_identity){kind_of(st.st_mode), st.st_dev, st.st_ino};
	if (id->kind == SYS_BLOCK || id->kind == SYS_CHAR) {
		id->dev = st.st_rdev;
		id->ino = 0;
	}
	return 0;
}

static int host_access(void *ctx, const char *path, int mode)
{
	(void)ctx;
	return result(faccessat(AT_FDCWD, path, mode, AT_EACCESS));
}

static int host_lockable(void *ctx, int fd, bool exclusive)
{
	struct flock lock = {.l_type = exclusive ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET};

	(void)ctx;
	if (fcntl(fd, F_OFD_GETLK, &lock) < 0)
		return -errno;
	return lock.l_type == F_UNLCK ? 0 : -EAGAIN;
}

static int host_lock(void *ctx, int fd, bool exclusive)
{
	struct flock lock = {.l_type = exclusive ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET};
	int ret = fcntl(fd, F_OFD_SETLK, &lock);

	(void)ctx;
	if (ret < 0 && errno == EACCES) /* what some systems say for EAGAIN, fcntl(2) */
		return -EAGAIN;
	return result(ret);
}

static ssize_t host_pread(void *ctx, int fd, void *buf, size_t len, uint64_t offset)
{
	ssize_t n;

	(void)ctx;
	if (offset > INT64_MAX)
		return -EINVAL;
	do
		n = pread(fd, buf, len, (off_t)offset);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static ssize_t host_preadv(void *ctx, int fd, const struct iovec *iov, unsigned int n,
			   uint64_t offset, int flags)
{
	ssize_t ret;

	(void)ctx;
	if (offset > INT64_MAX)
		return -EINVAL;
	do
		ret = preadv2(fd, iov, (int)n, (off_t)offset, flags);
	while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : ret;
}

static ssize_t host_pwritev(void *ctx, int fd, const struct iovec *iov, unsigned int n,
			    uint64_t offset, int flags)
{
	ssize_t ret;

	(void)ctx;
	if (offset > INT64_MAX)
		return -EINVAL;
	do
		ret = pwritev2(fd, iov, (int)n, (off_t)offset, flags);
	while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : ret;
}

static int host_fdatasync(void *ctx, int fd)
{
	(void)ctx;
	return result(fdatasync(fd));
}

static ssize_t host_copy(void *ctx, int from, uint64_t from_offset, int to, uint64_t to_offset,
			 size_t len)
{
	off_t at = (off_t)from_offset;
	ssize_t n;

	(void)ctx;
	if (from_offset > INT64_MAX || to_offset > INT64_MAX)
		return -EINVAL;
	if (lseek(to, (off_t)to_offset, SEEK_SET) < 0)
		return -errno;
	do
		n = sendfile(to, from, &at, len);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static int host_ioctl(void *ctx, int fd, unsigned long request, void *arg)
{
	(void)ctx;
	return result(ioctl(fd, request, arg));
}

static int host_memfd(void *ctx, const char *name, unsigned int flags)
{
	(void)ctx;
	return result(memfd_create(name, flags | MFD_CLOEXEC));
}

static int host_ftruncate(void *ctx, int fd, uint64_t size)
{
	(void)ctx;
	if (size > INT64_MAX)
		return -EFBIG;
	return result(ftruncate(fd, (off_t)size));
}

static int host_fallocate(void *ctx, int fd, int mode, uint64_t offset, uint64_t len)
{
	(void)ctx;
	if (offset > INT64_MAX || len > INT64_MAX)
		return -EFBIG;
	return result(fallocate(fd, mode, (off_t)offset, (off_t)len));
}

static int host_mmap(void *ctx, void **addr, size_t len, int prot, int flags, int fd,
		     uint64_t offset)
{
	void *p;

	(void)ctx;
	p = mmap(NULL, len, prot, flags, fd, (off_t)offset);
	if (p == MAP_FAILED)
		return -errno;
	*addr = p;
	return 0;
}

static int host_munmap(void *ctx, void *addr, size_t len)
{
	(void)ctx;
	return result(munmap(addr, len));
}

static int host_madvise(void *ctx, void *addr, size_t len, int advice)
{
	(void)ctx;
	return result(madvise(addr, len, advice));
}

static int host_uring_setup(void *ctx, unsigned int entries, struct io_uring_params *params)
{
	(void)ctx;
	return result((int)syscall(SYS_io_uring_setup, entries, params));
}

static int host_uring_enter(void *ctx, int fd, unsigned int submit, unsigned int complete,
			    unsigned int flags)
{
	(void)ctx;
	return result((int)syscall(SYS_io_uring_enter, fd, submit, complete, flags, NULL, 0));
}

static int host_eventfd(void *ctx)
{
	(void)ctx;
	return result(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
}

static int host_timerfd(void *ctx)
{
	(void)ctx;
	return result(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
}

static int host_ifindex(void *ctx, const char *name)
{
	unsigned int index = if_nametoindex(name);

	(void)ctx;
	return index > 0 ? (int)index : -errno;
}

static int host_thread_start(void *ctx, pthread_t *thread, void *(*fn)(void *), void *arg)
{
	pthread_attr_t attr;
	int ret;

	(void)ctx;
	ret = pthread_attr_init(&attr);
	if (ret)
		return -ret;
	ret = pthread_attr_setstacksize(&attr, THREAD_STACK);
	if (!ret)
		ret = pthread_create(thread, &attr, fn, arg);
	pthread_attr_destroy(&attr);
	return -ret;
}

static int host_thread_join(void *ctx, pthread_t thread)
{
	(void)ctx;
	return -pthread_join(thread, NULL);
}

/* A statically linked program has no getgrgid(): that would load libraries. *name stays as it is when
 * the group has none. */
static void group_name(gid_t gid, char *name, size_t size)
{
	FILE *file = fopen("/etc/group", "re");
	char line[1024];

	while (file && fgets(line, sizeof(line), file)) {
		char *password = strchr(line, ':');
		char *number = password ? strchr(password + 1, ':') : NULL;

		if (number && strtoul(number + 1, NULL, 10) == gid) {
			snprintf(name, size, "%.*s", (int)(password - line), line);
			break;
		}
	}
	if (file)
		fclose(file);
}

static int host_owner(void *ctx, const char *path, struct sys_owner *owner)
{
	struct stat st;

	(void)ctx;
	if (stat(path, &st) < 0)
		return -errno;
	*owner = (struct sys_owner){.mode = st.st_mode, .uid = st.st_uid, .gid = st.st_gid};
	group_name(st.st_gid, owner->group, sizeof(owner->group));
	return 0;
}

/* VMX: Intel SDM volume 2, CPUID leaf 1, ECX bit 5. SVM: AMD APM volume 3, appendix E, leaf
 * 0x80000001, ECX bit 2. */
static bool host_cpu(void *ctx, char vendor[13])
{
	unsigned int a = 0, b = 0, c = 0, d = 0;

	(void)ctx;
	__get_cpuid(0, &a, &b, &c, &d);
	memcpy(vendor, &b, 4);
	memcpy(vendor + 4, &d, 4);
	memcpy(vendor + 8, &c, 4);
	vendor[12] = '\0';
	if (__get_cpuid(1, &a, &b, &c, &d) && (c & 1u << 5))
		return true;
	return __get_cpuid(0x80000001, &a, &b, &c, &d) && (c & 1u << 2);
}

const struct sys *sys_host(void)
{
	static const struct sys_ops ops = {
		.open = host_open,
		.close = host_close,
		.cloexec = host_cloexec,
		.file_size = host_file_size,
		.identify = host_identify,
		.access = host_access,
		.lock = host_lock,
		.lockable = host_lockable,
		.pread = host_pread,
		.preadv = host_preadv,
		.pwritev = host_pwritev,
		.fdatasync = host_fdatasync,
		.copy = host_copy,
		.ioctl = host_ioctl,
		.memfd = host_memfd,
		.ftruncate = host_ftruncate,
		.fallocate = host_fallocate,
		.mmap = host_mmap,
		.munmap = host_munmap,
		.madvise = host_madvise,
		.uring_setup = host_uring_setup,
		.uring_enter = host_uring_enter,
		.eventfd = host_eventfd,
		.timerfd = host_timerfd,
		.ifindex = host_ifindex,
		.owner = host_owner,
		.cpu = host_cpu,
		.thread_start = host_thread_start,
		.thread_join = host_thread_join,
	};
	static const struct sys host = {.ops = &ops};

	return &host;
}

void sys_close(const struct sys *sys, int *fd)
{
	if (*fd >= 0)
		sys->ops->close(sys->ctx, *fd);
	*fd = -1;
}
