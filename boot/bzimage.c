// SPDX-License-Identifier: MIT
/*
 * bzImage by the 64-bit boot protocol (Linux, Documentation/arch/x86/boot.rst). The file is a
 * real-mode part, of which only the setup header matters here, and a protected-mode part, which
 * is copied to where the kernel prefers to be and expands itself there.
 */
#include "boot/kernel.h"
#include "boot/lowmem.h"
#include "boot/ram.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#define HEADER_AT      0x1f1u /* of struct setup_header in the file and in boot_params */
#define HEADER_JUMP_AT 0x200u /* a short jump, whose target is the end of the header */
#define SECTOR	       512u
#define PARAGRAPH      16u
#define ENTRY_64       0x200u /* of the 64-bit entry in the protected-mode part */

/* All versions of the header from 2.12 on have every field up to init_size. */
#define HEADER_MIN (offsetof(struct setup_header, init_size) + sizeof(uint32_t))

bool bzimage_is(const struct boot_image *image)
{
	return image->head_len >= HEADER_AT + HEADER_MIN &&
	       get_le16(image->head + HEADER_AT + offsetof(struct setup_header, boot_flag)) ==
		       LINUX_BOOT_FLAG &&
	       get_le32(image->head + HEADER_AT + offsetof(struct setup_header, header)) ==
		       LINUX_HEADER_MAGIC;
}

/* Copies as much of the header as the kernel has and this program knows; the rest is zero. */
static int read_header(const struct boot_image *image, struct setup_header *h,
		       struct vmm_error *err)
{
	size_t end = HEADER_JUMP_AT + 2u + image->head[HEADER_JUMP_AT + 1];
	size_t len = end - HEADER_AT;

	memset(h, 0, sizeof(*h));
	memcpy(h, image->head + HEADER_AT, HEADER_MIN);
	if (h->version < LINUX_PROTOCOL_MIN)
		return vmm_error_set(err, -ENOEXEC,
				     "version %u.%02u of the boot protocol, at least 2.12 is "
				     "needed (Linux 3.8)",
				     h->version >> 8, h->version & 0xffu);
	if (len < HEADER_MIN || end > image->head_len)
		return vmm_error_set(err, -ENOEXEC,
				     "the setup header ends at %#zx, init_size at %#zx", end,
				     HEADER_AT + HEADER_MIN);
	memcpy(h, image->head + HEADER_AT, len < sizeof(*h) ? len : sizeof(*h));
	return 0;
}

static int check_format(struct kernel *kernel, struct vmm_error *err)
{
	const struct setup_header *h = &kernel->header;
	/* boot.rst: for backwards compatibility, 0 means 4; the boot sector is one more */
	uint64_t sects = h->setup_sects ? h->setup_sects : 4;
	uint64_t at = h->pref_address, align = h->kernel_alignment;

	if (!(h->xloadflags & XLF_KERNEL_64))
		return vmm_error_set(err, -ENOEXEC,
				     "xloadflags %#x: a 32-bit kernel, without the 64-bit entry "
				     "point",
				     h->xloadflags);
	if (!(h->loadflags & LOADED_HIGH))
		return vmm_error_set(err, -ENOEXEC,
				     "loadflags %#x: a zImage, which is loaded below 1 MiB",
				     h->loadflags);
	kernel->offset = (1 + sects) * SECTOR;
	kernel->len = (uint64_t)h->syssize * PARAGRAPH;
	if (kernel->len <= ENTRY_64)
		return vmm_error_set(err, -ENOEXEC,
				     "syssize %#x: the protected-mode part has no 64-bit entry",
				     h->syssize);
	if (!image_has(&kernel->image, kernel->offset, kernel->len))
		return vmm_error_set(err, -ENODATA,
				     "cut off: setup_sects %u and syssize %#x ask for %" PRIu64
				     " bytes, the file has %" PRIu64,
				     h->setup_sects, h->syssize, kernel->offset + kernel->len,
				     kernel->image.file.size);
	if (align < PAGE_SIZE || (align & (align - 1)) != 0)
		return vmm_error_set(err, -ENOEXEC,
				     "kernel_alignment %#" PRIx64 " is not a power of two of at "
				     "least a page",
				     align);
	if (!is_aligned(at, align))
		return vmm_error_set(err, -ENOEXEC,
				     "pref_address %#" PRIx64 " is not a multiple of "
				     "kernel_alignment %#" PRIx64,
				     at, align);
	if (h->init_size < kernel->len)
		return vmm_error_set(err, -ENOEXEC,
				     "init_size %#x is less than the %#" PRIx64
				     " bytes of the file (syssize %#x)",
				     h->init_size, kernel->len, h->syssize);
	if (at < LOWMEM_END)
		return vmm_error_set(err, -ENOEXEC,
				     "pref_address %#" PRIx64 " is below 1 MiB, where the loader "
				     "keeps boot parameters and tables",
				     at);
	return 0;
}

int bzimage_parse(struct kernel *kernel, struct vmm_error *err)
{
	int ret = read_header(&kernel->image, &kernel->header, err);

	if (ret == 0)
		ret = check_format(kernel, err);
	if (ret < 0)
		vmm_error_prefix(err, "%s", kernel->image.file.path);
	return ret;
}

/*
 * The kernel always goes to pref_address. A relocatable one could be put elsewhere, but Linux on
 * x86-64 never runs below pref_address (it is the LOAD_PHYSICAL_ADDR that startup_64 raises itself
 * to), so a lower place would not make it fit into less memory.
 */
int bzimage_load(struct kernel *kernel, struct load_plan *plan, struct vmm_error *err)
{
	const struct setup_header *h = &kernel->header;
	uint64_t at = h->pref_address, end = kernel_ram_end(plan->mem), bss;
	struct load_item *item;
	int ret;

	if (!range_inside(at, h->init_size, LOWMEM_END, end - LOWMEM_END))
		return vmm_error_set(err, -ENOMEM,
				     "%s: the kernel needs init_size %#x bytes at pref_address "
				     "%#" PRIx64 ", and RAM there ends at %#" PRIx64 ": %s",
				     kernel->image.file.path, h->init_size, at, end,
				     ram_advice(plan->mem, at, h->init_size));
	item = load_plan_reserve(plan, "kernel", at, kernel->len, LOAD_DATA, err);
	ret = item ? image_load(&kernel->image, kernel->offset, plan->mem, at, kernel->len, err)
		   : err->code;
	if (ret < 0)
		return ret;
	item->written = kernel->len;

	/* what the kernel needs from the start beyond its file: room to expand, its bss, its stack
	 */
	bss = align_up(at + kernel->len, PAGE_SIZE);
	if (at + h->init_size > bss &&
	    !load_plan_add(plan, "kernel work space", bss, at + h->init_size - bss, LOAD_ZERO, err))
		return err->code;

	kernel->mode = ENTRY_LONG_MODE;
	kernel->entry = at + ENTRY_64;
	kernel->initrd_end = (uint64_t)h->initrd_addr_max + 1;
	kernel->initrd_anywhere = h->xloadflags & XLF_CAN_BE_LOADED_ABOVE_4G;
	kernel->cmdline_max = h->cmdline_size;
	return 0;
}
