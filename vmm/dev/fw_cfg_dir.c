// SPDX-License-Identifier: MIT
/*
 * The directory of fw_cfg: how many files there are, then for each its size, its number, and its
 * name, all of them big-endian (QEMU, docs/specs/fw_cfg.rst, "File Directory").
 */
#include "vmm/dev/fw_cfg.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#define COUNT_LEN 4u

struct entry {
	uint32_t size;
	uint16_t key;
	uint16_t reserved;
	char name[FW_CFG_NAME];
};

_Static_assert(sizeof(struct entry) == 64, "as in the specification");

int fw_cfg_directory_init(struct fw_cfg *fw, struct vmm_error *err)
{
	static const uint8_t empty[COUNT_LEN + FW_CFG_FILES * sizeof(struct entry)];
	int ret = fw_cfg_add_bytes(fw, FW_CFG_DIRECTORY, empty, sizeof(empty), err);

	if (ret < 0)
		return ret;
	fw->directory = &fw->item[fw->nitems - 1];
	fw->directory->len = COUNT_LEN; /* of what there is room for */
	return 0;
}

int fw_cfg_add_named(struct fw_cfg *fw, const char *name, const void *bytes, uint64_t len,
		     struct vmm_error *err)
{
	struct fw_cfg_item *dir = fw->directory;
	uint32_t n = (dir->len - COUNT_LEN) / sizeof(struct entry);
	struct entry entry = {.key = htons((uint16_t)(FW_CFG_FIRST_FILE + n))};
	int ret;

	if (strlen(name) >= sizeof(entry.name))
		return vmm_error_set(err, -EINVAL, "fw_cfg file %s: the name is too long", name);
	if (n == FW_CFG_FILES)
		return vmm_error_set(err, -ENOSPC, "fw_cfg file %s: there are %d already", name,
				     FW_CFG_FILES);
	ret = fw_cfg_add_bytes(fw, (uint16_t)(FW_CFG_FIRST_FILE + n), bytes, len, err);
	if (ret < 0)
		return ret;
	entry.size = htonl((uint32_t)len);
	memcpy(entry.name, name, strlen(name));
	memcpy(dir->bytes + dir->len, &entry, sizeof(entry));
	dir->len += (uint32_t)sizeof(entry);
	n = htonl(n + 1);
	memcpy(dir->bytes, &n, COUNT_LEN);
	return 0;
}
