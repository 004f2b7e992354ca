// SPDX-License-Identifier: MIT
#include "firmware_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Firmware of SNP guests, with and without a kernel that is hashed. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_firmware(BOOT_SNP, false, data, size);
	fuzz_firmware(BOOT_SNP, true, data, size);
	return 0;
}
