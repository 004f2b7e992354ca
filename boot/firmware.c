// SPDX-License-Identifier: MIT
#include "boot/firmware.h"

#include "boot/ram.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define HUGE_PAGE MIB(2)

#define RESET_VECTOR_LEN 16

/* Nothing but the zeros or ones that memory and flash have by themselves? */
static bool is_blank(const uint8_t code[RESET_VECTOR_LEN])
{
	for (size_t i = 1; i < RESET_VECTOR_LEN; i++)
		if (code[i] != code[0])
			return false;
	return code[0] == 0 || code[0] == 0xff;
}

static int check_size(const struct mem_file *file, struct vmm_error *err)
{
	if (file->size > 0 && file->size <= FIRMWARE_MAX && is_aligned(file->size, PAGE_SIZE))
		return 0;
	return vmm_error_set(err, -EINVAL,
			     "%s: %" PRIu64 " bytes are no firmware image: whole pages of 4 KiB, "
			     "at most %llu MiB",
			     file->path, file->size, FIRMWARE_MAX >> 20);
}

/* The last bytes of an image, where processors start: an image of variables has none. */
static int check_reset_vector(const struct mem_file *file, struct vmm_error *err)
{
	uint8_t code[RESET_VECTOR_LEN];
	int ret = mem_file_read(file, file->size - sizeof(code), code, sizeof(code), err);

	if (ret < 0 || !is_blank(code))
		return ret;
	return vmm_error_set(err, -EINVAL,
			     "%s: there is no code at the reset vector, its last 16 bytes are all "
			     "%#x: an image of variables (VARS) is none that a guest can start in, "
			     "take the one with the code, such as Debian's OVMF.fd",
			     file->path, code[0]);
}

int firmware_kernel_check(const struct firmware *fw, const struct boot_config *config,
			  struct vmm_error *err)
{
	if (!fw->kernel.startable)
		return fw_kernel_refuse(&fw->kernel, err);
	return fw_kernel_check_cmdline(&fw->kernel, config->cmdline, err);
}

/* Can this image start this guest? */
static int check(struct firmware *fw, const struct boot_config *config, struct vmm_error *err)
{
	int ret = check_size(&fw->file, err);

	if (ret == 0)
		ret = check_reset_vector(&fw->file, err);
	if (ret < 0)
		return ret;
	if (config->device_tree)
		return vmm_error_set(err, -ENOTSUP,
				     "%s: firmware has no use for a device tree, and would not "
				     "hand it to a kernel",
				     fw->file.path);
	switch (config->guest) {
	case BOOT_PLAIN:
		return config->kernel ? firmware_kernel_check(fw, config, err) : 0;
	case BOOT_SNP:
		ret = ovmf_parse(&fw->file, &fw->ovmf, err);
		return ret < 0 ? ret : firmware_snp_check(fw, config, err);
	case BOOT_TDX:
		ret = tdvf_parse(&fw->file, &fw->tdvf, err);
		return ret < 0 ? ret : firmware_tdx_check(fw, config, err);
	}
	return -EINVAL;
}

int firmware_open(struct firmware *fw, const struct boot_config *config, const struct sys *sys,
		  struct vmm_error *err)
{
	int ret;

	*fw = (struct firmware){
		.file = {.sys = sys, .fd = -1},
		.kernel = {.kernel = {.sys = sys, .fd = -1}, .initrd = {.sys = sys, .fd = -1}},
	};
	ret = mem_file_open(&fw->file, sys, config->firmware, err);
	if (ret == 0 && config->kernel)
		ret = fw_kernel_open(&fw->kernel, sys, config->kernel, config->initrd, err);
	if (ret == 0)
		ret = check(fw, config, err);
	if (ret < 0) {
		vmm_error_prefix(err, "firmware");
		firmware_close(fw);
	}
	return ret;
}

void firmware_close(struct firmware *fw)
{
	mem_file_close(&fw->file);
	fw_kernel_close(&fw->kernel);
}

/*
 * From the lowest address below 4 GiB that the image needs, which may be below its own start:
 * td-shim has its stack and heap there.
 */
static int add_region(const struct firmware *fw, struct guest_mem *mem, struct vmm_error *err)
{
	uint64_t start = LAYOUT_HIGH_BASE - fw->file.size;

	for (size_t i = 0; i < fw->tdvf.nsections; i++) {
		const struct tdvf_section *s = &fw->tdvf.section[i];

		if (s->len > 0 && s->gpa >= LAYOUT_HIGH_BASE - FIRMWARE_MAX && s->gpa < start)
			start = s->gpa;
	}
	if (mem->pages == MEM_PAGES_RESERVED)
		start = align_down(start, HUGE_PAGE);
	return mem_add_rom(mem, "firmware", start, LAYOUT_HIGH_BASE - start, err);
}

int firmware_image_load(const struct firmware *fw, struct load_plan *plan, struct vmm_error *err)
{
	return load_plan_file(plan, "firmware", LAYOUT_HIGH_BASE - fw->file.size, &fw->file, 0,
			      fw->file.size, err);
}

static int load_items(const struct firmware *fw, const struct boot_config *config,
		      struct load_plan *plan, struct vmm_error *err)
{
	switch (config->guest) {
	case BOOT_PLAIN:
		return firmware_image_load(fw, plan, err);
	case BOOT_SNP:
		return firmware_snp_load(fw, config, plan, err);
	case BOOT_TDX:
		return firmware_tdx_load(fw, config, plan, err);
	}
	return -EINVAL;
}

int firmware_load(const struct firmware *fw, const struct boot_config *config,
		  struct load_plan *plan, struct vmm_error *err)
{
	int ret;

	plan->entry = (struct load_entry){.mode = ENTRY_RESET, .rip = FIRMWARE_RESET_VECTOR};
	ret = add_region(fw, plan->mem, err);
	if (ret == 0)
		ret = load_items(fw, config, plan, err);
	if (ret == 0)
		ret = ram_map(plan, 0, err);
	if (ret < 0)
		vmm_error_prefix(err, "firmware %s", config->firmware);
	return ret;
}
