// SPDX-License-Identifier: MIT
#include "boot/uki.h"
#include "boot_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_part(const struct uki_part *part, size_t size)
{
	fuzz_require(part->len == 0 ||
		     (part->offset > 0 && range_inside(part->offset, part->len, 0, size)));
}

/* The magic numbers are given, so that every input has a table of sections; whole boots follow. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t bytes[1 << 16];
	struct fuzz_file buffer = {bytes, size};
	const struct sys sys = {&fuzz_ops, &buffer};
	const struct mem_file file = {.sys = &sys, .fd = 3, .size = size, .path = "file"};
	struct vmm_error err = {0};
	char *cmdline = NULL;
	struct uki uki;
	uint32_t at;

	if (size < 128 || size > sizeof(bytes))
		return -1;
	memcpy(bytes, data, size);
	memcpy(bytes, "MZ", 2);
	at = get_le32(bytes + 0x3c) % (uint32_t)(size - 64);
	at = at < 64 ? 64 : at;
	put_le32(bytes + 0x3c, at);
	memcpy(bytes + at, "PE\0\0\x64\x86", 6);
	if (uki_read(&file, &uki, &err) == 1) {
		check_part(&uki.kernel, size);
		check_part(&uki.initrd, size);
		check_part(&uki.cmdline, size);
		if (uki_cmdline(&file, &uki, 4096, &cmdline, &err) == 0)
			for (const char *c = cmdline; *c; c++)
				fuzz_require((unsigned char)*c >= ' ');
		free(cmdline);
	}
	fuzz_boot(bytes, size);
	return 0;
}
