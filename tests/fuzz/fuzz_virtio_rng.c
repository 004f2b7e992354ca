// SPDX-License-Identifier: MIT
#include "tests/fuzz/virtio_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int create(struct virtio_device **dev, struct virtio_host *host)
{
	static char source[] = "/dev/urandom";
	const struct vmm_config config = {.rng = {.present = true, .source = source}};

	return virtio_create(dev, &virtio_rng, host, &config, 0, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct vfuzz_kind kind = {.create = create};

	return vfuzz_run(&kind, data, size);
}
