// SPDX-License-Identifier: MIT
/* Which kind of kernel is it, or else: what is it instead? */
#include "boot/kernel.h"

#include "boot/lowmem.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <string.h>

/* Expanding itself is what the kernel's own form is for. */
#define BZIMAGE ", or use the bzImage"

/* Files that people take for a kernel, or kernels of other machines; the first match counts. */
static const struct {
	size_t offset;
	const char *magic;
	const char *what;
} known[] = {
	{4, "zimg", "an EFI zboot image, whose kernel only EFI firmware can start (boot.firmware)"},
	{0x38, "ARM\x64", "a Linux Image for arm64"},
	{0x38, "RSC\x05", "a Linux Image for RISC-V"},
	{0x24, "\x18\x28\x6f\x01", "a Linux zImage for 32-bit Arm"},
	{0, "\x27\x05\x19\x56", "a U-Boot image"},
	{0, "ANDROID!", "an Android boot image"},
	{0, "BZh", "compressed with bzip2, which is not supported: expand it (bzip2 -d)" BZIMAGE},
	{0,
	 "\xfd"
	 "7zXZ",
	 "compressed with xz, which is not supported: expand it (xz -d)" BZIMAGE},
	{0, "\x04\x22\x4d\x18",
	 "compressed with lz4, which is not supported: expand it (lz4 -d)" BZIMAGE},
	{0, "\x02\x21\x4c\x18",
	 "compressed with lz4, which is not supported: expand it (lz4 -d)" BZIMAGE},
	{0, "\x89LZO", "compressed with lzop, which is not supported: expand it (lzop -d)" BZIMAGE},
	{0, "\x5d\x00\x00",
	 "compressed with lzma, which is not supported: expand it (xz -d)" BZIMAGE},
	{0, "070701", "a cpio archive: is this the initrd?"},
	{0, "070702", "a cpio archive: is this the initrd?"},
	{0, "QFI\xfb", "a qcow2 disk image"},
	{0, "!<arch>", "an ar archive or a Debian package: take the kernel out of it"},
	{0, "MZ",
	 "an EFI program without a Linux kernel in it: what starts EFI programs is firmware "
	 "(boot.firmware)"},
};

static const char *recognise(const struct boot_image *image)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		/* the lzma magic has zero bytes in it */
		size_t len = known[i].magic[0] == 0x5d ? 3 : strlen(known[i].magic);

		if (range_inside(known[i].offset, len, 0, image->head_len) &&
		    memcmp(image->head + known[i].offset, known[i].magic, len) == 0)
			return known[i].what;
	}
	return NULL;
}

static int refuse(const struct boot_image *image, struct vmm_error *err)
{
	const struct codec *inner = codec_find(image->head, image->head_len);
	const char *inside = image->codec ? "inside " : "";
	const char *packed = image->codec ? image->codec->name : "";
	const char *colon = image->codec ? ": " : "";
	const char *what = recognise(image);
	uint8_t first[4] = {0};

	if (inner)
		return vmm_error_set(err, -ENOEXEC,
				     "%s: compressed twice, %s inside %s: expand the file first",
				     image->file.path, inner->name, packed);
	if (what)
		return vmm_error_set(err, -ENOEXEC, "%s: %s%s%snot a kernel for x86-64 but %s",
				     image->file.path, inside, packed, colon, what);
	memcpy(first, image->head, image->head_len < 4 ? image->head_len : 4);
	return vmm_error_set(err, -ENOEXEC,
			     "%s: %s%s%sneither a bzImage nor an ELF kernel, begins with "
			     "%02x %02x %02x %02x",
			     image->file.path, inside, packed, colon, first[0], first[1], first[2],
			     first[3]);
}

uint64_t kernel_ram_end(const struct guest_mem *mem)
{
	const struct mem_region *low = mem_find(mem, LOWMEM_END, 1);

	return low ? low->gpa + low->len : LOWMEM_END;
}

int kernel_parse(struct kernel *kernel, struct vmm_error *err)
{
	kernel->elf = elf_is(&kernel->image);
	if (bzimage_is(&kernel->image))
		return bzimage_parse(kernel, err);
	return kernel->elf ? elf_parse(kernel, err) : refuse(&kernel->image, err);
}

int kernel_load(struct kernel *kernel, bool need_long_mode, struct load_plan *plan,
		struct vmm_error *err)
{
	int ret;

	kernel->image.mem = plan->mem;
	ret = kernel->elf ? elf_load(kernel, need_long_mode, plan, err)
			  : bzimage_load(kernel, plan, err);
	if (ret == 0)
		ret = image_finish(&kernel->image, err);
	if (ret < 0)
		vmm_error_prefix(err, "kernel");
	return ret;
}
