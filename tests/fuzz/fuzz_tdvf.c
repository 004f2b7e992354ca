// SPDX-License-Identifier: MIT
#include "firmware_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Firmware of TDs, with and without a kernel for td-shim. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_firmware(BOOT_TDX, false, data, size);
	fuzz_firmware(BOOT_TDX, true, data, size);
	return 0;
}
