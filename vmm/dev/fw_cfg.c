// SPDX-License-Identifier: MIT
#include "vmm/dev/fw_cfg.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SELECTOR 0 /* offsets of the ports */
#define DATA	 1

/* --- items ------------------------------------------------------------------------------------ */

static int add(struct fw_cfg *fw, const struct fw_cfg_item *item, struct vmm_error *err)
{
	if (fw->nitems == FW_CFG_ITEMS)
		return vmm_error_set(err, -ENOSPC, "fw_cfg holds %d items already", FW_CFG_ITEMS);
	fw->item[fw->nitems++] = *item;
	return 0;
}

static int check_len(uint16_t key, uint64_t len, struct vmm_error *err)
{
	if (len <= UINT32_MAX)
		return 0;
	return vmm_error_set(err, -E2BIG, "fw_cfg item %#x: %llu bytes, 4 GiB or more", key,
			     (unsigned long long)len);
}

int fw_cfg_add_bytes(struct fw_cfg *fw, uint16_t key, const void *bytes, uint64_t len,
		     struct vmm_error *err)
{
	struct fw_cfg_item item = {.key = key, .len = (uint32_t)len};
	int ret = check_len(key, len, err);

	if (ret < 0)
		return ret;
	item.bytes = malloc(len > 0 ? len : 1);
	if (!item.bytes)
		return vmm_error_errno(err, -ENOMEM, "unable to allocate fw_cfg item %#x", key);
	if (len > 0)
		memcpy(item.bytes, bytes, len);
	ret = add(fw, &item, err);
	if (ret < 0)
		free(item.bytes);
	return ret;
}

int fw_cfg_add_number(struct fw_cfg *fw, uint16_t key, uint32_t value, size_t len,
		      struct vmm_error *err)
{
	uint8_t bytes[4];

	put_le32(bytes, value);
	return fw_cfg_add_bytes(fw, key, bytes, len, err);
}

int fw_cfg_add_part(struct fw_cfg *fw, uint16_t key, const struct mem_file *file, uint64_t offset,
		    uint64_t len, struct vmm_error *err)
{
	const struct fw_cfg_item item = {
		.key = key,
		.len = (uint32_t)len,
		.file = file,
		.offset = offset,
	};
	int ret = check_len(key, len, err);

	return ret < 0 ? ret : add(fw, &item, err);
}

/* --- reading ---------------------------------------------------------------------------------- */

void fw_cfg_select(struct fw_cfg *fw, uint16_t key)
{
	fw->selected = NULL;
	fw->pos = 0;
	for (size_t i = 0; i < fw->nitems; i++)
		if (fw->item[i].key == key)
			fw->selected = &fw->item[i];
}

static uint64_t left(const struct fw_cfg *fw)
{
	return fw->selected ? fw->selected->len - fw->pos : 0;
}

void fw_cfg_skip(struct fw_cfg *fw, uint64_t len)
{
	fw->pos += len < left(fw) ? len : left(fw);
}

int fw_cfg_read(struct fw_cfg *fw, uint8_t *to, size_t len)
{
	const struct fw_cfg_item *item = fw->selected;
	size_t n = len < left(fw) ? len : (size_t)left(fw);
	int ret = 0;

	if (n > 0 && item->bytes)
		memcpy(to, item->bytes + fw->pos, n);
	else if (n > 0)
		ret = mem_file_read(item->file, item->offset + fw->pos, to, n, NULL);
	memset(to + n, 0, len - n);
	fw->pos += n;
	return ret;
}

/* A file is read a window at a time: the guest takes single bytes. */
static uint8_t next_byte(struct fw_cfg *fw)
{
	uint64_t at = fw->pos;
	uint8_t byte = 0;

	if (left(fw) == 0 || fw->selected->bytes) {
		fw_cfg_read(fw, &byte, 1);
		return byte;
	}
	if (fw->window_of != fw->selected || !range_inside(at, 1, fw->window_at, FW_CFG_WINDOW)) {
		fw->window_of = fw->selected;
		fw->window_at = at;
		if (fw_cfg_read(fw, fw->window, FW_CFG_WINDOW) < 0) /* the file has shrunk */
			memset(fw->window, 0, FW_CFG_WINDOW);
	}
	fw->pos = at + 1;
	return fw->window[at - fw->window_at];
}

/* --- ports ------------------------------------------------------------------------------------ */

static uint64_t port_read(struct device *dev, uint64_t offset, unsigned int len)
{
	struct fw_cfg *fw = (struct fw_cfg *)dev;
	uint8_t byte;

	if (offset != DATA || len != 1)
		return UINT64_MAX; /* the selector cannot be read */
	pthread_mutex_lock(&fw->lock);
	byte = next_byte(fw);
	pthread_mutex_unlock(&fw->lock);
	return byte;
}

static void port_write(struct device *dev, uint64_t offset, unsigned int len, uint64_t value)
{
	struct fw_cfg *fw = (struct fw_cfg *)dev;
	bool first;

	if (offset != SELECTOR || len != 2)
		return; /* nothing can be written into an item */
	pthread_mutex_lock(&fw->lock);
	fw_cfg_select(fw, (uint16_t)value);
	first = !fw->was_found;
	fw->was_found = true;
	pthread_mutex_unlock(&fw->lock);
	if (first && fw->found)
		fw->found(fw->ctx);
}

static const struct device_ops fw_cfg_ops = {
	.name = "fw_cfg",
	.read = port_read,
	.write = port_write,
};

int fw_cfg_init(struct fw_cfg *fw, const struct guest_mem *mem, struct vmm_error *err)
{
	int ret;

	*fw = (struct fw_cfg){.dev.ops = &fw_cfg_ops, .mem = mem};
	fw_cfg_dma_init(fw);
	pthread_mutex_init(&fw->lock, NULL);
	ret = fw_cfg_add_bytes(fw, FW_CFG_SIGNATURE, "QEMU", 4, err);
	if (ret == 0)
		ret = fw_cfg_add_number(fw, FW_CFG_ID, FW_CFG_ID_PORTS | FW_CFG_ID_DMA, 4, err);
	if (ret == 0)
		ret = fw_cfg_directory_init(fw, err);
	return ret;
}

void fw_cfg_destroy(struct fw_cfg *fw)
{
	if (!fw->dev.ops)
		return;
	for (size_t i = 0; i < fw->nitems; i++)
		free(fw->item[i].bytes);
	pthread_mutex_destroy(&fw->lock);
	*fw = (struct fw_cfg){.dev.ops = NULL};
}
