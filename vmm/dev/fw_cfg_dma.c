// SPDX-License-Identifier: MIT
/*
 * fw_cfg's way to move an item with one exit: the guest writes down what it wants, and gives the
 * address of that (QEMU, docs/specs/fw_cfg.rst, "Guest-side DMA Interface"). All numbers are
 * big-endian.
 *
 * The request is read once. It may say anything: every piece of the target is looked up when its
 * turn comes, and whatever is not shared RAM ends the transfer with the error bit. Requests that
 * cannot be read are dropped: there is nowhere to put the error.
 */
#include "vmm/base/bytes.h"
#include "vmm/dev/fw_cfg.h"

#include <arpa/inet.h>
#include <endian.h>
#include <stddef.h>
#include <string.h>

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
	ret = fw_cfg_read(fw, pin.ptr, len);
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
		fw_cfg_select(fw, (uint16_t)(control >> CONTROL_KEY_SHIFT));
	if (control & CONTROL_READ)
		return move(fw, be64toh(request->address), len) < 0 ? CONTROL_ERROR : 0;
	if (control & CONTROL_WRITE) /* nothing here can be written */
		return len > 0 ? CONTROL_ERROR : 0;
	if (control & CONTROL_SKIP)
		fw_cfg_skip(fw, len);
	return 0;
}

void fw_cfg_dma(struct fw_cfg *fw)
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
	struct fw_cfg *fw = (struct fw_cfg *)((char *)dev - offsetof(struct fw_cfg, dma_dev));

	if (len != 4 || (offset != 0 && offset != 4))
		return;
	pthread_mutex_lock(&fw->lock);
	if (offset == 0) {
		fw->dma_address = (uint64_t)ntohl((uint32_t)value) << 32;
	} else {
		fw->dma_address |= ntohl((uint32_t)value);
		fw_cfg_dma(fw);
	}
	pthread_mutex_unlock(&fw->lock);
}

static const struct device_ops dma_ops = {
	.name = "fw_cfg DMA",
	.read = dma_read,
	.write = dma_write,
};

void fw_cfg_dma_init(struct fw_cfg *fw)
{
	fw->dma_dev.ops = &dma_ops;
}
