// SPDX-License-Identifier: MIT
#include "boot/fw_kernel.h"

#include "boot/kernel.h"
#include "boot/uki.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* In the file (boot.rst, "The Real-Mode Kernel Header"). */
#define SETUP_SECTS 0x1f1 /* u8 */
#define MAGIC	    0x202
#define VERSION	    0x206 /* u16 */
#define CMDLINE_MAX 0x238 /* u32, from version 2.06 on */
#define HEAD_LEN    0x23c
#define SECTOR	    512u

static int open_file(struct mem_file *file, const struct sys *sys, const char *path,
		     const char *what, struct vmm_error *err)
{
	int ret = mem_file_open(file, sys, path, err);

	if (ret == 0 && file->size > UINT32_MAX) {
		ret = vmm_error_set(err, -E2BIG,
				    "%s: %" PRIu64 " bytes: firmware takes less than 4 GiB", path,
				    file->size);
		mem_file_close(file);
	}
	if (ret < 0)
		vmm_error_prefix(err, "%s", what);
	return ret;
}

/* The most that the kernel with these first bytes takes; without a header, what Linux takes. */
static uint64_t cmdline_max(const uint8_t head[HEAD_LEN])
{
	if (get_le32(head + MAGIC) != LINUX_HEADER_MAGIC)
		return LINUX_CMDLINE_SIZE - 1;
	return get_le16(head + VERSION) < 0x206 ? 255 : get_le32(head + CMDLINE_MAX);
}

static int read_start(const struct mem_file *file, uint8_t head[HEAD_LEN], struct vmm_error *err)
{
	memset(head, 0, HEAD_LEN);
	return mem_file_read(file, 0, head, file->size < HEAD_LEN ? (size_t)file->size : HEAD_LEN,
			     err);
}

/* An EFI program: if there is a kernel inside it, that takes the command line in the end. */
static int read_inner(struct fw_kernel *k, struct vmm_error *err)
{
	uint8_t head[HEAD_LEN];
	struct mem_file kernel;
	struct uki uki;
	int ret;

	/* what is not right there is for the firmware to find out */
	if (uki_read(&k->kernel, &uki, NULL) <= 0)
		return 0;
	kernel = mem_file_part(&k->kernel, uki.kernel.offset, uki.kernel.len);
	ret = read_start(&kernel, head, err);
	if (ret == 0)
		k->cmdline_max = cmdline_max(head);
	return ret;
}

/* The setup part is one boot sector and as many more as it says; 0 means 4. */
static int read_head(struct fw_kernel *k, struct vmm_error *err)
{
	uint8_t head[HEAD_LEN];
	int ret = read_start(&k->kernel, head, err);
	uint32_t setup_len;

	if (ret < 0)
		return ret;
	k->startable = memcmp(head, "MZ", 2) == 0;
	k->cmdline_max = cmdline_max(head);
	if (get_le32(head + MAGIC) != LINUX_HEADER_MAGIC)
		return k->startable ? read_inner(k, err) : 0;
	setup_len = (1u + (head[SETUP_SECTS] ? head[SETUP_SECTS] : 4)) * SECTOR;
	if (setup_len < k->kernel.size) {
		k->setup_len = setup_len;
		k->startable = true;
	}
	return 0;
}

int fw_kernel_open(struct fw_kernel *k, const struct sys *sys, const char *kernel,
		   const char *initrd, struct vmm_error *err)
{
	int ret;

	*k = (struct fw_kernel){.kernel = {.sys = sys, .fd = -1}, .initrd = {.sys = sys, .fd = -1}};
	ret = open_file(&k->kernel, sys, kernel, "kernel", err);
	if (ret == 0) {
		ret = read_head(k, err);
		if (ret < 0)
			vmm_error_prefix(err, "kernel");
	}
	if (ret == 0 && initrd) {
		ret = open_file(&k->initrd, sys, initrd, "initrd", err);
		k->have_initrd = ret == 0;
	}
	if (ret < 0)
		fw_kernel_close(k);
	return ret;
}

void fw_kernel_close(struct fw_kernel *k)
{
	mem_file_close(&k->kernel);
	mem_file_close(&k->initrd);
}

int fw_kernel_check_cmdline(const struct fw_kernel *k, const char *cmdline, struct vmm_error *err)
{
	size_t len = strlen(cmdline);

	if (len <= k->cmdline_max)
		return 0;
	return vmm_error_set(err, -E2BIG,
			     "command line: %zu bytes, this kernel takes at most %" PRIu64, len,
			     k->cmdline_max);
}

int fw_kernel_refuse(const struct fw_kernel *k, struct vmm_error *err)
{
	return vmm_error_set(err, -ENOEXEC,
			     "kernel: %s: neither a bzImage nor an EFI program, which is all that "
			     "firmware starts: expand it if it is compressed, or start it without "
			     "firmware",
			     k->kernel.path);
}
