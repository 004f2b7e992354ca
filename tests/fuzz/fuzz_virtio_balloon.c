// SPDX-License-Identifier: MIT
#include "vmm/virtio/balloon.h"

#include "tests/fuzz/virtio_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int create(struct virtio_device **dev, struct virtio_host *host)
{
	const struct config_balloon config = {.size = MIB(1), .reporting = true};

	return virtio_balloon_create(dev, host, &config, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct vfuzz_kind kind = {.create = create, .plain = true};

	return vfuzz_run(&kind, data, size);
}
