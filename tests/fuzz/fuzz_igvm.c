// SPDX-License-Identifier: MIT
#include "firmware_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_FILE_MAX KIB(64)

static void check_registers(const struct load_plan *plan)
{
	fuzz_require(plan->nvcpus <= LOAD_PLAN_VCPUS);
	for (size_t i = 1; i < plan->nvcpus; i++)
		fuzz_require(plan->vcpu[i - 1].id < plan->vcpu[i].id);
	fuzz_require((plan->entry.mode == ENTRY_CONTEXT) == (load_plan_vcpu(plan, 0) != NULL));
}

static void load(enum boot_guest guest, const uint8_t *bytes, size_t len)
{
	static struct load_plan plan;
	struct fuzz_file file = {bytes, len};
	const struct sys sys = {&fuzz_firmware_ops, &file};
	const struct boot_config config = {
		.guest = guest,
		.igvm = "file",
		.cmdline = "x",
		.platform = {.vcpus = 2},
	};
	struct vmm_error err = {0};
	struct guest_mem mem;

	mem_init(&mem, &sys, NULL, MEM_PAGES_SMALL);
	fuzz_require(mem_add_ram(&mem, FUZZ_RAM, NULL) == 0);
	load_plan_init(&plan, &mem);
	if (boot_once(&config, &mem, &plan, &err) == 0) {
		fuzz_check_items(&plan, &mem);
		check_registers(&plan);
		fuzz_require(plan.nitems > 0);
	} else {
		fuzz_require(err.code < 0 && err.text[0] != 0);
	}
	mem_destroy(&mem);
}

static uint32_t crc32(uint32_t crc, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return crc;
}

/* Makes size and checksum right, which no fuzzer would find. */
static void repair(uint8_t *bytes, size_t len)
{
	size_t fixed = get_le32(bytes + 4) == 2 ? 32 : 24;
	uint32_t offset = get_le32(bytes + 8), size = get_le32(bytes + 12);

	put_le32(bytes + 16, (uint32_t)len);
	put_le32(bytes + 20, 0);
	if (range_inside(offset, size, 0, len))
		put_le32(bytes + 20, ~crc32(crc32(~0U, bytes, fixed), bytes + offset, size));
}

/* An IGVM file: as it is, and with a header that fits it, on each platform. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t bytes[FUZZ_FILE_MAX];

	if (size > sizeof(bytes))
		return 0;
	load(BOOT_PLAIN, data, size);
	if (size < 32)
		return 0;
	memcpy(bytes, data, size);
	repair(bytes, size);
	load(BOOT_PLAIN, bytes, size);
	load(BOOT_SNP, bytes, size);
	load(BOOT_TDX, bytes, size);
	return 0;
}
