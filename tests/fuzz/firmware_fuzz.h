/* SPDX-License-Identifier: MIT */
/*
 * For the fuzzers of firmware metadata. The input is the end of the image: what is in front of it
 * is zero, up to whole pages, so that small inputs reach the sections that lie far apart.
 */
#ifndef TESTS_FUZZ_FIRMWARE_FUZZ_H
#define TESTS_FUZZ_FIRMWARE_FUZZ_H

#include "boot/boot.h"
#include "tests/fuzz/boot_once.h"
#include "tests/fuzz/fuzz_file.h"
#include "vmm/base/bytes.h"

#define FUZZ_RAM       MIB(32)
#define FUZZ_IMAGE_MAX KIB(64)

/* the image is a bzImage as well, as far as the loader looks */
#define BZIMAGE_MAGIC_END 0x206

/* Files come from the buffer, memory from the host. */
static int fuzz_mmap(void *ctx, void **addr, size_t len, int prot, int flags, int fd,
		     uint64_t offset)
{
	(void)ctx;
	return sys_host()->ops->mmap(sys_host()->ctx, addr, len, prot, flags, fd, offset);
}

static int fuzz_munmap(void *ctx, void *addr, size_t len)
{
	(void)ctx;
	return sys_host()->ops->munmap(sys_host()->ctx, addr, len);
}

static const struct sys_ops fuzz_firmware_ops = {
	.open = fuzz_open,
	.close = fuzz_close,
	.file_size = fuzz_size,
	.pread = fuzz_pread,
	.mmap = fuzz_mmap,
	.munmap = fuzz_munmap,
};

/* Every item is pages of a region, and no two overlap. */
static inline void fuzz_check_items(const struct load_plan *plan, const struct guest_mem *mem)
{
	for (size_t i = 0; i < plan->nitems; i++) {
		const struct load_item *a = &plan->item[i];

		fuzz_require(a->len > 0 && is_aligned(a->gpa | a->len, PAGE_SIZE));
		fuzz_require(mem_find(mem, a->gpa, a->len) && a->used <= a->len);
		for (size_t j = 0; j < i; j++)
			fuzz_require(!ranges_overlap(a->gpa, a->len, plan->item[j].gpa,
						     plan->item[j].len));
	}
}

/* One whole load; the image is also the kernel, if there is to be one. */
static inline void fuzz_firmware(enum boot_guest guest, bool kernel, const uint8_t *end, size_t len)
{
	static uint8_t image[FUZZ_IMAGE_MAX];
	static struct load_plan plan;
	size_t size = align_up(len, PAGE_SIZE);
	struct fuzz_file file = {image, size};
	const struct sys sys = {&fuzz_firmware_ops, &file};
	struct vmm_error err = {0};
	struct guest_mem mem;
	struct boot_config config = {
		.guest = guest,
		.firmware = "firmware",
		.kernel = kernel ? "kernel" : NULL,
		.cmdline = kernel ? "x" : "",
		.platform = {.vcpus = 1},
	};

	if (len > sizeof(image))
		return;
	memset(image, 0, size - len);
	memcpy(image + size - len, end, len);
	if (size - len >= BZIMAGE_MAGIC_END)
		memcpy(image + BZIMAGE_MAGIC_END - 4, "HdrS", 4);
	mem_init(&mem, &sys, NULL, MEM_PAGES_SMALL);
	fuzz_require(mem_add_ram(&mem, FUZZ_RAM, NULL) == 0);
	load_plan_init(&plan, &mem);
	if (boot_once(&config, &mem, &plan, &err) == 0) {
		fuzz_check_items(&plan, &mem);
		fuzz_require(plan.entry.mode == ENTRY_RESET && plan.nitems > 0);
	} else {
		fuzz_require(err.code < 0 && err.text[0] != 0);
	}
	mem_destroy(&mem);
}

#endif
