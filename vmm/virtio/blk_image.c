// SPDX-License-Identifier: MIT
#include "vmm/virtio/blk_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
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

/* Formats of disk images that are more than the bytes of the disk, by the bytes they begin with. */
static const struct {
	const char *name;
	size_t offset, len;
	const char *magic;
} formats[] = {
	{"qcow2", 0, 8, "QFI\xfb\0\0\0\2"}, /* QEMU, docs/interop/qcow2.rst */
	{"qcow2", 0, 8, "QFI\xfb\0\0\0\3"},
	{"qcow", 0, 4, "QFI\xfb"},
	{"QED", 0, 4, "QED"},	/* with a NUL; QEMU, docs/interop/qed_spec.rst */
	{"VMDK", 0, 4, "KDMV"}, /* VMware Virtual Disk Format 1.1: hosted sparse extents, */
	{"VMDK", 0, 4, "COWD"}, /* those of ESX, */
	{"VMDK", 0, 21, "# Disk DescriptorFile"}, /* and what describes them */
	{"VDI", 0x40, 4, "\x7f\x10\xda\xbe"},	  /* VirtualBox, VDICore.h */
	{"VHDX", 0, 8, "vhdxfile"},		  /* [MS-VHDX] 2.2 */
	{"VHD", 0, 8, "conectix"}, /* Virtual Hard Disk Image Format Specification, dynamic ones */
	{"Parallels", 0, 16, "WithoutFreeSpace"}, /* QEMU, docs/interop/parallels.rst */
	{"Parallels", 0, 16, "WithouFreSpacExt"},
	{"Bochs", 0, 22, "Bochs Virtual HD Image"},   /* its bximage, hdimage.h */
	{"Android sparse", 0, 4, "\x3a\xff\x26\xed"}, /* libsparse, sparse_format.h */
};

/* The format of images that a file with this start is of, NULL if it may be a raw one. */
static const char *format_name(const uint8_t *start, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		if (range_inside(formats[i].offset, formats[i].len, 0, len) &&
		    memcmp(start + formats[i].offset, formats[i].magic, formats[i].len) == 0)
			return formats[i].name;
	}
	return NULL;
}

/* Another format's header would be the guest's first sector, and be overwritten. */
static int check_format(const struct blk_image *image, const struct sys *sys,
			const struct config_disk *disk, struct vmm_error *err)
{
	uint8_t start[BLK_SECTOR];
	const char *name;
	ssize_t n;

	if (disk->format == CONFIG_DISK_RAW)
		return 0;
	n = sys->ops->pread(sys->ctx, image->fd, start, sizeof(start), 0);
	if (n < 0)
		return vmm_error_errno(err, (int)n, "unable to read %s", disk->path);
	name = format_name(start, (size_t)n);
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
