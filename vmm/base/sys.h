/* SPDX-License-Identifier: MIT */
/*
 * The seam: every system call that touches KVM, guest memory or the files loaded into it goes
 * through this table, which the VM carries with it. Production code uses sys_host(); tests put a
 * model of KVM behind the same table, or fail the N-th call of a whole launch.
 *
 * Every function returns 0 or a useful number on success and a negative errno on failure; none
 * touches errno for its caller. `ctx` is sys->ctx.
 */
#ifndef VMM_BASE_SYS_H
#define VMM_BASE_SYS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct io_uring_params; /* linux/io_uring.h */

enum sys_kind {
	SYS_REGULAR,
	SYS_BLOCK,
	SYS_CHAR,
	SYS_FIFO,
	SYS_SOCKET,
	SYS_FOLDER,
	SYS_OTHER,
};

/* Which file it is, whatever name led to it: equal bytes for the same one. */
struct sys_identity {
	uint64_t kind; /* enum sys_kind */
	uint64_t dev;  /* of devices their own number, else of the file system */
	uint64_t ino;  /* 0 for devices */
};

/* To whom a file belongs. */
struct sys_owner {
	mode_t mode;
	uid_t uid;
	gid_t gid;
	char group[64]; /* "": it has no name */
};

struct sys_ops {
	/* descriptor; always opened close-on-exec */
	int (*open)(void *ctx, const char *path, int flags);
	int (*close)(void *ctx, int fd);
	/* sets FD_CLOEXEC */
	int (*cloexec)(void *ctx, int fd);
	/* size of the regular file, block device or memfd behind fd */
	int (*file_size)(void *ctx, int fd, uint64_t *size);
	/* which file that is; fd may be opened with O_PATH */
	int (*identify)(void *ctx, int fd, struct sys_identity *id);
	/* 0 if the process may do that with the file that `path` leads to: R_OK, W_OK, X_OK */
	int (*access)(void *ctx, const char *path, int mode);
	/* locks the file until fd is closed (F_OFD_SETLK): an exclusive lock, for which fd is open
	 * for writing, holds off everybody else's lock, a shared one exclusive locks; -EAGAIN when
	 * somebody's lock is in the way */
	int (*lock)(void *ctx, int fd, bool exclusive);
	/* would lock() lock it? Nothing is locked, and nobody is held off */
	int (*lockable)(void *ctx, int fd, bool exclusive);
	/* bytes read, 0 at the end of the file; restarted on EINTR */
	ssize_t (*pread)(void *ctx, int fd, void *buf, size_t len, uint64_t offset);

	/* bytes read or written, like pread; `flags` are RWF_* of preadv2(2). -EOPNOTSUPP: this
	 * file cannot do that */
	ssize_t (*preadv)(void *ctx, int fd, const struct iovec *iov, unsigned int n,
			  uint64_t offset, int flags);
	ssize_t (*pwritev)(void *ctx, int fd, const struct iovec *iov, unsigned int n,
			   uint64_t offset, int flags);
	int (*fdatasync)(void *ctx, int fd);

	/* bytes copied from one file to another by the kernel, 0 at the end of the first; -EINVAL
	 * when these files cannot be copied like that. Moves the second one's file position. NULL
	 * in a table that has no such call. */
	ssize_t (*copy)(void *ctx, int from, uint64_t from_offset, int to, uint64_t to_offset,
			size_t len);

	/* what the ioctl returned; `arg` is a pointer or an integer cast to one */
	int (*ioctl)(void *ctx, int fd, unsigned long request, void *arg);

	/* descriptor of an empty memfd; flags are MFD_*, close-on-exec is added */
	int (*memfd)(void *ctx, const char *name, unsigned int flags);
	int (*ftruncate)(void *ctx, int fd, uint64_t size);
	int (*fallocate)(void *ctx, int fd, int mode, uint64_t offset, uint64_t len);
	int (*mmap)(void *ctx, void **addr, size_t len, int prot, int flags, int fd,
		    uint64_t offset);
	int (*munmap)(void *ctx, void *addr, size_t len);
	int (*madvise)(void *ctx, void *addr, size_t len, int advice);

	/* descriptor of an io_uring; -EPERM, -ENOSYS where there is none to be had */
	int (*uring_setup)(void *ctx, unsigned int entries, struct io_uring_params *params);
	/* requests taken; `flags` are IORING_ENTER_* */
	int (*uring_enter)(void *ctx, int fd, unsigned int submit, unsigned int complete,
			   unsigned int flags);

	/* non-blocking, close-on-exec */
	int (*eventfd)(void *ctx);
	/* the same; of CLOCK_MONOTONIC */
	int (*timerfd)(void *ctx);
	/* number of the host's network interface of that name; -ENODEV: there is none */
	int (*ifindex)(void *ctx, const char *name);
	int (*owner)(void *ctx, const char *path, struct sys_owner *owner);
	/* does the CPU show SVM or VMX? *vendor: "AuthenticAMD", "GenuineIntel" */
	bool (*cpu)(void *ctx, char vendor[13]);
	int (*thread_start)(void *ctx, pthread_t *thread, void *(*fn)(void *), void *arg);
	int (*thread_join)(void *ctx, pthread_t thread);
};

struct sys {
	const struct sys_ops *ops;
	void *ctx;
};

/* The real system calls. */
const struct sys *sys_host(void);

/* Closes *fd if it is not -1 and sets it to -1. Errors of close are of no use to anyone. */
void sys_close(const struct sys *sys, int *fd);

#endif
