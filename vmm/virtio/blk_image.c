// SPDX-License-Identifier: MIT
#include "vmm/virtio/blk_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>

#define READONLY_HINT "readonly = true if it is not to be written"

/* O_NONBLOCK: a named pipe in the place of a file must not hang us. Later it would keep io_uring
 * from waiting, so it is taken away. */
static int open_file(struct blk_image *image, const struct sys *sys, const struct config_disk *disk,
		     struct vmm_error *err)
{
	int off = 0;
	int ret = sys->ops->open(sys->ctx, disk->path,
				 (disk->readonly ? O_RDONLY : O_RDWR) | O_NONBLOCK);

	if (ret < 0) {
		vmm_error_errno(err, ret, "unable to open %s", disk->path);
		if (!disk->readonly && (ret == -EACCES || ret == -EROFS || ret == -EPERM))
			vmm_error_hint(err, READONLY_HINT);
		return ret;
	}
	image->fd = ret;
	ret = sys->ops->file_size(sys->ctx, image->fd, &image->size);
	if (ret < 0)
		return vmm_error_errno(err, ret, "%s is neither a file nor a block device",
				       disk->path);
	ret = sys->ops->ioctl(sys->ctx, image->fd, FIONBIO, &off);
	if (ret < 0)
		return vmm_error_errno(err, ret, "unable to prepare %s", disk->path);
	image->rest = image->size % BLK_SECTOR;
	image->size -= image->rest;
	if (image->size == 0)
		return vmm_error_set(err, -EINVAL, "%s is smaller than a sector of %u bytes",
				     disk->path, BLK_SECTOR);
	return 0;
}

/* A block device that is read-only opens for writing on many kernels, and fails when it is written to. */
static int check_writable(const struct blk_image *image, const struct sys *sys,
			  const struct config_disk *disk, struct vmm_error *err)
{
	struct sys_identity id;
	int readonly = 0;
	int ret = sys->ops->identify(sys->ctx, image->fd, &id);

	if (ret == 0 && id.kind == SYS_BLOCK && !disk->readonly)
		ret = sys->ops->ioctl(sys->ctx, image->fd, BLKROGET, &readonly);
	if (ret < 0)
		return vmm_error_errno(err, ret, "unable to look at %s", disk->path);
	if (!readonly)
		return 0;
	vmm_error_errno(err, -EROFS, "%s is a block device that cannot be written to", disk->path);
	vmm_error_hint(err, READONLY_HINT);
	return -EROFS;
}

/* Another format's header would be the guest's first sector, and be overwritten. */
static int check_format(const struct blk_image *image, const struct sys *sys,
			const struct config_disk *disk, struct vmm_error *err)
{
	uint8_t start[BLK_FORMAT_BYTES];
	const char *name;
	ssize_t n;

	if (disk->format == CONFIG_DISK_RAW)
		return 0;
	n = sys->ops->pread(sys->ctx, image->fd, start, sizeof(start), 0);
	if (n < 0)
		return vmm_error_errno(err, (int)n, "unable to read %s", disk->path);
	name = blk_format_name(start, (size_t)n);
	if (!name)
		return 0;
	return vmm_error_set(err, -EINVAL,
			     "%s is a %s image, and disks are raw ones: `qemu-img convert -O raw` "
			     "makes one of it; format = \"raw\" if the guest is to see these bytes",
			     disk->path, name);
}

static int lock_file(const struct blk_image *image, const struct sys *sys,
		     const struct config_disk *disk, bool lock, struct vmm_error *err)
{
	int ret = lock ? sys->ops->lock(sys->ctx, image->fd, !disk->readonly)
		       : sys->ops->lockable(sys->ctx, image->fd, !disk->readonly);

	if (ret == -EAGAIN && disk->readonly)
		return vmm_error_errno(err, ret, "%s is in use by another VM, which writes to it",
				       disk->path);
	if (ret == -EAGAIN)
		return vmm_error_errno(err, ret,
				       "%s is in use by another VM: a writable image cannot be "
				       "shared",
				       disk->path);
	if (ret < 0)
		return vmm_error_errno(err, ret, "unable to lock %s", disk->path);
	return 0;
}

/* The same file again, whatever the path leads to by now. A lock belongs to the first one. */
static int open_direct(struct blk_image *image, const struct sys *sys,
		       const struct config_disk *disk, struct vmm_error *err)
{
	char path[32];
	int ret;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", image->fd);
	ret = sys->ops->open(sys->ctx, path, (disk->readonly ? O_RDONLY : O_RDWR) | O_DIRECT);
	if (ret < 0) {
		vmm_error_errno(err, ret, "unable to open %s for direct I/O", disk->path);
		if (ret == -EINVAL)
			vmm_error_hint(err, "its file system does not know that: remove direct");
		return ret;
	}
	image->direct_fd = ret;
	return 0;
}

int blk_image_open(struct blk_image *image, const struct sys *sys, const struct config_disk *disk,
		   size_t index, bool lock, struct vmm_error *err)
{
	int ret;

	*image = (struct blk_image){
		.fd = -1,
		.direct_fd = -1,
		.readonly = disk->readonly,
		.tells = {true, true},
	};
	ret = open_file(image, sys, disk, err);
	if (ret == 0)
		ret = check_writable(image, sys, disk, err);
	if (ret == 0)
		ret = lock_file(image, sys, disk, lock, err);
	if (ret == 0)
		ret = check_format(image, sys, disk, err);
	if (ret == 0 && disk->direct)
		ret = open_direct(image, sys, disk, err);
	if (ret < 0) {
		vmm_error_prefix(err, "disk[%zu].path", index);
		blk_image_close(image, sys);
	}
	return ret;
}

void blk_image_close(struct blk_image *image, const struct sys *sys)
{
	sys_close(sys, &image->direct_fd);
	sys_close(sys, &image->fd);
}

void virtio_blk_check(const struct sys *sys, const struct vmm_config *config, files_fault_fn *fault,
		      void *ctx)
{
	for (size_t i = 0; i < config->ndisks; i++) {
		struct blk_image image;
		struct vmm_error err;

		if (blk_image_open(&image, sys, &config->disk[i], i, false, &err) < 0)
			fault(ctx, &err);
		else
			blk_image_close(&image, sys);
	}
}
