// SPDX-License-Identifier: MIT
#include "boot/firmware.h"

#include "boot/fw_kernel.h"
#include "boot/kernel.h"
#include "boot/ram.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define HUGE_PAGE MIB(2)

static int check_size(const struct mem_file *file, struct vmm_error *err)
{
	if (file->size > 0 && file->size <= FIRMWARE_MAX && is_aligned(file->size, PAGE_SIZE))
		return 0;
	return vmm_error_set(err, -EINVAL,
			     "%s: %" PRIu64 " bytes are no firmware image: whole pages of 4 KiB, "
			     "at most %llu MiB",
			     file->path, file->size, FIRMWARE_MAX >> 20);
}

int firmware_kernel_check(const struct boot_config *config, const struct sys *sys,
			  struct vmm_error *err)
{
	struct fw_kernel k;
	int ret = fw_kernel_open(&k, sys, config->kernel, config->initrd, err);

	if (ret < 0)
		return ret;
	if (strlen(config->cmdline) >= LINUX_CMDLINE_SIZE)
		ret = vmm_error_set(err, -E2BIG, "command line: %zu bytes, Linux takes at most %u",
				    strlen(config->cmdline), LINUX_CMDLINE_SIZE - 1);
	else if (!k.startable)
		ret = fw_kernel_refuse(&k, err);
	fw_kernel_close(&k);
	return ret;
}

/* Can this image start this guest? */
static int check(struct firmware *fw, const struct boot_config *config, const struct sys *sys,
		 struct vmm_error *err)
{
	int ret = check_size(&fw->file, err);

	if (ret < 0)
		return ret;
	if (config->device_tree)
		return vmm_error_set(err, -ENOTSUP,
				     "%s: firmware has no use for a device tree, and would not "
				     "hand it to a kernel",
				     fw->file.path);
	switch (config->guest) {
	case BOOT_PLAIN:
		break;
	case BOOT_SNP:
		ret = ovmf_parse(&fw->file, &fw->ovmf, err);
		return ret < 0 ? ret : firmware_snp_check(fw, config, err);
	case BOOT_TDX:
		ret = tdvf_parse(&fw->file, &fw->tdvf, err);
		return ret < 0 ? ret : firmware_tdx_check(fw, config, sys, err);
	}
	return config->kernel ? firmware_kernel_check(config, sys, err) : 0;
}

int firmware_open(struct firmware *fw, const struct boot_config *config, const struct sys *sys,
		  struct vmm_error *err)
{
	int ret;

	*fw = (struct firmware){.ovmf = {.nsections = 0}};
	ret = mem_file_open(&fw->file, sys, config->firmware, err);
	if (ret == 0) {
		ret = check(fw, config, sys, err);
		if (ret < 0)
			mem_file_close(&fw->file);
	}
	if (ret < 0)
		vmm_error_prefix(err, "firmware");
	return ret;
}

void firmware_close(struct firmware *fw)
{
	mem_file_close(&fw->file);
}

int firmware_check(const struct boot_config *config, const struct sys *sys, struct vmm_error *err)
{
	struct firmware fw;
	int ret = firmware_open(&fw, config, sys, err);

	if (ret == 0)
		firmware_close(&fw);
	return ret;
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
	if (mem->hugepages)
		start = align_down(start, HUGE_PAGE);
	return mem_add_rom(mem, "firmware", start, LAYOUT_HIGH_BASE - start, err);
}

int firmware_image_load(const struct firmware *fw, struct guest_mem *mem, struct load_plan *plan,
			struct vmm_error *err)
{
	uint64_t gpa = LAYOUT_HIGH_BASE - fw->file.size;
	int ret;

	ret = load_plan_add(plan, mem, "firmware", gpa, fw->file.size, LOAD_DATA, err);
	if (ret == 0)
		ret = mem_file_load(&fw->file, 0, mem, gpa, fw->file.size, err);
	return ret;
}

static int load_items(const struct firmware *fw, const struct boot_config *config,
		      struct guest_mem *mem, struct load_plan *plan, struct vmm_error *err)
{
	switch (config->guest) {
	case BOOT_PLAIN:
		return firmware_image_load(fw, mem, plan, err);
	case BOOT_SNP:
		return firmware_snp_load(fw, config, mem, plan, err);
	case BOOT_TDX:
		return firmware_tdx_load(fw, config, mem, plan, err);
	}
	return -EINVAL;
}

int firmware_load(const struct boot_config *config, struct guest_mem *mem, struct load_plan *plan,
		  struct vmm_error *err)
{
	struct firmware fw;
	int ret;

	ret = firmware_open(&fw, config, mem->sys, err);
	if (ret < 0)
		return ret;
	plan->entry = (struct load_entry){.mode = ENTRY_RESET, .rip = FIRMWARE_RESET_VECTOR};
	ret = add_region(&fw, mem, err);
	if (ret == 0)
		ret = load_items(&fw, config, mem, plan, err);
	if (ret == 0)
		ret = ram_map(mem, plan, err);
	if (ret < 0)
		vmm_error_prefix(err, "firmware %s", config->firmware);
	firmware_close(&fw);
	return ret;
}
