// SPDX-License-Identifier: MIT
#include "boot_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The magic numbers are given, so that every input is a bzImage; everything else is the fuzzer's.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t file[1 << 16];

	if (size < 0x264 || size > sizeof(file))
		return -1;
	memcpy(file, data, size);
	put_le16(file + 0x1fe, 0xaa55);
	memcpy(file + 0x202, "HdrS", 4);
	fuzz_boot(file, size);
	return 0;
}
