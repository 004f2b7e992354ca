// SPDX-License-Identifier: MIT
#include "boot/fw_kernel.h"

#include "boot/fw_metadata.h"
#include "boot/kernel.h"
#include "boot/uki.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <nettle/nettle-meta.h>
#include <nettle/sha2.h>
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

/* --- hashes ----------------------------------------------------------------------------------- */

struct hash_entry {
	struct guid guid;
	uint16_t len;
	uint8_t sha256[SHA256_DIGEST_SIZE];
} __attribute__((packed));

struct hash_table {
	struct guid guid;
	uint16_t len; /* without the padding */
	struct hash_entry cmdline, initrd, kernel;
	uint8_t padding[8];
} __attribute__((packed));

_Static_assert(sizeof(struct hash_table) == KERNEL_HASHES_SIZE, "as the firmware expects");

int fw_kernel_hashes(const struct fw_kernel *k, const char *cmdline, void *out,
		     struct vmm_error *err)
{
	const uint16_t entry_len = sizeof(struct hash_entry);
	struct hash_table table = {
		/* 9438d606-4f22-4cc9-b479-a793d411fd21 */
		.guid = GUID(0x9438d606, 0x4f22, 0x4cc9, 0xb4, 0x79, 0xa7, 0x93, 0xd4, 0x11, 0xfd,
			     0x21),
		.len = offsetof(struct hash_table, padding),
		/* 97d02dd8-bd20-4c94-aa78-e7714d36ab2a */
		.cmdline = {.guid = GUID(0x97d02dd8, 0xbd20, 0x4c94, 0xaa, 0x78, 0xe7, 0x71, 0x4d,
					 0x36, 0xab, 0x2a),
			    .len = entry_len},
		/* 44baf731-3a2f-4bd7-9af1-41e29169781d */
		.initrd = {.guid = GUID(0x44baf731, 0x3a2f, 0x4bd7, 0x9a, 0xf1, 0x41, 0xe2, 0x91,
					0x69, 0x78, 0x1d),
			   .len = entry_len},
		/* 4de79437-abd2-427f-b835-d5b172d2045b */
		.kernel = {.guid = GUID(0x4de79437, 0xabd2, 0x427f, 0xb8, 0x35, 0xd5, 0xb1, 0x72,
					0xd2, 0x04, 0x5b),
			   .len = entry_len},
	};
	struct sha256_ctx sha;
	int ret;

	sha256_init(&sha);
	sha256_update(&sha, strlen(cmdline) + 1, (const uint8_t *)cmdline);
	sha256_digest(&sha, SHA256_DIGEST_SIZE, table.cmdline.sha256);
	/* a file that is not there is empty */
	ret = mem_file_hash(&k->initrd, &nettle_sha256, table.initrd.sha256, err);
	if (ret < 0) {
		vmm_error_prefix(err, "initrd");
		return ret;
	}
	ret = mem_file_hash(&k->kernel, &nettle_sha256, table.kernel.sha256, err);
	if (ret < 0)
		vmm_error_prefix(err, "kernel");
	memcpy(out, &table, sizeof(table));
	return ret;
}
