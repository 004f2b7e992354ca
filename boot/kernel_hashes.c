// SPDX-License-Identifier: MIT
#include "boot/kernel_hashes.h"

#include "boot/guid_table.h"
#include "vmm/base/bytes.h"

#include <nettle/sha2.h>
#include <string.h>

/* Table: GUID, u16 length of it all; entries: GUID, u16 length of the entry, SHA-256. */
#define GUID_LEN  16u
#define HEAD	  18u
#define ENTRY_LEN (HEAD + SHA256_DIGEST_SIZE)
#define TABLE_LEN (HEAD + 3 * ENTRY_LEN)

_Static_assert(ENTRY_LEN == 50 && TABLE_LEN == 168, "as the firmware expects");
_Static_assert(KERNEL_HASHES_SIZE == (TABLE_LEN + 15) / 16 * 16, "padded");

static const struct guid table_guid = /* 9438d606-4f22-4cc9-b479-a793d411fd21 */
	GUID(0x9438d606, 0x4f22, 0x4cc9, 0xb4, 0x79, 0xa7, 0x93, 0xd4, 0x11, 0xfd, 0x21);
static const struct guid cmdline_guid = /* 97d02dd8-bd20-4c94-aa78-e7714d36ab2a */
	GUID(0x97d02dd8, 0xbd20, 0x4c94, 0xaa, 0x78, 0xe7, 0x71, 0x4d, 0x36, 0xab, 0x2a);
static const struct guid initrd_guid = /* 44baf731-3a2f-4bd7-9af1-41e29169781d */
	GUID(0x44baf731, 0x3a2f, 0x4bd7, 0x9a, 0xf1, 0x41, 0xe2, 0x91, 0x69, 0x78, 0x1d);
static const struct guid kernel_guid = /* 4de79437-abd2-427f-b835-d5b172d2045b */
	GUID(0x4de79437, 0xabd2, 0x427f, 0xb8, 0x35, 0xd5, 0xb1, 0x72, 0xd2, 0x04, 0x5b);

/* Writes GUID and length; returns what stands behind them. */
static uint8_t *put_head(uint8_t *at, const struct guid *guid, uint16_t len)
{
	memcpy(at, guid, GUID_LEN);
	put_le16(at + GUID_LEN, len);
	return at + HEAD;
}

static int hash_file(const struct mem_file *file, struct sha256_ctx *sha, struct vmm_error *err)
{
	uint8_t buf[16384];
	int ret = 0;

	for (uint64_t at = 0; ret == 0 && at < file->size; at += sizeof(buf)) {
		size_t len = file->size - at < sizeof(buf) ? file->size - at : sizeof(buf);

		ret = mem_file_read(file, at, buf, len, err);
		if (ret == 0)
			sha256_update(sha, len, buf);
	}
	return ret;
}

/* Adds the entry of a file, which may be none; *at goes on behind it. */
static int add_file(uint8_t **at, const struct guid *guid, const struct mem_file *file,
		    struct vmm_error *err)
{
	uint8_t *digest = put_head(*at, guid, ENTRY_LEN);
	struct sha256_ctx sha;
	int ret = 0;

	sha256_init(&sha);
	if (file)
		ret = hash_file(file, &sha, err);
	sha256_digest(&sha, SHA256_DIGEST_SIZE, digest);
	*at += ENTRY_LEN;
	return ret;
}

int kernel_hashes_build(const struct mem_file *kernel, const struct mem_file *initrd,
			const char *cmdline, uint8_t table[KERNEL_HASHES_SIZE],
			struct vmm_error *err)
{
	struct sha256_ctx sha;
	uint8_t *at;
	int ret;

	memset(table, 0, KERNEL_HASHES_SIZE);
	at = put_head(table, &table_guid, TABLE_LEN);
	sha256_init(&sha);
	sha256_update(&sha, strlen(cmdline) + 1, (const uint8_t *)cmdline);
	sha256_digest(&sha, SHA256_DIGEST_SIZE, put_head(at, &cmdline_guid, ENTRY_LEN));
	at += ENTRY_LEN;
	ret = add_file(&at, &initrd_guid, initrd, err);
	if (ret < 0) {
		vmm_error_prefix(err, "initrd");
		return ret;
	}
	ret = add_file(&at, &kernel_guid, kernel, err);
	if (ret < 0)
		vmm_error_prefix(err, "kernel");
	return ret;
}
