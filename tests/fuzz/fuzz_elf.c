// SPDX-License-Identifier: MIT
#include "boot_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As it comes: compressed, ELF, or anything else. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_boot(data, size);
	return 0;
}
