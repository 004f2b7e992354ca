// SPDX-License-Identifier: MIT
#include "tests/fuzz/virtio_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int create(struct virtio_device **dev, struct virtio_host *host)
{
	const struct vmm_config config = {.balloon = {.size = MIB(1), .reporting = true}};

	return virtio_create(dev, &virtio_balloon, host, &config, 0, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct vfuzz_kind kind = {.create = create, .plain = true};

	return vfuzz_run(&kind, data, size);
}
