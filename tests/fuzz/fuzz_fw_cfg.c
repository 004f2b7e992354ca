// SPDX-License-Identifier: MIT
/*
 * fw_cfg from a guest's side: port accesses and requests in memory. The input is a piece of guest
 * memory, and a list of accesses that run over it. Both regions of guest memory have red zones
 * around them, which the sanitizers add to what calloc() gives.
 */
#include "fuzz_file.h"
#include "mem/layout.h"
#include "vmm/base/bytes.h"
#include "vmm/dev/fw_cfg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REGION_LEN   KIB(16)
#define SECOND	     KIB(64)
#define MEMORY_BYTES 256u /* of the input: what stands at REQUESTS */
#define REQUESTS     KIB(4)
#define MAX_ACCESSES 256u

/* Like the seam's table, with memory that the sanitizers look after. */
static int fuzz_mmap(void *ctx, void **addr, size_t len, int prot, int flags, int fd,
		     uint64_t offset)
{
	(void)ctx, (void)prot, (void)flags, (void)fd, (void)offset;
	*addr = calloc(1, len);
	return *addr ? 0 : -1;
}

static int fuzz_munmap(void *ctx, void *addr, size_t len)
{
	(void)ctx, (void)len;
	free(addr);
	return 0;
}

static const struct sys_ops ops = {
	.open = fuzz_open,
	.close = fuzz_close,
	.file_size = fuzz_size,
	.pread = fuzz_pread,
	.mmap = fuzz_mmap,
	.munmap = fuzz_munmap,
};

struct guest {
	struct guest_mem mem;
	struct mem_file file;
	struct fw_cfg fw;
	struct bus bus;
};

static void guest_init(struct guest *g, const struct sys *sys)
{
	struct vmm_error err;

	mem_init(&g->mem, sys, NULL, MEM_PAGES_SMALL);
	fuzz_require(mem_add_region(&g->mem, "low", 0, REGION_LEN, &err) == 0);
	fuzz_require(mem_add_region(&g->mem, "high", SECOND, REGION_LEN, &err) == 0);
	fuzz_require(mem_file_open(&g->file, sys, "file", &err) == 0);
	fuzz_require(fw_cfg_init(&g->fw, &g->mem, &err) == 0);
	fuzz_require(fw_cfg_add_number(&g->fw, FW_CFG_CPUS, 2, 2, &err) == 0);
	fuzz_require(fw_cfg_add_named(&g->fw, "etc/e820", "0123456789", 10, &err) == 0);
	fuzz_require(fw_cfg_add_part(&g->fw, FW_CFG_KERNEL_DATA, &g->file, 100, 900, &err) == 0);
	/* says that it is longer than its file */
	fuzz_require(fw_cfg_add_part(&g->fw, FW_CFG_INITRD_DATA, &g->file, 0, GIB(1), &err) == 0);
	g->bus.n = 0;
	fuzz_require(bus_add(&g->bus, FW_CFG_PORT, FW_CFG_PORTS, &g->fw.dev, &err) == 0);
	fuzz_require(bus_add(&g->bus, FW_CFG_DMA_PORT, FW_CFG_DMA_PORTS, &g->fw.dma_dev, &err) ==
		     0);
}

static void guest_destroy(struct guest *g)
{
	fw_cfg_destroy(&g->fw);
	mem_file_close(&g->file);
	mem_destroy(&g->mem);
}

/* Six bytes: port, kind of access, value. */
static void access_port(struct guest *g, const uint8_t *input)
{
	uint8_t bytes[8] = {0};
	uint16_t port = (uint16_t)(FW_CFG_PORT + input[0] % 16);
	unsigned int len = 1u << (input[1] & 3);

	memcpy(bytes, input + 2, 4);
	bus_access(&g->bus, port, bytes, len, input[1] & 4);
	fuzz_require(g->fw.pos <= (g->fw.selected ? g->fw.selected->len : 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t contents[1000];
	static struct guest g;
	struct fuzz_file file = {contents, sizeof(contents)};
	const struct sys sys = {&ops, &file};
	size_t memory = size < MEMORY_BYTES ? size : MEMORY_BYTES;

	guest_init(&g, &sys);
	memcpy(mem_ptr(&g.mem, REQUESTS, MEMORY_BYTES), data, memory);
	for (size_t i = memory, n = 0; i + 6 <= size && n < MAX_ACCESSES; i += 6, n++)
		access_port(&g, data + i);
	guest_destroy(&g);
	return 0;
}
