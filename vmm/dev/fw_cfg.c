// SPDX-License-Identifier: MIT
#include "vmm/dev/fw_cfg.h"

#include "vmm/base/bytes.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* --- items ------------------------------------------------------------------------------------ */

static int add(struct fw_cfg *fw, struct fw_cfg_item item, uint64_t len, struct vmm_error *err)
{
	if (len > UINT32_MAX)
		return vmm_error_set(err, -E2BIG,
				     "fw_cfg item %#x: %" PRIu64 " bytes, 4 GiB or more", item.key,
				     len);
	if (fw->nitems == FW_CFG_ITEMS)
		return vmm_error_set(err, -ENOSPC, "fw_cfg holds %d items already", FW_CFG_ITEMS);
	item.len = (uint32_t)len;
	fw->item[fw->nitems++] = item;
	return 0;
}

int fw_cfg_add_part(struct fw_cfg *fw, uint16_t key, const struct mem_file *file, uint64_t offset,
		    uint64_t len, struct vmm_error *err)
{
	return add(fw, (struct fw_cfg_item){.key = key, .file = file, .offset = offset}, len, err);
}

int fw_cfg_add_bytes(struct fw_cfg *fw, uint16_t key, const void *bytes, uint64_t len,
		     struct vmm_error *err)
{
	uint8_t *copy = malloc(len + 1);
	int ret;

	if (!copy)
		return vmm_error_errno(err, -ENOMEM, "unable to allocate fw_cfg item %#x", key);
	memcpy(copy, bytes, len);
	ret = add(fw, (struct fw_cfg_item){.key = key, .bytes = copy}, len, err);
	if (ret < 0)
		free(copy);
	return ret;
}

int fw_cfg_add_number(struct fw_cfg *fw, uint16_t key, uint32_t value, size_t len,
		      struct vmm_error *err)
{
	uint8_t bytes[4];

	put_le32(bytes, value);
	return fw_cfg_add_bytes(fw, key, bytes, len, err);
}

/* The directory: how many files there are, then for each its size, its number, and its name, all of
 * them big-endian ("File Directory"). */
#define COUNT_LEN 4u

struct entry {
	uint32_t size;
	uint16_t key;
	uint16_t reserved;
	char name[FW_CFG_NAME];
};

_Static_assert(sizeof(struct entry) == 64, "as in the specification");

static int add_directory(struct fw_cfg *fw, struct vmm_error *err)
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
	uint16_t key = (uint16_t)(FW_CFG_FIRST_FILE + n);
	struct entry entry = {.size = htonl((uint32_t)len), .key = htons(key)};
	int ret;

	if (strlen(name) >= sizeof(entry.name))
		return vmm_error_set(err, -EINVAL, "fw_cfg file %s: the name is too long", name);
	if (n == FW_CFG_FILES)
		return vmm_error_set(err, -ENOSPC, "fw_cfg file %s: there are %d already", name,
				     FW_CFG_FILES);
	ret = fw_cfg_add_bytes(fw, key, bytes, len, err);
	if (ret < 0)
		return ret;
	memcpy(entry.name, name, strlen(name));
	memcpy(dir->bytes + dir->len, &entry, sizeof(entry));
	dir->len += (uint32_t)sizeof(entry);
	n = htonl(n + 1);
	memcpy(dir->bytes, &n, COUNT_LEN);
	return 0;
}

/* --- reading, with the lock held -------------------------------------------------------------- */

static void select_item(struct fw_cfg *fw, uint16_t key)
{
	fw->pos = 0;
	fw->selected = NULL;
	for (size_t i = 0; i < fw->nitems; i++)
		if (fw->item[i].key == key)
			fw->selected = &fw->item[i];
}

static uint64_t left(const struct fw_cfg *fw)
{
	return fw->selected ? fw->selected->len - fw->pos : 0;
}

/* The next `len` bytes of the selected item; zeros behind its end. */
static int read_item(struct fw_cfg *fw, uint8_t *to, size_t len)
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

/* --- ports ------------------------------------------------------------------------------------ */

#define SELECTOR 0 /* offsets of the ports */
#define DATA	 1

static uint64_t port_read(struct device *dev, uint64_t offset, unsigned int len)
{
	struct fw_cfg *fw = container_of(dev, struct fw_cfg, dev);
	uint8_t byte;

	if (offset != DATA || len != 1)
		return UINT64_MAX; /* the selector cannot be read */
	pthread_mutex_lock(&fw->lock);
	if (read_item(fw, &byte, 1) < 0) /* the file has shrunk */
		byte = 0;
	pthread_mutex_unlock(&fw->lock);
	return byte;
}

static void port_write(struct device *dev, uint64_t offset, unsigned int len, uint64_t value)
{
	struct fw_cfg *fw = container_of(dev, struct fw_cfg, dev);
	bool first;

	if (offset != SELECTOR || len != 2)
		return; /* nothing can be written into an item */
	pthread_mutex_lock(&fw->lock);
	select_item(fw, (uint16_t)value);
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

/* --- requests in memory ----------------------------------------------------------------------- */

/*
 * To move an item with one exit the guest writes down what it wants, and gives the address of that
 * ("Guest-side DMA Interface"). All numbers are big-endian.
 *
 * The request is read once. It may say anything: every piece of the target is looked up when its
 * turn comes, and whatever is not shared RAM ends the transfer with the error bit. Requests that
 * cannot be read are dropped: there is nowhere to put the error.
 */
/* what stands at the ports for those who read: bytes in this order */
static const char signature[FW_CFG_DMA_PORTS + 1] = "QEMU CFG";

struct request {
	uint32_t control;
	uint32_t len;
	uint64_t address;
};

_Static_assert(sizeof(struct request) == 16, "as in the specification");

#define CONTROL_ERROR	  0x01u
#define CONTROL_READ	  0x02u
#define CONTROL_SKIP	  0x04u
#define CONTROL_SELECT	  0x08u /* bits 16 to 31 say what */
#define CONTROL_WRITE	  0x10u
#define CONTROL_KEY_SHIFT 16

/* Guest memory is held for as long as it takes to read this much of a file. */
#define PIECE 0x10000u

static int move_piece(struct fw_cfg *fw, uint64_t gpa, size_t len)
{
	struct mem_pin pin;
	int ret = mem_pin(fw->mem, gpa, len, MEM_FOR_WRITING, "fw_cfg", &pin);

	if (ret < 0)
		return ret;
	ret = read_item(fw, pin.ptr, len);
	mem_unpin(&pin);
	return ret;
}

static int move(struct fw_cfg *fw, uint64_t gpa, uint32_t len)
{
	int ret = 0;

	while (len > 0 && ret == 0) {
		uint32_t piece = len < PIECE ? len : PIECE;

		ret = mem_check_stop(fw->mem, NULL);
		if (ret == 0)
			ret = move_piece(fw, gpa, piece);
		gpa += piece; /* cannot wrap: the piece was in RAM */
		len -= piece;
	}
	return ret;
}

/* Returns what the guest finds in the request's control field. */
static uint32_t carry_out(struct fw_cfg *fw, const struct request *request)
{
	uint32_t control = ntohl(request->control);
	uint32_t len = ntohl(request->len);

	if (control & CONTROL_SELECT)
		select_item(fw, (uint16_t)(control >> CONTROL_KEY_SHIFT));
	if (control & CONTROL_READ)
		return move(fw, be64toh(request->address), len) < 0 ? CONTROL_ERROR : 0;
	if (control & CONTROL_WRITE) /* nothing here can be written */
		return len > 0 ? CONTROL_ERROR : 0;
	if (control & CONTROL_SKIP)
		fw->pos += len < left(fw) ? len : left(fw);
	return 0;
}

static void transfer(struct fw_cfg *fw)
{
	uint64_t gpa = fw->dma_address;
	struct request request;

	fw->dma_address = 0;
	if (mem_read(fw->mem, gpa, &request, sizeof(request)) < 0)
		return;
	request.control = htonl(carry_out(fw, &request));
	mem_write(fw->mem, gpa + offsetof(struct request, control), &request.control,
		  sizeof(request.control));
}

static uint64_t dma_read(struct device *dev, uint64_t offset, unsigned int len)
{
	uint8_t bytes[8] = {0};

	(void)dev;
	memcpy(bytes, signature + offset, len);
	return get_le64(bytes);
}

/* The upper half first; the lower one starts the transfer. */
static void dma_write(struct device *dev, uint64_t offset, unsigned int len, uint64_t value)
{
	struct fw_cfg *fw = container_of(dev, struct fw_cfg, dma_dev);

	if (len != 4 || (offset != 0 && offset != 4))
		return;
	pthread_mutex_lock(&fw->lock);
	if (offset == 0) {
		fw->dma_address = (uint64_t)ntohl((uint32_t)value) << 32;
	} else {
		fw->dma_address |= ntohl((uint32_t)value);
		transfer(fw);
	}
	pthread_mutex_unlock(&fw->lock);
}

static const struct device_ops dma_ops = {
	.name = "fw_cfg DMA",
	.read = dma_read,
	.write = dma_write,
};

/* --- the device ------------------------------------------------------------------------------- */

int fw_cfg_init(struct fw_cfg *fw, const struct guest_mem *mem, struct vmm_error *err)
{
	int ret;

	*fw = (struct fw_cfg){.dev.ops = &fw_cfg_ops, .dma_dev.ops = &dma_ops, .mem = mem};
	pthread_mutex_init(&fw->lock, NULL);
	ret = fw_cfg_add_bytes(fw, FW_CFG_SIGNATURE, "QEMU", 4, err);
	if (ret == 0)
		ret = fw_cfg_add_number(fw, FW_CFG_ID, FW_CFG_ID_PORTS | FW_CFG_ID_DMA, 4, err);
	return ret < 0 ? ret : add_directory(fw, err);
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
