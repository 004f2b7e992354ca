// SPDX-License-Identifier: MIT
#include "vmm/virtio/rng.h"

#include "tests/fuzz/virtio_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int create(struct virtio_device **dev, struct virtio_host *host)
{
	return virtio_rng_create(dev, host, "/dev/urandom", NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct vfuzz_kind kind = {.create = create};

	return vfuzz_run(&kind, data, size);
}
