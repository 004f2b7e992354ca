// SPDX-License-Identifier: MIT
/* A disk. The first byte of the input chooses what kind of disk and VM it is. */
#include "tests/fuzz/virtio_fuzz.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define IMAGE_SIZE KIB(64)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	READONLY = 1,
	DIRECT = 2,
	HELD = 4, /* requests may be in flight, with io_uring */
	LIMITED = 8,
};

static unsigned int kind_of_disk;
static char path[] = "/tmp/minivmm-fuzz-XXXXXX";

static void remove_image(void)
{
	unlink(path);
}

/* The same for all runs: what is in it decides nothing. */
static void make_image(void)
{
	static bool made;
	int fd;

	if (made)
		return;
	fd = mkstemp(path);
	fuzz_require(fd >= 0 && ftruncate(fd, IMAGE_SIZE) == 0);
	close(fd);
	atexit(remove_image);
	made = true;
}

static int create(struct virtio_device **dev, struct virtio_host *host)
{
	struct vmm_config config = {0};
	struct config_disk *disk = &config.disk[0];
	struct guest_mem *mem = (struct guest_mem *)(uintptr_t)host->mem;
	int ret;

	*disk = (struct config_disk){
		.path = path,
		.readonly = kind_of_disk & READONLY,
		.direct = kind_of_disk & DIRECT,
		.queues = 1 + kind_of_disk / 64,
		.iops = kind_of_disk & LIMITED ? 100000 : 0,
		.bandwidth = kind_of_disk & LIMITED ? 1000 : 0,
	};
	mem->mode = kind_of_disk & HELD ? MEM_MODE_SHARED : MEM_MODE_SPLIT;
	ret = virtio_create(dev, &virtio_blk, host, &config, 0, NULL);
	if (ret < 0 && disk->direct) {
		/* not every file system has direct I/O */
		disk->direct = false;
		ret = virtio_create(dev, &virtio_blk, host, &config, 0, NULL);
	}
	return ret;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct vfuzz_kind kind = {.create = create};

	if (size == 0)
		return 0;
	make_image();
	kind_of_disk = data[0];
	return vfuzz_run(&kind, data + 1, size - 1);
}
